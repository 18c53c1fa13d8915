//! Signature wrapping: a signed Assertion is there, and another one is meant.
//!
//! The eight classical shapes (Somorovsky et al., "On Breaking SAML", 2012), each with a forged
//! Assertion about mallory beside the signed one about alice.

use super::Bend::Afterwards;
use super::{Stage, between};

struct Pair {
    /// With its Signature.
    signed: String,
    /// The same about somebody else, without a Signature, with an ID of its own.
    forged: String,
    /// The Signature alone.
    signature: String,
}

fn pair(xml: &str) -> Pair {
    let inner = between(xml, "<saml:Assertion ", "</saml:Assertion>");
    let signed = format!("<saml:Assertion {inner}</saml:Assertion>");
    let start = signed.find("<ds:Signature ").unwrap();
    let end = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = signed[start..end].to_owned();
    let id = between(&signed, " ID=\"", "\"");
    let forged = signed
        .replace(&signature, "")
        .replace(&id, "_forged")
        .replace("alice@example.com", "mallory@example.com");
    Pair { signed, forged, signature }
}

/// Puts `inside` in front of the end of the forged Assertion.
fn with_child(forged: &str, inside: &str) -> String {
    forged.replace("</saml:Assertion>", &format!("{inside}</saml:Assertion>"))
}

#[tokio::test]
async fn an_assertion_beside_the_signed_one_is_never_read() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[
            (
                "before it",
                "proto.assertion_count",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    xml.replace(&pair.signed, &format!("{}{}", pair.forged, pair.signed))
                }),
            ),
            (
                "behind it",
                "proto.assertion_count",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    xml.replace(&pair.signed, &format!("{}{}", pair.signed, pair.forged))
                }),
            ),
            (
                "around it",
                "sig.position",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    xml.replace(&pair.signed, &with_child(&pair.forged, &pair.signed))
                }),
            ),
            (
                "with its Signature, the signed one in an Object",
                "sig.position",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let signature = pair.signature.replace(
                        "</ds:Signature>",
                        &format!("<ds:Object>{}</ds:Object></ds:Signature>", pair.signed),
                    );
                    let forged = pair
                        .forged
                        .replace("</saml:Issuer>", &format!("</saml:Issuer>{signature}"));
                    xml.replace(&pair.signed, &forged)
                }),
            ),
            (
                "with its Signature, the bare one in an Object",
                "sig.structure",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let bare = pair.signed.replace(&pair.signature, "");
                    let signature = pair.signature.replace(
                        "</ds:Signature>",
                        &format!("<ds:Object>{bare}</ds:Object></ds:Signature>"),
                    );
                    let forged = pair
                        .forged
                        .replace("</saml:Issuer>", &format!("</saml:Issuer>{signature}"));
                    xml.replace(&pair.signed, &forged)
                }),
            ),
            (
                "with its Signature, the bare one in the Extensions",
                "sig.reference",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let bare = pair.signed.replace(&pair.signature, "");
                    let forged = pair.forged.replace(
                        "</saml:Issuer>",
                        &format!("</saml:Issuer>{}", pair.signature),
                    );
                    let extensions = format!("<samlp:Extensions>{bare}</samlp:Extensions>");
                    let xml = xml.replace(&pair.signed, &forged);
                    xml.replace("<samlp:Status>", &format!("{extensions}<samlp:Status>"))
                }),
            ),
            (
                "with its Signature and its ID",
                "xml.id",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let id = between(&pair.signed, " ID=\"", "\"");
                    let bare = pair.signed.replace(&pair.signature, "");
                    let forged = pair.forged.replace("_forged", &id);
                    let forged = forged.replace(
                        "</saml:Issuer>",
                        &format!("</saml:Issuer>{}", pair.signature),
                    );
                    let extensions = format!("<samlp:Extensions>{bare}</samlp:Extensions>");
                    let xml = xml.replace(&pair.signed, &forged);
                    xml.replace("<samlp:Status>", &format!("{extensions}<samlp:Status>"))
                }),
            ),
            (
                "the signed one in the Extensions",
                "sig.position",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let extensions =
                        format!("<samlp:Extensions>{}</samlp:Extensions>", pair.signed);
                    let xml = xml.replace(&pair.signed, &pair.forged);
                    xml.replace("<samlp:Status>", &format!("{extensions}<samlp:Status>"))
                }),
            ),
            (
                "the signed one in the Advice",
                "sig.position",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let advice = format!(
                        "</saml:Conditions><saml:Advice>{}</saml:Advice>",
                        pair.signed
                    );
                    let forged = pair.forged.replace("</saml:Conditions>", &advice);
                    xml.replace(&pair.signed, &forged)
                }),
            ),
            (
                "the bare one in the Advice",
                "sig.missing",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let bare = pair.signed.replace(&pair.signature, "");
                    let advice = format!("</saml:Conditions><saml:Advice>{bare}</saml:Advice>");
                    let forged = pair.forged.replace("</saml:Conditions>", &advice);
                    xml.replace(&pair.signed, &forged)
                }),
            ),
            (
                "a whole Response in the Extensions",
                "sig.position",
                Afterwards(|xml| {
                    let pair = pair(&xml);
                    let inner = xml.replacen(" ID=\"_", " ID=\"_x", 1);
                    let extensions = format!("<samlp:Extensions>{inner}</samlp:Extensions>");
                    let xml = xml.replace(&pair.signed, &pair.forged);
                    xml.replace("<samlp:Status>", &format!("{extensions}<samlp:Status>"))
                }),
            ),
        ])
        .await;
}
