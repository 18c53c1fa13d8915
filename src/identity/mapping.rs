//! Attributes → profile.
//!
//! In: what an assertion says, in the identity provider's words. Out: [`Mapped`], in ours. Values
//! are passed on verbatim or refused: every one that is mapped is checked for characters that do
//! something, and those by which people are told apart for more. Nothing is looked up: the same
//! claims always give the same person.

use std::collections::HashMap;

use crate::directory::Profile;
use crate::identity::value::{Fault, check_identifier, check_value};
use crate::identity::vendor_names::names;
use crate::identity::{AttributeMap, AttributeName, IdentityError, Target};
use crate::saml::{Attribute, Claims, NameId, Vendor};

/// What an assertion says about a person, under our names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// `userName`.
    pub user_name: String,
    /// Where it came from.
    pub named_by: NamedBy,
    /// `externalId`.
    pub external_id: Option<String>,
    /// The NameID, if its Format is persistent.
    pub persistent_id: Option<String>,
    /// Everything else.
    pub profile: Profile,
    /// The identity provider says that it left the groups out: there are none in the profile, and
    /// that says nothing.
    pub groups_left_out: bool,
    /// All attributes by Name, values of repeated elements together, empty ones left out.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// How we came to a `userName`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// A mapped attribute, or a NameID that is neither persistent nor transient.
    Statement,
    /// The e-mail address.
    Email,
    /// `externalId`.
    ExternalId,
    /// A persistent or transient NameID, for want of anything better.
    OpaqueNameId,
}

/// Reads the person out of the claims. `[attributes]` comes first, then the vendor's defaults.
///
/// `allow_duplicates` takes the first of several values where one is possible.
pub fn map(
    claims: &Claims,
    vendor: Vendor,
    allow_duplicates: bool,
    attributes: &AttributeMap,
) -> Result<Mapped, IdentityError> {
    let sent = Sent { claims, vendor, allow_duplicates, attributes };
    let email = match sent.identifier(Target::Email)? {
        Some(email) => Some(email),
        None => claims.name_id.as_ref().and_then(|name_id| email_of(name_id, vendor)),
    };
    let external_id = sent.identifier(Target::ExternalId)?;
    let (user_name, named_by) = sent.user_name(email.as_deref(), external_id.as_deref())?;
    let groups = sent.find(Target::Groups)?.map_or_else(Vec::new, |(_, values)| values);
    // Where the operator says which attribute has the groups, and it came, none are missing. What
    // came under a name of ours may be something else that is a group elsewhere: roles.
    let groups_left_out = claims.leaves_groups_out() && !sent.has_configured(Target::Groups);
    let groups = if groups_left_out { Vec::new() } else { groups };
    let persistent = claims.name_id.as_ref().filter(|name_id| name_id.is_persistent());
    let persistent_id = persistent.map(|name_id| checked(Target::UserName, &name_id.value));
    Ok(Mapped {
        user_name,
        named_by,
        external_id,
        persistent_id: persistent_id.transpose()?,
        profile: Profile {
            email,
            first_name: sent.one(Target::FirstName)?,
            last_name: sent.one(Target::LastName)?,
            display_name: sent.one(Target::DisplayName)?,
            department: sent.one(Target::Department)?,
            title: sent.one(Target::Title)?,
            employee_number: sent.one(Target::EmployeeNumber)?,
            manager: sent.one(Target::Manager)?,
            groups,
        },
        groups_left_out,
        attributes: merged(claims),
    })
}

impl Mapped {
    /// What the assertion says for an attribute Name, and for a key of `[attributes]`.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let sent = self.attributes.iter().filter(|(sent, _)| sent == name);
        let mut values: Vec<&str> =
            sent.flat_map(|(_, values)| values).map(String::as_str).collect();
        match Target::ALL.iter().find(|(_, key)| *key == name) {
            Some((Target::UserName, _)) => values.push(&self.user_name),
            Some((Target::ExternalId, _)) => values.extend(self.external_id.as_deref()),
            Some((target, _)) => values.extend(target.of_profile(&self.profile)),
            None => {}
        }
        values
    }
}

