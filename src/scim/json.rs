//! The body of a request, as an object.
//!
//! In: bytes. Out: an object, or `invalidSyntax` (RFC 7644, 3.12). A name that is written twice in
//! one object is refused: which of the two is meant depends on who reads it. So is what is deeper
//! than [`DEEPEST`]; a number that does not fit and half of a surrogate pair are no JSON to us.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::scim::Object;
use crate::scim::error::{ScimError, ScimType};

/// How deep objects and lists may be in one another. A resource needs four.
pub const DEEPEST: usize = 64;

/// Reads a body.
///
/// ```
/// use samlgate::scim::json;
/// assert!(json::object(br#"{"userName": "alice"}"#).is_ok());
/// for wrong in [r#""alice""#, "[]", "", "{", r#"{"a": 1, "a": 2}"#, r#"{"a": 1e999}"#] {
///     assert!(json::object(wrong.as_bytes()).is_err());
/// }
/// ```
pub fn object(body: &[u8]) -> Result<Object, ScimError> {
    match value(body)? {
        Value::Object(object) => Ok(object),
        _ => Err(ScimError::bad(
            ScimType::InvalidSyntax,
            "the body is not a JSON object",
        )),
    }
}

fn value(body: &[u8]) -> Result<Value, ScimError> {
    // RFC 8259, 8.1 lets us ignore a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Level(DEEPEST).deserialize(&mut deserializer);
    value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        // What serde_json says is about its reading; the place is what helps.
        let (line, column) = (error.line(), error.column());
        let detail = match error.is_data() {
            true => error.to_string(),
            false => format!("the body is not JSON, at line {line} column {column}"),
        };
        ScimError::bad(ScimType::InvalidSyntax, detail)
    })
}

/// How many levels there may still be.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.0.checked_sub(1) {
            Some(left) => Ok(Self(left)),
            None => Err(E::custom("the body is nested too deeply")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number is too large"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(below)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(name) = access.next_key_seed(std::marker::PhantomData::<String>)? {
            let value = access.next_value_seed(below)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom("a name is written twice in one object"));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(body: &[u8]) {
        let error = object(body).unwrap_err();
        let text = String::from_utf8_lossy(body);
        assert_eq!(error.status, 400, "{text}");
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax), "{text}");
    }

    #[test]
    fn what_is_no_object_is_invalid_syntax() {
        for body in [
            "",
            "null",
            "1",
            "\"a\"",
            "[]",
            "[{}]",
            "{",
            "{}{}",
            "{'a': 1}",
            "{\"a\": 01}",
            "{\"a\": \"\\ud800\"}",
            "{\"a\": \"\\ud800x\"}",
            "{\"a\": \"\\udc00\"}",
            "{\"a\": NaN}",
            "{\"a\": 1e999}",
            "{\"a\": 1, \"a\": 1}",
            "{\"a\": {\"b\": 1, \"b\": 2}}",
            "{\"a\": \"\n\"}",
        ] {
            refused(body.as_bytes());
        }
        refused(b"{\"a\": \"\xff\"}");
    }

    #[test]
    fn depth_has_a_limit() {
        let deep = |depth: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
        };
        assert!(object(&deep(DEEPEST - 1)).is_ok());
        refused(&deep(DEEPEST));
        refused(&deep(5_000));
        refused("{\"a\":".repeat(100_000).as_bytes());
    }

    #[test]
    fn a_byte_order_mark_does_no_harm() {
        assert!(object(b"\xef\xbb\xbf{}").is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_what_serde_json_reads(body in r#"\{("[ab]":("[a-z\\"é]*"|[0-9.e-]{1,5}|\[(1,2)?\]|\{\}|true|null),?){0,3}\}"#) {
            let theirs = serde_json::from_str::<Object>(&body);
            match object(body.as_bytes()) {
                Ok(ours) => prop_assert_eq!(ours, theirs.unwrap()),
                Err(error) => prop_assert!(theirs.is_err() || error.detail.contains("twice")),
            }
        }
    }
}
