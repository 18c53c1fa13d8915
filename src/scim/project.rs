//! Which attributes an answer has: `attributes`, `excludedAttributes` and what the schemas say
//! (RFC 7644, 3.9; RFC 7643, 7, `returned`).

use crate::scim::error::{ScimError, ScimType};
use crate::scim::schema::{Mutability, Returned};
use crate::scim::{Attribute, Catalogue, ResourceKind};

/// What of a resource is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    choice: Choice,
    names: Vec<Name>,
    /// Attributes that are not returned by default, by the schema.
    special: Vec<(Name, Returned)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// What is returned by default.
    Default,
    /// What is named.
    Only,
    /// What is not named.
    Except,
}

/// As documents write it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    extension: Option<String>,
    /// `None`: all of the schema.
    attribute: Option<String>,
    sub: Option<String>,
}

/// What of one attribute is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scim) enum Part<'p> {
    /// Nothing.
    Nothing,
    /// All of it.
    Whole,
    /// These parts.
    Only(Vec<&'p str>),
    /// All but these parts.
    Except(Vec<&'p str>),
}

impl Part<'_> {
    pub(in crate::scim) fn has(&self, sub: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Whole => true,
            Self::Only(subs) => subs.contains(&sub),
            Self::Except(subs) => !subs.contains(&sub),
        }
    }
}

impl Projection {
    /// What is returned when nobody asks for anything else.
    pub fn default_of(kind: ResourceKind, catalogue: &Catalogue) -> Self {
        Self {
            choice: Choice::Default,
            names: Vec::new(),
            special: special(kind, catalogue),
        }
    }

    /// What a client asks for. Names that no schema has ask for nothing; both lists at once are
    /// `invalidValue`, as RFC 7644, 3.9 makes them exclude one another.
    pub fn of<S: AsRef<str>>(
        kind: ResourceKind,
        catalogue: &Catalogue,
        attributes: &[S],
        excluded: &[S],
    ) -> Result<Self, ScimError> {
        let (choice, names) = match (attributes, excluded) {
            ([], []) => return Ok(Self::default_of(kind, catalogue)),
            (names, []) => (Choice::Only, names),
            ([], names) => (Choice::Except, names),
            _ => {
                let detail = "attributes and excludedAttributes exclude one another";
                return Err(ScimError::bad(ScimType::InvalidValue, detail));
            }
        };
        let names = names.iter().filter_map(|name| resolve(kind, catalogue, name.as_ref()));
        Ok(Self {
            choice,
            names: names.collect(),
            special: special(kind, catalogue),
        })
    }

    /// Whether an attribute of the core schema, or a common one, is in the answer at all, in part
    /// or whole: `members`, `groups`. What is not need not be loaded.
    pub fn wants(&self, attribute: &str) -> bool {
        self.part(None, attribute) != Part::Nothing
    }

    /// Whether an answer is all of a document, as it is.
    pub(in crate::scim) fn is_whole(&self) -> bool {
        self.choice == Choice::Default
            && self.special.iter().all(|(_, returned)| *returned == Returned::Always)
    }

