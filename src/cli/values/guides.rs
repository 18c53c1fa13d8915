//! The words of each product, as its own forms use them.
//!
//! A form that asks for single logout gets our address; what each product needs besides is in
//! docs/logout.md.

use super::Answer::{
    AcsPattern, AcsUrl, Auth0Settings, EntityId, MetadataUrl, OwnEntityId, PublicUrl, SloUrl, Text,
};
use super::{Guide, Vendor};

/// What the product asks for.
pub(super) const fn guide(vendor: Vendor) -> &'static Guide {
    match vendor {
        Vendor::Okta => &OKTA,
        Vendor::Entra => &ENTRA,
        Vendor::Google => &GOOGLE,
        Vendor::JumpCloud => &JUMPCLOUD,
        Vendor::Adfs => &ADFS,
        Vendor::Keycloak => &KEYCLOAK,
        Vendor::OneLogin => &ONELOGIN,
        Vendor::Ping => &PING,
        Vendor::Auth0 => &AUTH0,
        Vendor::Shibboleth => &SHIBBOLETH,
        Vendor::Generic => &GENERIC,
    }
}

const EMPTY: super::Answer = Text("(leave empty)");

static OKTA: Guide = Guide {
    title: "Okta",
    place: "Applications > Create App Integration > SAML 2.0 > Configure SAML",
    fields: &[
        ("Single sign-on URL", AcsUrl),
        ("Use this for Recipient URL and Destination URL", Text("on")),
        ("Audience URI (SP Entity ID)", EntityId),
        ("Default RelayState", EMPTY),
        ("Name ID format", Text("Unspecified")),
        ("Application username", Text("Okta username")),
        ("Response", Text("Signed")),
        ("Assertion Signature", Text("Signed")),
        ("Signature Algorithm", Text("RSA-SHA256")),
        ("Digest Algorithm", Text("SHA256")),
        (
            "Assertion Encryption",
            Text("Unencrypted, or AES256-GCM with the encryption certificate of our metadata"),
        ),
        (
            "Signature Certificate",
            Text("the signing certificate of our metadata, as a file: for single logout"),
        ),
        (
            "Enable Single Logout",
            Text("on (Allow application to initiate Single Logout)"),
        ),
        ("Single Logout URL", SloUrl),
        ("SP Issuer", EntityId),
    ],
    attributes: &[
        ("email", "email", "user.email"),
        ("firstName", "first_name", "user.firstName"),
        ("lastName", "last_name", "user.lastName"),
        ("displayName", "display_name", "user.displayName"),
        (
            "groups",
            "groups",
            "Group Attribute Statements, filter: Matches regex .*",
        ),
    ],
    import: "Then copy the Metadata URL from the Sign On tab: samlgate idp import METADATA_URL",
    notes: &["Okta sends no attributes until they are added here."],
    page: Some("docs/idp/okta.md"),
};

static ENTRA: Guide = Guide {
    title: "Microsoft Entra ID",
    place: "Enterprise applications > your application > Single sign-on > SAML",
    fields: &[
        ("Identifier (Entity ID)", EntityId),
        ("Reply URL (Assertion Consumer Service URL)", AcsUrl),
        ("Sign on URL", PublicUrl),
        ("Relay State", EMPTY),
        ("Logout Url", SloUrl),
        (
            "Signing Option",
            Text("Sign SAML assertion (or: response and assertion)"),
        ),
        ("Signing Algorithm", Text("SHA-256")),
    ],
    attributes: &[
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "email",
            "user.mail (there by default)",
        ),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
            "first_name",
            "user.givenname (there by default)",
        ),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
            "last_name",
            "user.surname (there by default)",
        ),
        (
            "http://schemas.microsoft.com/identity/claims/displayname",
            "display_name",
            "sent by Entra ID itself",
        ),
        (
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
            "groups",
            "Add a group claim > Groups assigned to the application",
        ),
    ],
    import: "Then copy the App Federation Metadata Url: samlgate idp import METADATA_URL",
    notes: &[
        "Groups come as object IDs unless you choose another source attribute.",
        "Token encryption is AES-CBC: with it, choose Sign SAML response and assertion.",
    ],
    page: Some("docs/idp/entra.md"),
};

static GOOGLE: Guide = Guide {
    title: "Google Workspace",
    place: "Apps > Web and mobile apps > Add app > Add custom SAML app > Service provider details",
    fields: &[
        ("ACS URL", AcsUrl),
        ("Entity ID", EntityId),
        ("Start URL", EMPTY),
        ("Signed response", Text("on")),
        ("Name ID format", Text("EMAIL")),
        ("Name ID", Text("Basic Information > Primary email")),
    ],
    attributes: &[
        ("email", "email", "Primary email"),
        ("firstName", "first_name", "First name"),
        ("lastName", "last_name", "Last name"),
        ("department", "department", "Department"),
        (
            "groups",
            "groups",
            "Group membership: choose the groups to send",
        ),
    ],
    import: "Then DOWNLOAD METADATA: samlgate idp import GoogleIDPMetadata.xml --name google",
    notes: &[
        "Google publishes no metadata URL: import the file again when its certificate changes.",
    ],
    page: Some("docs/idp/google.md"),
};

