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

/// Whether products tell people apart by the attribute of this Name, or of this FriendlyName: an
/// e-mail address, a login name, or an id with a scope. Letters count in any case.
///
/// ```
/// use samlgate::identity::is_identifier;
/// assert!(is_identifier("urn:oid:1.3.6.1.4.1.5923.1.1.1.6"));
/// assert!(is_identifier("EMail"));
/// assert!(!is_identifier("manager"));
/// ```
pub fn is_identifier(name: &str) -> bool {
    common_names(Target::Email)
        .iter()
        .chain(IDENTIFIERS)
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Those that [`names`] does not have for `email`.
const IDENTIFIERS: &[&str] = &[
    // mail
    "urn:mace:dir:attribute-def:mail",
    "urn:oid:1.2.840.113549.1.9.1",
    "http://schemas.xmlsoap.org/claims/EmailAddress",
    "http://schemas.auth0.com/email",
    "email_address",
    "e-mail",
    // eduPersonPrincipalName
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "urn:mace:dir:attribute-def:eduPersonPrincipalName",
    "eduPersonPrincipalName",
    "eppn",
    // UPN
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/claims/UPN",
    "urn:oid:1.2.840.113556.1.4.656",
    "upn",
    "userPrincipalName",
    "user_principal_name",
    // uid
    "urn:oid:0.9.2342.19200300.100.1.1",
    "urn:mace:dir:attribute-def:uid",
    "uid",
    "userid",
    "user_id",
    "username",
    "user_name",
    "login",
    "preferred_username",
    "http://schemas.goauthentik.io/2021/02/saml/username",
    "http://schemas.goauthentik.io/2021/02/saml/uid",
    // At Entra ID and ADFS this is the UPN.
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    // The NameID, and what went before it.
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.10",
    "eduPersonTargetedID",
    // Ids with a scope.
    "urn:oasis:names:tc:SAML:attribute:subject-id",
    "subject-id",
    "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    "pairwise-id",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
    "eduPersonUniqueId",
];
