//! The schemas of the standard: RFC 7643, 3.1, 4 and 8.7.
//!
//! As 8.7.1 prints them, except where the text of the standard says otherwise: `displayName` of a
//! group is required (4.2), a group of a user can only be a group (4.1.2), an address may be the
//! primary one (2.4, and the example in 8.2), binary values and ids are case exact (2.3.6, 3.1).
//! Two groups of one name are of no use to any client, so `displayName` of a group is unique here.

use std::sync::LazyLock;

use crate::scim::schema::ENTERPRISE;
use crate::scim::schema::GROUP;
use crate::scim::schema::USER;
use crate::scim::schema::{Attribute, Kind, Mutability, Returned, Schema, Uniqueness};

/// RFC 7643, 4.1.
pub(super) fn user() -> Schema {
    Schema {
        id: USER.into(),
        name: "User".into(),
        description: "User Account".into(),
        attributes: vec![
            text(
                "userName",
                "The name by which a person signs in; unique, whatever the case.",
            )
            .required()
            .unique(Uniqueness::Server),
            complex("name", "The parts of the person's name.").of(vec![
                text("formatted", "The whole name, as it is displayed."),
                text("familyName", "The last name."),
                text("givenName", "The first name."),
                text("middleName", "The middle names."),
                text("honorificPrefix", "A title before the name, such as Ms."),
                text("honorificSuffix", "What follows the name, such as III."),
            ]),
            text("displayName", "The name that is shown to others."),
            text("nickName", "The casual way to address the person."),
            reference(
                "profileUrl",
                "The address of the person's profile page.",
                &["external"],
            ),
            text("title", "The person's title, such as Vice President."),
            text(
                "userType",
                "The relation to the organization, such as Employee.",
            ),
            text(
                "preferredLanguage",
                "The languages the person prefers, as in Accept-Language.",
            ),
            text(
                "locale",
                "The place by whose customs numbers and dates are written.",
            ),
            text(
                "timezone",
                "The time zone, by its name in the IANA database.",
            ),
            Attribute::new("active", Kind::Boolean, "Whether the person may sign in."),
            text(
                "password",
                "Taken and thrown away: nobody signs in with a password here.",
            )
            .mutability(Mutability::WriteOnly)
            .returned(Returned::Never),
            several(
                "emails",
                "E-mail addresses.",
                text("value", "The address."),
                EMAIL,
            ),
            several(
                "phoneNumbers",
                "Telephone numbers.",
                text("value", "The number."),
                PHONE,
            ),
            several(
                "ims",
                "Addresses for instant messages.",
                text("value", "The address."),
                IM,
            ),
            several(
                "photos",
                "Pictures of the person.",
                reference("value", "The address of the picture.", &["external"]),
                PHOTO,
            ),
            complex("addresses", "Postal addresses.").multi_valued().of(vec![
                text("formatted", "The whole address, as it is printed."),
                text("streetAddress", "Street and number."),
                text("locality", "The city."),
                text("region", "The state or region."),
                text("postalCode", "The postal code."),
                text("country", "The country, by its code in ISO 3166-1."),
                text("type", "What it is for.").usually(EMAIL),
                primary(),
            ]),
            complex(
                "groups",
                "The groups the person is in; changed in the groups.",
            )
            .multi_valued()
            .mutability(Mutability::ReadOnly)
            .of(vec![
                text("value", "The id of the group.")
                    .case_exact()
                    .mutability(Mutability::ReadOnly),
                reference("$ref", "The address of the group.", &["Group"])
                    .mutability(Mutability::ReadOnly),
                text("display", "Its displayName.").mutability(Mutability::ReadOnly),
                text("type", "Whether by itself, or by another group.")
                    .usually(&["direct", "indirect"])
                    .mutability(Mutability::ReadOnly),
            ]),
            several(
                "entitlements",
                "What the person has.",
                text("value", "Its value."),
                &[],
            ),
            several(
                "roles",
                "What the person is.",
                text("value", "Its value."),
                &[],
            ),
            several(
                "x509Certificates",
                "Certificates of the person.",
                Attribute::new("value", Kind::Binary, "The certificate: DER in base64."),
                &[],
            ),
        ],
    }
}

