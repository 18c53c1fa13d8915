//! This gateway as a service provider, and what its metadata says of it.

use super::{Key, Kind, key};

pub(super) static SAML: &[Key] = &[
    key(
        "entity_id",
        Kind::Text,
        "The name of this gateway in SAML messages (entityID, audience): a URI of at most 1024 \
         characters. Identity providers compare it character by character.",
    )
    .otherwise("`public_url` + `/saml/metadata`")
    .sample("\"https://app.example.com/saml/metadata\"")
    .restart(),
    key(
        "clock_skew",
        Kind::Duration,
        "How far the clocks of gateway and identity provider may differ; at most `300s`.",
    )
    .default("\"180s\""),
    key(
        "authn_context_order",
        Kind::Texts,
        "The ways of signing in (AuthnContextClassRef) from the weakest to the strongest, for \
         `authn_context_comparison` of routes. SAML does not say which is stronger.",
    )
    .default("[]")
    .sample("[\"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\", \"https://refeds.org/profile/mfa\"]"),
    key(
        "discovery",
        Kind::Text,
        "The https address of a SAML discovery service, which asks people for their organisation in \
         the place of our page to choose on. They come back to `/.samlgate/discovery`.",
    )
    .otherwise("our own page")
    .sample("\"https://ds.example.org/wayf\""),
    key(
        "keys",
        Kind::Text,
        "The folder of the gateway's own SAML keys and certificates. They are made on first start \
         when they are missing.",
    )
    .default("\"certs\"")
    .restart(),
    key(
        "signing_key",
        Kind::Text,
        "The key that signs, and its certificate, both in PEM, in the place of files in `keys`; best \
         from a file of secrets (`SAMLGATE_SAML__SIGNING_KEY_FILE`). Further keys with their \
         certificates, and further certificates, are published beside it: that is how it rolls over.",
    )
    .otherwise("the one in `keys`")
    .sample("\"-----BEGIN PRIVATE KEY-----…\"")
    .restart()
    .secret(),
    key(
        "encryption_key",
        Kind::Text,
        "The key that identity providers encrypt to, and its certificate, likewise. Further ones \
         decrypt too, and their certificates are offered first.",
    )
    .otherwise("those in `keys`")
    .sample("\"-----BEGIN PRIVATE KEY-----…\"")
    .restart()
    .secret(),
    key(
        "jwt_key",
        Kind::Text,
        "The key that signs the identity header, in PEM (P-256), likewise. Further ones are in the key \
         set beside it.",
    )
    .otherwise("the one in `keys`")
    .sample("\"-----BEGIN PRIVATE KEY-----…\"")
    .restart()
    .secret(),
    key(
        "rotate_keys",
        Kind::Choice(&["manual", "auto"]),
        "`auto` replaces keys before their certificates end, and the key of the identity header before \
         it is two years old, with the three times below. It is for one gateway, or several that share \
         the folder of keys; and for identity providers that fetch our metadata again by themselves. \
         `manual` leaves it to `samlgate keys`.",
    )
    .default("\"manual\""),
    key(
        "rotate_before",
        Kind::Duration,
        "With `auto`, a new key is made and published so long before the certificate of the old one \
         ends, or the second year of the key of the identity header.",
    )
    .default("\"30d\""),
    key(
        "publish_for",
        Kind::Duration,
        "With `auto`, a new key is published for so long before it is used. Federations distribute \
         metadata once a day, and people are on holiday for two weeks.",
    )
    .default("\"14d\""),
    key(
        "retire_after",
        Kind::Duration,
        "With `auto`, the old key is retired so long after the new one is used.",
    )
    .default("\"14d\""),
    key(
        "metadata_cache",
        Kind::Duration,
        "`cacheDuration` of our metadata: identity providers that fetch it come again after this, and \
         `samlgate keys promote` waits as long.",
    )
    .default("\"1h\""),
    key(
        "metadata_valid_for",
        Kind::Duration,
        "`validUntil` of our metadata, from the time of its signing; at least `1d`. Federations want \
         it. Whoever imports the metadata once, as most do, refuses us on that day.",
    )
    .otherwise("our metadata has no `validUntil`")
    .sample("\"14d\""),
    key(
        "organization",
        Kind::Inner(ORGANIZATION),
        "Who runs this gateway, for our metadata.",
    )
    .otherwise("not said")
    .sample(
        "{ name = { en = \"Example Corp Ltd\" }, display_name = { en = \"Example Corp\" }, url = { en = \"https://www.example.com\" } }",
    ),
    key(
        "ui",
        Kind::Inner(UI),
        "How identity providers and discovery services show this gateway to people, for our metadata.",
    )
    .otherwise("not said")
    .sample(
        "{ display_name = { en = \"Reports\" }, logo = \"https://app.example.com/logo.png\", logo_width = 120, logo_height = 40 }",
    ),
    key(
        "legacy_paths",
        Kind::Choices(&["shibboleth", "mellon"]),
        "Answer at the addresses of mod_shib (`/Shibboleth.sso/…`) or mod_auth_mellon (`/mellon/…`) as \
         well, for those who move from there and leave their identity providers as they are. Without \
         it these paths are the application's.",
    )
    .default("[]")
    .sample("[\"shibboleth\"]")
    .restart(),
    key(
        "allow_private_metadata",
        Kind::Boolean,
        "`true` lets metadata be fetched from addresses of private networks too (10.0.0.0/8, fc00::/7 \
         and the like), and of this machine. Otherwise the gateway asks hosts on the Internet, and \
         this machine if its own `public_url` is there: whoever may import metadata can not look \
         around behind it.",
    )
    .default("false")
    .restart(),
];

