//! The Assertion as its issuer wrote it, before any of it is judged.

use std::borrow::Cow;

use super::reader::{Others, Reader, SchemaError, attributes, text, unexpected};
use super::{ASSERTION_NS, DSIG_NS};
use crate::base::{Checks, Timestamp};
use crate::saml::Texts;
use crate::saml::accepted::{Attribute, NameId};
use crate::saml::decrypted::Decrypted;
use crate::saml::exceptions::Exceptions;
use crate::xml::Element;
use crate::xmlenc::{Decryption, XmlencError};

/// How many EncryptedAttributes are decrypted.
///
/// Each costs a private operation for each of our keys, 2 ms and more, and no product encrypts
/// attributes one by one unless it is told to, for a few that are more private than the rest.
const MOST_ENCRYPTED: usize = 8;

/// Everything that a `saml:Assertion` says (core 2.3.3).
#[derive(Clone, Debug)]
pub struct AssertionFields {
    /// Core 2.3.3: must be "2.0".
    pub version: String,
    /// Its ID.
    pub id: String,
    /// When it was made.
    pub issue_instant: Timestamp,
    /// Who says this; verbatim.
    pub issuer: String,
    /// Whom it is about.
    pub name_id: Option<NameId>,
    /// By what the bearer may be believed to be the subject.
    pub confirmations: Vec<Confirmation>,
    /// When and for whom it is valid; must be there for a bearer assertion.
    pub conditions: Option<Conditions>,
    /// How and when the person signed in at the identity provider.
    pub authn_statements: Vec<AuthnStatement>,
    /// What is said about the person, one entry for each Attribute element.
    pub attributes: Vec<Attribute>,
}

/// `saml:SubjectConfirmation` (core 2.4.1.1).
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The method; only `bearer` is of use to a browser.
    pub method: String,
    /// Where the assertion may be presented.
    pub recipient: Option<String>,
    /// Which request it answers.
    pub in_response_to: Option<String>,
    /// Forbidden for bearer (profiles 4.1.4.2).
    pub not_before: Option<Timestamp>,
    /// Until when it may be presented.
    pub not_on_or_after: Option<Timestamp>,
}

/// `saml:Conditions` (core 2.5.1).
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until, exclusive.
    pub not_on_or_after: Option<Timestamp>,
    /// One list for each AudienceRestriction; all of them must name us.
    pub audience_restrictions: Vec<Vec<String>>,
    /// Names of conditions that we do not know, and therefore can not meet (core 2.5.1).
    pub unknown: Vec<String>,
}

/// `saml:AuthnStatement` (core 2.7.2).
#[derive(Clone, Debug)]
pub struct AuthnStatement {
    /// When the person signed in at the identity provider.
    pub authn_instant: Timestamp,
    /// The identity provider's name for its session.
    pub session_index: Option<String>,
    /// When that session ends.
    pub session_not_on_or_after: Option<Timestamp>,
    /// How the person signed in.
    pub context_class: Option<String>,
}

