//! The body of an answer: one resource (RFC 7643, 3; RFC 7644, 3.4.1).
//!
//! In: what a store has of it, and what is wanted. Out: JSON. A page of a list is a hundred of
//! these, so nothing is cloned, and a document that is wanted whole is copied as the store kept it.

use memchr::memmem;
use serde_json::Value;

use crate::base::{Timestamp, json};
use crate::scim::document::StoredDocument;
use crate::scim::project::{Part, Projection};
use crate::scim::schema::{GROUP, USER};
use crate::scim::{Catalogue, Document, Object, ResourceKind};

/// A resource, with all that is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Our name for it: nothing that a path would have to escape.
    pub id: &'a str,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub last_modified: Timestamp,
    /// How often it was changed: [`etag`].
    pub version: u64,
    /// Its attributes.
    pub document: Source<'a>,
    /// The groups of a user; empty if [`Projection::wants`] none.
    pub groups: &'a [GroupOf<'a>],
    /// The members of a group; empty if [`Projection::wants`] none.
    pub members: &'a [MemberOf<'a>],
}

/// A document, read or not.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// In memory.
    Read(&'a Document),
    /// As [`Document::to_json`] wrote it.
    Stored(&'a str),
}

impl<'a> Source<'a> {
    /// A document of a store.
    pub const fn of(kept: &'a StoredDocument) -> Self {
        match kept {
            StoredDocument::Text(text) => Self::Stored(text.as_str()),
            StoredDocument::Read(document) => Self::Read(document),
        }
    }
}

/// A group that a user is in.
#[derive(Clone, Copy, Debug)]
pub struct GroupOf<'a> {
    /// The id of the group.
    pub id: &'a str,
    /// Its `displayName`.
    pub display: &'a str,
    /// Whether the user is a member by itself, or by another group.
    pub direct: bool,
}

/// A member of a group.
#[derive(Clone, Copy, Debug)]
pub struct MemberOf<'a> {
    /// The id of the member.
    pub id: &'a str,
    /// What it is.
    pub kind: ResourceKind,
}

/// The version of a resource as `ETag` and as `meta.version` (RFC 7644, 3.14): weak, as two
/// projections of one version differ in their octets.
///
/// ```
/// assert_eq!(samlgate::scim::render::etag(3), "W/\"3\"");
/// ```
pub fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// Where a resource is, below the base URL of the server: `https://…/scim/v2`.
pub fn location(base: &str, kind: ResourceKind, id: &str) -> String {
    format!("{base}/{}/{id}", endpoint(kind))
}

/// `Users`, `Groups`.
pub const fn endpoint(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::User => "Users",
        ResourceKind::Group => "Groups",
    }
}

/// Writes resources of one kind, as one request wants them.
#[derive(Debug)]
pub struct Renderer<'a> {
    kind: ResourceKind,
    projection: &'a Projection,
    /// The URNs of the extensions, and what a document with one of them contains.
    extensions: Vec<(&'a str, memmem::Finder<'static>)>,
    whole: bool,
    base: &'a str,
}

impl<'a> Renderer<'a> {
    /// `base` is the address of the server, `https://…/scim/v2`.
    pub fn new(
        kind: ResourceKind,
        projection: &'a Projection,
        catalogue: &'a Catalogue,
        base: &'a str,
    ) -> Self {
        let extensions = catalogue.extensions(kind).iter().map(|schema| {
            let name = format!(r#""{}":{{"#, schema.id);
            (&*schema.id, memmem::Finder::new(&name).into_owned())
        });
        let extensions = extensions.collect();
        Self {
            kind,
            projection,
            extensions,
            whole: projection.is_whole(),
            base,
        }
    }

    /// One resource as the body of an answer.
    pub fn render(&self, resource: &Resource<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.render_into(&mut out, resource);
        out
    }

    /// The same, at the end of what is there already. What a store kept and is no document renders
    /// as an empty one.
    pub fn render_into(&self, out: &mut Vec<u8>, resource: &Resource<'_>) {
        match resource.document {
            Source::Stored(text) => match self.inside(text) {
                Some(attributes) => self.copied(out, resource, attributes),
                None => {
                    let document = Document::stored(text).unwrap_or_default();
                    self.of_document(out, resource, &document);
                }
            },
            Source::Read(document) => self.of_document(out, resource, document),
        }
        match self.kind {
            ResourceKind::User => self.groups(out, resource.groups),
            ResourceKind::Group => self.members(out, resource.members),
        }
        self.meta(out, resource);
        out.push(b'}');
    }

    /// The attributes of a stored document, if no more than copying is to be done.
    fn inside<'t>(&self, text: &'t str) -> Option<&'t str> {
        let right = self.whole && text.starts_with(r#"{""#);
        text.strip_prefix('{')?.strip_suffix('}').filter(|_| right)
    }

