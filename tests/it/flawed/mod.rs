//! Do the attacks bite? A small service provider with one classic mistake at a time ([`Flaw`])
//! accepts honest messages as everybody does, and lets at least one attack of the corpus in. A
//! corpus that no mistake would notice proves nothing about those who make none.

mod lenient;
mod verifier;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;
use samlgate::base::Timestamp;

use crate::corpus::{Case, Form, Kind, cases, folder};
use lenient::Tree;
use verifier::{Claims, Flaw, Setting, accepts};

const VICTIM: &str = "carol@example.com";

/// With the names by which `docs/attacks.md` calls them.
const FLAWS: [(Flaw, &str); 50] = [
    (
        Flaw::ReadsFirstAssertion,
        "verifies something, then reads the first Assertion of the document",
    ),
    (
        Flaw::ReadsLastAssertion,
        "verifies something, then reads the last Assertion of the document",
    ),
    (
        Flaw::SearchesNameId,
        "searches the Assertion for NameID and attributes, its Signature included",
    ),
    (
        Flaw::IgnoresNamespaces,
        "knows elements by their local names",
    ),
    (
        Flaw::SearchesSignature,
        "takes the first Signature of the document",
    ),
    (
        Flaw::LooksUpFirstId,
        "looks the Reference up by ID, and takes the first",
    ),
    (
        Flaw::LooksUpLastId,
        "looks the Reference up by ID, and takes the last",
    ),
    (
        Flaw::TakesEveryIdAttribute,
        "takes `saml:ID`, `xml:id`, `Id` and `AssertionID` for IDs",
    ),
    (
        Flaw::DropsEverySignature,
        "leaves every Signature out of the digest",
    ),
    (
        Flaw::ReadsFirstSignedInfo,
        "verifies one SignedInfo, reads the first",
    ),
    (
        Flaw::ReadsLastSignedInfo,
        "verifies one SignedInfo, reads the last",
    ),
    (
        Flaw::SearchesDigestValue,
        "searches the document for DigestValue",
    ),
    (
        Flaw::ReadsFirstNodeOfDigest,
        "takes the first node of DigestValue, whatever it is",
    ),
    (Flaw::SkipsDigest, "does not compare the digest"),
    (Flaw::SkipsSignatureValue, "does not verify SignatureValue"),
    (
        Flaw::NeedsNoReference,
        "checks all References, also when there are none",
    ),
    (
        Flaw::RunsTransforms,
        "runs the transforms that the message lists",
    ),
    (
        Flaw::CanonicalisesToNothing,
        "canonicalises what it can not canonicalise to nothing",
    ),
    (Flaw::ReadsFirstText, "reads the first text node"),
    (Flaw::ReadsLastText, "reads the last text node"),
    (
        Flaw::InstructionsAreText,
        "canonicalises processing instructions to their data",
    ),
    (Flaw::TrustsKeyInfo, "takes the key from KeyInfo"),
    (
        Flaw::ConfusesHmac,
        "takes the public key for a secret of HMAC",
    ),
    (Flaw::TruncatesHmac, "obeys HMACOutputLength"),
    (Flaw::AllowsNone, "has an algorithm `none`"),
    (Flaw::AllowsOldDigests, "accepts SHA-1 and MD5"),
    (Flaw::MixesKeys, "tries the keys of every identity provider"),
    (Flaw::SignatureIsOptional, "needs no signature"),
    (
        Flaw::OneSignatureIsEnough,
        "is content with one valid signature anywhere",
    ),
    (
        Flaw::EmptyIsUnsigned,
        "takes an empty Signature for verified",
    ),
    (Flaw::ReadsDtd, "reads document types"),
    (
        Flaw::VerifiesLastRoot,
        "verifies the last document element, reads the first",
    ),
    (
        Flaw::VerifiesFirstRoot,
        "verifies the first document element, reads the last",
    ),
    (Flaw::TakesAnyRoot, "takes an Assertion wherever it stands"),
    (Flaw::SkipsAudience, "does not compare the audience"),
    (
        Flaw::ComparesAudienceByPrefix,
        "compares audiences by their beginnings",
    ),
    (
        Flaw::ComparesAudienceWithoutCase,
        "compares audiences without regard to case",
    ),
    (
        Flaw::OneAudienceRestrictionIsEnough,
        "is content with one of several AudienceRestrictions",
    ),
    (Flaw::SkipsRecipient, "does not compare Recipient"),
    (Flaw::SkipsDestination, "does not compare Destination"),
    (
        Flaw::ComparesDestinationByPrefix,
        "compares Destination by its beginning",
    ),
    (Flaw::SkipsTimes, "looks at no clock"),
    (Flaw::MissingEndIsForEver, "takes a missing end for none"),
    (
        Flaw::UnreadableTimeIsFine,
        "takes a time that it can not read for a late one",
    ),
    (Flaw::SearchesSuccess, "searches the Status for Success"),
    (Flaw::StatusIsOptional, "needs no Status"),
    (
        Flaw::ReadsInResponseToOfResponse,
        "reads InResponseTo of the Response, signed or not",
    ),
    (Flaw::SkipsInResponseTo, "does not compare InResponseTo"),
    (Flaw::SkipsIssuer, "does not compare Issuer"),
    (
        Flaw::TakesEveryConfirmation,
        "takes every method of confirmation",
    ),
];

