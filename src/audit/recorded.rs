//! An event as it is kept.
//!
//! It has two halves. The chain hashes the public one; of the private one it has the digest alone, so
//! that it can be erased. Events of the first version have everything in the public half.

use serde_json::{Map, Value};

use crate::base::Timestamp;

/// An event as it is kept. Texts, since a later version may read what an earlier one wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the chain, counting from 1 without gaps.
    pub sequence: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// [`crate::audit::EventKind::as_str`].
    pub kind: String,
    /// One line of JSON: exactly the text that is hashed.
    pub public: String,
    /// One line of JSON with client, reference, detail, and a salt, without which whoever guesses
    /// what was in it could try. Nothing in events of the first version, and where it was erased.
    pub private: Option<String>,
    /// SHA-256 over the hash before it and the public half.
    pub hash: [u8; 32],
}

impl RecordedEvent {
    /// Both halves as one line of JSON. Of an erased event it says so: `"erased":true`.
    pub fn line(&self) -> String {
        let Some(mut line) = object(&self.public) else {
            return self.public.clone();
        };
        let is_split = line.remove(DIGEST).is_some();
        match self.private.as_deref().and_then(object) {
            Some(mut private) => {
                private.remove(SALT);
                line.extend(private);
            }
            None if is_split => {
                line.insert(ERASED.to_owned(), Value::Bool(true));
            }
            None => {}
        }
        Value::Object(line).to_string()
    }
}

/// In the public half: the digest of the private one.
pub const DIGEST: &str = "private";
/// In the private half.
pub const SALT: &str = "salt";
/// Instead of what an event said.
pub const ERASED: &str = "erased";

/// What is left of a line of the first version, in which nothing was apart, when it is erased.
pub fn without_private(line: &str) -> Option<String> {
    let mut line = object(line)?;
    for name in ["client", "detail", "reference"] {
        line.remove(name);
    }
    line.insert(ERASED.to_owned(), Value::Bool(true));
    Some(Value::Object(line).to_string())
}

fn object(line: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(public: &str, private: Option<&str>) -> RecordedEvent {
        RecordedEvent {
            sequence: 1,
            at: Timestamp::EPOCH,
            kind: "login.accepted".into(),
            public: public.into(),
            private: private.map(str::to_owned),
            hash: [0; 32],
        }
    }

    #[test]
    fn both_halves_are_one_line_and_an_erased_one_says_so() {
        let public = r#"{"private":"00ff","sequence":1,"user":"u1"}"#;
        let private = r#"{"client":"192.0.2.1","detail":{"a":1},"reference":null,"salt":"ab"}"#;
        assert_eq!(
            event(public, Some(private)).line(),
            r#"{"client":"192.0.2.1","detail":{"a":1},"reference":null,"sequence":1,"user":"u1"}"#
        );
        let erased = r#"{"erased":true,"sequence":1,"user":"u1"}"#;
        assert_eq!(event(public, None).line(), erased);
        let old = r#"{"client":"192.0.2.1","detail":{},"reference":"R","sequence":1,"user":"u1"}"#;
        assert_eq!(event(old, None).line(), old);
        assert_eq!(without_private(old).as_deref(), Some(erased));
        assert_eq!(event(erased, None).line(), erased);
    }
}