    /// What of an attribute is in the answer.
    pub(in crate::scim) fn part(&self, extension: Option<&str>, attribute: &str) -> Part<'_> {
        let returned = self.returned(extension, attribute, None);
        if returned == Returned::Never {
            return Part::Nothing;
        }
        if returned == Returned::Always {
            return Part::Whole;
        }
        let mut subs = Vec::new();
        let mut whole = false;
        for name in &self.names {
            let same = name.attribute.as_deref().is_none_or(|name| name == attribute);
            if same && name.extension.as_deref() == extension {
                match &name.sub {
                    Some(sub) => subs.push(sub.as_str()),
                    None => whole = true,
                }
            }
        }
        let unasked = returned == Returned::Request;
        let hidden = self.hidden(extension, attribute);
        match self.choice {
            Choice::Only if whole && hidden.is_empty() => Part::Whole,
            Choice::Only if whole => Part::Except(hidden),
            Choice::Only if subs.is_empty() => Part::Nothing,
            Choice::Only => {
                subs.retain(|sub| {
                    self.returned(extension, attribute, Some(sub)) != Returned::Never
                });
                subs.extend(self.subs(extension, attribute, Returned::Always));
                Part::Only(subs)
            }
            Choice::Default | Choice::Except if unasked || whole => Part::Nothing,
            Choice::Default | Choice::Except => {
                subs.retain(|sub| {
                    self.returned(extension, attribute, Some(sub)) != Returned::Always
                });
                subs.extend(hidden);
                subs.extend(self.subs(extension, attribute, Returned::Request));
                if subs.is_empty() {
                    Part::Whole
                } else {
                    Part::Except(subs)
                }
            }
        }
    }

    fn returned(&self, extension: Option<&str>, attribute: &str, sub: Option<&str>) -> Returned {
        let is = |name: &Name| {
            name.sub.as_deref() == sub
                && name.attribute.as_deref() == Some(attribute)
                && name.extension.as_deref() == extension
        };
        let found = self.special.iter().find(|(name, _)| is(name));
        found.map_or(Returned::Default, |(_, returned)| *returned)
    }

    fn hidden(&self, extension: Option<&str>, attribute: &str) -> Vec<&str> {
        self.subs(extension, attribute, Returned::Never).collect()
    }

    fn subs(
        &self,
        extension: Option<&str>,
        attribute: &str,
        returned: Returned,
    ) -> impl Iterator<Item = &str> {
        self.special.iter().filter_map(move |(name, is)| {
            let same = name.attribute.as_deref() == Some(attribute)
                && name.extension.as_deref() == extension;
            (same && *is == returned).then_some(name.sub.as_deref()).flatten()
        })
    }
}

fn resolve(kind: ResourceKind, catalogue: &Catalogue, name: &str) -> Option<Name> {
    let name = name.trim();
    if let Some(schema) = catalogue.extension(kind, name) {
        return Some(Name {
            extension: Some(schema.id.to_string()),
            attribute: None,
            sub: None,
        });
    }
    if catalogue.core(kind).id.eq_ignore_ascii_case(name) {
        return Some(Name { extension: None, attribute: None, sub: None });
    }
    let found = catalogue.resolve(kind, name)?;
    Some(Name {
        extension: found.extension.map(|schema| schema.id.to_string()),
        attribute: Some(found.attribute.name.to_string()),
        sub: found.sub.map(|sub| sub.name.to_string()),
    })
}

fn special(kind: ResourceKind, catalogue: &Catalogue) -> Vec<(Name, Returned)> {
    let mut special = Vec::new();
    let common = ["id", "schemas"].map(|name| (None, name));
    let always = common.map(|(extension, name)| {
        let attribute = Some(name.to_owned());
        (Name { extension, attribute, sub: None }, Returned::Always)
    });
    special.extend(always);
    let core = [(None, catalogue.core(kind))];
    let extensions = catalogue.extensions(kind).iter();
    let extensions = extensions.map(|schema| (Some(&schema.id), schema));
    for (extension, schema) in core.into_iter().chain(extensions) {
        for attribute in &schema.attributes {
            // Few are, and every request asks: nothing is made of the others.
            let mut add = |sub: Option<&Attribute>, returned| {
                if returned != Returned::Default {
                    let name = Name {
                        extension: extension.map(ToString::to_string),
                        attribute: Some(attribute.name.to_string()),
                        sub: sub.map(|sub| sub.name.to_string()),
                    };
                    special.push((name, returned));
                }
            };
            // A document has no password.
            if extension.is_some() || attribute.mutability != Mutability::WriteOnly {
                add(None, attribute.returned);
            }
            for sub in &attribute.sub_attributes {
                add(Some(sub), sub.returned);
            }
        }
    }
    special
}