#[test]
fn without_a_flaw_the_small_service_provider_is_never_deceived() {
    let played = played();
    // A strange name that is signed is a name; what to do with it is decided elsewhere.
    let signed = |one: &&Played| one.case.rows.iter().all(|row| row.starts_with("VLU-"));
    for one in played.iter().filter(|one| one.is_attack() && !signed(one)) {
        let claims = one.accepted_by(Flaw::None);
        let deceived = claims.is_some_and(|claims| claims.name(VICTIM));
        assert!(!deceived, "{}", one.path());
    }
}

#[test]
fn every_flaw_accepts_what_everybody_does() {
    let played = played();
    let honest = played.iter().filter(|one| one.is_usual()).collect::<Vec<_>>();
    let mut accepted = 0;
    for one in honest {
        let expected = one.accepted_by(Flaw::None);
        // It wants a NameID, for one.
        if expected.is_none() {
            continue;
        }
        accepted += 1;
        for (flaw, _) in FLAWS {
            // Of two digests it only ever finds one. (Each has two tags.)
            let digests = String::from_utf8_lossy(&one.case.body).matches("DigestValue>").count();
            if flaw == Flaw::SearchesDigestValue && digests > 2 {
                continue;
            }
            assert_eq!(one.accepted_by(flaw), expected, "{flaw:?}: {}", one.path());
        }
    }
    assert!(accepted >= 20, "{accepted} messages");
}

#[test]
fn every_flaw_lets_an_attack_in() {
    let bitten = bitten();
    let unharmed = FLAWS.iter().filter(|(flaw, _)| bitten[flaw].is_empty());
    let unharmed = unharmed.map(|(flaw, _)| flaw).collect::<Vec<_>>();
    assert!(unharmed.is_empty(), "nothing bites {unharmed:?}");
}

/// For each flaw, the attacks that get something in because of it. What the core makes of them is
/// what `every_message_of_the_corpus_gets_the_verdict_that_it_says` looks at.
fn bitten() -> BTreeMap<Flaw, Vec<String>> {
    let played = played();
    let attacks = played.iter().filter(|one| one.is_attack()).collect::<Vec<_>>();
    let sound = attacks.iter().map(|one| one.accepted_by(Flaw::None)).collect::<Vec<_>>();
    let bites = |flaw: Flaw| {
        let attacks = attacks.iter().zip(&sound);
        // Mistakes about the rules are for those who have signatures right, and the other way round.
        let attacks = attacks
            .filter(|(one, _)| one.case.path.starts_with("attack/pro") == flaw.is_about_rules());
        let got_in = attacks.filter_map(|(one, sound)| {
            let claims = one.accepted_by(flaw)?;
            let harmless = sound.as_ref() == Some(&claims);
            (!harmless).then(|| (!claims.name(VICTIM), one.path()))
        });
        let mut got_in = got_in.collect::<Vec<_>>();
        // Those that speak of the victim come first.
        got_in.sort();
        got_in.into_iter().map(|(_, path)| path).collect()
    };
    FLAWS.iter().map(|(flaw, _)| (*flaw, bites(*flaw))).collect()
}

