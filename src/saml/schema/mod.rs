//! The SAML 2.0 schemas as readers: an element in, its meaning out, or the first thing that does
//! not belong there.
//!
//! The readers are as strict as `saml-schema-protocol-2.0.xsd` and `-assertion-2.0.xsd`: order,
//! number and names of elements and attributes. `Extensions` and `Advice` are
//! allowed where the schema has them and are never looked into; of `StatusDetail` one text is shown
//! to admins.

mod assertion;
mod envelope;
mod reader;

pub(in crate::saml) use assertion::read_name_id;
pub use assertion::{
    AssertionFields, AuthnStatement, Conditions, Confirmation, is_assertion, read_assertion,
    read_issuer,
};
pub(in crate::saml) use envelope::read_status;
pub use envelope::{Envelope, Status};
pub use reader::SchemaError;
pub(in crate::saml) use reader::{Attribute, Reader, text};

/// `urn:oasis:names:tc:SAML:2.0:assertion`
pub const ASSERTION_NS: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// `urn:oasis:names:tc:SAML:2.0:protocol`
pub const PROTOCOL_NS: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// `urn:oasis:names:tc:SAML:2.0:metadata`
pub const METADATA_NS: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// `http://www.w3.org/2000/09/xmldsig#`
pub const DSIG_NS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// `http://www.w3.org/2001/XMLSchema-instance`
pub const XSI_NS: &str = "http://www.w3.org/2001/XMLSchema-instance";
