//! From the name that a client writes to the attribute that it means.

use crate::scim::schema::declare::SchemaError;
use crate::scim::schema::tables;
use crate::scim::schema::{Attribute, Catalogue, Found, Kind, ResourceKind, Schema};

impl Catalogue {
    /// The schemas of the standard and those of an operator.
    pub fn new(
        user_extensions: Vec<Schema>,
        group_extensions: Vec<Schema>,
    ) -> Result<Self, SchemaError> {
        let mut with_enterprise = vec![tables::enterprise()];
        with_enterprise.extend(user_extensions);
        let catalogue = Self {
            user: tables::user(),
            user_extensions: with_enterprise,
            group: tables::group(),
            group_extensions,
        };
        let mut seen: Vec<&Schema> = Vec::new();
        for schema in catalogue.schemas() {
            if seen.iter().any(|other| other.id.eq_ignore_ascii_case(&schema.id)) {
                return Err(SchemaError::Taken(schema.id.to_string()));
            }
            seen.push(schema);
        }
        Ok(catalogue)
    }

    /// The schemas of the standard alone.
    pub fn standard() -> Self {
        Self {
            user: tables::user(),
            user_extensions: vec![tables::enterprise()],
            group: tables::group(),
            group_extensions: Vec::new(),
        }
    }

    /// Every schema once.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        [&self.user]
            .into_iter()
            .chain(&self.user_extensions)
            .chain([&self.group])
            .chain(&self.group_extensions)
    }

    /// The schema without which a resource is none.
    pub const fn core(&self, kind: ResourceKind) -> &Schema {
        match kind {
            ResourceKind::User => &self.user,
            ResourceKind::Group => &self.group,
        }
    }

    /// What may be added to it.
    pub fn extensions(&self, kind: ResourceKind) -> &[Schema] {
        match kind {
            ResourceKind::User => &self.user_extensions,
            ResourceKind::Group => &self.group_extensions,
        }
    }

    /// The extension with this URN; case does not count.
    pub fn extension(&self, kind: ResourceKind, urn: &str) -> Option<&Schema> {
        self.extensions(kind).iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// What a client means by `a`, `a.b`, `URN:a`, `URN:a.b` (RFC 7644, 3.10); case does not count.
    ///
    /// An attribute of an extension is found without its URN, too, where the core schema has none
    /// of that name: Entra ID asks for `manager`. A URN alone is no attribute:
    /// [`Catalogue::extension`].
    ///
    /// ```
    /// use samlgate::scim::{Catalogue, ResourceKind::User};
    /// let catalogue = Catalogue::standard();
    /// let key = |name| catalogue.resolve(User, name).map(|found| found.key());
    /// assert_eq!(key("NAME.familyname").as_deref(), Some("name.familyname"));
    /// assert_eq!(key("emails").as_deref(), Some("emails.value"));
    /// let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    /// assert_eq!(key(department).as_deref(), Some("e:department"));
    /// assert_eq!(key("shoeSize"), None);
    /// ```
    pub fn resolve(&self, kind: ResourceKind, name: &str) -> Option<Found<'_>> {
        let core = self.core(kind);
        if !name.contains(':') {
            return find(None, &core.attributes, name)
                .or_else(|| find(None, tables::COMMON.as_slice(), name))
                .or_else(|| self.extensions(kind).iter().find_map(|schema| within(schema, name)));
        }
        if let Some(name) = after_urn(&core.id, name) {
            return find(None, &core.attributes, name)
                .or_else(|| find(None, tables::COMMON.as_slice(), name));
        }
        // The URN of one may begin with that of another.
        self.extensions(kind)
            .iter()
            .filter_map(|schema| Some((schema, after_urn(&schema.id, name)?)))
            .max_by_key(|(schema, _)| schema.id.len())
            .and_then(|(schema, name)| within(schema, name))
    }
}

impl Schema {
    /// The attribute of this name; case does not count.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        named(&self.attributes, name)
    }
}

impl Attribute {
    /// The sub-attribute of this name; case does not count.
    pub fn sub(&self, name: &str) -> Option<&Self> {
        named(&self.sub_attributes, name)
    }

    /// Whether it is complex with a part `value`, which is meant when it is compared with something
    /// (RFC 7644, 3.4.2.2).
    pub fn has_value(&self) -> bool {
        self.kind == Kind::Complex && self.sub_attributes.iter().any(|sub| sub.name == "value")
    }
}

/// `a`, `a.b` of this extension.
pub(in crate::scim) fn within<'c>(schema: &'c Schema, name: &str) -> Option<Found<'c>> {
    find(Some(schema), &schema.attributes, name)
}

/// The rest of a name that begins with a URN.
pub(in crate::scim) fn after_urn<'n>(urn: &str, name: &'n str) -> Option<&'n str> {
    let (prefix, rest) = name.split_at_checked(urn.len())?;
    prefix.eq_ignore_ascii_case(urn).then_some(rest)?.strip_prefix(':')
}

