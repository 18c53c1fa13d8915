//! The attribute Names that products use when nobody told them otherwise.
//!
//! They are tried after those of `[attributes]`: first the vendor's own, then the common ones.
//! All are Names; a FriendlyName is never guessed.
//!
//! There is no default for `external_id`. It must be the very value that the provisioning client
//! sends, and which attribute that is only the operator knows: Entra ID, for one, provisions the
//! mail nickname and asserts the object id.

use crate::identity::Target;
use crate::saml::Vendor;

/// The Names for a target, in the order in which they are tried.
pub fn names(vendor: Vendor, target: Target) -> impl Iterator<Item = &'static str> {
    vendor_names(vendor, target).iter().chain(common_names(target)).copied()
}

fn vendor_names(vendor: Vendor, target: Target) -> &'static [&'static str] {
    match (vendor, target) {
        // Both send transient NameIDs by default, and this is whom their people think they are:
        // it is also what a Shibboleth SP puts into REMOTE_USER.
        (Vendor::Shibboleth | Vendor::SimpleSaml, Target::UserName) => {
            &["urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName"]
        }
        (Vendor::Shibboleth | Vendor::SimpleSaml, Target::Groups) => &[
            "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
            "isMemberOf",
            "groups",
            "memberOf",
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
            "eduPersonAffiliation",
        ],
        // At Entra ID and ADFS the same claim is the UPN.
        (Vendor::Auth0, Target::DisplayName) => {
            &["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"]
        }
        _ => &[],
    }
}

fn common_names(target: Target) -> &'static [&'static str] {
    match target {
        // The NameID is the default.
        Target::UserName | Target::ExternalId => &[],
        Target::Email => &[
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "User.email",
            "mail",
            "urn:oid:0.9.2342.19200300.100.1.3",
            "email",
            "emailAddress",
        ],
        Target::FirstName => &[
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
            "User.FirstName",
            "givenName",
            "urn:oid:2.5.4.42",
            "firstName",
            "first_name",
        ],
        Target::LastName => &[
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
            "User.LastName",
            "sn",
            "urn:oid:2.5.4.4",
            "lastName",
            "last_name",
            "surname",
        ],
        Target::DisplayName => &[
            "http://schemas.microsoft.com/identity/claims/displayname",
            "displayName",
            "urn:oid:2.16.840.1.113730.3.1.241",
            "display_name",
        ],
        Target::Department => &["department"],
        Target::Title => &["title", "urn:oid:2.5.4.12", "jobTitle"],
        Target::EmployeeNumber => &["employeeNumber", "urn:oid:2.16.840.1.113730.3.1.3"],
        Target::Manager => &["manager", "urn:oid:0.9.2342.19200300.100.1.10"],
        Target::Groups => &[
            "groups",
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
            "memberOf",
            "Role",
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
            "http://schemas.xmlsoap.org/claims/Group",
            "group",
            "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
        ],
    }
}
