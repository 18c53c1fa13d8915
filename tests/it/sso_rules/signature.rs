//! S1 to S15: signatures. Where SignedInfo is changed, it is changed before it is signed: the
//! signature is right, by the identity provider's own key, and says what SAML does not allow.

use openssl::nid::Nid;

use super::Bend::{Afterwards, Parts, SignedXml};
use super::{Stage, between};
use crate::support::idp::{Key, Sign, TestIdp};

const SIGNATURE_START: &str = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">";

/// The first Signature, as text.
fn signature(xml: &str) -> String {
    let inner = between(xml, SIGNATURE_START, "</ds:Signature>");
    format!("{SIGNATURE_START}{inner}</ds:Signature>")
}

#[tokio::test]
async fn a_signature_elsewhere_is_sig_position() {
    let stage = Stage::set("").await;
    let code = "sig.position";
    stage
        .refuses(&[
            (
                "in the Subject",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    let xml = xml.replace(&signature, "");
                    xml.replace("<saml:Subject>", &format!("<saml:Subject>{signature}"))
                }),
            ),
            (
                "in the Extensions",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    let xml = xml.replace(&signature, "");
                    let extensions = format!("<samlp:Extensions>{signature}</samlp:Extensions>");
                    xml.replace("<samlp:Status>", &format!("{extensions}<samlp:Status>"))
                }),
            ),
            (
                "before the Issuer",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    let xml = xml.replace(&signature, "");
                    let (before, assertion) = xml.split_once("<saml:Assertion ").unwrap();
                    let assertion = assertion.replacen('>', &format!(">{signature}"), 1);
                    format!("{before}<saml:Assertion {assertion}")
                }),
            ),
            (
                "behind the Subject",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    let xml = xml.replace(&signature, "");
                    xml.replace("</saml:Subject>", &format!("</saml:Subject>{signature}"))
                }),
            ),
            (
                "twice",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    xml.replace(&signature, &signature.repeat(2))
                }),
            ),
            (
                "in an attribute's value",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    xml.replace("Alice Example", &signature)
                }),
            ),
            (
                "in a Signature",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    xml.replace("<ds:X509Data>", &format!("{signature}<ds:X509Data>"))
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn more_or_less_in_a_signature_is_sig_structure() {
    let stage = Stage::set("").await;
    let code = "sig.structure";
    stage
        .refuses(&[
            // Core 5.4.5, erratum 91: content that is signed by nobody in a valid Signature.
            (
                "an Object",
                code,
                Parts(|response| {
                    response.signature = Some(|signature| {
                        signature.replace("</ds:Signature>", "<ds:Object/></ds:Signature>")
                    });
                }),
            ),
            (
                "no SignatureValue",
                code,
                Parts(|response| {
                    response.signature = Some(|signature| {
                        let value =
                            between(&signature, "<ds:SignatureValue>", "</ds:SignatureValue>");
                        let element = format!("<ds:SignatureValue>{value}</ds:SignatureValue>");
                        signature.replace(&element, "")
                    });
                }),
            ),
            (
                "two KeyInfo",
                code,
                Parts(|response| {
                    response.signature = Some(|signature| {
                        signature.replace("</ds:Signature>", "<ds:KeyInfo/></ds:Signature>")
                    });
                }),
            ),
            (
                "text",
                code,
                Parts(|response| {
                    response.signature =
                        Some(|signature| signature.replace("</ds:Signature>", "x</ds:Signature>"));
                }),
            ),
            (
                "an attribute",
                code,
                Parts(|response| {
                    response.signature = Some(|signature| {
                        signature.replace("<ds:SignatureValue>", "<ds:SignatureValue more=\"\">")
                    });
                }),
            ),
            (
                "more in SignedInfo",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        signed_info
                            .replace("</ds:SignedInfo>", "<ds:More></ds:More></ds:SignedInfo>")
                    });
                }),
            ),
            (
                "SignedInfo in another order",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let start = signed_info.find("<ds:CanonicalizationMethod").unwrap();
                        let method = "</ds:CanonicalizationMethod>";
                        let end = signed_info.find(method).unwrap() + method.len();
                        let method = signed_info[start..end].to_owned();
                        let rest = signed_info.replace(&method, "");
                        rest.replace("</ds:SignedInfo>", &format!("{method}</ds:SignedInfo>"))
                    });
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_reference_to_anything_else_is_sig_reference() {
    let stage = Stage::set("").await;
    let code = "sig.reference";
    stage
        .refuses(&[
            (
                "the whole document",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let uri = between(&signed_info, " URI=\"", "\"");
                        signed_info.replace(&uri, "")
                    });
                }),
            ),
            (
                "another element",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let uri = between(&signed_info, " URI=\"", "\"");
                        signed_info.replace(&uri, "#_other")
                    });
                }),
            ),
            (
                "an XPointer",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let uri = between(&signed_info, " URI=\"#", "\"");
                        signed_info.replace(&format!("#{uri}"), &format!("#xpointer(id('{uri}'))"))
                    });
                }),
            ),
            (
                "an address",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let uri = between(&signed_info, " URI=\"", "\"");
                        signed_info.replace(&uri, "http://127.0.0.1:9/x.xml")
                    });
                }),
            ),
            (
                "no URI",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let uri = between(&signed_info, " URI=\"", "\"");
                        signed_info.replace(&format!(" URI=\"{uri}\""), "")
                    });
                }),
            ),
            (
                "with a Type",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let kind = "Type=\"http://www.w3.org/2000/09/xmldsig#Object\"";
                        signed_info.replace("<ds:Reference ", &format!("<ds:Reference {kind} "))
                    });
                }),
            ),
            (
                "two of them",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let inner = between(&signed_info, "<ds:Reference ", "</ds:Reference>");
                        let reference = format!("<ds:Reference {inner}</ds:Reference>");
                        signed_info.replace(&reference, &reference.repeat(2))
                    });
                }),
            ),
            (
                "none",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let inner = between(&signed_info, "<ds:Reference ", "</ds:Reference>");
                        signed_info.replace(&format!("<ds:Reference {inner}</ds:Reference>"), "")
                    });
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn other_transforms_are_sig_transform() {
    let stage = Stage::set("").await;
    let code = "sig.transform";
    stage
        .refuses(&[
            ("XSLT", code, Parts(|response| {
                response.signed_info = Some(|signed_info| {
                    let last = "</ds:Transforms>";
                    let xslt = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\">\
                                </ds:Transform>";
                    signed_info.replace(last, &format!("{xslt}{last}"))
                });
            })),
            ("in the other order", code, Parts(|response| {
                response.signed_info = Some(|signed_info| {
                    let inner = between(&signed_info, "<ds:Transforms>", "</ds:Transforms>");
                    let (first, second) = inner.split_once("</ds:Transform>").unwrap();
                    let other = format!("{second}{first}</ds:Transform>");
                    signed_info.replace(&inner, &other)
                });
            })),
            ("without enveloped-signature", code, Parts(|response| {
                response.signed_info = Some(|signed_info| {
                    signed_info.replace(
                        "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\">\
                         </ds:Transform>",
                        "",
                    )
                });
            })),
            ("inclusive canonicalization", code, Parts(|response| {
                response.signed_info = Some(|signed_info| {
                    let (rest, transform) = signed_info.rsplit_once("<ds:Transform ").unwrap();
                    let transform = transform.replacen(
                        "http://www.w3.org/2001/10/xml-exc-c14n#",
                        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
                        1,
                    );
                    format!("{rest}<ds:Transform {transform}")
                });
            })),
            ("no Transforms", code, Parts(|response| {
                response.signed_info = Some(|signed_info| {
                    let inner = between(&signed_info, "<ds:Transforms>", "</ds:Transforms>");
                    signed_info.replace(&format!("<ds:Transforms>{inner}</ds:Transforms>"), "")
                });
            })),
            ("a PrefixList of 17 prefixes", code, Parts(|response| {
                response.signed_info = Some(|signed_info| {
                    let prefixes: Vec<String> = (0..17).map(|n| format!("p{n}")).collect();
                    let list = format!(
                        "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" \
                         PrefixList=\"{}\"></ec:InclusiveNamespaces>",
                        prefixes.join(" ")
                    );
                    let end = "</ds:Transform></ds:Transforms>";
                    signed_info.replace(end, &format!("{list}{end}"))
                });
            })),
        ])
        .await;
}