    fn copied(&self, out: &mut Vec<u8>, resource: &Resource<'_>, attributes: &str) {
        let text = attributes.as_bytes();
        // Within a text its quotation marks have a backslash before them, so that what is found
        // after a comma or a brace is a name; and no attribute is called like a schema.
        let is_name = |at: usize| {
            at.checked_sub(1)
                .is_none_or(|before| matches!(text.get(before), Some(b',' | b'{')))
        };
        let has = |finder: &memmem::Finder<'_>| finder.find_iter(text).any(is_name);
        let extensions = self.extensions.iter().filter(|(_, finder)| has(finder));
        self.head(out, resource, extensions.map(|(urn, _)| *urn));
        out.push(b',');
        out.extend_from_slice(text);
    }

    fn of_document(&self, out: &mut Vec<u8>, resource: &Resource<'_>, document: &Document) {
        let has = |urn: &&str| document.as_object().contains_key(*urn);
        self.head(
            out,
            resource,
            self.extensions.iter().map(|(urn, _)| *urn).filter(has),
        );
        for (name, value) in document.as_object() {
            match value {
                Value::Object(parts) if self.extensions.iter().any(|(urn, _)| urn == name) => {
                    self.extension(out, name, parts);
                }
                value => self.attribute(out, None, name, value),
            }
        }
    }

    fn extension(&self, out: &mut Vec<u8>, urn: &str, parts: &Object) {
        let begin = out.len();
        named(out, urn);
        out.push(b'{');
        let empty = out.len();
        for (name, value) in parts {
            self.attribute(out, Some(urn), name, value);
        }
        if out.len() == empty {
            out.truncate(begin);
        } else {
            out.push(b'}');
        }
    }

    fn attribute(&self, out: &mut Vec<u8>, extension: Option<&str>, name: &str, value: &Value) {
        let begin = out.len();
        let some = match (self.projection.part(extension, name), value) {
            (Part::Nothing, _) => false,
            (Part::Whole, value) => {
                named(out, name);
                written(out, value);
                true
            }
            (part, Value::Object(parts)) => {
                named(out, name);
                parts_of(out, &part, parts)
            }
            (part, Value::Array(list)) => {
                named(out, name);
                elements_of(out, &part, list)
            }
            _ => false,
        };
        if !some {
            out.truncate(begin);
        }
    }

