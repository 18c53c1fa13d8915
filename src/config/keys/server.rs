//! The public listener, and that of the operators.

use super::{Key, Kind, key};

pub(super) static SERVER: &[Key] = &[
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

pub(super) static LIMITS: &[Key] = &[
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

pub(super) static ADMIN: &[Key] = &[
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