static ORGANIZATION: &[Key] = &[
    key(
        "name",
        Kind::TextByName,
        "Its name in registers, by language.",
    )
    .sample("{ en = \"Example Corp Ltd\" }"),
    key(
        "display_name",
        Kind::TextByName,
        "Its name as people know it, by language.",
    )
    .sample("{ en = \"Example Corp\" }"),
    key("url", Kind::TextByName, "Its web site, by language.")
        .sample("{ en = \"https://www.example.com\" }"),
];

static UI: &[Key] = &[
    key(
        "display_name",
        Kind::TextByName,
        "The name of the service, by language.",
    )
    .otherwise("not said")
    .sample("{ en = \"Reports\" }"),
    key(
        "description",
        Kind::TextByName,
        "What it is for, by language.",
    )
    .otherwise("not said")
    .sample("{ en = \"Monthly reports of Example Corp\" }"),
    key(
        "information_url",
        Kind::TextByName,
        "A page about it, by language.",
    )
    .otherwise("not said")
    .sample("{ en = \"https://www.example.com/reports\" }"),
    key(
        "privacy_statement_url",
        Kind::TextByName,
        "What it does with what it is told, by language.",
    )
    .otherwise("not said")
    .sample("{ en = \"https://www.example.com/privacy\" }"),
    key("logo", Kind::Text, "The https address of its picture.")
        .otherwise("not said")
        .sample("\"https://app.example.com/logo.png\""),
    key(
        "logo_width",
        Kind::Integer,
        "The width of the picture in pixels.",
    )
    .default("120"),
    key(
        "logo_height",
        Kind::Integer,
        "The height of the picture in pixels.",
    )
    .default("40"),
];

pub(super) static SAML_CONTACT: &[Key] = &[
    key(
        "type",
        Kind::Choice(&[
            "technical",
            "support",
            "administrative",
            "billing",
            "security",
            "other",
        ]),
        "What to ask about; `security` is that of REFEDS.",
    )
    .default("\"technical\""),
    key(
        "given_name",
        Kind::Text,
        "A given name, or the name of a team.",
    )
    .otherwise("not said")
    .sample("\"IT Operations\""),
    key("surname", Kind::Text, "A surname.")
        .otherwise("not said")
        .sample("\"Example\""),
    key("company", Kind::Text, "Where they work.")
        .otherwise("not said")
        .sample("\"Example Corp\""),
    key("email", Kind::Texts, "E-mail addresses.")
        .default("[]")
        .sample("[\"it@example.com\"]"),
    key("telephone", Kind::Text, "A number to call.")
        .otherwise("not said")
        .sample("\"+41 44 555 00 00\""),
];

pub(super) static SAML_ATTRIBUTE: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "The attribute's Name: a URI such as `urn:oid:0.9.2342.19200300.100.1.3`, or a plain word.",
    )
    .sample("\"urn:oid:0.9.2342.19200300.100.1.3\""),
    key("friendly_name", Kind::Text, "What people call it.")
        .otherwise("not said")
        .sample("\"mail\""),
    key(
        "required",
        Kind::Boolean,
        "Whether signing in makes no sense without it.",
    )
    .default("false"),
    key("values", Kind::Texts, "Only these values are of interest.")
        .default("[]")
        .sample("[\"staff\"]"),
    key(
        "service",
        Kind::Integer,
        "The AttributeConsumingService that it belongs to, by its index.",
    )
    .default("0"),
];
