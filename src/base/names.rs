//! Names that operators choose, and ids that we give.

use std::fmt;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_type! {
    /// The short name by which configuration and commands speak of an identity provider.
    IdpName
}
text_type! {
    /// A role that the gateway grants: `it-manager`.
    RoleName
}
text_type! {
    /// The id that we gave to a person; a UUID that never changes.
    UserId
}
text_type! {
    /// The id that we gave to a group; a UUID that never changes.
    GroupId
}
text_type! {
    /// The name of a connection, by which one client provisions people and groups of its own.
    ConnectionName
}

/// A name is 1 to 64 of `a-z 0-9 - _ .` and begins with a letter or digit: it stands in URLs,
/// metric labels and shell commands.
fn is_name(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 64
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b"-_.".contains(&byte))
}

impl IdpName {
    /// Takes a name that was parsed before.
    pub(crate) const fn kept(name: String) -> Self {
        Self(name)
    }

    /// `None` unless it is 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.to_owned()))
    }
}

impl RoleName {
    /// Takes a name that was parsed before.
    pub(crate) const fn kept(name: String) -> Self {
        Self(name)
    }

    /// `None` unless it is 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.to_owned()))
    }
}

impl ConnectionName {
    /// `None` unless it is 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.to_owned()))
    }
}

impl GroupId {
    /// Takes an id that [`crate::base::entropy::uuid_in_order`] made, or that the store kept.
    pub const fn new(id: String) -> Self {
        Self(id)
    }
}

impl UserId {
    /// Takes an id that [`crate::base::entropy::uuid_in_order`] made, or that the store kept.
    pub const fn new(id: String) -> Self {
        Self(id)
    }
}
