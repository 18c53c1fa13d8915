//! Provisioning.

use super::{Key, Kind, key};

pub(super) static SCIM: &[Key] = &[
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

pub(super) static SCIM_SCHEMA: &[Key] = &[
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