/// RFC 7643, 4.2.
pub(super) fn group() -> Schema {
    let fixed = |attribute: Attribute| attribute.mutability(Mutability::Immutable);
    Schema {
        id: GROUP.into(),
        name: "Group".into(),
        description: "Group".into(),
        attributes: vec![
            text(
                "displayName",
                "The name of the group; unique, whatever the case.",
            )
            .required()
            .unique(Uniqueness::Server),
            complex("members", "Who is in the group.").multi_valued().of(vec![
                fixed(text("value", "The id of the member.").case_exact()),
                fixed(reference(
                    "$ref",
                    "The address of the member.",
                    &["User", "Group"],
                )),
                fixed(text("type", "What the member is.").usually(&["User", "Group"])),
            ]),
        ],
    }
}

/// RFC 7643, 4.3.
pub(super) fn enterprise() -> Schema {
    Schema {
        id: ENTERPRISE.into(),
        name: "EnterpriseUser".into(),
        description: "Enterprise User".into(),
        attributes: vec![
            text(
                "employeeNumber",
                "The number or code of the person in the organization.",
            ),
            text("costCenter", "The name of a cost center."),
            text("organization", "The name of an organization."),
            text("division", "The name of a division."),
            text("department", "The name of a department."),
            complex("manager", "To whom the person reports.").of(vec![
                text("value", "The id of the manager.").case_exact(),
                reference("$ref", "The address of the manager.", &["User"]),
                text("displayName", "The manager's displayName.").mutability(Mutability::ReadOnly),
            ]),
        ],
    }
}

/// What every resource has, in whichever schema (RFC 7643, 3.1), and `schemas` (3).
pub(super) static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    let ours = |attribute: Attribute| attribute.mutability(Mutability::ReadOnly);
    let at = |name, description| ours(Attribute::new(name, Kind::DateTime, description));
    vec![
        ours(text("id", "Our name for the resource.").case_exact())
            .required()
            .returned(Returned::Always)
            .unique(Uniqueness::Server),
        text("externalId", "The client's name for the resource.").case_exact(),
        ours(complex("meta", "About the resource.")).of(vec![
            ours(text("resourceType", "What it is.").case_exact()),
            at("created", "When it was made."),
            at("lastModified", "When it was changed last."),
            ours(reference("location", "Its address.", &["uri"]).case_exact()),
            ours(text("version", "Its ETag.").case_exact()),
        ]),
        reference("schemas", "The URNs of its schemas.", &["uri"])
            .multi_valued()
            .required()
            .case_exact()
            .mutability(Mutability::ReadOnly)
            .returned(Returned::Always),
    ]
});

const EMAIL: &[&str] = &["work", "home", "other"];
const PHONE: &[&str] = &["work", "home", "mobile", "fax", "pager", "other"];
const IM: &[&str] = &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"];
const PHOTO: &[&str] = &["photo", "thumbnail"];

fn text(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, Kind::String, description)
}

fn reference(
    name: &'static str,
    description: &'static str,
    types: &'static [&'static str],
) -> Attribute {
    Attribute::new(name, Kind::Reference, description).leads_to(types)
}

fn complex(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, Kind::Complex, description)
}

/// A multi-valued attribute with the usual parts (RFC 7643, 2.4).
fn several(
    name: &'static str,
    description: &'static str,
    value: Attribute,
    types: &'static [&'static str],
) -> Attribute {
    complex(name, description).multi_valued().of(vec![
        value,
        text("display", "The value, for people to read."),
        text("type", "What it is for.").usually(types),
        primary(),
    ])
}

fn primary() -> Attribute {
    Attribute::new(
        "primary",
        Kind::Boolean,
        "Whether it is the preferred one; at most one is.",
    )
}
