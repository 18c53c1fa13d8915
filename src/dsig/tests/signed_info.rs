//! Knowing what canonical bytes say by knowing what they would be, and by reading them.

use super::{IDP, UNSIGNED, canonical, keys, part};
use crate::base::Checks;
use crate::dsig::signed_info::SignedInfo;
use crate::dsig::{Allowed, Place, Trust, TrustedKeys, sign_enveloped};
use crate::xml::{Document, Element, Limits, Mode, ns};

/// The SignedInfo of a message, with `change` made to it: whether its canonical bytes are written
/// from what it says, and whether reading them gives the same.
fn known(change: impl Fn(&str) -> String) -> (bool, bool) {
    let xml = sign_enveloped(UNSIGNED, "_r", &IDP, Place::AfterIssuer).unwrap();
    written(&change(&xml)).unwrap()
}

/// The same for a message; `None` for one that can not be read.
fn written(xml: &str) -> Option<(bool, bool)> {
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).ok()?;
    let root = document.root();
    let element = signed_info(root)?;
    let trusted: TrustedKeys = keys(&[&IDP]);
    let trust = Trust { keys: &trusted, allowed: INCLUSIVE };
    let read = SignedInfo::read(element, root, trust, &mut Checks::off()).ok()?;
    let bytes = canonical(element);
    let written = read.written(element, root);
    if let Some(written) = &written {
        assert_eq!(String::from_utf8_lossy(written), bytes, "{xml}");
    }
    let again = read.is_read_from(bytes.as_bytes(), root, trust);
    Some((written.is_some(), again.is_ok()))
}

const INCLUSIVE: Allowed = Allowed { sha1: false, inclusive_c14n: true };

fn signed_info(root: Element<'_>) -> Option<Element<'_>> {
    root.child(ns::DS, "Signature")?.child(ns::DS, "SignedInfo")
}

fn with_prefix(prefix: &str) -> impl Fn(&str) -> String {
    let prefix = prefix.to_owned();
    move |xml: &str| {
        let colon = if prefix.is_empty() { "" } else { ":" };
        xml.replace("ds:", &format!("{prefix}{colon}"))
            .replace("xmlns:ds=", &format!("xmlns{colon}{prefix}="))
    }
}

#[test]
fn plain_canonical_bytes_are_written_from_what_was_read() {
    for prefix in ["ds", "", "x"] {
        let prefixed = with_prefix(prefix);
        assert_eq!(known(&prefixed), (true, true), "{prefix:?}");
        for (short, long) in [
            ("/></P:Transforms>", "></P:Transform></P:Transforms>"),
            (
                "/><P:SignatureMethod",
                "></P:CanonicalizationMethod><P:SignatureMethod",
            ),
        ] {
            let [short, long] = [short, long].map(|text| prefixed(&text.replace("P:", "ds:")));
            let longer = |xml: &str| {
                let xml = prefixed(xml);
                assert!(xml.contains(&short), "{short} {xml}");
                xml.replacen(&short, &long, 1)
            };
            assert_eq!(known(longer), (true, true), "{long}");
        }
    }
}

#[test]
fn other_ways_to_say_the_same_are_read_again() {
    let changes = [
        ("<ds:SignedInfo>", "<ds:SignedInfo Id='x'>"),
        ("<ds:SignedInfo>", "<ds:SignedInfo>\n"),
        ("<ds:Reference ", "<ds:Reference Id='x' "),
        (
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"",
        ),
        ("<ds:DigestValue>", "<ds:DigestValue>\n"),
    ];
    for (from, to) in changes {
        let change = |xml: &str| {
            assert!(xml.contains(from), "{from}");
            xml.replacen(from, to, 1)
        };
        assert_eq!(known(change), (false, true), "{to}");
    }
    let xml = |xml: &str| {
        let list = "><e:InclusiveNamespaces xmlns:e='http://www.w3.org/2001/10/xml-exc-c14n#' PrefixList='xs'/></ds:Transform></ds:Transforms>";
        xml.replacen("/></ds:Transforms>", list, 1)
    };
    assert_eq!(known(xml), (false, true));
}

#[test]
fn whatever_a_signed_info_is_changed_to_its_bytes_are_canonical_or_not_written() {
    let xml = sign_enveloped(UNSIGNED, "_r", &IDP, Place::AfterIssuer).unwrap();
    let start = xml.find("<ds:SignedInfo").unwrap();
    let end = xml.find("</ds:SignedInfo>").unwrap() + "</ds:SignedInfo>".len();
    let mut read = [0, 0];
    for place in start..end {
        let (before, rest) = xml.split_at(place);
        let (at, behind) = rest.split_at(1);
        let reference = format!("&#{};", at.as_bytes()[0]);
        for new in ["", " ", "\n", "'", "a", "/", &reference] {
            for changed in [
                format!("{before}{new}{behind}"),
                format!("{before}{new}{at}{behind}"),
            ] {
                if changed == xml {
                    continue;
                }
                if let Some((written, again)) = written(&changed) {
                    assert!(again, "{changed}");
                    read[usize::from(written)] += 1;
                }
            }
        }
    }
    // Many of them say the same in a longer way; a few say something else that could be right.
    assert!(read[0] > 400 && read[1] > 50, "{read:?}");
}

#[test]
fn two_prefixes_are_not_written_as_one() {
    let xml = |xml: &str| {
        xml.replace(
            "<ds:Signature xmlns:ds=",
            "<ds:Signature xmlns:dx='http://www.w3.org/2000/09/xmldsig#' xmlns:ds=",
        )
        .replace("<ds:DigestMethod", "<dx:DigestMethod")
    };
    assert_eq!(known(xml), (false, true));
}

#[test]
fn what_is_canonicalised_in_another_way_is_read_again() {
    // Inclusive C14N 1.1, and as long as if it were exclusive: its name is three bytes shorter.
    let (exclusive, inclusive) = (ns::EXC_C14N, "http://www.w3.org/2006/12/xml-c14n11");
    for method in ["CanonicalizationMethod", "Transform"] {
        let change = |xml: &str| {
            let from = format!("<ds:{method} Algorithm=\"{exclusive}\"");
            assert!(xml.contains(&from), "{from}");
            xml.replacen(
                &from,
                &format!("<ds:{method}    Algorithm=\"{inclusive}\""),
                1,
            )
        };
        assert_eq!(known(change), (false, true), "{method}");
    }
}

#[test]
fn bytes_that_say_something_else_are_sig_structure() {
    let xml = sign_enveloped(UNSIGNED, "_r", &IDP, Place::AfterIssuer).unwrap();
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let root = document.root();
    let element = signed_info(root).unwrap();
    let trusted: TrustedKeys = keys(&[&IDP]);
    let trust = Trust::only(&trusted);
    let read = SignedInfo::read(element, root, trust, &mut Checks::off()).unwrap();
    let bytes = canonical(element);
    let again = |from: &str, to: &str| {
        assert!(bytes.contains(from), "{from}");
        read.is_read_from(bytes.replace(from, to).as_bytes(), root, trust)
            .map_err(|error| error.code().as_str())
    };
    let digest = part(&bytes, "<ds:DigestValue>", "</ds:DigestValue>");
    let other = digest.to_lowercase().replace("digestvalue", "DigestValue");
    assert_eq!(again("<ds:DigestValue>", "<ds:DigestValue> "), Ok(()));
    assert_eq!(again(digest, &other), Err("sig.structure"));
    assert_eq!(again("ds:SignedInfo", "ds:Object"), Err("sig.structure"));
    assert_eq!(again("</ds:SignedInfo>", ""), Err("sig.structure"));
}
