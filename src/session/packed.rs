//! The person of a session in few bytes, in one piece.
//!
//! In: an [`Identity`]. Out: the same again, for whoever asks. An identity is thirty strings in as
//! many places; packed it is one allocation, in which a text that was said twice stands once, and
//! what many sessions say is the number of a word ([`words`]).
//!
//! A text is a number, and what the two lowest bits of it mean: so many bytes follow, a word, the
//! same as an earlier text, nothing. Numbers have seven bits in each byte. Nothing of it leaves the
//! process.

use std::sync::PoisonError;

use crate::base::{IdpName, RoleName, Timestamp, UserId};
use crate::directory::Profile;
use crate::identity::Identity;
use crate::saml::NameId;
use crate::session::words::{self, WORDS, Words};

/// A packed sid and identity.
pub(in crate::session) struct Packed(Box<[u8]>);

impl Packed {
    pub(in crate::session) fn of(sid: &str, identity: &Identity) -> Self {
        words::learn(common(identity));
        let words = WORDS.read().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer {
            bytes: Vec::with_capacity(1024),
            texts: Vec::new(),
            words: &words,
        };
        writer.here(sid);
        writer.identity(identity);
        Self(writer.bytes.into_boxed_slice())
    }

    pub(in crate::session) fn sid(&self) -> &str {
        // The first text has nothing to refer to.
        let mut rest = &*self.0;
        let length = number(&mut rest) >> 2;
        let sid = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        sid.and_then(|sid| str::from_utf8(sid).ok()).unwrap_or_default()
    }

    pub(in crate::session) fn identity(&self) -> Identity {
        let words = WORDS.read().unwrap_or_else(PoisonError::into_inner);
        let mut reader = Reader { rest: &self.0, texts: Vec::new(), words: &words };
        let _sid = reader.text();
        reader.identity()
    }
}

/// What other sessions most likely say as well.
fn common(identity: &Identity) -> impl Iterator<Item = &str> + Clone {
    let named = identity.name_id.iter().flat_map(|name_id| {
        [
            &name_id.format,
            &name_id.name_qualifier,
            &name_id.sp_name_qualifier,
        ]
    });
    [identity.idp.as_str(), &identity.idp_entity_id]
        .into_iter()
        .chain(named.chain([&identity.authn_context]).filter_map(Option::as_deref))
        .chain(identity.profile.department.as_deref())
        .chain(identity.roles.iter().map(RoleName::as_str))
        .chain(identity.profile.groups.iter().map(String::as_str))
        .chain(identity.attributes.iter().map(|(name, _)| name.as_str()))
}

struct Writer<'a> {
    bytes: Vec<u8>,
    /// Those that stand in `bytes`.
    texts: Vec<&'a str>,
    words: &'a Words,
}

impl<'a> Writer<'a> {
    fn identity(&mut self, identity: &'a Identity) {
        self.text(Some(identity.user.as_str()));
        self.text(Some(&identity.user_name));
        self.text(Some(identity.idp.as_str()));
        self.text(Some(&identity.idp_entity_id));
        let name_id = identity.name_id.as_ref();
        self.text(name_id.map(|name_id| name_id.value.as_str()));
        if let Some(name_id) = name_id {
            self.text(name_id.format.as_deref());
            self.text(name_id.name_qualifier.as_deref());
            self.text(name_id.sp_name_qualifier.as_deref());
            self.text(name_id.sp_provided_id.as_deref());
        }
        self.text(identity.session_index.as_deref());
        self.list(&identity.other_session_indexes);
        self.profile(&identity.profile);
        self.bytes.push(u8::from(identity.asserted.is_some()));
        if let Some(asserted) = &identity.asserted {
            self.profile(asserted);
        }
        self.count(identity.roles.len());
        for role in &identity.roles {
            self.text(Some(role.as_str()));
        }
        self.count(identity.attributes.len());
        for (name, values) in &identity.attributes {
            self.text(Some(name));
            self.list(values);
        }
        self.time(identity.authn_instant);
        self.text(identity.authn_context.as_deref());
        let not_after = identity.session_not_on_or_after;
        self.bytes.push(u8::from(not_after.is_some()));
        self.time(not_after.unwrap_or(Timestamp::EPOCH));
        self.bytes.push(u8::from(identity.created));
    }

    fn profile(&mut self, profile: &'a Profile) {
        for text in [
            &profile.email,
            &profile.first_name,
            &profile.last_name,
            &profile.display_name,
            &profile.department,
            &profile.title,
            &profile.employee_number,
            &profile.manager,
        ] {
            self.text(text.as_deref());
        }
        self.list(&profile.groups);
    }

    fn text(&mut self, text: Option<&'a str>) {
        let Some(text) = text else {
            return self.number(NOTHING);
        };
        if let Some(word) = self.words.number(text) {
            return self.number(u64::from(word) << 2 | WORD);
        }
        // Where a reference is no shorter than the text, the text.
        let earlier = self.texts.iter().position(|earlier| *earlier == text);
        match earlier.filter(|_| text.len() > 1) {
            Some(place) => self.number(wide(place) << 2 | EARLIER),
            None => self.here(text),
        }
    }

    fn here(&mut self, text: &'a str) {
        self.number(wide(text.len()) << 2 | HERE);
        self.bytes.extend_from_slice(text.as_bytes());
        self.texts.push(text);
    }

    fn list(&mut self, texts: &'a [String]) {
        self.count(texts.len());
        for text in texts {
            self.text(Some(text));
        }
    }

    fn count(&mut self, count: usize) {
        self.number(wide(count));
    }

