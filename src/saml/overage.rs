//! Groups that were left out, since there are too many of them.
//!
//! Above 150 groups Entra ID sends none, and in their place an address at which they could be asked for
//! with an access token of its own. Nobody here follows it: what a person may do is not decided by what
//! some address answers in the middle of a sign-in. What counts instead is the operator's choice.

use crate::saml::Claims;

/// The attribute that Entra ID sends in the place of the groups.
pub const GROUPS_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";

/// What counts when the identity provider left a person's groups out (`groups_overage`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupsOverage {
    /// The groups that are provisioned for the person. Somebody whom nobody provisions, or without
    /// groups, is refused: nobody enters by a guess about their groups.
    #[default]
    Scim,
    /// The groups that were sent at the last sign-in at which they were sent. Somebody of whom there
    /// is none is refused.
    Keep,
    /// Nobody enters without their groups.
    Refuse,
}

impl GroupsOverage {
    /// All of them, with the words of the configuration.
    pub const ALL: [(&'static str, Self); 3] = [
        ("scim", Self::Scim),
        ("keep", Self::Keep),
        ("refuse", Self::Refuse),
    ];

    /// The one with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy)
    }

    /// `scim`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        }
    }
}

impl Claims {
    /// Whether the identity provider says that it left the groups out.
    pub fn leaves_groups_out(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == GROUPS_LINK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_go_both_ways() {
        for (word, policy) in GroupsOverage::ALL {
            assert_eq!(GroupsOverage::find(word), Some(policy));
            assert_eq!(policy.as_str(), word);
        }
    }
}