/// The claims, and everything that says how to read them.
struct Sent<'a> {
    claims: &'a Claims,
    vendor: Vendor,
    allow_duplicates: bool,
    attributes: &'a AttributeMap,
}

impl Sent<'_> {
    /// The rules, first match wins:
    ///
    /// 1. the attribute that `[attributes]` or the vendor's defaults name;
    /// 2. the NameID, unless it is opaque;
    /// 3. the e-mail address;
    /// 4. `externalId`;
    /// 5. the NameID, whatever it is.
    ///
    /// A persistent or transient NameID is opaque by definition (core 8.3.7, 8.3.8): random
    /// characters that nobody has seen before. Applications show the `userName`, admins search
    /// for it, and both expect something a person would recognise. A persistent one is still what
    /// finds the person again. That a bare transient NameID lets somebody in at all is for
    /// identity providers that keep their people anonymous on purpose.
    fn user_name(
        &self,
        email: Option<&str>,
        external_id: Option<&str>,
    ) -> Result<(String, NamedBy), IdentityError> {
        if let Some(mapped) = self.identifier(Target::UserName)? {
            return Ok((mapped, NamedBy::Statement));
        }
        let name_id = self.claims.name_id.as_ref();
        let opaque = |name_id: &&NameId| name_id.is_persistent() || name_id.is_transient();
        if let Some(name_id) = name_id.filter(|name_id| !opaque(name_id)) {
            return Ok((
                checked(Target::UserName, &name_id.value)?,
                NamedBy::Statement,
            ));
        }
        if let Some(email) = email {
            return Ok((email.to_owned(), NamedBy::Email));
        }
        if let Some(external_id) = external_id {
            return Ok((external_id.to_owned(), NamedBy::ExternalId));
        }
        match name_id {
            Some(opaque) => Ok((
                checked(Target::UserName, &opaque.value)?,
                NamedBy::OpaqueNameId,
            )),
            None => Err(IdentityError::SubjectMissing {
                sent: self.claims.attributes.iter().map(|sent| sent.name.clone()).collect(),
            }),
        }
    }

    /// One value by which people are told apart.
    fn identifier(&self, target: Target) -> Result<Option<String>, IdentityError> {
        self.one(target)?.map(|value| checked(target, &value)).transpose()
    }

    /// The value of a target that can have one.
    fn one(&self, target: Target) -> Result<Option<String>, IdentityError> {
        let Some((name, values)) = self.find(target)? else {
            return Ok(None);
        };
        if values.len() > 1 && !self.allow_duplicates {
            return Err(IdentityError::ValueDuplicate { target, name: name.to_owned(), values });
        }
        Ok(values.into_iter().next())
    }

    /// The first attribute of the mapping that came with a value; its values, each once.
    fn find(&self, target: Target) -> Result<Option<(&str, Vec<String>)>, IdentityError> {
        let configured = self.attributes.0.get(&target).into_iter().flatten();
        let by_configured = configured.map(|name| match name {
            AttributeName::Name(name) => (name.as_str(), self.by_name(name)),
            AttributeName::Friendly(name) => (name.as_str(), self.by_friendly_name(name)),
        });
        let by_vendor = names(self.vendor, target).map(|name| (name, self.by_name(name)));
        for (name, elements) in by_configured.chain(by_vendor) {
            if elements.iter().any(|sent| sent.complex) {
                return Err(IdentityError::ValueComplex { target, name: name.to_owned() });
            }
            let values = distinct(elements.into_iter().flat_map(|sent| sent.values.iter()));
            for value in &values {
                check_value(value).map_err(|fault| refused(target, value, fault))?;
            }
            if !values.is_empty() {
                return Ok(Some((name, values)));
            }
        }
        Ok(None)
    }

    /// Whether an attribute came that `[attributes]` names for this target.
    fn has_configured(&self, target: Target) -> bool {
        let mut configured = self.attributes.0.get(&target).into_iter().flatten();
        let has =
            |sent: Vec<&Attribute>| sent.iter().any(|sent| sent.values.iter().next().is_some());
        configured.any(|name| match name {
            AttributeName::Name(name) => has(self.by_name(name)),
            AttributeName::Friendly(name) => has(self.by_friendly_name(name)),
        })
    }

    fn by_name(&self, name: &str) -> Vec<&Attribute> {
        self.claims.attributes.iter().filter(|sent| sent.name == name).collect()
    }

    fn by_friendly_name(&self, name: &str) -> Vec<&Attribute> {
        let elements = self.claims.attributes.iter();
        elements.filter(|sent| sent.friendly_name.as_deref() == Some(name)).collect()
    }
}

