//! Reads an element's attributes and children in the order of a schema.

use std::borrow::Cow;

use super::XSI_NS;
use crate::base::{ErrorCode, Refusal, Timestamp, Values};
use crate::xml::{Children, Element};
use crate::xmlenc::XmlencError;

/// What does not belong where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// An attribute that the schema does not know.
    #[error("{element} has an attribute {attribute} that SAML does not know")]
    Attribute {
        /// The element's local name.
        element: String,
        /// The attribute's local name.
        attribute: String,
    },
    /// An attribute that must be there.
    #[error("{element} lacks the attribute {attribute}")]
    AttributeMissing {
        /// The element's local name.
        element: String,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// An element that does not belong here.
    #[error("{child} does not belong here in {element}")]
    Element {
        /// The parent's local name.
        element: String,
        /// The child's local name.
        child: String,
    },
    /// An element that must be there.
    #[error("{element} lacks {child}")]
    ElementMissing {
        /// The parent's local name.
        element: String,
        /// The child's name.
        child: &'static str,
    },
    /// Text where only elements may be, or elements where only text may be.
    #[error("{element} holds content of another kind than it should")]
    Content {
        /// The element's local name.
        element: String,
    },
    /// Core 1.3.3: not a UTC time.
    #[error("{attribute} is {found:?}, which is not a UTC time")]
    Time {
        /// The attribute's name.
        attribute: &'static str,
        /// Its value.
        found: String,
    },
    /// An EncryptedID or EncryptedAttribute that can not be read.
    #[error("{0}")]
    Encrypted(#[from] XmlencError),
}

impl SchemaError {
    /// `time.syntax` for times, `enc.*` for what is encrypted, `xml.schema` for the rest.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Time { .. } => ErrorCode::TimeSyntax,
            Self::Encrypted(error) => error.code(),
            _ => ErrorCode::XmlSchema,
        }
    }
}

impl Refusal for SchemaError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn rule(&self) -> Cow<'static, str> {
        match self {
            Self::Time { .. } => "times".into(),
            _ => "schema".into(),
        }
    }

    fn values(&self) -> Values {
        match self {
            Self::Time { attribute, found } => Values::new(
                "a UTC time such as 2026-11-21T09:30:00Z",
                format!("{attribute} {found:?}"),
            ),
            other => Values::found(other.to_string()),
        }
    }
}

/// Walks the children of one element in schema order.
// The names are known where it is called: there a comparison is a few instructions.
pub(in crate::saml) struct Reader<'d>(Children<'d>);

/// Whether attributes beyond the named ones may be present (`anyAttribute` in the schema).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::saml) enum Others {
    Refused,
    Allowed,
}

impl<'d> Reader<'d> {
    /// Begins with an element that may have these attributes and no text of its own.
    #[inline(always)]
    pub(in crate::saml) fn open<const N: usize>(
        element: Element<'d>,
        names: [&'static str; N],
    ) -> Result<(Self, [Attribute<'d>; N]), SchemaError> {
        let attributes = attributes(element, names, Others::Refused)?;
        Ok((Self::children_of(element)?, attributes))
    }

    /// Begins without looking at attributes.
    #[inline(always)]
    pub(in crate::saml) fn children_of(element: Element<'d>) -> Result<Self, SchemaError> {
        if element.has_text() {
            return Err(SchemaError::Content { element: element.local_name().to_owned() });
        }
        Ok(Self(element.children()))
    }

    /// The next child if it is this one.
    #[inline(always)]
    pub(in crate::saml) fn optional(&mut self, namespace: &str, name: &str) -> Option<Element<'d>> {
        self.0.next_if(|child| child.is(namespace, name))
    }

    /// The next child, which must be this one.
    #[inline(always)]
    pub(in crate::saml) fn required(
        &mut self,
        namespace: &str,
        name: &'static str,
    ) -> Result<Element<'d>, SchemaError> {
        self.optional(namespace, name).ok_or_else(|| SchemaError::ElementMissing {
            element: self.0.parent().local_name().to_owned(),
            child: name,
        })
    }

