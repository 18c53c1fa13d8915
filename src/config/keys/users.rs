//! People, and the record of what happened.

use super::{Key, Kind, key};

pub(super) static USERS: &[Key] = &[
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

pub(super) static AUDIT: &[Key] = &[
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