    /// `{"schemas":[…],"id":"…"`, which are in every answer.
    fn head<'u>(
        &self,
        out: &mut Vec<u8>,
        resource: &Resource<'_>,
        extensions: impl Iterator<Item = &'u str>,
    ) {
        let core = match self.kind {
            ResourceKind::User => USER,
            ResourceKind::Group => GROUP,
        };
        out.extend_from_slice(br#"{"schemas":["#);
        json::string(out, core);
        for urn in extensions {
            out.push(b',');
            json::string(out, urn);
        }
        out.push(b']');
        text(out, "id", resource.id);
    }

    fn groups(&self, out: &mut Vec<u8>, groups: &[GroupOf<'_>]) {
        let part = self.projection.part(None, "groups");
        if groups.is_empty() || part == Part::Nothing {
            return;
        }
        let [value, reference, display, kind] =
            ["value", "$ref", "display", "type"].map(|sub| part.has(sub));
        named(out, "groups");
        out.push(b'[');
        for group in groups {
            begin_element(out);
            if value {
                text(out, "value", group.id);
            }
            if reference {
                self.reference(out, "$ref", ResourceKind::Group, group.id);
            }
            if display {
                text(out, "display", group.display);
            }
            if kind {
                text(
                    out,
                    "type",
                    if group.direct { "direct" } else { "indirect" },
                );
            }
            out.push(b'}');
        }
        out.push(b']');
    }

    fn members(&self, out: &mut Vec<u8>, members: &[MemberOf<'_>]) {
        let part = self.projection.part(None, "members");
        if members.is_empty() || part == Part::Nothing {
            return;
        }
        let [value, reference, kind] = ["value", "$ref", "type"].map(|sub| part.has(sub));
        named(out, "members");
        out.push(b'[');
        out.reserve(members.len().saturating_mul(self.base.len().saturating_add(112)));
        for member in members {
            begin_element(out);
            if value {
                text(out, "value", member.id);
            }
            if reference {
                self.reference(out, "$ref", member.kind, member.id);
            }
            if kind {
                text(out, "type", resource_type(member.kind));
            }
            out.push(b'}');
        }
        out.push(b']');
    }

    fn meta(&self, out: &mut Vec<u8>, resource: &Resource<'_>) {
        let part = self.projection.part(None, "meta");
        if part == Part::Nothing {
            return;
        }
        let begin = out.len();
        named(out, "meta");
        out.push(b'{');
        let empty = out.len();
        if part.has("resourceType") {
            text(out, "resourceType", resource_type(self.kind));
        }
        if part.has("created") {
            text(out, "created", &resource.created.to_rfc3339());
        }
        if part.has("lastModified") {
            text(out, "lastModified", &resource.last_modified.to_rfc3339());
        }
        if part.has("location") {
            self.reference(out, "location", self.kind, resource.id);
        }
        if part.has("version") {
            named(out, "version");
            out.extend_from_slice(br#""W/\""#);
            json::number(out, resource.version);
            out.extend_from_slice(br#"\"""#);
        }
        if out.len() == empty {
            out.truncate(begin);
        } else {
            out.push(b'}');
        }
    }

    fn reference(&self, out: &mut Vec<u8>, name: &str, kind: ResourceKind, id: &str) {
        named(out, name);
        json::string(out, self.base);
        // In the place of the closing quotation mark.
        out.pop();
        out.push(b'/');
        out.extend_from_slice(endpoint(kind).as_bytes());
        out.push(b'/');
        let at = out.len();
        json::string(out, id);
        // Without the opening one.
        out.remove(at);
    }
}

/// `User`, `Group`.
pub const fn resource_type(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::User => "User",
        ResourceKind::Group => "Group",
    }
}

/// Whether there was any.
fn parts_of(out: &mut Vec<u8>, part: &Part<'_>, parts: &Object) -> bool {
    out.push(b'{');
    let empty = out.len();
    for (name, value) in parts.iter().filter(|(name, _)| part.has(name)) {
        named(out, name);
        written(out, value);
    }
    let some = out.len() > empty;
    out.push(b'}');
    some
}

/// Whether there was any.
fn elements_of(out: &mut Vec<u8>, part: &Part<'_>, list: &[Value]) -> bool {
    out.push(b'[');
    let empty = out.len();
    for element in list {
        let begin = out.len();
        if begin > empty {
            out.push(b',');
        }
        if !element.as_object().is_some_and(|parts| parts_of(out, part, parts)) {
            out.truncate(begin);
        }
    }
    let some = out.len() > empty;
    out.push(b']');
    some
}

fn begin_element(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
    out.push(b'{');
}

fn text(out: &mut Vec<u8>, name: &str, text: &str) {
    named(out, name);
    json::string(out, text);
}

/// The name of what follows, after a comma unless it is the first.
fn named(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    json::string(out, name);
    out.push(b':');
}

fn written(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => json::string(out, text),
        Value::Object(parts) => {
            out.push(b'{');
            for (name, value) in parts {
                named(out, name);
                written(out, value);
            }
            out.push(b'}');
        }
        Value::Array(list) => {
            out.push(b'[');
            for (place, value) in list.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                written(out, value);
            }
            out.push(b']');
        }
        // Writing to a Vec can not fail.
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = serde_json::to_writer(out, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::scim::schema::ENTERPRISE;

    const BASE: &str = "https://app.example.com/scim/v2";
    const AT: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn resource(document: Source<'_>) -> Resource<'_> {
        Resource {
            id: "2819c223",
            created: AT,
            last_modified: AT,
            version: 7,
            document,
            groups: &[GroupOf { id: "g1", display: "Ops \"x\"", direct: true }],
            members: &[
                MemberOf { id: "u1", kind: ResourceKind::User },
                MemberOf { id: "g2", kind: ResourceKind::Group },
            ],
        }
    }

    fn rendered(
        kind: ResourceKind,
        document: &Value,
        attributes: &[&str],
        excluded: &[&str],
    ) -> Value {
        let catalogue = Catalogue::standard();
        let projection = Projection::of(kind, &catalogue, attributes, excluded).unwrap();
        let renderer = Renderer::new(kind, &projection, &catalogue, BASE);
        let text = document.to_string();
        let document = Document::stored(&text).unwrap();
        let read = renderer.render(&resource(Source::Read(&document)));
        let stored = renderer.render(&resource(Source::Stored(&text)));
        let value: Value = serde_json::from_slice(&read).unwrap();
        assert_eq!(value, serde_json::from_slice::<Value>(&stored).unwrap());
        value
    }

    fn user(attributes: &[&str], excluded: &[&str]) -> Value {
        rendered(ResourceKind::User, &alice(), attributes, excluded)
    }

    fn alice() -> Value {
        json!({
            "active": true,
            "externalId": "e1",
            "userName": "alice",
            "name": {"givenName": "Alice", "familyName": "A"},
            "emails": [{"value": "a@example.com", "type": "work"}, {"value": "b@example.com"}],
            ENTERPRISE: {"department": "Ops", "manager": {"value": "m1"}},
        })
    }

    #[test]
    fn a_user_has_all_that_is_known_of_it() {
        let mut expected = alice();
        expected.as_object_mut().unwrap().extend([
            ("schemas".to_owned(), json!([USER, ENTERPRISE])),
            ("id".to_owned(), json!("2819c223")),
            (
                "groups".to_owned(),
                json!([{"value": "g1", "$ref": format!("{BASE}/Groups/g1"), "display": "Ops \"x\"", "type": "direct"}]),
            ),
            (
                "meta".to_owned(),
                json!({
                    "resourceType": "User", "created": AT.to_rfc3339(),
                    "lastModified": AT.to_rfc3339(), "version": "W/\"7\"",
                    "location": format!("{BASE}/Users/2819c223"),
                }),
            ),
        ]);
        assert_eq!(user(&[], &[]), expected);
        assert_eq!(
            location(BASE, ResourceKind::User, "2819c223"),
            expected["meta"]["location"]
        );
        assert_eq!(etag(7), expected["meta"]["version"]);
    }

    #[test]
    fn a_group_says_what_its_members_are() {
        let group = rendered(
            ResourceKind::Group,
            &json!({"displayName": "Admins"}),
            &[],
            &[],
        );
        let members = json!([
            {"value": "u1", "$ref": format!("{BASE}/Users/u1"), "type": "User"},
            {"value": "g2", "$ref": format!("{BASE}/Groups/g2"), "type": "Group"},
        ]);
        assert_eq!(group["members"], members);
        assert_eq!(group["schemas"], json!([GROUP]));
        assert_eq!(group["meta"]["resourceType"], "Group");
        let without = rendered(
            ResourceKind::Group,
            &json!({"displayName": "Admins"}),
            &[],
            &["MEMBERS"],
        );
        assert_eq!(without.get("members"), None);
    }

    #[test]
    fn an_extension_is_among_the_schemas_where_it_has_data() {
        for (document, has) in [
            (json!({"active": true, "userName": "a"}), false),
            (json!({"userName": "a"}), false),
            (
                json!({"active": true, "userName": format!(",\"{ENTERPRISE}\":{{")}),
                false,
            ),
            (
                json!({"active": true, "title": ENTERPRISE, "userName": "a"}),
                false,
            ),
            (
                json!({"active": true, ENTERPRISE: {"department": "a"}, "userName": "a"}),
                true,
            ),
            (json!({ENTERPRISE: {"department": "a"}}), true),
        ] {
            let user = rendered(ResourceKind::User, &document, &[], &[]);
            let schemas = if has {
                json!([USER, ENTERPRISE])
            } else {
                json!([USER])
            };
            assert_eq!(user["schemas"], schemas, "{document}");
            assert_eq!(user.get("active"), document.get("active"));
        }
    }

    #[test]
    fn a_client_gets_what_it_asks_for() {
        let names = |value: &Value| {
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let only = |attributes: &[&str]| user(attributes, &[]);
        assert_eq!(
            names(&only(&["USERNAME", "shoeSize"])),
            "id schemas userName"
        );
        assert_eq!(names(&only(&["shoeSize"])), "id schemas");
        assert_eq!(
            only(&["name.givenName"])["name"],
            json!({"givenName": "Alice"})
        );
        assert_eq!(only(&["emails.type"])["emails"], json!([{"type": "work"}]));
        assert_eq!(names(&only(&["meta.version"])["meta"]), "version");
        assert_eq!(names(&only(&["groups.display"])["groups"][0]), "display");
        let department = format!("{ENTERPRISE}:Department");
        for name in [department.as_str(), "department"] {
            assert_eq!(only(&[name])[ENTERPRISE], json!({"department": "Ops"}));
        }
        assert_eq!(only(&[ENTERPRISE])[ENTERPRISE], alice()[ENTERPRISE]);
        assert_eq!(
            names(&only(&[ENTERPRISE])),
            format!("id schemas {ENTERPRISE}")
        );
        assert_eq!(only(&["name", "name.givenName"])["name"], alice()["name"]);
        assert_eq!(
            names(&only(&[USER])),
            "active emails externalId groups id meta name schemas userName"
        );
    }

    #[test]
    fn a_client_does_not_get_what_it_leaves_out() {
        let except = |names: &[&str]| user(&[], names);
        assert_eq!(except(&["name"]).get("name"), None);
        assert_eq!(
            except(&["name.givenname"])["name"],
            json!({"familyName": "A"})
        );
        assert_eq!(except(&[ENTERPRISE]).get(ENTERPRISE), None);
        assert_eq!(except(&["manager", "department"]).get(ENTERPRISE), None);
        assert_eq!(
            except(&["emails.value"])["emails"],
            json!([{"type": "work"}])
        );
        assert_eq!(except(&["id", "schemas", "meta"])["id"], "2819c223");
        assert!(except(&["id", "schemas"]).get("schemas").is_some());
        assert_eq!(except(&["active"]).get("active"), None);
        assert_eq!(except(&["groups", "meta"]).get("groups"), None);
    }

    #[test]
    fn both_at_once_are_invalid_value() {
        let catalogue = Catalogue::standard();
        let error = Projection::of(ResourceKind::User, &catalogue, &["a"], &["b"]).unwrap_err();
        assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidValue));
        let without = Projection::of(ResourceKind::Group, &catalogue, &[], &["members"]).unwrap();
        assert!(!without.wants("members") && without.wants("displayName"));
    }

    #[test]
    fn what_a_schema_hides_is_hidden() {
        use crate::scim::schema::Returned;
        use crate::scim::{Attribute, Kind, Schema};
        let text = |name, returned| Attribute::new(name, Kind::String, "").returned(returned);
        let schema = Schema::extension(
            "urn:ab:x",
            "X",
            vec![
                text("secret", Returned::Never),
                text("rare", Returned::Request),
                text("always", Returned::Always),
                Attribute::new("both", Kind::Complex, "").of(vec![
                    text("secret", Returned::Never),
                    text("open", Returned::Default),
                ]),
            ],
        );
        let catalogue = Catalogue::new(vec![schema.unwrap()], vec![]).unwrap();
        let extension = json!({
            "secret": "1", "rare": "2", "always": "3", "both": {"secret": "4", "open": "5"},
        });
        let text = json!({"active": true, "urn:ab:x": extension}).to_string();
        let seen = |attributes: &[&str], excluded: &[&str]| {
            let kind = ResourceKind::User;
            let projection = Projection::of(kind, &catalogue, attributes, excluded).unwrap();
            let renderer = Renderer::new(kind, &projection, &catalogue, BASE);
            let body = renderer.render(&resource(Source::Stored(&text)));
            serde_json::from_slice::<Value>(&body).unwrap()["urn:ab:x"].clone()
        };
        assert_eq!(
            seen(&[], &[]),
            json!({"always": "3", "both": {"open": "5"}})
        );
        assert_eq!(
            seen(&["secret", "rare", "both"], &[]),
            json!({"always": "3", "rare": "2", "both": {"open": "5"}})
        );
        assert_eq!(seen(&["userName"], &[]), json!({"always": "3"}));
        assert_eq!(seen(&[], &["always", "both.open"]), json!({"always": "3"}));
        assert_eq!(
            seen(&["both.secret", "both.open"], &[])["both"],
            json!({"open": "5"})
        );
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_it_is(text in ".*", attributes in prop::sample::subsequence(vec!["title", "name", "meta", "groups"], 0..4)) {
            let document = json!({"active": true, "title": text, "name": {"formatted": text}});
            let user = rendered(ResourceKind::User, &document, &attributes, &[]);
            if attributes.is_empty() || attributes.contains(&"title") {
                prop_assert_eq!(&user["title"], &json!(text));
            }
        }
    }
}
