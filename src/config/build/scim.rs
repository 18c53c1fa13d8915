//! `[scim]` and `[[scim_schema]]`.

use std::time::Duration;

use crate::config::nearest::any_of;
use crate::config::reader::{Complaint, Reader, Scope};
use crate::config::settings::ScimSettings;
use crate::directory::{Guard, LogSettings};
use crate::scim::{Attribute, Catalogue, Kind, ResourceKind, Schema};

/// Whether provisioning is offered, and the schemas that it knows.
pub(in crate::config) fn scim(
    reader: &mut Reader,
    scope: &Scope<'_>,
    schemas: &[Scope<'_>],
) -> Option<ScimSettings> {
    let enabled = reader.boolean(scope, "enabled");
    let keep = reader.duration(scope, "log_keep");
    let bodies_until = reader.moment(scope, "log_bodies_until");
    let (mut of_users, mut of_groups) = (Vec::new(), Vec::new());
    for scope in schemas {
        let kinds = [("User", ResourceKind::User), ("Group", ResourceKind::Group)];
        let kind = reader.choice(scope, "resource", &kinds);
        if let (Some(schema), Some(kind)) = (schema(reader, scope), kind) {
            let list = match kind {
                ResourceKind::User => &mut of_users,
                ResourceKind::Group => &mut of_groups,
            };
            list.push(schema);
        }
    }
    let catalogue = Catalogue::new(of_users, of_groups);
    let catalogue = match (catalogue, schemas.last()) {
        (Ok(catalogue), _) => catalogue,
        (Err(error), Some(last)) => {
            let hint = "give each [[scim_schema]] a URN of its own";
            reader.wrong_at(last, "id", Complaint::new(error.to_string(), hint));
            return None;
        }
        (Err(_), None) => Catalogue::standard(),
    };
    let log = LogSettings { keep: keep?, bodies_until };
    let guard = guard(reader, scope);
    Some(ScimSettings { enabled: enabled?, catalogue, log, guard: guard? })
}

/// `scim.guard`.
fn guard(reader: &mut Reader, scope: &Scope<'_>) -> Option<Guard> {
    let Some(inner) = reader.inner(scope, "guard") else {
        return Some(Guard::default());
    };
    let share = reader.share(&inner, "share");
    let people = reader.integer(&inner, "people", 0..=1_000_000_000);
    let window = reader.span(&inner, "window")?;
    if window > LONGEST {
        let complaint = Complaint::new("is too long", "write 30d at most");
        reader.wrong_at(&inner, "window", complaint);
        return None;
    }
    Some(Guard { share: share?, people: people?, window })
}

/// Whoever was deactivated so long ago was not deactivated at once with anybody.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

fn schema(reader: &mut Reader, scope: &Scope<'_>) -> Option<Schema> {
    let name = reader.text(scope, "name");
    let id = reader.text(scope, "id");
    let mut attributes = Vec::new();
    for (name, kind, source) in reader.text_by_name(scope, "attributes") {
        match attribute(&name, &kind) {
            Some(attribute) => attributes.push(attribute),
            None => {
                let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
                let message = format!("\"{kind}\" is not the type of an attribute");
                let hint = format!("write {}, with [] behind it for several", any_of(&words));
                reader.wrong(
                    scope.path("attributes"),
                    source,
                    Complaint::new(message, hint),
                );
            }
        }
    }
    if reader.has_problem(scope) {
        return None;
    }
    match Schema::extension(&id?, &name?, attributes) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let hint = "for example id = \"urn:example:params:scim:schemas:badge:2.0:User\" and \
                        attributes = { badge = \"string\" }";
            reader.wrong_at(scope, "id", Complaint::new(error.to_string(), hint));
            None
        }
    }
}

/// `string`, `string[]`
fn attribute(name: &str, kind: &str) -> Option<Attribute> {
    let (word, several) = match kind.strip_suffix("[]") {
        Some(word) => (word, true),
        None => (kind, false),
    };
    let (_, kind) = KINDS.iter().find(|(known, _)| *known == word)?;
    let attribute = Attribute::new(name.to_owned(), *kind, "Declared by the operator.");
    Some(if several {
        attribute.multi_valued()
    } else {
        attribute
    })
}

/// The types of RFC 7643, 2.3 that have no parts.
const KINDS: [(&str, Kind); 7] = [
    ("string", Kind::String),
    ("boolean", Kind::Boolean),
    ("decimal", Kind::Decimal),
    ("integer", Kind::Integer),
    ("dateTime", Kind::DateTime),
    ("binary", Kind::Binary),
    ("reference", Kind::Reference),
];
