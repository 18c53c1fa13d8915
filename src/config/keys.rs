//! The one table of keys.
//!
//! Everything that speaks about keys reads this table: the reader, unknown-key hints, environment
//! names, `config template`, `config schema`, `config show` and the tables of
//! `docs/configuration.md`. A key that is not here does not exist.

/// A table of the file, or a list of tables.
#[derive(Debug)]
pub(super) struct Section {
    /// `server`
    pub(super) name: &'static str,
    /// `[name]` or `[[name]]`.
    pub(super) shape: Shape,
    /// What it is about.
    pub(super) doc: &'static str,
    /// Whether the sample shows it switched on.
    pub(super) active: bool,
    /// Its keys, in the order of the sample.
    pub(super) keys: &'static [Key],
}

/// How a section is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `[server]`, once.
    Table,
    /// `[[idp]]`, any number of times; not settable from the environment.
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// `public_url`
    pub(super) name: &'static str,
    /// What may stand there.
    pub(super) kind: Kind,
    /// What holds without it.
    pub(super) fallback: Fallback,
    /// What it means, in whole sentences.
    pub(super) doc: &'static str,
    /// A value for the sample, in TOML.
    pub(super) sample: &'static str,
    /// Whether the sample shows it switched on.
    pub(super) active: bool,
    /// When a change takes effect.
    pub(super) effect: Effect,
    /// Whether this version offers what it switches on.
    pub(super) availability: Availability,
    /// May hold a password: also read from a file, and redacted in `config show`.
    pub(super) secret: bool,
}

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A string, or a list of strings.
    Texts,
    /// `true` or `false`.
    Boolean,
    /// A whole number, not negative.
    Integer,
    /// A number above 0 and up to 1.
    Share,
    /// A string such as `"15m"`.
    Duration,
    /// A string such as `"365d"`, or `"forever"`.
    Age,
    /// A string such as `"10MiB"`.
    Size,
    /// A string such as `"30/m"`, or `"off"`.
    Rate,
    /// A day, or a time of RFC 3339.
    Moment,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of these strings.
    Choices(&'static [&'static str]),
    /// A list of whole numbers.
    Integers,
    /// A table of strings.
    TextByName,
    /// A table of strings or lists of strings.
    TextsByName,
    /// A table with keys of its own.
    Inner(&'static [Key]),
}

/// What holds where a key is not set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fallback {
    /// Nothing: it must be set.
    Required,
    /// This value, in TOML.
    Value(&'static str),
    /// It follows from something else, or nothing happens; in words.
    Words(&'static str),
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// With the next reload: SIGHUP, or a changed file.
    Reload,
    /// With the next start.
    Restart,
}

/// Whether this version offers what a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// Yes.
    Now,
    /// Not yet: setting the key is a mistake, so that nobody believes that it works.
    Later,
}

