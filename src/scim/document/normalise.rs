//! A value as any client writes it, made the one that is stored.
//!
//! What differs between clients is form, and is taken in any: names in any case, booleans as words,
//! one element for a list, a bare value for a complex one, nothing written as null, `""`, `[]` or
//! `{}`. What a value says is left as it is, to the last blank.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::scim::error::{ScimError, ScimType};
use crate::scim::json;
use crate::scim::schema::{Attribute, Kind, Mutability};
use crate::scim::values::instant;
use crate::scim::{Found, Object};

/// The longest text that is taken, in octets.
pub const LONGEST: usize = 32 * 1024;

/// What is done with names that no schema has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Left out, as RFC 7644, 3.3 allows, and remembered. Most clients send some.
    Ignored,
    /// Refused, as the interoperability profile of 2026 wants (5.3).
    Refused,
}

/// Reads values, and remembers what it left out.
#[derive(Debug)]
pub(in crate::scim) struct Normaliser {
    unknown: Unknown,
    ignored: BTreeSet<String>,
}

impl Normaliser {
    pub(in crate::scim) const fn new(unknown: Unknown) -> Self {
        Self { unknown, ignored: BTreeSet::new() }
    }

    /// What was left out, for the log: bounded, as it is a stranger's text.
    pub(in crate::scim) fn into_ignored(self) -> Vec<String> {
        self.ignored.into_iter().collect()
    }

    /// A name that no schema has.
    pub(in crate::scim) fn unknown(&mut self, name: &str) -> Result<(), ScimError> {
        let short = shortened(name);
        match self.unknown {
            Unknown::Refused => {
                let detail = format!("there is no attribute {short}");
                Err(ScimError::bad(ScimType::InvalidSyntax, detail))
            }
            Unknown::Ignored => {
                if self.ignored.len() < MOST_IGNORED {
                    self.ignored.insert(short);
                }
                Ok(())
            }
        }
    }

    /// The value of what a name led to: of the part if one was named, else of the attribute, all
    /// of it. `None`: unassigned (RFC 7643, 2.5).
    pub(in crate::scim) fn value(
        &mut self,
        found: &Found<'_>,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        let name = found.name();
        match found.sub {
            Some(sub) => self.of_attribute(sub, &name, value),
            None => self.of_attribute(found.attribute, &name, value),
        }
    }

    fn of_attribute(
        &mut self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        if attribute.multi_valued {
            return self.several(attribute, name, value);
        }
        match value {
            // Entra ID writes `manager` as a list of one.
            Value::Array(list) if attribute.kind == Kind::Complex => match list.as_slice() {
                [] => Ok(None),
                [one] => self.one(attribute, name, one),
                _ => Err(invalid(format!("{name} has one value"))),
            },
            value => self.one(attribute, name, value),
        }
    }

    fn several(
        &mut self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        let given = match value {
            Value::Array(list) => list.as_slice(),
            // OneLogin writes one element without a list around it.
            one => std::slice::from_ref(one),
        };
        let mut list: Vec<Value> = Vec::with_capacity(given.len());
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for element in given {
            let Some(element) = self.one(attribute, name, element)? else {
                continue;
            };
            // Most lists are of one.
            if given.len() == 1 || seen.insert(element.to_string()) {
                list.push(element);
            }
        }
        one_primary(name, &list)?;
        Ok((!list.is_empty()).then_some(Value::Array(list)))
    }

    /// One value, or one of several.
    pub(in crate::scim) fn one(
        &mut self,
        attribute: &Attribute,
        name: &str,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        if is_nothing(value) {
            return Ok(None);
        }
        if attribute.kind == Kind::Complex {
            return match value {
                Value::Object(parts) => self.complex(attribute, name, parts),
                Value::Array(_) => Err(wrong(attribute, name)),
                // A bare value is `value`: `"manager": "26118915"`, `"roles": ["admin"]`.
                bare => {
                    let sub = attribute.sub("value").ok_or_else(|| wrong(attribute, name))?;
                    let value = simple(sub, name, bare)?;
                    Ok(Some(Value::Object(Map::from_iter([(
                        sub.name.to_string(),
                        value,
                    )]))))
                }
            };
        }
        simple(attribute, name, value).map(Some)
    }

    fn complex(
        &mut self,
        attribute: &Attribute,
        name: &str,
        parts: &Object,
    ) -> Result<Option<Value>, ScimError> {
        let unpacked = matches!(&*attribute.name, "roles" | "entitlements")
            .then(|| unpacked(parts))
            .flatten();
        let mut out = Object::new();
        for (part, value) in unpacked.as_ref().unwrap_or(parts) {
            let Some(sub) = attribute.sub(part) else {
                self.unknown(&format!("{name}.{}", shortened(part)))?;
                continue;
            };
            if sub.mutability == Mutability::ReadOnly
                && attribute.mutability != Mutability::ReadOnly
            {
                continue;
            }
            match self.of_attribute(sub, &format!("{name}.{}", sub.name), value)? {
                Some(value) => {
                    if out.get(&*sub.name).is_some_and(|other| *other != value) {
                        return Err(twice(name, &sub.name));
                    }
                    out.insert(sub.name.to_string(), value);
                }
                // What has no value is nothing, whatever else is said about it: this is how Entra
                // ID and OneLogin take a manager away.
                None if sub.name == "value" => return Ok(None),
                None => {}
            }
        }
        Ok((!out.is_empty()).then_some(Value::Object(out)))
    }
}

