//! Routes: which requests go where, and who may make them.

use super::{Key, Kind, key};

pub(super) static ROUTE: &[Key] = &[
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