/// Reads an Assertion, and says what had to be allowed for its encrypted parts. Called with what a
/// signature covers alone; see `saml::response`.
///
/// What is encrypted in it is a part of what was signed: the ciphertext decides what comes out,
/// and nobody else has had a hand in it. Namespaces that such a part does not declare by itself
/// are those around it. A signature need not cover those; but they can only make it another
/// element than the one that is read here, which is refused.
pub fn read_assertion(
    assertion: Element<'_>,
    decryption: Decryption<'_>,
    checks: &mut Checks,
) -> Result<(AssertionFields, Exceptions), SchemaError> {
    let mut exceptions = Exceptions::NONE;
    let mut open = |encrypted: Element<'_>, name| {
        let opened = Decrypted::open_part(encrypted, name, decryption, checks)?;
        exceptions = exceptions | opened.exceptions;
        Ok(opened)
    };
    let (mut reader, [id, version, issue_instant]) =
        Reader::open(assertion, ["ID", "Version", "IssueInstant"])?;
    let issuer = read_issuer(reader.required(ASSERTION_NS, "Issuer")?)?.into_owned();
    reader.optional(DSIG_NS, "Signature");
    let subject = reader
        .optional(ASSERTION_NS, "Subject")
        .map(|subject| read_subject(subject, &mut open))
        .transpose()?;
    let conditions =
        reader.optional(ASSERTION_NS, "Conditions").map(read_conditions).transpose()?;
    reader.optional(ASSERTION_NS, "Advice");
    let mut authn_statements = Vec::new();
    let mut attributes = Vec::new();
    let mut left = MOST_ENCRYPTED;
    while let Some(statement) = reader.any() {
        if statement.is(ASSERTION_NS, "AuthnStatement") {
            authn_statements.push(read_authn_statement(statement)?);
        } else if statement.is(ASSERTION_NS, "AttributeStatement") {
            read_attribute_statement(statement, &mut attributes, &mut left, &mut open)?;
        } else if !statement.is(ASSERTION_NS, "Statement")
            && !statement.is(ASSERTION_NS, "AuthzDecisionStatement")
        {
            return Err(unexpected(assertion, statement));
        }
    }
    let (name_id, confirmations) = subject.unwrap_or_default();
    let fields = AssertionFields {
        version: version.required(assertion)?.to_owned(),
        id: id.required(assertion)?.to_owned(),
        issue_instant: issue_instant.required_time(assertion)?,
        issuer,
        name_id,
        confirmations,
        conditions,
        authn_statements,
        attributes,
    };
    Ok((fields, exceptions))
}

/// Whether this is an Assertion, encrypted or not.
pub fn is_assertion(element: Element<'_>) -> bool {
    element.is(ASSERTION_NS, "Assertion") || element.is(ASSERTION_NS, "EncryptedAssertion")
}

