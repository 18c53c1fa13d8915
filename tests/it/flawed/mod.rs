//! Do the attacks bite? A small service provider with one classic mistake at a time ([`Flaw`])
//! accepts honest messages as everybody does, and lets at least one attack of the corpus in. A
//! corpus that no mistake would notice proves nothing about those who make none.

mod lenient;
mod verifier;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use openssl::x509::X509;
use samlgate::base::Timestamp;

use crate::corpus::{Case, Expect, Form, Kind, cases, folder};
use lenient::Tree;
use verifier::{Claims, Flaw, Setting, accepts};

const VICTIM: &str = "carol@example.com";

/// With the names by which `docs/attacks.md` calls them.
const FLAWS: [(Flaw, &str); 50] = [
    (Flaw::ReadsFirstAssertion, "verifies something, then reads the first Assertion of the document"),
    (Flaw::ReadsLastAssertion, "verifies something, then reads the last Assertion of the document"),
    (Flaw::SearchesNameId, "searches the Assertion for NameID and attributes, its Signature included"),
    (Flaw::IgnoresNamespaces, "knows elements by their local names"),
    (Flaw::SearchesSignature, "takes the first Signature of the document"),
    (Flaw::LooksUpFirstId, "looks the Reference up by ID, and takes the first"),
    (Flaw::LooksUpLastId, "looks the Reference up by ID, and takes the last"),
    (Flaw::TakesEveryIdAttribute, "takes `saml:ID`, `xml:id`, `Id` and `AssertionID` for IDs"),
    (Flaw::DropsEverySignature, "leaves every Signature out of the digest"),
    (Flaw::ReadsFirstSignedInfo, "verifies one SignedInfo, reads the first"),
    (Flaw::ReadsLastSignedInfo, "verifies one SignedInfo, reads the last"),
    (Flaw::SearchesDigestValue, "searches the document for DigestValue"),
    (Flaw::ReadsFirstNodeOfDigest, "takes the first node of DigestValue, whatever it is"),
    (Flaw::SkipsDigest, "does not compare the digest"),
    (Flaw::SkipsSignatureValue, "does not verify SignatureValue"),
    (Flaw::NeedsNoReference, "checks all References, also when there are none"),
    (Flaw::RunsTransforms, "runs the transforms that the message lists"),
    (Flaw::CanonicalisesToNothing, "canonicalises what it can not canonicalise to nothing"),
    (Flaw::ReadsFirstText, "reads the first text node"),
    (Flaw::ReadsLastText, "reads the last text node"),
    (Flaw::InstructionsAreText, "canonicalises processing instructions to their data"),
    (Flaw::TrustsKeyInfo, "takes the key from KeyInfo"),
    (Flaw::ConfusesHmac, "takes the public key for a secret of HMAC"),
    (Flaw::TruncatesHmac, "obeys HMACOutputLength"),
    (Flaw::AllowsNone, "has an algorithm `none`"),
    (Flaw::AllowsOldDigests, "accepts SHA-1 and MD5"),
    (Flaw::MixesKeys, "tries the keys of every identity provider"),
    (Flaw::SignatureIsOptional, "needs no signature"),
    (Flaw::OneSignatureIsEnough, "is content with one valid signature anywhere"),
    (Flaw::EmptyIsUnsigned, "takes an empty Signature for verified"),
    (Flaw::ReadsDtd, "reads document types"),
    (Flaw::VerifiesLastRoot, "verifies the last document element, reads the first"),
    (Flaw::VerifiesFirstRoot, "verifies the first document element, reads the last"),
    (Flaw::TakesAnyRoot, "takes an Assertion wherever it stands"),
    (Flaw::SkipsAudience, "does not compare the audience"),
    (Flaw::ComparesAudienceByPrefix, "compares audiences by their beginnings"),
    (Flaw::ComparesAudienceWithoutCase, "compares audiences without regard to case"),
    (Flaw::OneAudienceRestrictionIsEnough, "is content with one of several AudienceRestrictions"),
    (Flaw::SkipsRecipient, "does not compare Recipient"),
    (Flaw::SkipsDestination, "does not compare Destination"),
    (Flaw::ComparesDestinationByPrefix, "compares Destination by its beginning"),
    (Flaw::SkipsTimes, "looks at no clock"),
    (Flaw::MissingEndIsForEver, "takes a missing end for none"),
    (Flaw::UnreadableTimeIsFine, "takes a time that it can not read for a late one"),
    (Flaw::SearchesSuccess, "searches the Status for Success"),
    (Flaw::StatusIsOptional, "needs no Status"),
    (Flaw::ReadsInResponseToOfResponse, "reads InResponseTo of the Response, signed or not"),
    (Flaw::SkipsInResponseTo, "does not compare InResponseTo"),
    (Flaw::SkipsIssuer, "does not compare Issuer"),
    (Flaw::TakesEveryConfirmation, "takes every method of confirmation"),
];

