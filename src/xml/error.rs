//! Why a document is refused.

use crate::base::{ErrorCode, Refusal, Values};

/// The first thing in a document that is not acceptable. Places are byte offsets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// XML 1.0, 4.3.3: we read UTF-8 and nothing that claims to be something else.
    #[error("{what}")]
    Encoding {
        /// What is wrong with the encoding.
        what: &'static str,
    },
    /// Not well-formed.
    #[error("{what}, at byte {at}")]
    Syntax {
        /// What was expected or found.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A DOCTYPE, or an entity that only a DOCTYPE could have declared.
    #[error("{what}, at byte {at}")]
    Dtd {
        /// What was found.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// Not namespace-well-formed, or a namespace name that canonicalizers disagree about.
    #[error("{what}: {name:?}, at byte {at}")]
    Namespace {
        /// The rule.
        what: &'static str,
        /// The prefix, name or namespace name in question.
        name: String,
        /// Where.
        at: usize,
    },
    /// A kind of node that we do not read.
    #[error("{what}, at byte {at}")]
    ForbiddenNode {
        /// What was found.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// Larger than [`crate::xml::Limits`] allow.
    #[error("more than {most} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: usize,
    },
    /// Core 1.3.4: each ID once, and in the one form that SAML gives it.
    #[error("{what}: {value:?}")]
    Id {
        /// The rule.
        what: &'static str,
        /// The ID, or the attribute's name.
        value: String,
    },
}

/// The rule that a part of a document breaks when it is read without what was around it.
pub(super) const UNDECLARED: &str = "the prefix is not declared";

impl XmlError {
    /// Whether a namespace declaration around the document could have helped.
    pub fn lacks_declaration(&self) -> bool {
        matches!(self, Self::Namespace { what: UNDECLARED, .. })
    }

    /// The stable name of this failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Encoding { .. } => ErrorCode::XmlEncoding,
            Self::Syntax { .. } => ErrorCode::XmlSyntax,
            Self::Dtd { .. } => ErrorCode::XmlDtd,
            Self::Namespace { .. } => ErrorCode::XmlNamespace,
            Self::ForbiddenNode { .. } => ErrorCode::XmlForbiddenNode,
            Self::Limit { .. } => ErrorCode::XmlLimit,
            Self::Id { .. } => ErrorCode::XmlId,
        }
    }
}

impl Refusal for XmlError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn values(&self) -> Values {
        Values::found(self.to_string())
    }
}
