//! Sessions.

use super::{Key, Kind, key};

pub(super) static SESSION: &[Key] = &[
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
