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
    /// A string such as `"15m"`.
    Duration,
    /// A day, or a time of RFC 3339.
    Moment,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of these strings.
    Choices(&'static [&'static str]),
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
    table("users", "Who is known here.", USERS),
    table("scim", "Provisioning by SCIM 2.0.", SCIM),
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
        "keys",
        Kind::Text,
        "The folder of the gateway's own SAML keys and certificates. They are made on first start \
         when they are missing.",
    )
    .default("\"certs\"")
    .restart(),
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
    key("clock_skew", Kind::Duration, "Overrides `saml.clock_skew` for this identity provider.")
        .otherwise("`saml.clock_skew`")
        .sample("\"60s\""),
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
        "metadata_signing_certificate",
        Kind::Text,
        "Accept metadata only when it is signed by this certificate.",
    )
    .otherwise("the signature of metadata is not checked")
    .sample("\"certs/federation.crt\"")
    .later(),
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
        "… or any of these values: an attribute's Name, or a key of `[attributes]`, and its values.",
    )
    .otherwise("none")
    .sample("{ department = [\"IT\"] }"),
];

static ROUTE: &[Key] = &[
    key("name", Kind::Text, "Its name in logs and metrics.")
        .otherwise("its host and path")
        .sample("\"app\""),
    key(
        "host",
        Kind::Text,
        "Only requests for this host name. It must be the host of `public_url`, unless the route \
         is public: applications on other hosts are not supported yet.",
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
        "The application: `http://host:port`, `https://host:port` or `unix:/path`; a list is used \
         in turn.",
    )
    .sample("[\"http://127.0.0.1:3000\"]")
    .active(),
    key(
        "require",
        Kind::Inner(REQUIRE),
        "Who may enter: people with any of the roles or groups.",
    )
    .otherwise("any signed-in person")
    .sample("{ roles = [\"it-manager\"] }"),
    key(
        "public",
        Kind::Boolean,
        "`true` lets everyone in, signed in or not.",
    )
    .default("false"),
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
        "host_header",
        Kind::Text,
        "The `Host` that the application sees.",
    )
    .otherwise("the one that the browser sent")
    .sample("\"app.internal\""),
];

static REQUIRE: &[Key] = &[
    key("roles", Kind::Texts, "Any of these roles …")
        .default("[]")
        .sample("[\"it-manager\"]"),
    key("groups", Kind::Texts, "… or any of these groups.")
        .default("[]")
        .sample("[\"IT Managers\"]"),
];

static SESSION: &[Key] = &[
    key(
        "store",
        Kind::Text,
        "Where sessions are kept. `embedded`: in the database of `users.database`.",
    )
    .default("\"embedded\"")
    .restart()
    .secret(),
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
        "The database: `sqlite://` and a path (`sqlite:///var/lib/x.db` is an absolute one).",
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
];

static SCIM: &[Key] = &[key(
    "enabled",
    Kind::Boolean,
    "Whether provisioning is offered. It is not part of this version yet: `true` only says so in \
     a warning.",
)
.default("false")
.restart()];

static TELEMETRY: &[Key] = &[key(
    "log",
    Kind::Choice(&["json", "text"]),
    "`json`: one JSON object a line. `text`: for people.",
)
.default("\"json\"")
.restart()];
