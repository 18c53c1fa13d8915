//! X1 to X9: what is XML for us, and what is a Response.

use super::Bend::{Afterwards, Bytes, SignedXml, Xml};
use super::Stage;
use crate::support::idp::Sign;

/// Puts this directly behind the start tag of the Response's Issuer's end.
fn extension(xml: &str, content: &str) -> String {
    let status = "<samlp:Status>";
    xml.replacen(
        status,
        &format!("<samlp:Extensions>{content}</samlp:Extensions>{status}"),
        1,
    )
}

#[tokio::test]
async fn another_encoding_is_xml_encoding() {
    let stage = Stage::set("").await;
    let code = "xml.encoding";
    stage
        .refuses(&[
            (
                "declared as Latin-1",
                code,
                Afterwards(|xml| format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{xml}")),
            ),
            (
                "declared as UTF-16",
                code,
                Afterwards(|xml| format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{xml}")),
            ),
            (
                "XML 1.1",
                code,
                Afterwards(|xml| format!("<?xml version=\"1.1\"?>{xml}")),
            ),
            (
                "a byte of Latin-1",
                code,
                Bytes(|xml| {
                    let mut bytes = xml.into_bytes();
                    let place = bytes.windows(5).position(|five| five == b"Alice").unwrap();
                    bytes[place] = 0xe9;
                    bytes
                }),
            ),
            (
                "an overlong sequence",
                code,
                Bytes(|xml| {
                    let mut bytes = xml.into_bytes();
                    let place = bytes.windows(5).position(|five| five == b"Alice").unwrap();
                    bytes.splice(place..place + 1, [0xc1, 0x81]);
                    bytes
                }),
            ),
            (
                "UTF-16",
                code,
                Bytes(|xml| {
                    let units = std::iter::once(0xfeff).chain(xml.encode_utf16());
                    units.flat_map(u16::to_be_bytes).collect()
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn what_is_not_well_formed_is_xml_syntax() {
    let stage = Stage::set("").await;
    let code = "xml.syntax";
    stage
        .refuses(&[
            ("no XML", code, Afterwards(|_| "hello".to_owned())),
            ("white space alone", code, Afterwards(|_| " \n".to_owned())),
            (
                "cut off",
                code,
                Afterwards(|xml| xml.replace("</samlp:Response>", "")),
            ),
            ("text behind it", code, Afterwards(|xml| format!("{xml}x"))),
            (
                "two documents",
                code,
                Afterwards(|xml| format!("{xml}{xml}")),
            ),
            (
                "an end tag of another name",
                code,
                Afterwards(|xml| xml.replace("</samlp:Status>", "</samlp:Statuz>")),
            ),
            (
                "an attribute twice",
                code,
                Afterwards(|xml| {
                    xml.replacen(" Version=\"2.0\"", " Version=\"2.0\" Version=\"2.0\"", 1)
                }),
            ),
            (
                "a control character",
                code,
                Afterwards(|xml| xml.replace("Alice", "Al\u{1}ice")),
            ),
            (
                "a reference to NUL",
                code,
                Afterwards(|xml| xml.replace("Alice", "&#0;")),
            ),
            (
                "a bare ampersand",
                code,
                Afterwards(|xml| xml.replace("Alice", "R & D")),
            ),
            (
                "a value without quotes",
                code,
                Afterwards(|xml| xml.replacen("Version=\"2.0\"", "Version=2.0", 1)),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_doctype_is_xml_dtd() {
    let stage = Stage::set("").await;
    let code = "xml.dtd";
    stage
        .refuses(&[
            (
                "a DOCTYPE",
                code,
                Afterwards(|xml| format!("<!DOCTYPE Response>{xml}")),
            ),
            (
                "an entity that reads a file",
                code,
                Afterwards(|xml| {
                    let xml = xml.replace("Alice", "&file;");
                    format!("<!DOCTYPE r [<!ENTITY file SYSTEM \"file:///etc/passwd\">]>{xml}")
                }),
            ),
            (
                "a thousand laughs",
                code,
                Afterwards(|xml| {
                    let xml = xml.replace("Alice", "&b;");
                    format!("<!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]>{xml}")
                }),
            ),
            (
                "an entity that nobody declared",
                code,
                Afterwards(|xml| xml.replace("Alice", "&eacute;")),
            ),
        ])
        .await;
}

#[tokio::test]
async fn what_breaks_namespaces_is_xml_namespace() {
    let stage = Stage::set("").await;
    let code = "xml.namespace";
    stage
        .refuses(&[
            (
                "a prefix that is not declared",
                code,
                Afterwards(|xml| extension(&xml, "<x:a/>")),
            ),
            (
                "an attribute's prefix",
                code,
                Afterwards(|xml| extension(&xml, "<a x:b=\"\"/>")),
            ),
            (
                "a relative namespace name",
                code,
                Afterwards(|xml| extension(&xml, "<a xmlns=\"relative\"/>")),
            ),
            (
                "a namespace name outside ASCII",
                code,
                Afterwards(|xml| extension(&xml, "<a xmlns=\"urn:caf\u{e9}\"/>")),
            ),
            (
                "xml bound to something else",
                code,
                Afterwards(|xml| extension(&xml, "<a xmlns:xml=\"urn:x\"/>")),
            ),
            (
                "xmlns declared",
                code,
                Afterwards(|xml| extension(&xml, "<a xmlns:xmlns=\"urn:x\"/>")),
            ),
            (
                "a prefix undeclared",
                code,
                Afterwards(|xml| extension(&xml, "<a xmlns:p=\"\"/>")),
            ),
            (
                "an attribute under two prefixes",
                code,
                Afterwards(|xml| {
                    let attributes = "xmlns:p=\"urn:x\" xmlns:q=\"urn:x\" p:a=\"1\" q:a=\"2\"";
                    extension(&xml, &format!("<a {attributes}/>"))
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn comments_instructions_and_cdata_are_xml_forbidden_node() {
    let stage = Stage::set("").await;
    let code = "xml.forbidden_node";
    stage
        .refuses(&[
            // CVE-2017-11427: some readers stop at the comment.
            (
                "a comment in the NameID",
                code,
                Afterwards(|xml| {
                    xml.replace(
                        "alice@example.com<",
                        "alice@example.com<!---->.evil.example<",
                    )
                }),
            ),
            (
                "a comment in what is signed",
                code,
                Afterwards(|xml| xml.replace("<saml:Subject>", "<!-- x --><saml:Subject>")),
            ),
            (
                "a comment inside of an element that nobody signed",
                code,
                Afterwards(|xml| xml.replace("<samlp:StatusCode", "<!-- x --><samlp:StatusCode")),
            ),
            (
                "a processing instruction",
                code,
                Afterwards(|xml| xml.replace("<samlp:Status>", "<?x y?><samlp:Status>")),
            ),
            (
                "a style sheet",
                code,
                Afterwards(|xml| format!("<?xml-stylesheet href=\"x\"?>{xml}")),
            ),
            (
                "CDATA",
                code,
                Afterwards(|xml| xml.replace("Alice", "<![CDATA[Alice]]>")),
            ),
        ])
        .await;
}

#[tokio::test]
async fn more_than_anybody_needs_is_xml_limit() {
    let stage = Stage::set("").await;
    let code = "xml.limit";
    stage
        .refuses(&[
            (
                "33 elements inside each other",
                code,
                Afterwards(|xml| {
                    let (open, close) = ("<a>".repeat(31), "</a>".repeat(31));
                    extension(&xml, &format!("{open}{close}"))
                }),
            ),
            (
                "4097 elements",
                code,
                Afterwards(|xml| extension(&xml, &"<a/>".repeat(4097))),
            ),
            (
                "65 attributes",
                code,
                Afterwards(|xml| {
                    let attributes: String = (0..65).map(|n| format!(" a{n}=\"\"")).collect();
                    extension(&xml, &format!("<a{attributes}/>"))
                }),
            ),
            (
                "33 namespaces in scope",
                code,
                Afterwards(|xml| {
                    let declarations: String =
                        (0..32).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect();
                    extension(&xml, &format!("<a{declarations}/>"))
                }),
            ),
            (
                "more than 64 KiB in one text",
                code,
                Afterwards(|xml| extension(&xml, &format!("<a>{}</a>", "x".repeat(64 * 1024 + 1)))),
            ),
            (
                "a name of 257 bytes",
                code,
                Afterwards(|xml| extension(&xml, &format!("<{}/>", "a".repeat(257)))),
            ),
            (
                "a long namespace name at many siblings",
                code,
                Afterwards(|xml| {
                    let name = format!("urn:{}", "x".repeat(250));
                    let many = "<p:b p:c=\"\"/>".repeat(2500);
                    let inner = format!("<p:a xmlns:p=\"{name}\">{many}</p:a>");
                    extension(&xml, &inner)
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn an_id_twice_or_of_another_kind_is_xml_id() {
    let stage = Stage::set("").await;
    let code = "xml.id";
    stage
        .refuses(&[
            (
                "the assertion's ID once more",
                code,
                Afterwards(|xml| {
                    let assertion = super::between(&xml, "<saml:Assertion ", ">");
                    let id = super::between(&assertion, " ID=\"", "\"");
                    extension(&xml, &format!("<a ID=\"{id}\"/>"))
                }),
            ),
            (
                "the Response's ID at the Assertion",
                code,
                Afterwards(|xml| {
                    let id = super::between(&xml, " ID=\"", "\"");
                    let assertion = super::between(&xml, "<saml:Assertion ", ">");
                    let second = super::between(&assertion, " ID=\"", "\"");
                    xml.replace(&second, &id)
                }),
            ),
            (
                "no NCName",
                code,
                Afterwards(|xml| xml.replacen(" ID=\"_", " ID=\"1", 1)),
            ),
            (
                "an empty ID",
                code,
                Afterwards(|xml| extension(&xml, "<a ID=\"\"/>")),
            ),
            (
                "Id on a SAML element",
                code,
                Afterwards(|xml| xml.replace("<samlp:Status>", "<samlp:Status Id=\"x\">")),
            ),
            (
                "xml:id on a SAML element",
                code,
                Afterwards(|xml| xml.replace("<samlp:Status>", "<samlp:Status xml:id=\"x\">")),
            ),
            (
                "SAML 1.1's AssertionID",
                code,
                Afterwards(|xml| xml.replace("<samlp:Status>", "<samlp:Status AssertionID=\"x\">")),
            ),
            (
                "a prefixed ID",
                code,
                Afterwards(|xml| xml.replace("<samlp:Status>", "<samlp:Status samlp:ID=\"x\">")),
            ),
        ])
        .await;
}

#[tokio::test]
async fn another_document_element_is_proto_root() {
    let stage = Stage::set("").await;
    let code = "proto.root";
    let assertion = |xml: String| {
        let inner = super::between(&xml, "<saml:Assertion", "</saml:Assertion>");
        format!("<saml:Assertion{inner}</saml:Assertion>")
    };
    stage
        .refuses(&[
            ("an Assertion alone", code, Afterwards(assertion)),
            (
                "a LogoutResponse",
                code,
                Afterwards(|xml| xml.replace("samlp:Response", "samlp:LogoutResponse")),
            ),
            (
                "SAML 1.1",
                code,
                Afterwards(|xml| {
                    xml.replace(
                        "urn:oasis:names:tc:SAML:2.0:protocol",
                        "urn:oasis:names:tc:SAML:1.0:protocol",
                    )
                }),
            ),
            (
                "a page",
                code,
                Afterwards(|_| "<html xmlns=\"http://www.w3.org/1999/xhtml\"/>".to_owned()),
            ),
            (
                "a Response inside an envelope",
                code,
                Afterwards(|xml| format!("<a>{xml}</a>")),
            ),
        ])
        .await;
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_xml_schema() {
    let stage = Stage::set("").await;
    let code = "xml.schema";
    stage
        .refuses(&[
            (
                "an attribute of the Response",
                code,
                Xml(|xml| xml.replacen(" Version=", " Assured=\"yes\" Version=", 1)),
            ),
            (
                "no ID",
                code,
                Xml(|xml| {
                    let id = super::between(&xml, " ID=\"", "\"");
                    xml.replacen(&format!(" ID=\"{id}\""), "", 1)
                }),
            ),
            (
                "no Version",
                code,
                Xml(|xml| xml.replacen(" Version=\"2.0\"", "", 1)),
            ),
            (
                "no IssueInstant",
                code,
                Xml(|xml| {
                    let time = super::between(&xml, " IssueInstant=\"", "\"");
                    xml.replacen(&format!(" IssueInstant=\"{time}\""), "", 1)
                }),
            ),
            (
                "no Status",
                code,
                Xml(|xml| {
                    let status = super::between(&xml, "<samlp:Status>", "</samlp:Status>");
                    xml.replace(&format!("<samlp:Status>{status}</samlp:Status>"), "")
                }),
            ),
            (
                "an element behind the Status",
                code,
                Xml(|xml| xml.replace("</samlp:Status>", "</samlp:Status><samlp:More/>")),
            ),
            (
                "text in the Response",
                code,
                Xml(|xml| xml.replace("</samlp:Status>", "</samlp:Status>x")),
            ),
            (
                "a Status behind the Assertion",
                code,
                Xml(|xml| {
                    let status = super::between(&xml, "<samlp:Status>", "</samlp:Status>");
                    let status = format!("<samlp:Status>{status}</samlp:Status>");
                    let xml = xml.replace(&status, "");
                    xml.replace("</samlp:Response>", &format!("{status}</samlp:Response>"))
                }),
            ),
            (
                "an attribute of the Assertion",
                code,
                Xml(|xml| xml.replace("<saml:Assertion ", "<saml:Assertion Assured=\"yes\" ")),
            ),
            (
                "two Subjects",
                code,
                Xml(|xml| {
                    let subject = super::between(&xml, "<saml:Subject>", "</saml:Subject>");
                    let subject = format!("<saml:Subject>{subject}</saml:Subject>");
                    xml.replace(&subject, &format!("{subject}{subject}"))
                }),
            ),
            (
                "Conditions before the Subject",
                code,
                Xml(|xml| {
                    let start = xml.find("<saml:Conditions").unwrap();
                    let end = xml.find("</saml:Conditions>").unwrap() + "</saml:Conditions>".len();
                    let conditions = xml[start..end].to_owned();
                    let xml = xml.replace(&conditions, "");
                    xml.replace("<saml:Subject>", &format!("{conditions}<saml:Subject>"))
                }),
            ),
            (
                "two NameIDs",
                code,
                Xml(|xml| {
                    xml.replace(
                        "</saml:NameID>",
                        "</saml:NameID><saml:NameID>bob</saml:NameID>",
                    )
                }),
            ),
            (
                "elements in a NameID",
                code,
                Xml(|xml| {
                    xml.replace("alice@example.com</saml:NameID>", "alice<b/></saml:NameID>")
                }),
            ),
            (
                "a statement of another kind",
                code,
                Xml(|xml| xml.replace("</saml:Assertion>", "<saml:Verdict/></saml:Assertion>")),
            ),
            (
                "an Attribute without Name",
                code,
                Xml(|xml| xml.replace("<saml:Attribute Name=\"department\">", "<saml:Attribute>")),
            ),
            (
                "an AttributeStatement with other elements",
                code,
                Xml(|xml| {
                    xml.replace(
                        "<saml:AttributeStatement>",
                        "<saml:AttributeStatement><saml:Name/>",
                    )
                }),
            ),
            (
                "an AuthnStatement without AuthnContext",
                code,
                Xml(|xml| {
                    let context =
                        super::between(&xml, "<saml:AuthnContext>", "</saml:AuthnContext>");
                    xml.replace(
                        &format!("<saml:AuthnContext>{context}</saml:AuthnContext>"),
                        "",
                    )
                }),
            ),
            (
                "the same under a signed Response",
                code,
                SignedXml(Sign::Response, |xml| {
                    xml.replace("<saml:Assertion ", "<saml:Assertion Assured=\"yes\" ")
                }),
            ),
        ])
        .await;
}
