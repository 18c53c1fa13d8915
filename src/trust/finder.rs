//! What a person types → the identity providers that it may mean.
//!
//! In: those that have a button, and a few words. Out: places of those that have all of the words
//! somewhere in their names, hosts and domains, best first. Nothing here decides anything: whoever
//! is found is chosen by a person.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::idp::IdpTrust;

/// Words that are looked at, of what was typed.
const MOST_WORDS: usize = 8;

/// Names of all, ready to be looked through.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    number: usize,
    /// What people read, made [`plain`]: all are in the order of it.
    label: String,
    /// What else they may type, plain too.
    text: String,
}

impl Finder {
    /// Of those that have a button, with their places.
    pub(super) fn new<'i>(shown: impl Iterator<Item = (usize, &'i Arc<IdpTrust>)>) -> Self {
        let mut all: Vec<Entry> = shown.map(|(number, idp)| Entry::new(number, idp)).collect();
        all.sort_by(|a, b| a.label.cmp(&b.label).then(a.number.cmp(&b.number)));
        Self(all)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The places of those that it may mean; of all for no words. Of an e-mail address what is behind
    /// the `@` counts.
    pub(super) fn find(&self, typed: &str) -> Vec<usize> {
        let typed = plain(typed);
        let words: Vec<&str> = typed
            .split_whitespace()
            .map(|word| word.rsplit_once('@').map_or(word, |(_, domain)| domain))
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS)
            .collect();
        let mut found: Vec<(u8, usize)> = self
            .0
            .iter()
            .filter(|entry| words.iter().all(|word| entry.has(word)))
            .map(|entry| (entry.rank(&words), entry.number))
            .collect();
        // Stable: within a rank in the order of labels.
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, number)| number).collect()
    }
}

/// In lower case and without accents, as people type who do not have the letters on their keyboard, and
/// as a list of many languages is read: `Łódź` is `lodz`, and stands among the Ls.
fn plain(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut plain = String::with_capacity(text.len());
    let letters = text.nfkd().filter(|letter| !is_combining_mark(*letter));
    for letter in letters.flat_map(char::to_lowercase) {
        match letter {
            // Those that are no letter with something on it.
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ħ' => plain.push('h'),
            'ı' => plain.push('i'),
            other => plain.push(other),
        }
    }
    plain
}

/// The host of an entityID that is an address; all of any other.
fn host_of(entity_id: &str) -> &str {
    let behind = entity_id.split_once("://").map(|(_, rest)| rest);
    behind
        .and_then(|rest| rest.split(['/', ':', '?', '#']).next())
        .unwrap_or(entity_id)
}

impl Entry {
    fn new(number: usize, idp: &IdpTrust) -> Self {
        let (settings, metadata) = (&idp.settings, &idp.metadata);
        let label = plain(idp.label());
        let mut words: Vec<String> = Vec::new();
        let names = metadata.ui.names.iter().map(|name| name.text.as_str());
        let organization = metadata.organization.iter().flat_map(|all| &all.display_names);
        let domains = settings
            .email_domains
            .iter()
            .chain(metadata.scopes.iter().flatten())
            .chain(&metadata.ui.domain_hints);
        let host = host_of(&metadata.entity_id);
        let others = names
            .chain(organization.map(|name| name.text.as_str()))
            .chain(domains.map(String::as_str))
            .chain([host]);
        for word in others.map(plain) {
            if word != label && !words.contains(&word) {
                words.push(word);
            }
        }
        Self { number, label, text: words.join("\n") }
    }

    fn has(&self, word: &str) -> bool {
        self.label.contains(word) || self.text.contains(word)
    }

    /// Smaller is better: the label begins with it, or has all of it, or something else has.
    fn rank(&self, words: &[&str]) -> u8 {
        match words.first() {
            Some(first) if self.label.starts_with(first) => 0,
            _ if words.iter().all(|word| self.label.contains(word)) => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{IdpName, Timestamp};
    use crate::dsig::SigningKey;
    use crate::saml::metadata::IdpMetadata;
    use crate::trust::{IdpSettings, MetadataSource};

    fn idp(number: usize, label: &str, key: &str) -> Arc<IdpTrust> {
        let xml = format!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://login{number}.example.org:8443/idp"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:Extensions><mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"><mdui:DisplayName xml:lang="de">Schule {number}</mdui:DisplayName></mdui:UIInfo></md:Extensions><md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{key}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.org/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
        );
        let name = IdpName::parse(&format!("idp{number}")).unwrap();
        let mut settings = IdpSettings::new(name, MetadataSource::Stored);
        settings.label = Some(label.to_owned());
        settings.email_domains = vec![format!("mail{number}.example.net")];
        let metadata = IdpMetadata::read(xml.as_bytes(), None, Timestamp::EPOCH).unwrap();
        Arc::new(IdpTrust { settings: Arc::new(settings), metadata })
    }

    #[test]
    fn a_person_is_understood() {
        use base64::Engine as _;
        let key = SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap();
        let key = base64::engine::general_purpose::STANDARD.encode(key.certificate_der());
        let labels = [
            "University of Ålesund",
            "ÅLESUND College",
            "Blue University",
            "Alpha",
            "Łódź Straße",
            "Институт",
        ];
        let idps: Vec<Arc<IdpTrust>> = labels
            .iter()
            .enumerate()
            .map(|(number, label)| idp(number, label, &key))
            .collect();
        let finder = Finder::new(idps.iter().enumerate());
        assert_eq!(finder.len(), 6);
        for (typed, found) in [
            ("", &[1, 3, 2, 4, 0, 5][..]),
            ("ålesund", &[1, 0]),
            ("A\u{30a}LESUND", &[1, 0]),
            ("alesund", &[1, 0]),
            ("lodz", &[4]),
            ("łódź STRASSE", &[4]),
            ("ИНСТ", &[5]),
            ("UNIVERSITY", &[0, 2]),
            ("univ ålesund", &[0]),
            ("Schule 2", &[2]),
            ("login3.example.org", &[3]),
            ("8443", &[]),
            ("bob@mail1.example.net", &[1]),
            ("@", &[1, 3, 2, 4, 0, 5]),
            ("idp.example.org", &[]),
        ] {
            assert_eq!(finder.find(typed), found, "{typed}");
        }
    }
}
