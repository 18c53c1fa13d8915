//! Identity providers.

use super::{Key, Kind, key};

pub(in crate::config) static IDP: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "The short name in commands, addresses and metrics: `a-z 0-9 - _ .`, at most 64.",
    )
    .sample("\"corp\"")
    .active(),
    key("label", Kind::Text, "What people read on its button.")
        .otherwise("the `mdui:DisplayName` of its metadata, else the name")
        .sample("\"Example Corp\"")
        .active(),
    key(
        "metadata",
        Kind::Text,
        "Where its SAML metadata is: an https URL, or a file (relative to the folder of this file).",
    )
    .sample("\"https://idp.example.com/metadata\"")
    .active(),
    key(
        "mdq",
        Kind::Boolean,
        "`true`: `metadata` is the base URL of a server that is asked for `entity_id` (Metadata Query \
         Protocol).",
    )
    .default("false"),
    key(
        "metadata_signing_certificate",
        Kind::Text,
        "A file with the certificates (PEM) of whoever signs the metadata. What none of their keys \
         has signed is refused. A federation's aggregate, or its MDQ server, should have one.",
    )
    .otherwise("none: the metadata is as good as the connection that it came by")
    .sample("\"federation.crt\""),
    key(
        "on_change",
        Kind::Choice(&["apply", "approve"]),
        "What becomes of new metadata that has another entityID, another host, more scopes, or a \
         signing key less. `apply`: it counts at once. `approve`: it counts when `samlgate idp \
         approve` says so.",
    )
    .default("\"apply\""),
    key(
        "entity_id",
        Kind::Text,
        "Which entity of the metadata is meant, where it describes several.",
    )
    .otherwise("the only one in the metadata")
    .sample("\"https://idp.example.com/entity\""),
    key(
        "enabled",
        Kind::Boolean,
        "`false` switches it off: it is offered nowhere, and its answers are refused.",
    )
    .default("true"),
    key(
        "default",
        Kind::Boolean,
        "`true` sends people straight here, without a page to choose on. At most one has it.",
    )
    .default("false"),
    key(
        "show_button",
        Kind::Boolean,
        "`false` leaves it off the page to choose on; it is then reached by e-mail domain or link.",
    )
    .default("true"),
    key(
        "email_domains",
        Kind::Texts,
        "People who enter an e-mail address of these domains are sent here, and no other identity \
         provider may assert one: that is `user.conflict`. `münchen.example` and \
         `xn--mnchen-3ya.example` are the same; the latter is kept.",
    )
    .default("[]")
    .sample("[\"example.com\"]"),
    key(
        "allow_idp_initiated",
        Kind::Boolean,
        "`true` lets people begin at the identity provider's portal. Such answers can not be tied \
         to the browser that asked, so an attacker can sign a victim in as somebody else (login \
         CSRF); switch it on only where it is needed.",
    )
    .default("false"),
    key(
        "landing",
        Kind::Text,
        "The page on which people land who began at the identity provider's portal.",
    )
    .default("\"/\""),
    key(
        "sign_requests",
        Kind::Boolean,
        "Whether our requests to this identity provider are signed.",
    )
    .otherwise("as its metadata asks (WantAuthnRequestsSigned)")
    .sample("true"),
    key(
        "force_authn",
        Kind::Boolean,
        "`true` asks for a fresh sign-in each time (ForceAuthn).",
    )
    .default("false"),
    key(
        "authn_context",
        Kind::Texts,
        "Accept only these ways of signing in (AuthnContextClassRef), and ask for them. Asking \
         often fails at Entra ID and AD FS when people sign in by other means.",
    )
    .default("[]")
    .sample("[\"https://refeds.org/profile/mfa\"]"),
    key(
        "name_id_format",
        Kind::Text,
        "The NameID format to ask for (NameIDPolicy). Leave it out unless you know that the \
         identity provider can fill it.",
    )
    .otherwise("nothing is asked for")
    .sample("\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\""),
    key(
        "name_id_qualifier",
        Kind::Text,
        "SPNameQualifier of the NameIDPolicy: ask for the names that an affiliation of service \
         providers shares, instead of our own.",
    )
    .otherwise("our own names")
    .sample("\"https://affiliation.example.com\""),
    key(
        "name_id_allow_create",
        Kind::Boolean,
        "`false` has only people signed in who have a name for us there already (AllowCreate of the \
         NameIDPolicy, where one is sent).",
    )
    .default("true"),
    key(
        "provider_name",
        Kind::Text,
        "What the identity provider may call us in front of people (ProviderName).",
    )
    .otherwise("it is not sent")
    .sample("\"Example Reports\""),
    key(
        "scoping_idps",
        Kind::Texts,
        "For one that passes people on to others: the entityIDs of those who may sign people in \
         (Scoping, IDPList). It is a wish; Entra ID does not take it.",
    )
    .default("[]")
    .sample("[\"https://idp.partner.example\"]"),
    key(
        "scoping_proxy_count",
        Kind::Integer,
        "How often it may pass a sign-in on (Scoping, ProxyCount); `0` never.",
    )
    .otherwise("nothing is said")
    .sample("1"),
    key(
        "attribute_consuming_service_index",
        Kind::Integer,
        "Which attributes are asked for: the number of an AttributeConsumingService in our metadata.",
    )
    .otherwise("nothing is asked for")
    .sample("0"),
    key(
        "login_hint",
        Kind::Boolean,
        "`true` tells it who the person probably is (Subject; a parameter at Entra ID): the address \
         that they typed on the page to choose on, or `login_hint=` of `/.samlgate/start`. Nobody \
         believes it, but an identity provider may refuse somebody else then.",
    )
    .default("false"),
    key(
        "response_binding",
        Kind::Choice(&["post", "artifact"]),
        "How this identity provider is asked to answer. `artifact` sends a reference through the \
         browser, and the gateway fetches the answer itself, from an ArtifactResolutionService of \
         its metadata; nothing else makes the gateway ask there.",
    )
    .default("\"post\""),
    key(
        "acs",
        Kind::Choice(&["samlgate", "shibboleth", "mellon"]),
        "To which address this identity provider is asked to send its answers: our own, or one of \
         `saml.legacy_paths`.",
    )
    .otherwise("the first of `saml.legacy_paths`, else `samlgate`")
    .sample("\"samlgate\""),
    key(
        "groups_overage",
        Kind::Choice(&["scim", "keep", "refuse"]),
        "What counts when this identity provider leaves the groups of a person out, since there are \
         too many of them (Entra ID does, above 150): the groups that SCIM provisions, those that were \
         sent last, or nothing, which refuses the person. Where there are none to go by, the person is \
         refused as well: that is `groups.overage`.",
    )
    .default("\"scim\""),
    key("clock_skew", Kind::Duration, "Overrides `saml.clock_skew` for this identity provider.")
        .otherwise("`saml.clock_skew`")
        .sample("\"60s\""),
    key(
        "user_name_suffix",
        Kind::Text,
        "What the userName of everybody who comes from there ends with. The application tells people \
         apart by it, so of two with one name, of two identity providers, the second is refused as \
         `user.conflict`; with a suffix for one of the two both come in, as two people. People \
         whom SCIM provisions are found by the whole name: leave it out, or provision them with it.",
    )
    .otherwise("names stay as they are")
    .sample("\"@partner\""),
    key(
        "allow_duplicate_attributes",
        Kind::Boolean,
        "`true` takes the first value where an attribute that can have one value comes with \
         several; otherwise such a sign-in is refused.",
    )
    .default("false"),
    key(
        "want_encrypted",
        Kind::Boolean,
        "`true` accepts encrypted assertions only. Signatures are checked either way: encryption \
         says who may read, and never who wrote.",
    )
    .default("false"),
    key(
        "allow_sha1_until",
        Kind::Moment,
        "Accept signatures with RSA-SHA1 and digests with SHA-1 before this day begins (UTC). \
         SHA-1 is broken (two documents with one digest can be made), so give the \
         identity provider a date by which it is to change. Each use is logged and counted in \
         `samlgate_idp_exceptions_total`.",
    )
    .otherwise("never")
    .sample("\"2027-01-31\""),
    key(
        "allow_tripledes_until",
        Kind::Moment,
        "Accept assertions encrypted with Triple DES before this day begins (UTC). Each use is \
         logged and counted.",
    )
    .otherwise("never")
    .sample("\"2027-01-31\""),
    key(
        "allow_inclusive_c14n",
        Kind::Boolean,
        "`true` accepts signatures over inclusive C14N 1.0 and 1.1, for identity providers that \
         can not make exclusive ones. Each use is logged and counted.",
    )
    .default("false"),
    key(
        "allow_cbc_in_unsigned_response",
        Kind::Boolean,
        "`true` accepts an assertion that is encrypted with AES-CBC in a Response that is not \
         signed; Entra ID and AD FS send these when token encryption is on. Whoever holds such a \
         message can change it and learn about its content from how we answer, so all failures \
         look and take the same, and the signature inside must verify. Better: sign the Response \
         as well, or encrypt with AES-GCM. Each use is logged and counted.",
    )
    .default("false"),
];
