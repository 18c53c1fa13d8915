//! Knowing what canonical bytes say by knowing what they would be, and by reading them.

use super::{IDP, UNSIGNED, canonical, keys};
use crate::base::Checks;
use crate::dsig::signed_info::SignedInfo;
use crate::dsig::{Place, Trust, TrustedKeys, sign_enveloped};
use crate::xml::{Document, Element, Limits, Mode, ns};

/// The SignedInfo of a message, with `change` made to it: its canonical bytes, and whether the first
/// and the second way know them.
fn known(change: impl Fn(&str) -> String, bent: impl FnOnce(&str) -> String) -> (bool, bool) {
    let xml = sign_enveloped(UNSIGNED, "_r", &IDP, Place::AfterIssuer).unwrap();
    let xml = change(&xml);
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let root = document.root();
    let element = signed_info(root);
    let trusted: TrustedKeys = keys(&[&IDP]);
    let trust = Trust::only(&trusted);
    let read = SignedInfo::read(element, root, trust, &mut Checks::off()).unwrap();
    let bytes = bent(&canonical(element));
    (
        read.is_all_of(bytes.as_bytes(), element.prefix(), root),
        read.is_read_from(bytes.as_bytes(), root, trust).is_ok(),
    )
}

fn signed_info(root: Element<'_>) -> Element<'_> {
    root.child(ns::DS, "Signature").unwrap().child(ns::DS, "SignedInfo").unwrap()
}

fn same(text: &str) -> String {
    text.to_owned()
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
fn plain_canonical_bytes_are_known_without_reading_them() {
    for prefix in ["ds", "", "x"] {
        assert_eq!(known(with_prefix(prefix), same), (true, true), "{prefix:?}");
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
        assert_eq!(known(change, same), (false, true), "{to}");
    }
    let xml = |xml: &str| {
        let list = "><e:InclusiveNamespaces xmlns:e='http://www.w3.org/2001/10/xml-exc-c14n#' PrefixList='xs'/></ds:Transform></ds:Transforms>";
        xml.replacen("/></ds:Transforms>", list, 1)
    };
    assert_eq!(known(xml, same), (false, true));
}

#[test]
fn no_other_bytes_are_taken_for_what_was_read() {
    let mut places = 0;
    known(same, |bytes| {
        places = bytes.len();
        same(bytes)
    });
    for place in 0..places {
        let swapped = |bytes: &str| {
            let mut bytes = bytes.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            String::from_utf8(bytes).unwrap()
        };
        let shorter = |bytes: &str| {
            let mut bytes = same(bytes);
            bytes.remove(place);
            bytes
        };
        let longer = |bytes: &str| {
            let mut bytes = same(bytes);
            bytes.insert(place, ' ');
            bytes
        };
        assert!(!known(same, swapped).0, "{place}");
        assert!(!known(same, shorter).0, "{place}");
        assert!(!known(same, longer).0, "{place}");
    }
    assert!(!known(same, |bytes| format!("{bytes} ")).0);
    assert!(!known(same, |_| String::new()).0);
}
