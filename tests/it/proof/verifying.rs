//! What we verify, xmlsec1 verifies.
//!
//! It signs generated documents, and both have to accept them. Then they are damaged, and whatever
//! we still accept it has to accept too, as the same bytes with the same key. It is asked about
//! these alone: a process takes longer than all the rest, and most damage we refuse.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use samlgate::base::Checks;
use samlgate::dsig::{self, Trust};
use samlgate::xml::{Document, Limits, Mode, ns};

use super::damage::{Bytes, damaged};
use super::documents::{document, prefix_list};
use super::effort::{cases, either};
use super::libxml2::{Libxml2, Method, NAMESPACE_NAME, Part};
use super::message::{EXC_C14N, KEY, QUICK_KEY, with_id};
use super::xmlsec1::Xmlsec1;

thread_local! {
    static XMLSEC1: Xmlsec1 = Xmlsec1::with(&QUICK_KEY);
    static LIBXML2: RefCell<Libxml2> = RefCell::new(Libxml2::start());
}

proptest! {
    #![proptest_config(cases(40, 2_000))]

    #[test]
    fn what_we_verify_of_damaged_documents_xmlsec1_verifies(
        content in document(),
        prefixes in prefix_list(),
        own_prefixes in prefix_list(),
        id in select(vec!["_r", "_a"]),
        damages in vec(any::<u64>(), either(40, 200)),
    ) {
        let template = message(&content, id, &template(id, &prefixes, &own_prefixes));
        let signed = XMLSEC1.with(|xmlsec1| xmlsec1.sign(&template, id));
        prop_assert!(we_verify(signed.as_bytes(), id), "{}", signed);
        prop_assert!(XMLSEC1.with(|xmlsec1| xmlsec1.verifies(signed.as_bytes(), id)), "{}", signed);

        for seed in damages {
            let damaged = damage(&signed, seed);
            let theirs = |bytes: &[u8]| XMLSEC1.with(|xmlsec1| xmlsec1.verifies(bytes, id));
            if we_verify(&damaged.0, id) && can_be_canonical(&damaged.0) {
                prop_assert!(theirs(&damaged.0), "{:?}", damaged);
            }
        }
    }
}

#[test]
fn xmlsec1_verifies_by_our_key_and_no_other() {
    let xmlsec1 = Xmlsec1::with(&QUICK_KEY);
    let template = message("<x/>", "_a", &template("_a", &[], &[]));
    let signed = xmlsec1.sign(&template, "_a");
    assert!(xmlsec1.verifies(signed.as_bytes(), "_a"));
    assert!(!xmlsec1.verifies(signed.replace("<x/>", "<y/>").as_bytes(), "_a"));
    assert!(!Xmlsec1::with(&KEY).verifies(signed.as_bytes(), "_a"));
}

fn we_verify(bytes: &[u8], id: &str) -> bool {
    let Ok(document) = Document::parse(bytes, Mode::Message, &Limits::default()) else {
        return false;
    };
    let Some(element) = with_id(&document, id) else {
        return false;
    };
    if !matches!(element.namespace(), ns::SAML | ns::SAMLP) {
        // xmlsec1 was told of two elements that have IDs.
        return false;
    }
    let trust = Trust::only(&QUICK_KEY.trusted);
    dsig::verify(element, trust, &mut Checks::off()).is_ok_and(|verified| verified.is_some())
}

fn can_be_canonical(bytes: &[u8]) -> bool {
    let answer =
        LIBXML2.with_borrow_mut(|libxml2| libxml2.canonical(bytes, Method::Exclusive, Part::WHOLE));
    !answer.is_err_and(|why| why == NAMESPACE_NAME)
}

/// The damage that belongs to a number.
fn damage(text: &str, seed: u64) -> Bytes {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let seed = seed.to_le_bytes().repeat(4);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    damaged(text.to_owned()).new_tree(&mut runner).unwrap().current()
}

/// A Response and an Assertion around the content, one of them signed.
fn message(content: &str, id: &str, signature: &str) -> String {
    let at = |own| if own == id { signature } else { "" };
    format!(
        "<samlp:Response xmlns:samlp='{}' xmlns:saml='{}' xmlns:p='urn:p' xmlns:q='urn:q' \
         xmlns='urn:d' ID='_r'><saml:Issuer>https://idp.example.com</saml:Issuer>{}<samlp:Status/>\
         <saml:Assertion ID='_a'><saml:Issuer>https://idp.example.com</saml:Issuer>{}{content}\
         </saml:Assertion></samlp:Response>",
        ns::SAMLP,
        ns::SAML,
        at("_r"),
        at("_a"),
    )
}

fn template(id: &str, prefixes: &[&str], own_prefixes: &[&str]) -> String {
    let list = |prefixes: &[&str]| match prefixes {
        [] => String::new(),
        prefixes => format!(
            "<ec:InclusiveNamespaces xmlns:ec='{EXC_C14N}' PrefixList='{}'/>",
            prefixes.join(" ")
        ),
    };
    format!(
        "<ds:Signature xmlns:ds='{}'>\n <ds:SignedInfo>\n\
         <ds:CanonicalizationMethod Algorithm='{EXC_C14N}'>{}</ds:CanonicalizationMethod>\n\
         <ds:SignatureMethod Algorithm='{}'/>\n<ds:Reference URI='#{id}'><ds:Transforms>\
         <ds:Transform Algorithm='http://www.w3.org/2000/09/xmldsig#enveloped-signature'/>\n\
         <ds:Transform Algorithm='{EXC_C14N}'>{}</ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha256'/><ds:DigestValue/>\
         </ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>",
        ns::DS,
        list(own_prefixes),
        QUICK_KEY.method(),
        list(prefixes),
    )
}