static JUMPCLOUD: Guide = Guide {
    title: "JumpCloud",
    place: "SSO Applications > Add New Application > Custom Application > SSO",
    fields: &[
        ("IdP Entity ID", OwnEntityId),
        ("SP Entity ID", EntityId),
        ("ACS URLs", AcsUrl),
        ("SAMLSubject NameID", Text("email")),
        (
            "SAMLSubject NameID Format",
            Text("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
        ),
        ("Signature Algorithm", Text("RSA-SHA256")),
        ("Sign Assertion", Text("on")),
        ("Default RelayState", EMPTY),
        ("Login URL", PublicUrl),
        ("Declare Redirect Endpoint", Text("on")),
    ],
    attributes: &[
        ("email", "email", "email"),
        ("firstName", "first_name", "firstname"),
        ("lastName", "last_name", "lastname"),
        ("memberOf", "groups", "include group attribute"),
    ],
    import: "Then Copy Metadata URL, or Export Metadata: samlgate idp import URL_OR_FILE",
    notes: &["The IdP Entity ID is yours to choose, but different for each application."],
    page: Some("docs/idp/jumpcloud.md"),
};

static ADFS: Guide = Guide {
    title: "AD FS",
    place: "AD FS Management > Relying Party Trusts > Add Relying Party Trust > Claims aware",
    fields: &[
        (
            "Federation metadata address (host name or URL)",
            MetadataUrl,
        ),
        ("Relying party SAML 2.0 SSO service URL", AcsUrl),
        ("Relying party trust identifier", EntityId),
        ("Secure hash algorithm", Text("SHA-256")),
        ("SAML Logout endpoint", SloUrl),
        (
            "Signature",
            Text("the signing certificate of our metadata: for single logout"),
        ),
    ],
    attributes: &[
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "email",
            "E-Mail-Addresses as E-Mail Address",
        ),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
            "first_name",
            "Given-Name as Given Name",
        ),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
            "last_name",
            "Surname as Surname",
        ),
        (
            "http://schemas.xmlsoap.org/claims/Group",
            "groups",
            "Token-Groups - Unqualified Names as Group",
        ),
    ],
    import: "Then: samlgate idp import https://ADFS_HOST/FederationMetadata/2007-06/FederationMetadata.xml",
    notes: &[
        "With the metadata address, AD FS fills the two fields after it by itself.",
        "AD FS sends no NameID and no attribute until a claim rule issues it.",
        "It encrypts when the trust was made from our metadata, by AES-CBC, so let it sign the Response too:",
        "Set-AdfsRelyingPartyTrust -TargetName NAME -SamlResponseSignature MessageAndAssertion",
    ],
    page: Some("docs/idp/adfs.md"),
};

static KEYCLOAK: Guide = Guide {
    title: "Keycloak",
    place: "Clients > Create client > Client type: SAML",
    fields: &[
        ("Client ID", EntityId),
        ("Home URL", PublicUrl),
        ("Valid redirect URIs", AcsUrl),
        ("Assertion Consumer Service POST Binding URL", AcsUrl),
        ("Logout Service POST Binding URL", SloUrl),
        ("Logout Service Redirect Binding URL", SloUrl),
        ("Name ID format", Text("username")),
        ("Force POST binding", Text("on")),
        ("Include AuthnStatement", Text("on")),
        ("Sign documents", Text("on")),
        ("Sign assertions", Text("on")),
        ("Signature algorithm", Text("RSA_SHA256")),
        (
            "Encrypt assertions",
            Text("off, or on with the encryption certificate of our metadata"),
        ),
        (
            "Client signature required",
            Text("off, or on with the certificate of our metadata"),
        ),
    ],
    attributes: &[
        ("email", "email", "mapper User Property: email"),
        ("firstName", "first_name", "mapper User Property: firstName"),
        ("lastName", "last_name", "mapper User Property: lastName"),
        ("groups", "groups", "mapper Group list, Full group path off"),
    ],
    import: "Then: samlgate idp import https://KEYCLOAK/realms/REALM/protocol/saml/descriptor",
    notes: &["Without a Group list, the roles that Keycloak sends as Role count as groups."],
    page: Some("docs/idp/keycloak.md"),
};

static ONELOGIN: Guide = Guide {
    title: "OneLogin",
    place: "Applications > Add App > SAML Custom Connector (Advanced) > Configuration",
    fields: &[
        ("Audience (EntityID)", EntityId),
        ("Recipient", AcsUrl),
        ("ACS (Consumer) URL Validator", AcsPattern),
        ("ACS (Consumer) URL", AcsUrl),
        ("RelayState", EMPTY),
        ("Single Logout URL", SloUrl),
        ("Login URL", PublicUrl),
        ("SAML initiator", Text("Service Provider")),
        ("SAML nameID format", Text("Email")),
        ("SAML signature element", Text("Both")),
        ("SAML Signature Algorithm (SSO tab)", Text("SHA-256")),
    ],
    attributes: &[
        ("User.email", "email", "Email"),
        ("User.FirstName", "first_name", "First Name"),
        ("User.LastName", "last_name", "Last Name"),
        ("memberOf", "groups", "User Roles (a multi-value parameter)"),
    ],
    import: "Then copy the Issuer URL from the SSO tab: samlgate idp import ISSUER_URL",
    notes: &[
        "Older applications sign with SHA-1, which is refused (sig.algorithm): change it on the SSO tab.",
    ],
    page: None,
};