/// The text of an Issuer. Core 2.2.5: its Format is absent or `entity`; other formats can not be
/// an entityID and are read as the empty name, which nobody has.
pub fn read_issuer(issuer: Element<'_>) -> Result<Cow<'_, str>, SchemaError> {
    const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
    let [format, ..] = attributes(issuer, OF_NAMES, Others::Refused)?;
    let value = text(issuer)?;
    match format.value {
        None | Some(ENTITY) => Ok(value),
        Some(_) => Ok(Cow::Borrowed("")),
    }
}

/// The attributes of `NameIDType` (core 2.2.2).
const OF_NAMES: [&str; 4] = ["Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"];

type Subject = (Option<NameId>, Vec<Confirmation>);

/// Decrypts what must be the named element.
type Open<'o> = &'o mut dyn FnMut(Element<'_>, &'static str) -> Result<Decrypted, XmlencError>;

fn read_subject(subject: Element<'_>, open: Open<'_>) -> Result<Subject, SchemaError> {
    let (mut reader, []) = Reader::open(subject, [])?;
    let mut name_id = reader.optional(ASSERTION_NS, "NameID").map(read_name_id).transpose()?;
    if name_id.is_none() {
        if let Some(encrypted) = reader.optional(ASSERTION_NS, "EncryptedID") {
            name_id = Some(read_name_id(open(encrypted, "NameID")?.root())?);
        } else {
            // Known to the schema, of no use to us: nobody can be recognised by it.
            reader.optional(ASSERTION_NS, "BaseID");
        }
    }
    let mut confirmations = Vec::new();
    while let Some(confirmation) = reader.optional(ASSERTION_NS, "SubjectConfirmation") {
        confirmations.push(read_confirmation(confirmation)?);
    }
    reader.end()?;
    Ok((name_id, confirmations))
}

pub(in crate::saml) fn read_name_id(name_id: Element<'_>) -> Result<NameId, SchemaError> {
    // An empty qualifier names nobody; some identity providers write it for "none".
    let [format, name_qualifier, sp_name_qualifier, sp_provided_id] =
        attributes(name_id, OF_NAMES, Others::Refused)?
            .map(|attribute| attribute.value.filter(|text| !text.is_empty()));
    Ok(NameId {
        value: text(name_id)?.into_owned(),
        format: format.map(ToOwned::to_owned),
        name_qualifier: name_qualifier.map(ToOwned::to_owned),
        sp_name_qualifier: sp_name_qualifier.map(ToOwned::to_owned),
        sp_provided_id: sp_provided_id.map(ToOwned::to_owned),
    })
}

fn read_confirmation(confirmation: Element<'_>) -> Result<Confirmation, SchemaError> {
    let (mut reader, [method]) = Reader::open(confirmation, ["Method"])?;
    // Who may confirm the subject besides the bearer; not read, and so not decrypted either.
    let _ = reader
        .optional(ASSERTION_NS, "NameID")
        .or_else(|| reader.optional(ASSERTION_NS, "BaseID"))
        .or_else(|| reader.optional(ASSERTION_NS, "EncryptedID"));
    let data = reader.optional(ASSERTION_NS, "SubjectConfirmationData");
    reader.end()?;
    let mut result = Confirmation {
        method: method.required(confirmation)?.to_owned(),
        recipient: None,
        in_response_to: None,
        not_before: None,
        not_on_or_after: None,
    };
    if let Some(data) = data {
        let names = [
            "NotBefore",
            "NotOnOrAfter",
            "Recipient",
            "InResponseTo",
            "Address",
        ];
        let [not_before, not_on_or_after, recipient, in_response_to, _] =
            attributes(data, names, Others::Allowed)?;
        result.recipient = recipient.owned();
        result.in_response_to = in_response_to.owned();
        result.not_before = not_before.time()?;
        result.not_on_or_after = not_on_or_after.time()?;
    }
    Ok(result)
}

fn read_conditions(conditions: Element<'_>) -> Result<Conditions, SchemaError> {
    let (mut reader, [not_before, not_on_or_after]) =
        Reader::open(conditions, ["NotBefore", "NotOnOrAfter"])?;
    let mut result = Conditions {
        not_before: not_before.time()?,
        not_on_or_after: not_on_or_after.time()?,
        ..Conditions::default()
    };
    while let Some(condition) = reader.any() {
        if condition.is(ASSERTION_NS, "AudienceRestriction") {
            let (mut audiences, []) = Reader::open(condition, [])?;
            let mut names = Vec::new();
            while let Some(audience) = audiences.optional(ASSERTION_NS, "Audience") {
                let [] = attributes(audience, [], Others::Refused)?;
                names.push(text(audience)?.into_owned());
            }
            audiences.end()?;
            result.audience_restrictions.push(names);
        } else if condition.is(ASSERTION_NS, "OneTimeUse")
            || condition.is(ASSERTION_NS, "ProxyRestriction")
        {
            // Core 2.5.1.5 and 2.5.1.6: we never use an assertion twice and never pass it on.
        } else if condition.is(ASSERTION_NS, "Condition") {
            result.unknown.push("Condition".to_owned());
        } else {
            return Err(unexpected(conditions, condition));
        }
    }
    Ok(result)
}

fn read_authn_statement(statement: Element<'_>) -> Result<AuthnStatement, SchemaError> {
    let (mut reader, [authn_instant, session_index, session_not_on_or_after]) = Reader::open(
        statement,
        ["AuthnInstant", "SessionIndex", "SessionNotOnOrAfter"],
    )?;
    reader.optional(ASSERTION_NS, "SubjectLocality");
    let context = reader.required(ASSERTION_NS, "AuthnContext")?;
    reader.end()?;
    let (mut inner, []) = Reader::open(context, [])?;
    let class = inner.optional(ASSERTION_NS, "AuthnContextClassRef");
    let _ = inner
        .optional(ASSERTION_NS, "AuthnContextDecl")
        .or_else(|| inner.optional(ASSERTION_NS, "AuthnContextDeclRef"));
    while inner.optional(ASSERTION_NS, "AuthenticatingAuthority").is_some() {}
    inner.end()?;
    Ok(AuthnStatement {
        authn_instant: authn_instant.required_time(statement)?,
        session_index: session_index.owned(),
        session_not_on_or_after: session_not_on_or_after.time()?,
        context_class: class.map(text).transpose()?.map(|class| class.trim().to_owned()),
    })
}

fn read_attribute_statement(
    statement: Element<'_>,
    attributes: &mut Vec<Attribute>,
    left: &mut usize,
    open: Open<'_>,
) -> Result<(), SchemaError> {
    let (mut reader, []) = Reader::open(statement, [])?;
    attributes.reserve(statement.children().count());
    while let Some(child) = reader.any() {
        if child.is(ASSERTION_NS, "Attribute") {
            attributes.push(read_attribute(child)?);
        } else if child.is(ASSERTION_NS, "EncryptedAttribute") {
            *left = left.checked_sub(1).ok_or(TOO_MANY)?;
            attributes.push(read_attribute(open(child, "Attribute")?.root())?);
        } else {
            return Err(unexpected(statement, child));
        }
    }
    Ok(())
}

fn read_attribute(attribute: Element<'_>) -> Result<Attribute, SchemaError> {
    let [name, _, friendly_name] = attributes(
        attribute,
        ["Name", "NameFormat", "FriendlyName"],
        Others::Allowed,
    )?;
    if attribute.has_text() {
        return Err(SchemaError::Content { element: attribute.local_name().to_owned() });
    }
    let (values, complex) = match plain_values(attribute) {
        Some(values) => (values, false),
        None => any_values(attribute)?,
    };
    Ok(Attribute {
        name: name.required(attribute)?.to_owned(),
        friendly_name: friendly_name.owned(),
        values,
        complex,
    })
}

/// The values where each is a text and no more, as nearly all are, and people have hundreds.
fn plain_values(attribute: Element<'_>) -> Option<Texts> {
    let (value, first, others) = attribute.leaves(ASSERTION_NS, "AttributeValue")?;
    let mut values = room_for_values(attribute, value, first.len());
    values.push(first);
    for text in others {
        values.push(text?);
    }
    Some(values)
}

/// The values that can be read, and whether there are others.
fn any_values(attribute: Element<'_>) -> Result<(Texts, bool), SchemaError> {
    let mut values = Texts::default();
    let mut complex = false;
    for value in attribute.children() {
        if !value.is(ASSERTION_NS, "AttributeValue") {
            return Err(unexpected(attribute, value));
        }
        match read_value(value) {
            Some(text) => values.push(&text),
            None => complex = true,
        }
    }
    Ok((values, complex))
}

/// As much as stands there, without the tags: those of the others are as long as those of the first.
fn room_for_values(attribute: Element<'_>, first: Element<'_>, text: usize) -> Texts {
    let count = attribute.most_children();
    let (content, behind) = attribute.source_places();
    let (_, behind_first) = first.source_places();
    let tags = behind_first.saturating_sub(content).saturating_sub(text);
    let bytes = behind.saturating_sub(content).saturating_sub(tags.saturating_mul(count));
    Texts::with_capacity(count, bytes.max(text))
}

const TOO_MANY: XmlencError = XmlencError::Structure("more than 8 EncryptedAttributes");

/// Text, or the one NameID that eduPersonTargetedID wraps its value in; `None` for other content.
fn read_value(value: Element<'_>) -> Option<Cow<'_, str>> {
    value.text().or_else(|| {
        let mut children = value.children();
        match (children.next(), children.next()) {
            (Some(inner), None) if inner.is(ASSERTION_NS, "NameID") && !value.has_text() => {
                inner.text()
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests;
