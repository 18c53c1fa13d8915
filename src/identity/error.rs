//! Why a genuine assertion does not become a person.

use crate::base::{ErrorCode, IdpName, StoreError, UserId};
use crate::identity::Target;
use crate::identity::value::Fault;

/// One variant for each reason; the values are for the audit record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Neither NameID nor an attribute that is mapped to `user_name`, `email` or `external_id`.
    #[error("neither NameID nor a mapped attribute says who this is; sent were {sent:?}")]
    SubjectMissing {
        /// The Names of the attributes that were sent.
        sent: Vec<String>,
    },
    /// An identifier that can not be used as one.
    #[error("{key} {value:?} {fault}", key = target.key())]
    ValueRefused {
        /// Which identifier.
        target: Target,
        /// What was sent.
        value: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Several values where one is possible.
    #[error("{key} can have one value, and {name:?} came with {values:?}", key = target.key())]
    ValueDuplicate {
        /// For which target.
        target: Target,
        /// The attribute.
        name: String,
        /// All its values.
        values: Vec<String>,
    },
    /// Elements where text belongs.
    #[error("{key} is text, and {name:?} came with elements", key = target.key())]
    ValueComplex {
        /// For which target.
        target: Target,
        /// The attribute.
        name: String,
    },
    /// `users.provisioning` is `scim`, and nobody provisioned this person.
    #[error("nobody provisioned {user_name:?}")]
    NotProvisioned {
        /// The `userName` that was looked for.
        user_name: String,
    },
    /// The person is not active.
    #[error("{user_name:?} ({user}) is not active")]
    Disabled {
        /// Who.
        user: UserId,
        /// Their `userName`.
        user_name: String,
    },
    /// The person who was found is, or may be, somebody else.
    #[error("{user_name:?} ({user}, {}) was found by {by}, but {why}", of(idp.as_ref()))]
    Conflict {
        /// Who was found.
        user: UserId,
        /// Their `userName`.
        user_name: String,
        /// To whom they belong.
        idp: Option<IdpName>,
        /// By what they were found.
        by: &'static str,
        /// What speaks against it.
        why: &'static str,
    },
    /// An address in a domain that is another identity provider's (`email_domains`).
    #[error("{by} {address:?} is in a domain whose people sign in by {owner}")]
    Domain {
        /// What says so: `userName`, `email`, `NameID` or the Name of an attribute.
        by: String,
        /// The address.
        address: String,
        /// Whose people have such addresses.
        owner: IdpName,
    },
    /// The identity provider left the groups out, and there are none to go by (`groups_overage`).
    #[error("the groups of {user_name:?} were left out, since there are too many; {why}")]
    GroupsOverage {
        /// The `userName`.
        user_name: String,
        /// What there would have to be.
        why: &'static str,
    },
    /// The directory can not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose somebody is.
fn of(idp: Option<&IdpName>) -> String {
    idp.map_or_else(
        || "of no identity provider".to_owned(),
        |idp| format!("of {idp}"),
    )
}

impl IdentityError {
    /// The code of each variant.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::SubjectMissing { .. } => ErrorCode::SubjectMissing,
            Self::ValueRefused { .. } => ErrorCode::ValueRefused,
            Self::ValueDuplicate { .. } => ErrorCode::ValueDuplicate,
            Self::ValueComplex { .. } => ErrorCode::ValueComplex,
            Self::NotProvisioned { .. } => ErrorCode::UserNotProvisioned,
            Self::Disabled { .. } => ErrorCode::UserDisabled,
            Self::Conflict { .. } | Self::Domain { .. } => ErrorCode::UserConflict,
            Self::GroupsOverage { .. } => ErrorCode::GroupsOverage,
            Self::Store(error) => error.code(),
        }
    }
}

impl Target {
    /// Its key in `[attributes]`.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(target, _)| *target == self).map_or("", |(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_says_whose_the_account_is() {
        let said = |idp: Option<&str>| {
            let conflict = IdentityError::Conflict {
                user: UserId::new("01a2".to_owned()),
                user_name: "alice".to_owned(),
                idp: idp.and_then(IdpName::parse),
                by: "userName",
                why: "is somebody else",
            };
            conflict.to_string()
        };
        assert!(said(Some("corp")).contains(", of corp) was found by userName"));
        assert!(said(None).contains(", of no identity provider) was found"));
    }
}
