use proptest::prelude::*;

use super::*;
use crate::base::Refusal as _;

const MESSAGE: &str = "<m xmlns='urn:m'>x</m>";

fn read(text: &str) -> Result<String, &'static str> {
    SoapMessage::read(text.as_bytes())
        .map(|soap| soap.message().local_name().to_owned())
        .map_err(|error| error.code().as_str())
}

fn with(header: &str, body: &str, behind: &str) -> Result<String, &'static str> {
    read(&format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<S:Envelope xmlns:S='{SOAP_NS}' \
         S:encodingStyle='x'>{header}\n<S:Body Id='b'> {body}\n</S:Body>{behind}</S:Envelope>\n"
    ))
}

#[test]
fn one_message_in_one_body_is_read() {
    let m = || Ok("m".to_owned());
    assert_eq!(read(&envelope(MESSAGE)), m());
    assert_eq!(with("", MESSAGE, ""), m());
    assert_eq!(with("<S:Header/>", MESSAGE, ""), m());
    let optional = "<S:Header><h S:mustUnderstand='0'/><x:h xmlns:x='urn:x'/></S:Header>";
    assert_eq!(with(optional, MESSAGE, ""), m());
}

#[test]
fn any_other_envelope_is_binding_soap() {
    let soap = || Err("binding.soap");
    for (header, body, behind) in [
        ("", "", ""),
        ("", "text", ""),
        ("", "<m xmlns='urn:m'/><m xmlns='urn:m'/>", ""),
        ("", "<m xmlns='urn:m'/>text", ""),
        ("", "<S:Body/>", ""),
        ("", "<S:Envelope/>", ""),
        ("text", MESSAGE, ""),
        ("", MESSAGE, "text"),
        ("", MESSAGE, "<S:Body/>"),
        ("", MESSAGE, "<x/>"),
        ("<S:Header/><S:Header/>", MESSAGE, ""),
        ("<S:Body/>", MESSAGE, ""),
        ("<x/>", MESSAGE, ""),
        (
            "<S:Header><h S:mustUnderstand='1'/></S:Header>",
            MESSAGE,
            "",
        ),
        (
            "<S:Header><h S:mustUnderstand='true'/></S:Header>",
            MESSAGE,
            "",
        ),
    ] {
        assert_eq!(
            with(header, body, behind),
            soap(),
            "{header} {body} {behind}"
        );
    }
    let soap12 = envelope(MESSAGE).replace(SOAP_NS, "http://www.w3.org/2003/05/soap-envelope");
    assert_eq!(read(&soap12), soap());
    assert_eq!(read(MESSAGE), soap());
    assert_eq!(read(&format!("<S:Envelope xmlns:S='{SOAP_NS}'/>")), soap());
}

#[test]
fn what_is_no_message_of_ours_to_read_keeps_its_code() {
    assert_eq!(read("<a"), Err("xml.syntax"));
    assert_eq!(read("<!DOCTYPE a><a/>"), Err("xml.dtd"));
    assert_eq!(read(&" ".repeat(MAX_BODY + 1)), Err("binding.size"));
    let commented = envelope("<m xmlns='urn:m'>a<!-- -->b</m>");
    assert_eq!(read(&commented), Err("xml.forbidden_node"));
}

#[test]
fn a_signature_around_the_message_is_sig_position() {
    let signature = format!("<d:Signature xmlns:d='{}'/>", ns::DS);
    let security =
        format!("<S:Header><w:Security xmlns:w='urn:w'>{signature}</w:Security></S:Header>");
    assert_eq!(with(&security, MESSAGE, ""), Err("sig.position"));
    let inside = format!("<m xmlns='urn:m'>{signature}</m>");
    assert_eq!(with("", &inside, ""), Ok("m".to_owned()));
}

#[test]
fn an_answer_that_does_not_name_soap_is_binding_artifact_unreachable() {
    let read = |text: &str| {
        let error = SoapMessage::read_answer(text.as_bytes()).map(|_| ()).unwrap_err();
        (error.code().as_str(), error.to_string())
    };
    let page = "<!DOCTYPE html>\n<p>Please log in<br>".to_owned() + &"x".repeat(200);
    let (code, detail) = read(&page);
    assert_eq!(code, "binding.artifact_unreachable");
    let begins =
        "the answer is no SOAP message: it begins with \"<!DOCTYPE html> <p>Please log in<br>x";
    assert!(detail.starts_with(begins), "{detail}");
    assert!(detail.len() < 160, "{detail}");
    assert_eq!(read("").0, "binding.artifact_unreachable");
    // What is wrong with an envelope has its own code.
    assert_eq!(read(&envelope("<a>")).0, "xml.syntax");
    assert_eq!(read(&envelope("")).0, "binding.soap");
    let attack = format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", envelope("<a/>"));
    assert_eq!(read(&attack).0, "xml.dtd");
    assert!(SoapMessage::read_answer(envelope(MESSAGE).as_bytes()).is_ok());
}

#[test]
fn a_fault_is_binding_fault_with_what_it_says() {
    let fault = Fault::Server.envelope("no\n<b>\u{202e}x");
    let error = SoapMessage::read(fault.as_bytes()).unwrap_err();
    assert_eq!(error.code().as_str(), "binding.fault");
    assert_eq!(error.to_string(), "SOAP fault soap:Server: no <b>x");
    assert_eq!(error.rule(), "soap");
    for fault in [Fault::Client, Fault::MustUnderstand] {
        let error = SoapMessage::read(fault.envelope("").as_bytes()).unwrap_err();
        let BindingError::Fault { code, reason } = (match error {
            SamlError::Binding(error) => error,
            other => panic!("{other}"),
        }) else {
            panic!("no fault");
        };
        assert_eq!(code, format!("soap:{fault:?}"));
        assert_eq!(reason, "");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_sent_by_soap_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = SoapMessage::read(&bytes);
    }

    /// Whatever is cut out of an envelope, twice in it, or in another place, there is either one
    /// message or none.
    #[test]
    fn an_envelope_that_was_cut_up_has_one_message_or_none(
        at in proptest::collection::vec(0usize..300, 1..4),
        piece in proptest::sample::select(vec![
            "", MESSAGE, "<S:Body>", "</S:Body>", "<S:Header/>", "<x/>", "</S:Envelope>", "x",
        ]),
    ) {
        let mut text = format!(
            "<S:Envelope xmlns:S='{SOAP_NS}'><S:Header/><S:Body>{MESSAGE}</S:Body></S:Envelope>"
        );
        for place in at {
            let mut place = place.min(text.len());
            while !text.is_char_boundary(place) {
                place -= 1;
            }
            text.insert_str(place, piece);
        }
        if let Ok(soap) = SoapMessage::read(text.as_bytes()) {
            let body = soap.message().parent().unwrap();
            prop_assert!(body.is(SOAP_NS, "Body"));
            prop_assert_eq!(body.children().count(), 1);
            prop_assert_eq!(body.parent().unwrap().children().filter(|one| one.is(SOAP_NS, "Body")).count(), 1);
        }
    }
}