    /// The next child, whatever it is.
    #[inline(always)]
    pub(in crate::saml) fn any(&mut self) -> Option<Element<'d>> {
        self.0.next()
    }

    /// The next child, if it is one of those that are wanted.
    #[inline(always)]
    pub(in crate::saml) fn any_if(
        &mut self,
        wanted: impl FnOnce(Element<'d>) -> bool,
    ) -> Option<Element<'d>> {
        self.0.next_if(wanted)
    }

    /// There must be nothing left.
    #[inline(always)]
    pub(in crate::saml) fn end(mut self) -> Result<(), SchemaError> {
        let parent = self.0.parent();
        self.0.next().map_or(Ok(()), |child| Err(unexpected(parent, child)))
    }
}

/// `child` does not belong into `element`.
pub(in crate::saml) fn unexpected(element: Element<'_>, child: Element<'_>) -> SchemaError {
    SchemaError::Element {
        element: element.local_name().to_owned(),
        child: child.local_name().to_owned(),
    }
}

/// An attribute that the schema knows, and its value if it is there.
#[derive(Clone, Copy)]
pub(in crate::saml) struct Attribute<'d> {
    name: &'static str,
    pub(in crate::saml) value: Option<&'d str>,
}

impl<'d> Attribute<'d> {
    /// It must be there.
    #[inline]
    pub(in crate::saml) fn required(self, element: Element<'_>) -> Result<&'d str, SchemaError> {
        self.value.ok_or_else(|| SchemaError::AttributeMissing {
            element: element.local_name().to_owned(),
            attribute: self.name,
        })
    }

    /// A time that must be there.
    #[inline]
    pub(in crate::saml) fn required_time(
        self,
        element: Element<'_>,
    ) -> Result<Timestamp, SchemaError> {
        self.time_of(self.required(element)?)
    }

    /// A time that may be absent.
    #[inline]
    pub(in crate::saml) fn time(self) -> Result<Option<Timestamp>, SchemaError> {
        self.value.map(|text| self.time_of(text)).transpose()
    }

    /// To be kept.
    #[inline]
    pub(in crate::saml) fn owned(self) -> Option<String> {
        self.value.map(ToOwned::to_owned)
    }

    fn time_of(self, text: &str) -> Result<Timestamp, SchemaError> {
        Timestamp::parse_saml(text)
            .ok_or_else(|| SchemaError::Time { attribute: self.name, found: text.to_owned() })
    }
}

/// The named attributes, in the order of the names. There are no others than these and those that
/// XML Schema itself puts anywhere (`xsi:type`).
#[inline(always)]
pub(in crate::saml) fn attributes<'d, const N: usize>(
    element: Element<'d>,
    names: [&'static str; N],
    others: Others,
) -> Result<[Attribute<'d>; N], SchemaError> {
    let may_be_there = |namespace: &str| match namespace {
        "" => false,
        XSI_NS => true,
        _ => others == Others::Allowed,
    };
    match element.attributes_named(names, may_be_there) {
        Ok(values) => {
            let mut values = values.into_iter();
            Ok(names.map(|name| Attribute { name, value: values.next().flatten() }))
        }
        Err(attribute) => Err(SchemaError::Attribute {
            element: element.local_name().to_owned(),
            attribute: attribute.to_owned(),
        }),
    }
}

/// The text of an element that has no elements in it, verbatim.
#[inline]
pub(in crate::saml) fn text(element: Element<'_>) -> Result<Cow<'_, str>, SchemaError> {
    element
        .text()
        .ok_or_else(|| SchemaError::Content { element: element.local_name().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Document, Limits, Mode};

    fn parse(text: &str) -> Document {
        Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap()
    }

    fn read(text: &str) -> Result<(), String> {
        let document = parse(text);
        let read = |element| {
            let (mut reader, [a, b]) = Reader::open(element, ["a", "b"])?;
            assert_eq!(
                (a.value, b.value),
                (element.attribute("a"), element.attribute("b"))
            );
            reader.required("urn:x", "first")?;
            reader.optional("urn:x", "second");
            reader.end()
        };
        read(document.root()).map_err(|error| error.to_string())
    }

    #[test]
    fn children_stand_in_the_order_of_the_schema() {
        for text in [
            "<x:r xmlns:x='urn:x' a='' b=''><x:first/><x:second/></x:r>",
            "<x:r xmlns:x='urn:x'> <x:first/> </x:r>",
        ] {
            assert_eq!(read(text), Ok(()), "{text}");
        }
        for (content, refused) in [
            ("", "r lacks first"),
            ("<x:second/><x:first/>", "r lacks first"),
            ("<first/>", "r lacks first"),
            ("<x:first/><x:first/>", "first does not belong here in r"),
            ("<x:first/><second/>", "second does not belong here in r"),
            (
                "<x:first/>text",
                "r holds content of another kind than it should",
            ),
        ] {
            let text = format!("<x:r xmlns:x='urn:x'>{content}</x:r>");
            assert_eq!(read(&text), Err(refused.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_attribute_that_the_schema_does_not_know_is_xml_schema() {
        let known = |attribute: &str, others| {
            let xsi = "http://www.w3.org/2001/XMLSchema-instance";
            let text = format!("<r xmlns:xsi='{xsi}' xmlns:o='urn:o' {attribute}=''/>");
            let document = parse(&text);
            attributes(document.root(), ["a"], others)
                .map(|[a]| a.value.is_some())
                .map_err(|error| error.code().as_str())
        };
        for others in [Others::Refused, Others::Allowed] {
            assert_eq!(known("a", others), Ok(true));
            assert_eq!(known("xsi:type", others), Ok(false));
            assert_eq!(known("xsi:a", others), Ok(false));
            assert_eq!(known("c", others), Err("xml.schema"));
        }
        assert_eq!(known("o:a", Others::Refused), Err("xml.schema"));
        assert_eq!(known("o:a", Others::Allowed), Ok(false));
    }

    #[test]
    fn a_time_that_is_none_is_time_syntax_and_says_what_it_is() {
        let document = parse("<r at='2026-11-21T12:00:00Z' no='today'/>");
        let root = document.root();
        let names = ["at", "absent", "no"];
        let [at, absent, no] = attributes(root, names, Others::Refused).unwrap();
        assert!(at.time().unwrap().is_some());
        assert_eq!(at.required_time(root).ok(), at.time().unwrap());
        assert_eq!(absent.time(), Ok(None));
        let error = no.time().unwrap_err();
        assert_eq!(no.required_time(root).unwrap_err(), error);
        assert_eq!(
            (error.code().as_str(), &*error.rule()),
            ("time.syntax", "times")
        );
        assert_eq!(
            error.values().found.as_deref(),
            Some("no \"today\""),
            "{error}"
        );
        assert!(error.values().expected.is_some());
        let error = absent.required_time(root).unwrap_err();
        assert_eq!(
            (error.code().as_str(), &*error.rule()),
            ("xml.schema", "schema")
        );
        let values = error.values();
        assert_eq!(values, Values::found("r lacks the attribute absent"));
    }

    #[test]
    fn a_text_has_no_elements_in_it() {
        assert_eq!(text(parse("<r> a </r>").root()).unwrap(), " a ");
        let document = parse("<r>a<b/></r>");
        let error = text(document.root()).unwrap_err();
        assert_eq!(error.code().as_str(), "xml.schema");
    }

    #[test]
    fn what_can_not_be_decrypted_keeps_its_code() {
        let error = SchemaError::from(XmlencError::Failed);
        assert_eq!(error.code().as_str(), "enc.failed");
    }
}