/// One row for each flaw: what it does, how many attacks get in, and one of them.
pub(crate) fn table() -> String {
    let bitten = bitten();
    let mut text =
        "| a service provider that … | lets in | for instance |\n|---|---|---|\n".to_owned();
    for (flaw, title) in FLAWS {
        let files = &bitten[&flaw];
        let first = files.first().map_or("", String::as_str);
        writeln!(text, "| {title} | {} | `{first}` |", files.len()).unwrap();
    }
    text
}

/// A case and all that is needed to play it.
struct Played {
    case: Case,
    /// `None` where not even this reader finds any XML.
    tree: Option<Tree>,
    certificates: Vec<X509>,
    keys: Vec<PKey<Public>>,
    all_keys: Vec<PKey<Public>>,
    earlier: String,
    later: String,
}

impl Played {
    fn is_attack(&self) -> bool {
        self.case.path.starts_with("attack")
    }

    /// A message as the usual products send it when nobody has changed their settings.
    fn is_usual(&self) -> bool {
        let usual = [
            "adfs",
            "auth0",
            "entra",
            "google",
            "okta",
            "onelogin",
            "simplesamlphp",
        ];
        let usual = usual
            .iter()
            .any(|product| self.case.path.starts_with(format!("valid/{product}")));
        let plain = self.path().starts_with("valid/plain-");
        let nothing_special = self.case.settings.is_empty() && self.case.decrypt_keys.is_empty();
        (usual || plain) && nothing_special
    }

    fn path(&self) -> String {
        self.case.path.display().to_string()
    }

    fn accepted_by(&self, flaw: Flaw) -> Option<Claims> {
        let issuer = if self.case.idp == "other" {
            "other-idp"
        } else {
            "idp"
        };
        let setting = Setting {
            issuer: &format!("https://{issuer}.example.com/metadata"),
            keys: &self.keys,
            certificates: &self.certificates,
            all_keys: &self.all_keys,
            entity_id: "https://sp.example.com/saml/metadata",
            acs: "https://sp.example.com/saml/acs",
            in_response_to: self.case.in_response_to.as_deref(),
            earlier: &self.earlier,
            later: &self.later,
        };
        accepts(flaw, self.tree.as_ref()?, &setting)
    }
}

/// The Responses that are written as XML, as far as they are of a usual size.
fn played() -> Vec<Played> {
    let usual = |case: &Case| {
        case.kind == Kind::Response && case.form == Form::Xml && case.body.len() < 100_000
    };
    let mut trusted = BTreeMap::new();
    for idp in ["corp", "other"] {
        trusted.insert(idp.to_owned(), certificates_of(idp));
    }
    let mut played = Vec::new();
    for case in cases().into_iter().filter(usual) {
        let known = trusted.entry(case.idp.clone());
        let certificates = known.or_insert_with(|| certificates_of(&case.idp)).clone();
        let all = [&trusted["corp"], &trusted["other"], &certificates];
        let all_keys = all.iter().flat_map(|one| keys_of(one)).collect();
        played.push(play(case, certificates, all_keys));
    }
    played
}

fn play(case: Case, certificates: Vec<X509>, all_keys: Vec<PKey<Public>>) -> Played {
    let keys = keys_of(&certificates);
    let time = |time: Timestamp| time.to_string();
    let skew = Duration::from_secs(180);
    let (earlier, later) = (time(case.now.minus(skew)), time(case.now.plus(skew)));
    let tree = Tree::read(&case.body);
    Played { case, tree, certificates, keys, all_keys, earlier, later }
}

fn keys_of(certificates: &[X509]) -> Vec<PKey<Public>> {
    certificates.iter().map(|one| one.public_key().unwrap()).collect()
}

fn certificates_of(idp: &str) -> Vec<X509> {
    let path: PathBuf = folder().join("trust").join(format!("{idp}.xml"));
    let metadata = std::fs::read(path).unwrap();
    let tree = Tree::read(&metadata).unwrap();
    let certificates = tree.elements().filter(|one| one.is(lenient::DS, "X509Certificate"));
    let der = certificates.map(|one| verifier::decoded(&one.text()).unwrap());
    der.map(|der| X509::from_der(&der).unwrap()).collect()
}
