//! What attributes mean, and which roles follow from them.

use super::{Key, Kind, key};

pub(super) static ATTRIBUTES: &[Key] = &[
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

pub(super) static ROLE: &[Key] = &[
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