/// Whether the NameID is an e-mail address as well: its Format says so, or it is Google's, which
/// sends the primary address as `unspecified`. Some set the e-mail Format and send a login name.
fn email_of(name_id: &NameId, vendor: Vendor) -> Option<String> {
    let says_so = name_id.format.as_deref() == Some(NameId::EMAIL);
    let google = vendor == Vendor::Google && !name_id.is_persistent() && !name_id.is_transient();
    let usable = name_id.value.contains('@') && check_identifier(&name_id.value).is_ok();
    ((says_so || google) && usable).then(|| name_id.value.clone())
}

fn checked(target: Target, value: &str) -> Result<String, IdentityError> {
    match check_identifier(value) {
        Ok(()) => Ok(value.to_owned()),
        Err(fault) => Err(refused(target, value, fault)),
    }
}

fn refused(target: Target, value: &str, fault: Fault) -> IdentityError {
    IdentityError::ValueRefused { target, value: value.to_owned(), fault }
}

/// All attributes by Name, in the order of the message.
fn merged(claims: &Claims) -> Vec<(String, Vec<String>)> {
    let mut names = Met::default();
    let mut merged: Vec<(&str, Vec<&str>)> = Vec::with_capacity(claims.attributes.len());
    for attribute in &claims.attributes {
        let before = names.meet(&attribute.name).and_then(|place| merged.get_mut(place));
        match before {
            Some((_, values)) => values.extend(attribute.values.iter()),
            None => merged.push((&attribute.name, attribute.values.iter().collect())),
        }
    }
    let merged = merged.into_iter().map(|(name, values)| (name.to_owned(), distinct(values)));
    merged.filter(|(_, values)| !values.is_empty()).collect()
}

/// Each value once, empty ones left out: Google sends an empty element for what is not set.
fn distinct<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut met = Met::default();
    for value in values.into_iter().filter(|value| !value.is_empty()) {
        met.meet(value);
    }
    met.texts.into_iter().map(ToOwned::to_owned).collect()
}

/// Different texts, in the order in which they were met. A few are compared one by one, which is
/// done sooner than a hash of one; but people are in thousands of groups.
#[derive(Default)]
struct Met<'a> {
    texts: Vec<&'a str>,
    /// Where each of them is, once there are more than a [`FEW`].
    places: HashMap<&'a str, usize>,
}

impl<'a> Met<'a> {
    /// Where this one is, if it was met before.
    fn meet(&mut self, text: &'a str) -> Option<usize> {
        let before = match self.texts.len() {
            ..=FEW => self.texts.iter().position(|met| *met == text),
            _ => self.places.get(text).copied(),
        };
        if before.is_none() {
            self.texts.push(text);
            match self.texts.len().saturating_sub(1) {
                ..FEW => {}
                FEW => self.places.extend(self.texts.iter().copied().zip(0..)),
                place => {
                    self.places.insert(text, place);
                }
            }
        }
        before
    }
}