#[test]
fn without_a_flaw_the_small_service_provider_is_never_deceived() {
    let played = played();
    let honest = honest(&played).len();
    assert!(honest >= 40, "it accepts {honest} valid messages alone");
    for one in played.iter().filter(|one| one.is_attack()) {
        let claims = one.accepted_by(Flaw::None);
        let deceived = claims.is_some_and(|claims| claims.name(VICTIM));
        assert!(!deceived, "{}", one.path());
    }
}

#[test]
fn every_flaw_accepts_what_everybody_does() {
    let played = played();
    for one in honest(&played) {
        let expected = one.accepted_by(Flaw::None);
        for (flaw, _) in FLAWS {
            // Two Assertions have no order that would be a mistake here.
            assert_eq!(one.accepted_by(flaw), expected, "{flaw:?}: {}", one.path());
        }
    }
}

#[test]
fn every_flaw_lets_an_attack_in() {
    let bitten = bitten();
    let unharmed = FLAWS.iter().filter(|(flaw, _)| bitten[flaw].is_empty());
    let unharmed = unharmed.map(|(flaw, _)| flaw).collect::<Vec<_>>();
    assert!(unharmed.is_empty(), "nothing bites {unharmed:?}");
}

/// For each flaw, the attacks that get in because of it. All of them are refused by the core:
/// `every_message_of_the_corpus_gets_the_verdict_that_it_says`.
fn bitten() -> BTreeMap<Flaw, Vec<String>> {
    let played = played();
    let attacks = played.iter().filter(|one| one.is_attack()).collect::<Vec<_>>();
    let sound = attacks.iter().map(|one| one.accepted_by(Flaw::None)).collect::<Vec<_>>();
    let bites = |flaw| {
        let attacks = attacks.iter().zip(&sound);
        let got_in = attacks.filter_map(|(one, sound)| {
            let claims = one.accepted_by(flaw)?;
            (Some(&claims) != sound.as_ref()).then(|| one.path())
        });
        got_in.collect()
    };
    FLAWS.iter().map(|(flaw, _)| (*flaw, bites(*flaw))).collect()
}

/// One row for each flaw: what it does, how many attacks get in, and one of them.
pub(crate) fn table() -> String {
    let bitten = bitten();
    let mut text = "| a service provider that … | lets in | for instance |\n|---|---|---|\n".to_owned();
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
    keys: Vec<X509>,
    all_keys: Vec<X509>,
    earlier: String,
    later: String,
}

impl Played {
    fn is_attack(&self) -> bool {
        matches!(self.case.expect, Expect::Refuse(_))
    }

    fn path(&self) -> String {
        self.case.path.display().to_string()
    }

    fn accepted_by(&self, flaw: Flaw) -> Option<Claims> {
        let issuer = if self.case.idp == "other" { "other-idp" } else { "idp" };
        let setting = Setting {
            issuer: &format!("https://{issuer}.example.com/metadata"),
            keys: &self.keys,
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
    cases().into_iter().filter(usual).map(play).collect()
}

fn play(case: Case) -> Played {
    let keys = certificates(&case.idp);
    let all_keys = [keys.clone(), certificates("corp"), certificates("other")].concat();
    let time = |time: Timestamp| time.to_string();
    let skew = Duration::from_secs(180);
    let (earlier, later) = (time(case.now.minus(skew)), time(case.now.plus(skew)));
    let tree = Tree::read(&case.body);
    Played { case, tree, keys, all_keys, earlier, later }
}

fn certificates(idp: &str) -> Vec<X509> {
    let path: PathBuf = folder().join("trust").join(format!("{idp}.xml"));
    let metadata = std::fs::read(path).unwrap();
    let tree = Tree::read(&metadata).unwrap();
    let certificates = tree.elements().filter(|one| one.is(lenient::DS, "X509Certificate"));
    let der = certificates.map(|one| verifier::decoded(&one.text()).unwrap());
    der.map(|der| X509::from_der(&der).unwrap()).collect()
}

/// Those that have to be accepted, and that even a small service provider can: without
/// encryption, exceptions, or other keys than RSA and EC.
fn honest(played: &[Played]) -> Vec<&Played> {
    let fine = |one: &&Played| !one.is_attack() && one.accepted_by(Flaw::None).is_some();
    played.iter().filter(fine).collect()
}