/// At most one of several may be the primary one (RFC 7643, 2.4).
pub(in crate::scim) fn one_primary(name: &str, list: &[Value]) -> Result<(), ScimError> {
    let primary = |element: &&Value| element.get("primary") == Some(&Value::Bool(true));
    match list.iter().filter(primary).count() {
        0 | 1 => Ok(()),
        _ => Err(invalid(format!("{name} has more than one primary value"))),
    }
}

/// RFC 7643, 2.5; and "", which Entra ID, OneLogin and others mean so.
pub(in crate::scim) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A name that a stranger made up, so that it can be logged and said again.
pub(in crate::scim) fn shortened(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(100).collect()
}

fn simple(attribute: &Attribute, name: &str, value: &Value) -> Result<Value, ScimError> {
    let right = match (attribute.kind, value) {
        (_, Value::String(text)) => return of_text(attribute, name, text),
        (Kind::Boolean, Value::Bool(_)) | (Kind::Decimal, Value::Number(_)) => true,
        (Kind::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
        _ => false,
    };
    if right {
        Ok(value.clone())
    } else {
        Err(wrong(attribute, name))
    }
}

fn of_text(attribute: &Attribute, name: &str, text: &str) -> Result<Value, ScimError> {
    storable(name, text)?;
    let right = match attribute.kind {
        Kind::String | Kind::Reference => true,
        // Entra ID writes "True" and "False".
        Kind::Boolean => {
            let is = |word: &str| word.eq_ignore_ascii_case(text);
            return match (is("true"), is("false")) {
                (true, _) => Ok(Value::Bool(true)),
                (_, true) => Ok(Value::Bool(false)),
                _ => Err(wrong(attribute, name)),
            };
        }
        Kind::DateTime => instant(text).is_some(),
        Kind::Binary => is_base64(text),
        Kind::Decimal | Kind::Integer | Kind::Complex => false,
    };
    if right {
        Ok(Value::from(text))
    } else {
        Err(wrong(attribute, name))
    }
}

/// Whether a text can be kept.
pub(in crate::scim) fn storable(name: &str, text: &str) -> Result<(), ScimError> {
    if text.len() > LONGEST {
        return Err(invalid(format!("{name} is longer than {LONGEST} octets")));
    }
    // PostgreSQL has no text with this character.
    if text.contains('\0') {
        return Err(invalid(format!("{name} contains U+0000")));
    }
    Ok(())
}

/// RFC 7643, 2.3.6: RFC 4648, 4, with or without padding. Line breaks, as of PEM, do no harm.
fn is_base64(text: &str) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(text).is_ok()
}

/// Entra ID's `AppRoleAssignmentsComplex` writes a role as JSON in the text of `value`:
/// `{"value": "{\"id\":\"…\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}`.
fn unpacked(parts: &Object) -> Option<Object> {
    let (name, packed) = parts.iter().find(|(name, _)| name.eq_ignore_ascii_case("value"))?;
    let packed = packed.as_str().filter(|text| text.trim_start().starts_with('{'))?;
    let packed = json::object(packed.as_bytes()).ok()?;
    let value = packed.get("value").filter(|value| value.is_string())?;
    let mut out = parts.clone();
    out.insert(name.clone(), value.clone());
    let has_display = parts
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("display") && !is_nothing(value));
    if let Some(display) = packed.get("displayName").filter(|_| !has_display) {
        out.retain(|name, _| !name.eq_ignore_ascii_case("display"));
        out.insert("display".to_owned(), display.clone());
    }
    Some(out)
}

pub(in crate::scim) fn invalid(detail: String) -> ScimError {
    ScimError::bad(ScimType::InvalidValue, detail)
}

/// Two names of one attribute that differ in case, with two values.
fn twice(name: &str, sub: &str) -> ScimError {
    ScimError::bad(
        ScimType::InvalidSyntax,
        format_args!("{name}.{sub} is given twice"),
    )
}

fn wrong(attribute: &Attribute, name: &str) -> ScimError {
    let kind = match attribute.kind {
        Kind::String | Kind::Reference => "a text",
        Kind::Boolean => "true or false",
        Kind::Decimal => "a number",
        Kind::Integer => "a whole number",
        Kind::DateTime => "a date and time",
        Kind::Binary => "base64",
        Kind::Complex => "an object",
    };
    invalid(format!("{name} has to be {kind}"))
}

/// More names than this are not remembered: nobody reads them.
const MOST_IGNORED: usize = 32;