fn find<'c>(
    extension: Option<&'c Schema>,
    attributes: &'c [Attribute],
    name: &str,
) -> Option<Found<'c>> {
    let (name, sub) = match name.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (name, None),
    };
    let attribute = named(attributes, name)?;
    let sub = match sub {
        Some(sub) => Some(attribute.sub(sub)?),
        None => None,
    };
    Some(Found { extension, attribute, sub })
}

fn named<'c>(attributes: &'c [Attribute], name: &str) -> Option<&'c Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scim::schema::{ENTERPRISE, GROUP, USER};
    use ResourceKind::{Group, User};

    fn custom() -> Catalogue {
        let schema = |urn: &str, name: &'static str| {
            Schema::extension(urn, "X", vec![Attribute::new(name, Kind::Integer, "")]).unwrap()
        };
        Catalogue::new(
            vec![schema("urn:ab:x", "badge"), schema("urn:ab:x:y", "badge")],
            vec![schema("urn:ab:g", "colour")],
        )
        .unwrap()
    }

    fn key(kind: ResourceKind, name: &str) -> Option<String> {
        custom().resolve(kind, name).map(|found| found.key())
    }

    #[test]
    fn one_attribute_has_many_names() {
        let same = |kind, names: &[String], expected: &str| {
            for name in names {
                assert_eq!(key(kind, name).as_deref(), Some(expected), "{name}");
            }
        };
        same(
            User,
            &[
                "userName".into(),
                "USERNAME".into(),
                format!("{USER}:userName"),
            ],
            "username",
        );
        same(
            User,
            &[
                "emails.value".into(),
                "Emails".into(),
                format!("{USER}:emails"),
            ],
            "emails.value",
        );
        same(User, &["name".into()], "name");
        same(
            User,
            &["groups".into(), "groups.value".into()],
            "groups.value",
        );
        same(
            Group,
            &["members".into(), format!("{GROUP}:members.VALUE")],
            "members.value",
        );
        same(
            User,
            &[
                "meta.lastModified".into(),
                format!("{USER}:meta.lastmodified"),
            ],
            "meta.lastmodified",
        );
        let upper = ENTERPRISE.to_ascii_uppercase();
        same(
            User,
            &[
                "manager".into(),
                "manager.value".into(),
                format!("{upper}:manager.value"),
            ],
            "e:manager.value",
        );
        same(
            User,
            &["urn:ab:x:badge".into(), "badge".into()],
            "urn:ab:x:badge",
        );
        same(User, &["URN:AB:X:Y:Badge".into()], "urn:ab:x:y:badge");
        same(
            Group,
            &["urn:ab:g:colour".into(), "Colour".into()],
            "urn:ab:g:colour",
        );
        same(User, &["id".into()], "id");
        same(Group, &["externalid".into()], "externalid");
    }

    #[test]
    fn other_names_lead_nowhere() {
        for name in [
            "",
            ".",
            "shoeSize",
            "userName.value",
            "emails.shoe",
            "emails.",
            ".value",
            "userName.",
            "emails.value.more",
            "members",
            "urn:ab:x:",
            "urn:ab:x",
            USER,
            ENTERPRISE,
            "urn:other:userName",
            "emails[type eq \"work\"]",
            " userName",
        ] {
            assert_eq!(key(User, name), None, "{name}");
        }
        assert_eq!(key(Group, "userName"), None);
        assert_eq!(key(Group, "department"), None);
    }

    #[test]
    fn extensions_are_found_by_their_urn() {
        let catalogue = custom();
        assert!(catalogue.extension(User, &ENTERPRISE.to_ascii_uppercase()).is_some());
        assert!(catalogue.extension(Group, ENTERPRISE).is_none());
        assert!(catalogue.extension(User, USER).is_none());
    }

    #[test]
    fn two_schemas_of_one_urn_are_refused() {
        let schema =
            |urn| Schema::extension(urn, "X", vec![Attribute::new("a", Kind::String, "")]).unwrap();
        let both = Catalogue::new(vec![schema("urn:ab:x")], vec![schema("urn:AB:X")]);
        assert_eq!(both, Err(SchemaError::Taken("urn:AB:X".to_owned())));
    }

    #[test]
    fn the_standard_is_as_good_as_a_declaration() {
        let standard = Catalogue::standard();
        assert_eq!(Ok(standard.clone()), Catalogue::new(vec![], vec![]));
        for (number, schema) in standard.schemas().enumerate() {
            let again =
                Schema::extension(&format!("urn:ab:c{number}"), "", schema.attributes.clone());
            assert_eq!(again.map(|_| ()), Ok(()), "{}", schema.id);
        }
    }

    proptest! {
        #[test]
        fn any_name_may_be_asked_for(name in "(urn:ab:x|urn|)[:.a-zA-Zä$]{0,20}") {
            let catalogue = custom();
            if let Some(found) = catalogue.resolve(User, &name) {
                // A key that is found leads to itself.
                let key = found.key().replace("e:", &format!("{ENTERPRISE}:"));
                prop_assert_eq!(catalogue.resolve(User, &key).unwrap().key(), found.key());
            }
        }
    }
}
