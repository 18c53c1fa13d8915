//! The shape of a signature, before any cryptography.

/// Where in its parent a Signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Messages and assertions: directly behind `saml:Issuer`, which comes first.
    AfterIssuer,
    /// Metadata: the first child.
    First,
}