#[tokio::test]
async fn algorithms_that_are_not_on_the_list_are_refused_by_name() {
    let stage = Stage::set("").await;
    let (algorithm, digest) = ("sig.algorithm", "sig.digest_algorithm");
    stage
        .refuses(&[
            (
                "inclusive canonicalization of SignedInfo",
                "sig.c14n",
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        signed_info.replacen(
                            "http://www.w3.org/2001/10/xml-exc-c14n#",
                            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
                            1,
                        )
                    });
                }),
            ),
            (
                "SHA-1 in everything",
                algorithm,
                Parts(|response| response.digest = "sha1"),
            ),
            (
                "HMAC with a public key as the secret",
                algorithm,
                Parts(|response| {
                    response.signed_info =
                        Some(|signed_info| signed_info.replace("#ecdsa-sha256", "#hmac-sha256"));
                }),
            ),
            (
                "RSA where the key is EC",
                algorithm,
                Parts(|response| {
                    response.signed_info =
                        Some(|signed_info| signed_info.replace("#ecdsa-sha256", "#rsa-sha256"));
                }),
            ),
            (
                "none",
                algorithm,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let name = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
                        signed_info.replace(name, "none")
                    });
                }),
            ),
            (
                "with parameters",
                algorithm,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let end = "</ds:SignatureMethod>";
                        let length = "<ds:HMACOutputLength>1</ds:HMACOutputLength>";
                        signed_info.replace(end, &format!("{length}{end}"))
                    });
                }),
            ),
            (
                "a digest by SHA-1",
                digest,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let name = "http://www.w3.org/2001/04/xmlenc#sha256";
                        signed_info.replace(name, "http://www.w3.org/2000/09/xmldsig#sha1")
                    });
                }),
            ),
            (
                "a digest by MD5",
                digest,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let name = "http://www.w3.org/2001/04/xmlenc#sha256";
                        signed_info.replace(name, "http://www.w3.org/2001/04/xmldsig-more#md5")
                    });
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn values_that_are_no_signature_are_sig_encoding() {
    let stage = Stage::set("").await;
    let code = "sig.encoding";
    stage
        .refuses(&[
            (
                "a digest of another length",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        let value = between(&signed_info, "<ds:DigestValue>", "</ds:DigestValue>");
                        signed_info.replace(&value, "AAAA")
                    });
                }),
            ),
            (
                "a digest with an element",
                code,
                Parts(|response| {
                    response.signed_info = Some(|signed_info| {
                        signed_info.replace("</ds:DigestValue>", "<b></b></ds:DigestValue>")
                    });
                }),
            ),
            (
                "a signature in another alphabet",
                code,
                Parts(|response| {
                    response.signature = Some(|signature| {
                        let value =
                            between(&signature, "<ds:SignatureValue>", "</ds:SignatureValue>");
                        signature.replace(&value, "_-_-")
                    });
                }),
            ),
            (
                "a signature without padding",
                code,
                Parts(|response| {
                    response.signature = Some(|signature| {
                        let value =
                            between(&signature, "<ds:SignatureValue>", "</ds:SignatureValue>");
                        signature.replace(&value, "QUI")
                    });
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn content_that_was_changed_is_sig_digest() {
    let stage = Stage::set("").await;
    let code = "sig.digest";
    stage
        .refuses(&[
            (
                "another person",
                code,
                Afterwards(|xml| xml.replace("alice@example.com", "bob@example.com")),
            ),
            (
                "another group",
                code,
                Afterwards(|xml| xml.replace("Staff", "Board")),
            ),
            (
                "another time",
                code,
                Afterwards(|xml| {
                    let time = between(&xml, "NotOnOrAfter=\"", "\"");
                    xml.replace(&time, "2037-01-01T00:00:00Z")
                }),
            ),
            (
                "white space",
                code,
                Afterwards(|xml| xml.replace("<saml:Conditions", "\n<saml:Conditions")),
            ),
            (
                "a digest of something else",
                code,
                Parts(|response| {
                    response.sign = Sign::Response;
                    response.signed_info = Some(|signed_info| {
                        let value = between(&signed_info, "<ds:DigestValue>", "</ds:DigestValue>");
                        let other = "A".repeat(43) + "=";
                        signed_info.replace(&value, &other)
                    });
                }),
            ),
        ])
        .await;
}

/// Changes one bit of the first SignatureValue, and leaves it base64.
fn other_value(xml: String) -> String {
    let value = between(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
    let other = if value.starts_with('A') { "B" } else { "A" };
    xml.replacen(&value, &format!("{other}{}", &value[1..]), 1)
}

#[tokio::test]
async fn what_no_key_of_the_identity_provider_made_is_sig_invalid() {
    let stage = Stage::set("").await;
    let code = "sig.invalid";
    stage
        .refuses(&[
            ("another value", code, Afterwards(other_value)),
            (
                "a value of another length",
                code,
                Afterwards(|xml| {
                    let value = between(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
                    xml.replace(&value, "QUJD")
                }),
            ),
            (
                "r and s of zero",
                code,
                Afterwards(|xml| {
                    let value = between(&xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
                    xml.replace(&value, &format!("{}==", "A".repeat(86)))
                }),
            ),
            (
                "an inner one that is wrong under an outer one that is right",
                code,
                Parts(|response| {
                    response.sign = Sign::Both;
                    // Called for the Assertion first; the Response's is left as it is.
                    response.signature = Some(|signature| match signature.contains("#_0in") {
                        true => other_value(signature),
                        false => signature,
                    });
                    response.assertion().id = "_0inner".to_owned();
                }),
            ),
            (
                "an outer one that is wrong over an inner one that is right",
                code,
                Parts(|response| {
                    response.sign = Sign::Both;
                    response.id = "_0in".to_owned();
                    response.signature = Some(|signature| match signature.contains("#_0in") {
                        true => other_value(signature),
                        false => signature,
                    });
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_key_that_the_message_brings_along_is_sig_invalid() {
    let stage = Stage::set("").await;
    let mut mallory = TestIdp::new("corp");
    for curve in [Nid::X9_62_PRIME256V1, Nid::SECP384R1] {
        mallory.key = Key::ec(curve);
        for sign in [Sign::Response, Sign::Assertion, Sign::Both] {
            let mut visitor = stage.gateway.visitor();
            let request = stage.begin(&mut visitor, "/").await;
            let mut response = mallory.answer(&request);
            response.sign = sign;
            let xml = mallory.write(&response);
            let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
            stage.refused(&answer, "sig.invalid").await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_signed_is_sig_missing() {
    let stage = Stage::set("").await;
    let code = "sig.missing";
    stage
        .refuses(&[
            (
                "nothing",
                code,
                Parts(|response| response.sign = Sign::Nothing),
            ),
            (
                "a signature that was cut out",
                code,
                Afterwards(|xml| {
                    let signature = signature(&xml);
                    xml.replace(&signature, "")
                }),
            ),
            (
                "nothing, with a KeyInfo in the Extensions",
                code,
                SignedXml(Sign::Nothing, |xml| {
                    let info = "<samlp:Extensions><ds:KeyInfo \
                            xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/></samlp:Extensions>";
                    xml.replace("<samlp:Status>", &format!("{info}<samlp:Status>"))
                }),
            ),
        ])
        .await;
}