impl Section {
    /// The key with this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// The section with this name.
pub(super) fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// The environment variable of a key: `SAMLGATE_SERVER__TLS__KEY` for `server`, `tls`, `key`.
pub(super) fn environment_name(path: &[&str]) -> String {
    let words = path.iter().map(|word| word.to_ascii_uppercase()).collect::<Vec<_>>();
    format!("SAMLGATE_{}", words.join("__"))
}

const fn table(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Section {
    Section { name, shape: Shape::Table, doc, active: true, keys }
}

const fn list(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Section {
    Section { name, shape: Shape::List, doc, active: false, keys }
}

impl Section {
    const fn active(mut self) -> Self {
        self.active = true;
        self
    }
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        fallback: Fallback::Required,
        doc,
        sample: "",
        active: false,
        effect: Effect::Reload,
        availability: Availability::Now,
        secret: false,
    }
}

impl Key {
    /// Has a default value, which the sample shows.
    const fn default(mut self, value: &'static str) -> Self {
        self.fallback = Fallback::Value(value);
        if self.sample.is_empty() {
            self.sample = value;
        }
        self
    }

    /// Has no fixed default.
    const fn otherwise(mut self, words: &'static str) -> Self {
        self.fallback = Fallback::Words(words);
        self
    }

    const fn sample(mut self, sample: &'static str) -> Self {
        self.sample = sample;
        self
    }

    const fn active(mut self) -> Self {
        self.active = true;
        self
    }

    const fn restart(mut self) -> Self {
        self.effect = Effect::Restart;
        self
    }

    #[expect(dead_code, reason = "today no key waits for a later version")]
    const fn later(mut self) -> Self {
        self.availability = Availability::Later;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// Every section, in the order of the sample.
pub(super) static SECTIONS: &[Section] = &[
    table(
        "server",
        "The public listener: where browsers and front proxies connect.",
        SERVER,
    ),
    table(
        "admin",
        "The listener for operators and monitoring: /metrics, /livez, /readyz. Keep it off the internet.",
        ADMIN,
    ),
    table(
        "saml",
        "This gateway as a SAML 2.0 service provider (SP).",
        SAML,
    ),
    list(
        "saml_contact",
        "Somebody to ask about this gateway, for our metadata.",
        SAML_CONTACT,
    ),
    list(
        "saml_attribute",
        "An attribute that our metadata asks identity providers for. What they send is read by \
         `[attributes]`, whether it is asked for or not.",
        SAML_ATTRIBUTE,
    ),
    list(
        "idp",
        "An identity provider (IdP). Declared here, or added by `samlgate idp import`.",
        IDP,
    ),
    table(
        "attributes",
        "Which SAML attributes mean what. The first name that the assertion carries wins; they are \
         compared with the attribute's Name, and \"friendly:mail\" with its FriendlyName. The names \
         that each vendor uses are known already and are tried after yours.",
        ATTRIBUTES,
    ),
    list(
        "role",
        "A role of this gateway: granted to people in any of the groups, or with any of the \
         attribute values.",
        ROLE,
    ),
    list(
        "route",
        "Which requests go to which application, and who may make them. At least one.",
        ROUTE,
    )
    .active(),
    table("session", "How long people stay signed in.", SESSION),
    table(
        "limits",
        "How often one client address may ask for what costs most: `30/m` is 30 times a minute, all \
         at once if need be. Whoever asks more often is answered 429 with `Retry-After`. People in \
         one office often share an address; `off` sets no limit.",
        LIMITS,
    ),
    table("users", "Who is known here.", USERS),
    table("audit", "How long what happened is kept.", AUDIT),
    table("scim", "Provisioning by SCIM 2.0.", SCIM),
    list(
        "scim_schema",
        "Attributes of your own, which provisioning clients find at `/scim/v2/Schemas`.",
        SCIM_SCHEMA,
    ),
    table(
        "notices",
        "What administrators are told before something ends: samlgate certs lists what does.",
        NOTICES,
    ),
    list(
        "notice_webhook",
        "Somebody else's server that is told the same by requests.",
        NOTICE_WEBHOOK,
    ),
    table(
        "telemetry",
        "What the gateway says about itself.",
        TELEMETRY,
    ),
];

static SERVER: &[Key] = &[
    key(
        "listen",
        Kind::Texts,
        "Where the gateway waits for connections: `address:port`, `[address]:port` or \
         `unix:/path`; one, or a list.",
    )
    .default("\"0.0.0.0:8080\"")
    .active()
    .restart(),
    key(
        "public_url",
        Kind::Text,
        "What browsers and identity providers see: scheme, host and port, no path. Must be https, \
         except on localhost. It is never derived from a request.",
    )
    .sample("\"https://app.example.com\"")
    .active()
    .restart(),
    key(
        "trusted_proxies",
        Kind::Texts,
        "Addresses or networks (CIDR) of the proxies in front of the gateway. Only their \
         `X-Forwarded-*` headers and PROXY protocol are believed; a change takes effect for the \
         latter with the next start.",
    )
    .default("[]")
    .sample("[\"10.0.0.0/8\"]"),
    key(
        "tls",
        Kind::Inner(TLS),
        "Serve HTTPS with these two PEM files. Without it the gateway speaks plain HTTP, and a \
         proxy in front of it has the certificate.",
    )
    .otherwise("plain HTTP")
    .sample("{ certificate = \"certs/tls.crt\", key = \"certs/tls.key\" }")
    .restart(),
    key(
        "templates",
        Kind::Text,
        "A folder with pages of your own; a page that is not in it looks as it does by default.",
    )
    .otherwise("the built-in pages")
    .sample("\"templates\""),
    key(
        "proxy_protocol",
        Kind::Choice(&["optional", "required", "off"]),
        "Whether connections from `trusted_proxies` begin with the PROXY protocol (version 1 or 2), \
         which says whom they speak for. `required` closes those that do not.",
    )
    .default("\"optional\"")
    .restart(),
    key(
        "underscore_headers",
        Kind::Choice(&["refuse", "drop"]),
        "What happens to a request with a header such as `Remote_User`: applications behind CGI, \
         WSGI or PHP can not tell it from `Remote-User`. `refuse` answers 400, `drop` leaves the \
         header out. It never goes on.",
    )
    .default("\"refuse\""),
    key(
        "max_connections",
        Kind::Integer,
        "So many connections may be open at the public listener; further ones are answered 503, or \
         closed where TLS would come first. At most half of the files that the system lets the \
         gateway open (`LimitNOFILE`, `ulimit -n`).",
    )
    .default("10000")
    .restart(),
    key(
        "max_connections_per_client",
        Kind::Integer,
        "So many connections may be open from one address, or one IPv6 network of 64 bits; further \
         ones are answered 429, or closed where TLS would come first. Trusted proxies are not \
         counted.",
    )
    .otherwise("no limit: many people may share one address")
    .sample("200")
    .restart(),
    key(
        "shutdown_delay",
        Kind::Duration,
        "After SIGTERM the gateway says at /readyz that it stops, and goes on taking connections \
         for this long, so that balancers hear of it first.",
    )
    .default("\"0s\"")
    .sample("\"10s\"")
    .restart(),
    key(
        "shutdown_grace",
        Kind::Duration,
        "How long requests, streams and WebSockets that have begun may then go on. WebSockets are \
         closed with 1001 (going away) at its end.",
    )
    .default("\"60s\"")
    .restart(),
    key(
        "reuse_port",
        Kind::Boolean,
        "`true` lets another gateway of the same user listen on the same addresses at the same time \
         (`SO_REUSEPORT`), for a restart without a balancer. Whoever starts two by mistake is not \
         told then.",
    )
    .default("false")
    .restart(),
    key(
        "workers",
        Kind::Integer,
        "Threads that serve requests, 1 to 1024.",
    )
    .otherwise("one for each core")
    .sample("2")
    .restart(),
    key(
        "forward_auth",
        Kind::Inner(FORWARD_AUTH),
        "The endpoints below `/.samlgate/authz/`, by which another proxy asks whether a request may \
         go on. Only `trusted_proxies` may ask.",
    )
    .otherwise("on, without the addresses of oauth2-proxy")
    .sample("{ enabled = true, oauth2_proxy_paths = false }"),
];

static FORWARD_AUTH: &[Key] = &[
    key("enabled", Kind::Boolean, "`false` takes them away.").default("true"),
    key(
        "oauth2_proxy_paths",
        Kind::Boolean,
        "`true` answers at `/oauth2/auth` and `/oauth2/userinfo` too, for proxies that are set up \
         for oauth2-proxy.",
    )
    .default("false"),
];

static LIMITS: &[Key] = &[
    key("sign_in", Kind::Rate, "Sign-ins that are begun.").default("\"300/m\""),
    key("acs", Kind::Rate, "Answers of identity providers.").default("\"300/m\""),
    key(
        "scim",
        Kind::Rate,
        "Requests with one token of a provisioning client, whatever its addresses.",
    )
    .default("\"6000/m\""),
];

static TLS: &[Key] = &[
    key(
        "certificate",
        Kind::Text,
        "The certificate, followed by its intermediates.",
    )
    .sample("\"certs/tls.crt\"")
    .restart(),
    key("key", Kind::Text, "The private key.").sample("\"certs/tls.key\"").restart(),
];

static ADMIN: &[Key] = &[
    key(
        "listen",
        Kind::Text,
        "Where it waits for connections: `address:port`.",
    )
    .default("\"127.0.0.1:9090\"")
    .active()
    .restart(),
    key(
        "roles",
        Kind::Texts,
        "People with any of these roles are admins.",
    )
    .default("[\"gateway-admin\"]"),
    key(
        "token",
        Kind::Text,
        "Whoever shows it may use the API at `/api/v1` of this listener: at least 32 characters, as \
         `openssl rand -hex 32` draws them.",
    )
    .otherwise("the API is switched off")
    .sample("\"draw-one-with-openssl-rand-hex-32\"")
    .secret(),
];

static SAML: &[Key] = &[
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

static SAML_CONTACT: &[Key] = &[
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

static SAML_ATTRIBUTE: &[Key] = &[
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

pub(super) static IDP: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "The short name in commands, addresses and metrics: `a-z 0-9 - _ .`, at most 64.",
    )
    .sample("\"corp\"")
    .active(),
    key("label", Kind::Text, "What people read on its button.")
        .otherwise("the name")
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
         provider may assert one: that is `user.conflict`.",
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
    .sample("[\"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\"]"),
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
    .sample("1"),
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

static ATTRIBUTES: &[Key] = &[
    key(
        "user_name",
        Kind::Texts,
        "Who the person is; `Remote-User` and the like.",
    )
    .otherwise("the NameID")
    .sample("[\"uid\"]"),
    key("email", Kind::Texts, "E-mail address.")
        .otherwise("the vendor's names")
        .sample("[\"mail\", \"email\"]"),
    key("first_name", Kind::Texts, "Given name.")
        .otherwise("the vendor's names")
        .sample("[\"givenName\"]"),
    key("last_name", Kind::Texts, "Family name.")
        .otherwise("the vendor's names")
        .sample("[\"sn\"]"),
    key("display_name", Kind::Texts, "The name to show.")
        .otherwise("the vendor's names")
        .sample("[\"displayName\"]"),
    key("department", Kind::Texts, "Department.")
        .otherwise("the vendor's names")
        .sample("[\"department\"]"),
    key("title", Kind::Texts, "Job title.")
        .otherwise("the vendor's names")
        .sample("[\"title\"]"),
    key("employee_number", Kind::Texts, "Employee number.")
        .otherwise("the vendor's names")
        .sample("[\"employeeNumber\"]"),
    key("manager", Kind::Texts, "The manager.")
        .otherwise("the vendor's names")
        .sample("[\"manager\"]"),
    key(
        "groups",
        Kind::Texts,
        "Groups; the only one with several values.",
    )
    .otherwise("the vendor's names")
    .sample("[\"groups\", \"memberOf\", \"Role\"]"),
    key(
        "external_id",
        Kind::Texts,
        "The id by which a provisioning system knows the person: the attribute must carry the very \
         value that it sends as `externalId`.",
    )
    .otherwise("none")
    .sample("[\"externalId\"]"),
];

static ROLE: &[Key] = &[
    key("name", Kind::Text, "The role: `a-z 0-9 - _ .`, at most 64.")
        .sample("\"it-manager\"")
        .active(),
    key("groups", Kind::Texts, "Any of these groups …")
        .default("[]")
        .sample("[\"IT Managers\"]")
        .active(),
    key(
        "attributes",
        Kind::TextsByName,
        "… or any of these values: an attribute's Name, a key of `[attributes]`, or an attribute of \
         SCIM such as `userType`, and its values.",
    )
    .otherwise("none")
    .sample("{ department = [\"IT\"] }"),
    key("description", Kind::Text, "What it is for, in the catalogue of roles.")
        .otherwise("none")
        .sample("\"Runs the IT department\""),
    key(
        "all",
        Kind::Inner(GROUNDS),
        "Besides, every one of these groups and values is needed. Alone, they are enough.",
    )
    .otherwise("nothing")
    .sample("{ groups = [\"Staff\"], attributes = { country = [\"DE\"] } }"),
    key(
        "not",
        Kind::Inner(GROUNDS),
        "Nobody who is in any of these groups, or has any of these values.",
    )
    .otherwise("nobody is left out")
    .sample("{ groups = [\"Contractors\"] }"),
    key(
        "idp",
        Kind::Texts,
        "Only people who signed in at one of these identity providers. Without it any of them can \
         grant the role by naming a group.",
    )
    .otherwise("all of them")
    .sample("[\"corp\"]"),
    key(
        "default",
        Kind::Boolean,
        "Everybody has it, but for those whom `all`, `not` and `idp` leave out.",
    )
    .default("false"),
];

static GROUNDS: &[Key] = &[
    key(
        "groups",
        Kind::Texts,
        "Groups, at the identity provider or by SCIM.",
    )
    .default("[]")
    .sample("[\"Staff\"]"),
    key(
        "attributes",
        Kind::TextsByName,
        "An attribute's Name, a key of `[attributes]`, or an attribute of SCIM such as `userType`, \
         and its values.",
    )
    .otherwise("none")
    .sample("{ country = [\"DE\"] }"),
];

static ROUTE: &[Key] = &[
    key("name", Kind::Text, "Its name in logs and metrics.")
        .otherwise("its host and path")
        .sample("\"app\""),
    key(
        "host",
        Kind::Text,
        "Only requests for this host name; `*.example.com` is every name below `example.com`. An \
         exact name goes before a wildcard, a longer wildcard before a shorter one, and either \
         before a route without a host. People who sign in at `public_url` are signed in on all \
         of them.",
    )
    .otherwise("every host")
    .sample("\"app.example.com\""),
    key(
        "path",
        Kind::Text,
        "The path and everything below it; the longest one wins. `exact:/x` is that path alone.",
    )
    .default("\"/\"")
    .active(),
    key(
        "upstream",
        Kind::Texts,
        "The application: `http://host:port`, `https://host:port` or `unix:/path`; or a list of at \
         most 64, among which `balance` chooses.",
    )
    .sample("[\"http://127.0.0.1:3000\"]")
    .active(),
    key(
        "balance",
        Kind::Choice(&["round-robin", "least-requests"]),
        "Which of several upstreams gets a request: one after the other, or the one with the fewest \
         requests in flight.",
    )
    .default("\"round-robin\""),
    key(
        "ejection",
        Kind::Inner(EJECTION),
        "An upstream that can not be reached, breaks off or is late several times in a row is left \
         alone for a while; never are all of them.",
    )
    .otherwise("after 5 failures, for 10 seconds")
    .sample("{ failures = 5, pause = \"10s\" }"),
    key(
        "health",
        Kind::Inner(HEALTH),
        "Asks every upstream again and again whether it is well, and leaves those alone that are not.",
    )
    .otherwise("nobody asks")
    .sample("{ path = \"/health\", interval = \"10s\" }"),
    key(
        "require",
        Kind::Inner(REQUIRE),
        "Who may enter: people with any of the roles, groups or attribute values; or by `match = \
         \"all\"` only those with all of them.",
    )
    .otherwise("any signed-in person")
    .sample("{ roles = [\"it-manager\"] }"),
    key(
        "authn_context",
        Kind::Texts,
        "By which methods people must have signed in (AuthnContextClassRef; any one of these). \
         Whoever has not is sent back to their identity provider for it, and lands on the page.",
    )
    .default("[]")
    .sample("[\"https://refeds.org/profile/mfa\"]"),
    key(
        "authn_context_comparison",
        Kind::Choice(&["exact", "minimum", "maximum", "better"]),
        "What else is enough, by the order of `saml.authn_context_order`: nothing (`exact`), \
         anything stronger (`minimum`), anything weaker (`maximum`), or only what is stronger \
         (`better`).",
    )
    .default("\"exact\""),
    key(
        "max_authn_age",
        Kind::Duration,
        "How long ago people may have proved who they are at their identity provider. Whoever has \
         not since is sent back to do it again (ForceAuthn).",
    )
    .otherwise("as long as the session lasts")
    .sample("\"15m\""),
    key(
        "force_authn",
        Kind::Boolean,
        "`true` asks whoever signs in on the way to this route to prove anew who they are \
         (ForceAuthn). Whoever is signed in already just enters; `max_authn_age` asks them too.",
    )
    .default("false"),
    key(
        "public",
        Kind::Boolean,
        "`true` lets everyone in, signed in or not.",
    )
    .default("false"),
    key(
        "public_paths",
        Kind::Texts,
        "Paths of this route that everyone may open: each with everything below it, or `exact:/x`.",
    )
    .default("[]")
    .sample("[\"/assets\", \"exact:/favicon.ico\"]"),
    key(
        "headers",
        Kind::Choices(&[
            "signed",
            "remote",
            "x-forwarded",
            "x-auth-request",
            "shibboleth",
            "custom",
        ]),
        "Which identity headers the application receives. Whatever a client sends under any of \
         their names is removed first.",
    )
    .default("[\"signed\"]")
    .sample("[\"signed\", \"remote\"]"),
    key(
        "custom_headers",
        Kind::TextByName,
        "Headers of your own: each with an attribute's Name, or a key of `[attributes]`.",
    )
    .otherwise("none")
    .sample("{ \"X-Dept\" = \"department\" }"),
    key(
        "allow_preflight",
        Kind::Boolean,
        "`true` lets CORS preflights through without a session.",
    )
    .default("false"),
    key(
        "cors_origins",
        Kind::Texts,
        "Origins whose pages may read what the gateway answers in the place of the application: the \
         401 that says where to sign in, a 403 or 503. What the application answers is its own to \
         allow.",
    )
    .default("[]")
    .sample("[\"https://app.example.com\"]"),
    key(
        "form_post",
        Kind::Choice(&["replay", "refuse"]),
        "A form that is sent after the session has ended: `replay` keeps it, encrypted, and sends it \
         after sign-in; `refuse` answers 401.",
    )
    .default("\"replay\""),
    key(
        "strip_prefix",
        Kind::Boolean,
        "`true` takes the path of the route away: with `path = \"/app\"`, the application is asked \
         for `/x` instead of `/app/x`. `X-Forwarded-Prefix` says what was taken.",
    )
    .default("false"),
    key(
        "rewrite",
        Kind::Text,
        "Puts this in place of the path of the route: with `path = \"/app\"` and `rewrite = \
         \"/v2\"`, the application is asked for `/v2/x` instead of `/app/x`.",
    )
    .otherwise("the path goes on as it came")
    .sample("\"/v2\""),
    key(
        "host_header",
        Kind::Text,
        "The `Host` that the application sees.",
    )
    .otherwise("the one that the browser sent")
    .sample("\"app.internal\""),
    key(
        "request_headers",
        Kind::Inner(HEADER_EDITS),
        "Changes to the headers that the application gets; `Authorization` for instance. Headers of \
         identity and of HTTP itself can not be changed.",
    )
    .otherwise("none")
    .sample("{ set = { \"X-Tenant\" = \"north\" }, remove = [\"X-Debug\"] }"),
    key(
        "response_headers",
        Kind::Inner(HEADER_EDITS),
        "Changes to the headers of the application's answers.",
    )
    .otherwise("none")
    .sample("{ set = { \"X-Frame-Options\" = \"DENY\" }, remove = [\"Server\"] }"),
    key(
        "timeouts",
        Kind::Inner(TIMEOUTS),
        "How long the application may take. There is no limit for a request as a whole.",
    )
    .otherwise("5 s to connect, 60 s to answer, 5 minutes of silence, a minute for 16 KiB of a body")
    .sample("{ connect = \"5s\", answer = \"60s\", idle = \"5m\", body = \"60s\" }"),
    key(
        "max_body",
        Kind::Size,
        "The longest body of a request; a longer one is `proxy.body_too_large` (413).",
    )
    .otherwise("no limit")
    .sample("\"100MiB\""),
    key(
        "upstream_protocol",
        Kind::Choice(&["http1", "http2"]),
        "What the application speaks: HTTP/1.1, or HTTP/2 (gRPC needs it; WebSockets do without). \
         Without TLS the gateway begins to speak HTTP/2 at once (prior knowledge).",
    )
    .default("\"http1\""),
    key(
        "upstream_tls",
        Kind::Inner(UPSTREAM_TLS),
        "For upstreams with `https://`: whom to trust, and who we are.",
    )
    .otherwise("the authorities of the system, no certificate of our own")
    .sample("{ ca = \"certs/internal-ca.crt\" }"),
];

static REQUIRE: &[Key] = &[
    key("roles", Kind::Texts, "Roles of this gateway.")
        .default("[]")
        .sample("[\"it-manager\"]"),
    key(
        "groups",
        Kind::Texts,
        "Groups, as the identity provider names them.",
    )
    .default("[]")
    .sample("[\"IT Managers\"]"),
    key(
        "attributes",
        Kind::TextsByName,
        "For an attribute's Name, or a key of `[attributes]`, values of which one is enough.",
    )
    .otherwise("none")
    .sample("{ department = [\"IT\"] }"),
    key(
        "idp",
        Kind::Texts,
        "People of these identity providers. Beside other keys, `match` must be written.",
    )
    .default("[]")
    .sample("[\"corp\"]"),
    key(
        "authn_context",
        Kind::Texts,
        "People who signed in in one of these ways (AuthnContextClassRef). Beside other keys, \
         `match` must be written.",
    )
    .default("[]")
    .sample("[\"https://refeds.org/profile/mfa\"]"),
    key(
        "match",
        Kind::Choice(&["any", "all"]),
        "`any`: one role, group, attribute, identity provider or way is enough. `all`: every role, \
         every group and every attribute is needed, and one of the identity providers and ways.",
    )
    .default("\"any\""),
    key(
        "methods",
        Kind::Texts,
        "In addition, only requests with these methods; `GET` includes `HEAD`.",
    )
    .default("[]")
    .sample("[\"GET\"]"),
];

static EJECTION: &[Key] = &[
    key(
        "failures",
        Kind::Integer,
        "So many failures in a row; 0 leaves nobody alone. What the application answers is never a \
         failure.",
    )
    .default("5"),
    key("pause", Kind::Duration, "For this long.").default("\"10s\""),
];

static HEALTH: &[Key] = &[
    key(
        "path",
        Kind::Text,
        "What is asked for by GET, without a session and past `rewrite`. A status from 200 to 399 \
         is a good answer.",
    )
    .sample("\"/health\""),
    key(
        "interval",
        Kind::Duration,
        "The pause between two questions.",
    )
    .default("\"10s\""),
    key("timeout", Kind::Duration, "How long an answer may take.").default("\"2s\""),
    key(
        "healthy",
        Kind::Integer,
        "So many good answers in a row let it in again.",
    )
    .default("2"),
    key(
        "unhealthy",
        Kind::Integer,
        "So many bad ones in a row take it out.",
    )
    .default("3"),
];

static HEADER_EDITS: &[Key] = &[
    key(
        "set",
        Kind::TextByName,
        "Headers with their values, in place of whatever was there.",
    )
    .otherwise("none")
    .sample("{ \"X-Tenant\" = \"north\" }")
    .secret(),
    key("remove", Kind::Texts, "Names of headers.")
        .default("[]")
        .sample("[\"X-Debug\"]"),
];

static TIMEOUTS: &[Key] = &[
    key("connect", Kind::Duration, "For the connection and its TLS handshake.").default("\"5s\""),
    key(
        "answer",
        Kind::Duration,
        "From the request to the head of the answer; while a body is being sent, the time begins anew.",
    )
    .default("\"60s\""),
    key(
        "idle",
        Kind::Duration,
        "While nothing moves in an answer, a WebSocket or a stream that has begun.",
    )
    .default("\"5m\""),
    key(
        "body",
        Kind::Duration,
        "Of the body of a request each 16 KiB, or what is left of it, must come while we wait for \
         the client so long; else it is `proxy.body_too_slow` (408). Only until the application \
         answers, and not for gRPC. `0s` asks for nothing.",
    )
    .default("\"60s\""),
];

static UPSTREAM_TLS: &[Key] = &[
    key(
        "ca",
        Kind::Text,
        "A PEM file with the certificate authorities that are trusted for this route, and no others.",
    )
    .otherwise("those of the system")
    .sample("\"certs/internal-ca.crt\""),
    key(
        "certificate",
        Kind::Text,
        "A PEM file with our certificate for this application, followed by its intermediates.",
    )
    .otherwise("none")
    .sample("\"certs/client.crt\""),
    key("key", Kind::Text, "The PEM file of its private key.")
        .otherwise("none")
        .sample("\"certs/client.key\""),
    key(
        "server_name",
        Kind::Text,
        "The name that we ask for (SNI) and that must stand in the application's certificate.",
    )
    .otherwise("the host of the upstream")
    .sample("\"app.internal\""),
];

static SESSION: &[Key] = &[
    key(
        "store",
        Kind::Text,
        "Where sessions are kept. `embedded`: in the database of `users.database`. \
         `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS: in Redis, where \
         several gateways share them.",
    )
    .default("\"embedded\"")
    .restart()
    .secret(),
    key(
        "seal_key",
        Kind::Text,
        "What is kept in Redis is sealed by this key: 32 random bytes in base64 (`openssl rand \
         -base64 32`), the same on every node; better from a file. To change it, put the new one in \
         front of the old one, with a space or a new line between them: the first seals, all open.",
    )
    .otherwise("required for Redis")
    .sample("\"…\"")
    .restart()
    .secret(),
    key(
        "ca",
        Kind::Text,
        "Certificate authorities (PEM) by which the certificate of Redis is verified.",
    )
    .otherwise("those of the system")
    .sample("\"certs/redis-ca.pem\"")
    .restart(),
    key(
        "grace",
        Kind::Duration,
        "While Redis or PostgreSQL is away, sessions that a gateway has in memory go on for this long, also those \
         that are ended elsewhere meanwhile; afterwards, and for everybody else, the answer is 503. \
         Nobody is signed out by it.",
    )
    .default("\"5m\"")
    .restart(),
    key(
        "idle_timeout",
        Kind::Duration,
        "A session ends after this long without a request.",
    )
    .default("\"1h\"")
    .restart(),
    key(
        "lifetime",
        Kind::Duration,
        "A session ends this long after sign-in whatever happens, and earlier when the identity \
         provider says so (SessionNotOnOrAfter).",
    )
    .default("\"12h\"")
    .restart(),
];

static USERS: &[Key] = &[
    key(
        "database",
        Kind::Text,
        "The database. `sqlite://` and a path (`sqlite:///var/lib/x.db` is an absolute one), for one \
         gateway. `postgres://[user[:password]@]host[:port]/database`, for one or several: with \
         `?sslmode=verify-full` PostgreSQL has to prove who it is, by the certificate authorities \
         of the system or of `&sslrootcert=FILE`; `?host=/run/postgresql` is a Unix socket.",
    )
    .default("\"sqlite://data/samlgate.db\"")
    .restart()
    .secret(),
    key(
        "provisioning",
        Kind::Choice(&["jit", "scim"]),
        "`jit`: people are created when they first sign in. `scim`: only people who are known \
         already may enter.",
    )
    .default("\"jit\""),
    key(
        "link_by",
        Kind::Choices(&["externalId", "userName", "email"]),
        "How a person who signs in is found among the known ones; tried in this order.",
    )
    .default("[\"externalId\", \"userName\", \"email\"]"),
    key(
        "sources",
        Kind::Choices(&["scim", "saml"]),
        "Whose word counts where SCIM and the assertion say different things of a person: the \
         first one's. Who is in a group that SCIM provisions is always said by SCIM.",
    )
    .default("[\"scim\", \"saml\"]"),
    key(
        "keep_deleted",
        Kind::Age,
        "Who was deleted by provisioning so long ago is erased, as `samlgate user erase` does it. \
         Until then the same person can return under the same id. `forever`: nobody.",
    )
    .default("\"forever\"")
    .sample("\"90d\""),
];

static AUDIT: &[Key] = &[
    key(
        "keep",
        Kind::Age,
        "Older events are removed from the beginning of the chain, which says so and stays \
         verifiable. `forever`: none; rules on how long a record has to be kept differ, and what \
         is removed does not come back.",
    )
    .default("\"forever\"")
    .sample("\"730d\""),
    key(
        "keep_attempts",
        Kind::Age,
        "How long the checks of a login can be looked up by its reference; at most the last \
         100,000 are kept.",
    )
    .default("\"30d\""),
];

static SCIM: &[Key] = &[
    key(
        "enabled",
        Kind::Boolean,
        "Whether provisioning is offered at `/scim/v2`. Nobody may change anything there without a \
         token (`samlgate scim token create`).",
    )
    .default("true")
    .restart(),
    key(
        "log_keep",
        Kind::Duration,
        "For how long the requests of provisioning clients are kept (`samlgate scim log`); of each \
         connection at most 100,000.",
    )
    .default("\"7d\""),
    key(
        "log_bodies_until",
        Kind::Moment,
        "Until when the log also keeps the bodies of requests and answers, to see how a client puts \
         things. Passwords and whatever says something of a person are left out of them. A day or a \
         time, so that it ends by itself.",
    )
    .otherwise("no bodies are kept")
    .sample("2027-01-31"),
    key(
        "guard",
        Kind::Inner(GUARD),
        "How many people a connection may deactivate or delete at once, before it has to be \
         approved (`samlgate scim approve`). A connection may have a guard of its own.",
    )
    .otherwise("up to 25 people, or a fifth, within an hour")
    .sample("{ share = 0.2, people = 25, window = \"1h\" }"),
];

static GUARD: &[Key] = &[
    key(
        "share",
        Kind::Share,
        "Of the people whom the connection provisions and who are active: a number above 0, with at \
         most three places. `1.0` switches the guard off.",
    )
    .default("0.2"),
    key("people", Kind::Integer, "So many in any case.").default("25"),
    key(
        "window",
        Kind::Duration,
        "Within this time; `30d` at most.",
    )
    .default("\"1h\""),
];

static SCIM_SCHEMA: &[Key] = &[
    key("name", Kind::Text, "A name for people.").sample("\"Badges\""),
    key("id", Kind::Text, "Its URN.")
        .sample("\"urn:example:params:scim:schemas:badge:2.0:User\"")
        .restart(),
    key("resource", Kind::Choice(&["User", "Group"]), "What it extends.")
        .default("\"User\"")
        .restart(),
    key(
        "attributes",
        Kind::TextByName,
        "Its attributes, each with its type: `string`, `boolean`, `decimal`, `integer`, `dateTime`, \
         `binary` or `reference`, with `[]` behind it for several values.",
    )
    .otherwise("required")
    .sample("{ badge = \"string\", floors = \"integer[]\" }")
    .restart(),
];

static NOTICES: &[Key] = &[
    key(
        "days",
        Kind::Integers,
        "How many days before its end administrators are told of a certificate, a token, or whatever \
         else ends; each once, and once more when it has ended.",
    )
    .default("[60, 30, 14, 7, 1]"),
    key(
        "email",
        Kind::Inner(EMAIL),
        "Tell them by mail. All that is due at once is in one mail, the most urgent first.",
    )
    .otherwise("no mails are sent")
    .sample(
        "{ server = \"mail.example.com:587\", from = \"samlgate@example.com\", to = [\"ops@example.com\"] }",
    ),
];

static EMAIL: &[Key] = &[
    key("server", Kind::Text, "The mail server: `host:port`.").sample("\"mail.example.com:587\""),
    key(
        "security",
        Kind::Choice(&["starttls", "tls", "none"]),
        "`starttls`: the server has to offer STARTTLS (port 587). `tls`: TLS from the beginning (port \
         465). `none`: in the clear; with a password on loopback alone.",
    )
    .default("\"starttls\""),
    key(
        "ca",
        Kind::Text,
        "Certificate authorities (PEM) by which the certificate of the server is verified.",
    )
    .otherwise("those of the system")
    .sample("\"certs/mail-ca.pem\""),
    key("user", Kind::Text, "Who we are there.")
        .otherwise("nobody: the server takes mails without")
        .sample("\"samlgate\""),
    key("password", Kind::Text, "The password for it; better from a file.")
        .otherwise("none")
        .sample("\"…\"")
        .secret(),
    key("from", Kind::Text, "The sender.").sample("\"samlgate@example.com\""),
    key("to", Kind::Texts, "The receivers.").sample("[\"ops@example.com\"]"),
];

static NOTICE_WEBHOOK: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "What it is called in the log and in metrics: `a-z 0-9 - _ .`, at most 64.",
    )
    .sample("\"ops\""),
    key(
        "url",
        Kind::Text,
        "Where requests go: https (http on loopback alone). `url_file` keeps it out of this file.",
    )
    .otherwise("this or `url_file` is required")
    .sample("\"https://hooks.example.com/samlgate\"")
    .secret(),
    key("url_file", Kind::Text, "A file with the address.")
        .otherwise("none")
        .sample("\"/run/secrets/hook-url\""),
    key(
        "secret",
        Kind::Text,
        "Requests are signed by it (`X-Samlgate-Signature`); at least 16 characters. `secret_file` \
         keeps it out of this file.",
    )
    .otherwise("requests are not signed")
    .sample("\"draw-one-with-openssl-rand-hex-32\"")
    .secret(),
    key("secret_file", Kind::Text, "A file with the secret.")
        .otherwise("none")
        .sample("\"/run/secrets/hook\""),
    key(
        "format",
        Kind::Choice(&["json", "slack"]),
        "`json`: everything, for programs. `slack`: a text, for Slack, Mattermost and others that take \
         the same.",
    )
    .default("\"json\""),
];

static TELEMETRY: &[Key] = &[key(
    "log",
    Kind::Choice(&["json", "text"]),
    "`json`: one JSON object a line. `text`: for people.",
)
.default("\"json\"")
.restart()];