const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::{ErrorCode, Timestamp};

    const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

    fn claims(name_id: Option<(&str, &str)>, attributes: &[(&str, &[&str])]) -> Claims {
        Claims {
            issuer: "https://idp.example.com".into(),
            assertion_id: "_a".into(),
            expires: Timestamp::FAR_FUTURE,
            name_id: name_id.map(|(format, value)| NameId {
                value: value.into(),
                format: Some(format.into()),
                name_qualifier: None,
                sp_name_qualifier: None,
                sp_provided_id: None,
            }),
            session_index: None,
            other_session_indexes: Vec::new(),
            authn_instant: Timestamp::EPOCH,
            authn_context: None,
            session_not_on_or_after: None,
            attributes: attributes
                .iter()
                .map(|(name, values)| Attribute {
                    name: (*name).into(),
                    friendly_name: None,
                    values: values.iter().collect(),
                    complex: false,
                })
                .collect(),
        }
    }

    fn alice(attributes: &[(&str, &[&str])]) -> Claims {
        claims(Some((UNSPECIFIED, "alice")), attributes)
    }

    fn settings(map: &[(Target, &[&str])]) -> AttributeMap {
        let parse = |names: &&[&str]| names.iter().map(|name| AttributeName::parse(name)).collect();
        AttributeMap(map.iter().map(|(target, names)| (*target, parse(names))).collect())
    }

    fn plain(claims: &Claims) -> Result<Mapped, IdentityError> {
        map(
            claims,
            Vendor::Generic,
            false,
            &AttributeMap(BTreeMap::new()),
        )
    }

    fn code(result: Result<Mapped, IdentityError>) -> ErrorCode {
        result.unwrap_err().code()
    }

    #[test]
    fn the_first_name_of_a_mapping_that_has_a_value_wins() {
        let map_of = settings(&[(Target::Email, &["first", "second"])]);
        let email = |sent: &[(&str, &[&str])]| {
            map(&alice(sent), Vendor::Generic, false, &map_of).unwrap().profile.email
        };
        let both: &[(&str, &[&str])] = &[
            ("second", &["b@example.com"]),
            ("first", &["a@example.com"]),
        ];
        assert_eq!(email(both).as_deref(), Some("a@example.com"));
        assert_eq!(
            email(&[("first", &["", ""]), ("second", &["b@example.com"])]).as_deref(),
            Some("b@example.com"),
            "an empty value is no value"
        );
        assert_eq!(
            email(&[("mail", &["c@example.com"])]).as_deref(),
            Some("c@example.com")
        );
        assert_eq!(
            email(&[("First", &["a@example.com"])]),
            None,
            "Names are compared exactly"
        );
    }

    #[test]
    fn a_friendly_name_matches_only_where_a_mapping_says_so() {
        let mut claims = alice(&[("urn:oid:1.2.3", &["a@example.com"])]);
        claims.attributes[0].friendly_name = Some("mail".into());
        assert_eq!(plain(&claims).unwrap().profile.email, None);
        let friendly = settings(&[(Target::Email, &["friendly:mail"])]);
        let mapped = map(&claims, Vendor::Generic, false, &friendly).unwrap();
        assert_eq!(mapped.profile.email.as_deref(), Some("a@example.com"));
    }

    #[test]
    fn one_role_element_for_each_value_is_one_list() {
        let sent = alice(&[
            ("Role", &["admins"]),
            ("x", &["1"]),
            ("Role", &["staff", "admins"]),
        ]);
        let mapped = map(&sent, Vendor::Keycloak, false, &AttributeMap::default()).unwrap();
        assert_eq!(mapped.profile.groups, ["admins", "staff"]);
        assert_eq!(
            mapped.attributes[0],
            ("Role".into(), vec!["admins".into(), "staff".into()])
        );
        assert_eq!(mapped.attributes.len(), 2);
    }

    #[test]
    fn two_values_where_one_is_possible_are_value_duplicate_unless_allowed() {
        for sent in [
            alice(&[("mail", &["a@example.com"]), ("mail", &["b@example.com"])]),
            alice(&[("mail", &["a@example.com", "b@example.com"])]),
        ] {
            assert_eq!(code(plain(&sent)), ErrorCode::ValueDuplicate);
            let allowed = map(&sent, Vendor::Generic, true, &AttributeMap::default()).unwrap();
            assert_eq!(allowed.profile.email.as_deref(), Some("a@example.com"));
        }
        let same = alice(&[
            ("mail", &["a@example.com"]),
            ("mail", &["a@example.com", ""]),
        ]);
        assert_eq!(
            plain(&same).unwrap().profile.email.as_deref(),
            Some("a@example.com")
        );
    }

    #[test]
    fn an_identifier_that_looks_like_another_is_value_refused() {
        for bad in [
            " alice",
            "alice\u{a0}",
            "ali\nce",
            "ali\u{202e}ce",
            "ali\u{2028}ce",
            " ",
            "\u{7f}",
        ] {
            let refused = claims(Some((UNSPECIFIED, bad)), &[]);
            assert_eq!(code(plain(&refused)), ErrorCode::ValueRefused, "{bad:?}");
            assert_eq!(
                code(plain(&alice(&[("mail", &[bad])]))),
                ErrorCode::ValueRefused,
                "{bad:?}"
            );
            let external = settings(&[(Target::ExternalId, &["id"])]);
            let refused = map(&alice(&[("id", &[bad])]), Vendor::Generic, false, &external);
            assert_eq!(code(refused), ErrorCode::ValueRefused, "{bad:?}");
        }
        let long = |length| claims(Some((UNSPECIFIED, "é".repeat(length).as_str())), &[]);
        assert!(plain(&long(256)).is_ok());
        assert_eq!(code(plain(&long(257))), ErrorCode::ValueRefused);
        for unseen in ["\u{ad}", "\u{200b}", "\u{2060}", "\u{feff}", "\u{e0041}"] {
            let twin = claims(Some((UNSPECIFIED, &format!("ali{unseen}ce"))), &[]);
            assert_eq!(code(plain(&twin)), ErrorCode::ValueRefused, "{unseen:?}");
            let shown = format!("Ali{unseen}ce");
            assert!(plain(&alice(&[("displayName", &[&shown])])).is_ok());
        }
    }

    #[test]
    fn a_mapped_value_with_a_control_character_is_value_refused() {
        for bad in [
            "a\nb",
            "a\tb",
            "\u{7f}",
            "\u{9b}31m",
            "\u{2028}",
            "\u{202e}a",
        ] {
            for name in ["groups", "displayName", "title", "givenName", "manager"] {
                let sent = alice(&[(name, &["fine", bad][1..])]);
                assert_eq!(
                    code(plain(&sent)),
                    ErrorCode::ValueRefused,
                    "{name} {bad:?}"
                );
            }
            let second = alice(&[("groups", &["fine", bad])]);
            assert_eq!(code(plain(&second)), ErrorCode::ValueRefused, "{bad:?}");
            assert!(plain(&alice(&[("of no interest", &[bad])])).is_ok());
        }
        // What is only shown may have any length, and space around it.
        let long = format!(" Head of Everything {} ", "and more ".repeat(100));
        assert!(plain(&alice(&[("title", &[&long])])).is_ok());
    }

    /// One element for each role, as Keycloak sends them. Comparing all with all took half a minute.
    #[test]
    fn two_thousand_roles_are_merged_in_their_order() {
        let roles = (0..2000)
            .map(|role| format!("a-role-of-some-length-{role}"))
            .collect::<Vec<_>>();
        let values = roles.iter().map(|role| [role.as_str()]).collect::<Vec<_>>();
        let sent = values.iter().map(|value| ("Role", value.as_slice())).collect::<Vec<_>>();
        let sent = alice(&sent);
        let mapped = map(&sent, Vendor::Keycloak, false, &AttributeMap::default()).unwrap();
        assert_eq!(mapped.profile.groups, roles);
        assert_eq!(mapped.attributes, [("Role".to_owned(), roles)]);
    }

    #[test]
    fn identifiers_stay_as_they_were_sent() {
        let sent = claims(Some((NameId::EMAIL, "Al\u{ef}ce@Example.COM")), &[]);
        let mapped = plain(&sent).unwrap();
        assert_eq!(mapped.user_name, "Al\u{ef}ce@Example.COM");
        assert_eq!(
            mapped.profile.email.as_deref(),
            Some("Al\u{ef}ce@Example.COM")
        );
    }

    #[test]
    fn an_opaque_name_id_gives_way_to_the_email() {
        for format in [NameId::PERSISTENT, NameId::TRANSIENT] {
            let named = |sent: &[(&str, &[&str])]| {
                let mapped = plain(&claims(Some((format, "_f3a9")), sent)).unwrap();
                (mapped.user_name, mapped.named_by)
            };
            let mail: &[(&str, &[&str])] = &[("mail", &["alice@example.com"])];
            assert_eq!(named(mail), ("alice@example.com".into(), NamedBy::Email));
            assert_eq!(named(&[]), ("_f3a9".into(), NamedBy::OpaqueNameId));
        }
        let mapped = plain(&claims(Some((NameId::PERSISTENT, "_f3a9")), &[])).unwrap();
        assert_eq!(mapped.persistent_id.as_deref(), Some("_f3a9"));
    }

    #[test]
    fn a_mapped_attribute_says_who_it_is_even_without_a_name_id() {
        let uid = settings(&[(Target::UserName, &["uid"])]);
        let sent = claims(None, &[("uid", &["alice"]), ("mail", &["a@example.com"])]);
        let mapped = map(&sent, Vendor::Generic, false, &uid).unwrap();
        assert_eq!(mapped.user_name, "alice");
        assert_eq!(plain(&sent).unwrap().user_name, "a@example.com");
        assert_eq!(
            code(plain(&claims(None, &[("uid", &["alice"])]))),
            ErrorCode::SubjectMissing
        );
        assert_eq!(code(plain(&claims(None, &[]))), ErrorCode::SubjectMissing);
    }

    #[test]
    fn each_vendor_needs_no_mapping_for_what_it_sends() {
        let claim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
        let group = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
        let entra = alice(&[
            (&format!("{claim}/emailaddress"), &["alice@example.com"]),
            (&format!("{claim}/givenname"), &["Alice"]),
            (&format!("{claim}/surname"), &["Liddell"]),
            (group, &["f9d3e5d8-0000-4000-8000-000000000000"]),
        ]);
        let onelogin = alice(&[
            ("User.email", &["alice@example.com"]),
            ("User.FirstName", &["Alice"]),
            ("User.LastName", &["Liddell"]),
            ("memberOf", &["staff"]),
        ]);
        let shibboleth = claims(
            Some((NameId::TRANSIENT, "_f3a9")),
            &[
                ("urn:oid:0.9.2342.19200300.100.1.3", &["alice@example.com"]),
                ("urn:oid:2.5.4.42", &["Alice"]),
                ("urn:oid:2.5.4.4", &["Liddell"]),
                ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", &["staff"]),
                ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", &["alice@example.com"]),
            ],
        );
        for (vendor, sent) in [
            (Vendor::Entra, entra),
            (Vendor::OneLogin, onelogin),
            (Vendor::Shibboleth, shibboleth),
        ] {
            let profile = map(&sent, vendor, false, &AttributeMap::default()).unwrap().profile;
            assert_eq!(
                profile.email.as_deref(),
                Some("alice@example.com"),
                "{vendor}"
            );
            assert_eq!(profile.name().as_deref(), Some("Alice Liddell"), "{vendor}");
            assert_eq!(profile.groups.len(), 1, "{vendor}");
        }
        let google = claims(
            Some((UNSPECIFIED, "alice@example.com")),
            &[("phone", &[""])],
        );
        let mapped = map(&google, Vendor::Google, false, &AttributeMap::default()).unwrap();
        assert_eq!(mapped.profile.email.as_deref(), Some("alice@example.com"));
        assert!(mapped.attributes.is_empty());
    }
}