static PING: Guide = Guide {
    title: "PingOne",
    place: "Applications > Add Application > SAML Application > Manually Enter",
    fields: &[
        ("ACS URLs", AcsUrl),
        ("Entity ID", EntityId),
        ("Signing Key", Text("Sign Assertion & Response")),
        ("Signing Algorithm", Text("RSA_SHA256")),
        (
            "Encryption",
            Text("off, or on with the encryption certificate of our metadata"),
        ),
        ("SLO Endpoint", SloUrl),
        ("SLO Response Endpoint", SloUrl),
        ("SLO Binding", Text("HTTP Redirect or HTTP POST")),
        ("Target Application URL", EMPTY),
    ],
    attributes: &[
        ("saml_subject", "NameID", "Username"),
        ("email", "email", "Email Address"),
        ("firstName", "first_name", "Given Name"),
        ("lastName", "last_name", "Family Name"),
        ("groups", "groups", "Group Names"),
    ],
    import: "Then copy the IDP Metadata URL: samlgate idp import METADATA_URL",
    notes: &[
        "PingOne may end sessions after a few minutes (SessionNotOnOrAfter): raise it there if people \
         are signed out too soon.",
    ],
    page: None,
};

static AUTH0: Guide = Guide {
    title: "Auth0",
    place: "Applications > your application > Addons > SAML2 Web App > Settings",
    fields: &[
        ("Application Callback URL", AcsUrl),
        ("Settings", Auth0Settings),
    ],
    attributes: &[
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            "email",
            "sent by default",
        ),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
            "first_name",
            "sent by default",
        ),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
            "last_name",
            "sent by default",
        ),
        (
            "groups",
            "groups",
            "an attribute that a login Action sets; map it in [attributes]",
        ),
    ],
    import: "Then, from the Usage tab, the Identity Provider Metadata: samlgate idp import URL_OR_FILE",
    notes: &[
        "A new signing key of the tenant changes the certificate for every application at once.",
    ],
    page: None,
};

static SHIBBOLETH: Guide = Guide {
    title: "Shibboleth IdP",
    place: "conf/metadata-providers.xml, conf/relying-party.xml, conf/attribute-filter.xml",
    fields: &[
        ("metadataURL of a MetadataProvider", MetadataUrl),
        ("Requester in the attribute filter", EntityId),
        ("AssertionConsumerService, if entered by hand", AcsUrl),
        ("SingleLogoutService, if entered by hand", SloUrl),
        (
            "encryptAssertions for this relying party",
            Text("true, which is the default"),
        ),
        ("signResponses", Text("true")),
    ],
    attributes: &[
        (
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
            "user_name",
            "eduPersonPrincipalName",
        ),
        ("urn:oid:0.9.2342.19200300.100.1.3", "email", "mail"),
        ("urn:oid:2.5.4.42", "first_name", "givenName"),
        ("urn:oid:2.5.4.4", "last_name", "sn"),
        (
            "urn:oid:2.16.840.1.113730.3.1.241",
            "display_name",
            "displayName",
        ),
        ("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "groups", "isMemberOf"),
    ],
    import: "Then: samlgate idp import https://IDP_HOST/idp/shibboleth",
    notes: &[
        "Assertions are encrypted to the key in our metadata, which Shibboleth has to load first.",
        "AES-CBC, which older installations use, is accepted since the Response is signed.",
    ],
    page: None,
};

static GENERIC: Guide = Guide {
    title: "SAML 2.0",
    place: "the form for a service provider, or its metadata",
    fields: &[
        ("Metadata URL", MetadataUrl),
        ("Entity ID, Audience", EntityId),
        ("ACS URL, Recipient, Destination", AcsUrl),
        ("ACS binding", Text("HTTP-POST")),
        ("Start page, Login URL", PublicUrl),
        ("RelayState", EMPTY),
        ("Single logout URL", SloUrl),
        ("Sign", Text("the Response, the Assertion, or both")),
        (
            "Signature algorithm",
            Text("RSA or ECDSA with SHA-256 or better"),
        ),
        (
            "Encryption",
            Text("off, or AES-GCM and RSA-OAEP with the encryption certificate of our metadata"),
        ),
    ],
    attributes: &[
        ("email", "email", "the e-mail address"),
        ("firstName", "first_name", "the given name"),
        ("lastName", "last_name", "the family name"),
        ("displayName", "display_name", "the name to show"),
        ("groups", "groups", "the groups, one value each"),
    ],
    import: "Then: samlgate idp import URL_OR_FILE_OF_ITS_METADATA",
    notes: &["Other attribute names can be mapped in [attributes]."],
    page: None,
};