    fn time(&mut self, time: Timestamp) {
        self.bytes.extend_from_slice(&time.unix_micros().to_le_bytes());
    }

    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes.push(low(number) | 0x80);
            number >>= 7;
        }
        self.bytes.push(low(number));
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    texts: Vec<&'a str>,
    words: &'a Words,
}

impl<'a> Reader<'a> {
    fn identity(&mut self) -> Identity {
        let user = UserId::new(self.owned());
        let user_name = self.owned();
        let idp = IdpName::kept(self.owned());
        let idp_entity_id = self.owned();
        let name_id = self.text().map(str::to_owned);
        let name_id = name_id.map(|value| NameId {
            value,
            format: self.optional(),
            name_qualifier: self.optional(),
            sp_name_qualifier: self.optional(),
            sp_provided_id: self.optional(),
        });
        let session_index = self.optional();
        let other_session_indexes = self.list();
        let profile = self.profile();
        let asserted = self.flag().then(|| Box::new(self.profile()));
        let roles = (0..self.count()).map(|_| RoleName::kept(self.owned())).collect();
        let attributes = (0..self.count()).map(|_| (self.owned(), self.list())).collect();
        let authn_instant = self.time();
        let authn_context = self.optional();
        let ends = self.flag();
        let not_after = self.time();
        Identity {
            user,
            user_name,
            idp,
            idp_entity_id,
            name_id,
            session_index,
            other_session_indexes,
            profile,
            asserted,
            roles,
            attributes,
            authn_instant,
            authn_context,
            session_not_on_or_after: ends.then_some(not_after),
            created: self.flag(),
        }
    }

    fn profile(&mut self) -> Profile {
        let mut profile = Profile {
            email: self.optional(),
            first_name: self.optional(),
            last_name: self.optional(),
            display_name: self.optional(),
            department: self.optional(),
            title: self.optional(),
            employee_number: self.optional(),
            manager: self.optional(),
            groups: Vec::new(),
        };
        profile.groups = self.list();
        profile
    }

    fn text(&mut self) -> Option<&'a str> {
        let number = number(&mut self.rest);
        let value = number >> 2;
        match number & 3 {
            NOTHING => None,
            WORD => self.words.text(u32::try_from(value).ok()?),
            EARLIER => self.texts.get(usize::try_from(value).ok()?).copied(),
            _ => {
                let (text, rest) = self.rest.split_at_checked(usize::try_from(value).ok()?)?;
                self.rest = rest;
                let text = str::from_utf8(text).ok()?;
                self.texts.push(text);
                Some(text)
            }
        }
    }

    fn optional(&mut self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    fn owned(&mut self) -> String {
        self.optional().unwrap_or_default()
    }

    fn list(&mut self) -> Vec<String> {
        (0..self.count()).map(|_| self.owned()).collect()
    }

    fn count(&mut self) -> u64 {
        number(&mut self.rest)
    }

    fn flag(&mut self) -> bool {
        number(&mut self.rest) != 0
    }

    fn time(&mut self) -> Timestamp {
        let (micros, rest) = self.rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        self.rest = rest;
        Timestamp::from_unix_micros(i64::from_le_bytes(*micros))
    }
}

fn number(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, after)) = rest.split_first() {
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 || shift > 49 {
            break;
        }
        shift += 7;
    }
    number
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn low(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low & 0x7f
}

const HERE: u64 = 0;
const WORD: u64 = 1;
const EARLIER: u64 = 2;
const NOTHING: u64 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_identity_is_the_same_when_it_is_unpacked() {
        let now = Timestamp::from_unix_micros(1_795_000_000_000_001);
        let alice = Identity::for_test("alice", now);
        let mut bob = Identity::for_test("bob", now);
        bob.session_not_on_or_after = Some(Timestamp::from_unix_micros(-5));
        bob.attributes.push(("mail".to_owned(), vec!["bob@example.com".to_owned(); 3]));
        bob.attributes.push(("empty".to_owned(), Vec::new()));
        bob.profile.title = Some(String::new());
        bob.other_session_indexes = vec!["_s2".to_owned(), "_s3".to_owned()];
        bob.created = true;
        let mut carol = Identity::for_test("carol", now);
        (carol.name_id, carol.session_index) = (None, None);
        carol.asserted = Some(Box::new(std::mem::take(&mut carol.profile)));
        carol.authn_context = Some("urn:example:mfa".to_owned());
        for identity in [alice, bob, carol] {
            let packed = Packed::of("0192-sid", &identity);
            assert_eq!(packed.sid(), "0192-sid");
            assert_eq!(packed.identity(), identity);
        }
    }

    #[test]
    fn what_is_said_twice_or_by_many_takes_no_room() {
        let mut alice = Identity::for_test("alice", Timestamp::EPOCH);
        let once = Packed::of("sid", &alice).0.len();
        let email = alice.profile.email.clone().unwrap();
        alice
            .attributes
            .push(("urn:oid:0.9.2342.19200300.100.1.3".to_owned(), vec![email]));
        alice.profile.groups.push("cn=one,ou=groups,dc=example,dc=com".to_owned());
        let twice = Packed::of("sid", &alice).0.len();
        assert!(twice <= once + 8, "{once} {twice}");
    }

    proptest! {
        #[test]
        fn any_texts_survive(
            sid in ".{0,80}",
            texts in prop::collection::vec(".{0,300}", 0..40),
            name in ".{0,20}",
        ) {
            let mut identity = Identity::for_test(&name, Timestamp::EPOCH);
            for text in &texts {
                let values = vec![text.clone(), name.clone(), text.clone()];
                identity.attributes.push((text.clone(), values));
            }
            identity.profile.groups = texts;
            let packed = Packed::of(&sid, &identity);
            prop_assert_eq!(packed.sid(), sid);
            prop_assert_eq!(packed.identity(), identity);
        }
    }
}
