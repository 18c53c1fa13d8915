use super::*;
use crate::xml::{Document, Limits, Mode};
use crate::xmlenc::DecryptionKeys;

const SUBJECT: &str = "<Subject><NameID>alice</NameID></Subject>";

/// Of an Assertion with this content behind its Issuer.
fn with(content: &str) -> Result<AssertionFields, &'static str> {
    read(&format!("<Issuer>urn:idp</Issuer>{content}"))
}

fn read(content: &str) -> Result<AssertionFields, &'static str> {
    let text = format!(
        "<Assertion xmlns='{ASSERTION_NS}' xmlns:a='{ASSERTION_NS}' xmlns:o='urn:o' \
         ID='_a' Version='2.0' IssueInstant='2026-11-21T12:00:00Z'>{content}</Assertion>"
    );
    let document = Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let decryption = Decryption {
        keys: &DecryptionKeys::default(),
        allow_cbc_unsigned: false,
        allow_tripledes: false,
        required: false,
    };
    read_assertion(document.root(), decryption, &mut Checks::off())
        .map(|(fields, _)| fields)
        .map_err(|error| error.code().as_str())
}

fn at(minute: i64) -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z")
        .map(|start| Timestamp::from_unix_seconds(start.unix_seconds() + minute * 60))
        .unwrap()
}

/// The values of an Attribute with this content, and whether there are others.
fn values(content: &str) -> Result<(Vec<String>, bool), &'static str> {
    let attribute = format!("<Attribute Name='n'>{content}</Attribute>");
    let fields = with(&format!(
        "<AttributeStatement>{attribute}</AttributeStatement>"
    ))?;
    let [attribute] = &fields.attributes[..] else {
        panic!("one Attribute is one attribute")
    };
    Ok((
        attribute.values.iter().map(str::to_owned).collect(),
        attribute.complex,
    ))
}

#[test]
fn an_assertion_says_what_stands_in_it() {
    let fields = with(
        "<Subject>\
           <NameID Format='f' NameQualifier='q' SPNameQualifier='s'> alice </NameID>\
           <SubjectConfirmation Method='m'><NameID>nobody</NameID><SubjectConfirmationData \
             NotBefore='2026-11-21T12:01:00Z' NotOnOrAfter='2026-11-21T12:02:00Z' \
             Recipient='r' InResponseTo='i' Address='a' o:more='m'/></SubjectConfirmation>\
           <SubjectConfirmation Method='n'/>\
         </Subject>\
         <Conditions NotBefore='2026-11-21T12:03:00Z' NotOnOrAfter='2026-11-21T12:04:00Z'>\
           <AudienceRestriction><Audience>one</Audience><Audience>two</Audience></AudienceRestriction>\
           <OneTimeUse/><ProxyRestriction/><AudienceRestriction/><Condition/>\
         </Conditions>\
         <Advice><o:any/></Advice>\
         <AuthnStatement AuthnInstant='2026-11-21T12:05:00Z' SessionIndex='x' \
           SessionNotOnOrAfter='2026-11-21T12:06:00Z'><SubjectLocality/><AuthnContext>\
           <AuthnContextClassRef> class </AuthnContextClassRef><AuthnContextDeclRef>d</AuthnContextDeclRef>\
           <AuthenticatingAuthority>b</AuthenticatingAuthority></AuthnContext></AuthnStatement>\
         <Statement/><AuthzDecisionStatement/>\
         <AttributeStatement><Attribute Name='n' NameFormat='f' FriendlyName='l' o:more='m'>\
           <AttributeValue>v</AttributeValue></Attribute><Attribute Name='n'/></AttributeStatement>",
    )
    .unwrap();
    assert_eq!((&*fields.version, &*fields.id), ("2.0", "_a"));
    assert_eq!((fields.issue_instant, &*fields.issuer), (at(0), "urn:idp"));
    let name_id = NameId {
        value: " alice ".to_owned(),
        format: Some("f".to_owned()),
        name_qualifier: Some("q".to_owned()),
        sp_name_qualifier: Some("s".to_owned()),
        sp_provided_id: None,
    };
    assert_eq!(fields.name_id, Some(name_id));
    let [first, second] = &fields.confirmations[..] else {
        panic!("two confirmations")
    };
    assert_eq!((&*first.method, &*second.method), ("m", "n"));
    assert_eq!(first.recipient.as_deref(), Some("r"));
    assert_eq!(first.in_response_to.as_deref(), Some("i"));
    assert_eq!(
        (first.not_before, first.not_on_or_after),
        (Some(at(1)), Some(at(2)))
    );
    assert!(second.recipient.is_none() && second.not_on_or_after.is_none());
    let conditions = fields.conditions.unwrap();
    assert_eq!(conditions.not_before, Some(at(3)));
    assert_eq!(conditions.not_on_or_after, Some(at(4)));
    let audiences = [vec!["one".to_owned(), "two".to_owned()], Vec::new()];
    assert_eq!(conditions.audience_restrictions, audiences);
    assert_eq!(conditions.unknown, ["Condition"]);
    let [statement] = &fields.authn_statements[..] else {
        panic!("one AuthnStatement")
    };
    assert_eq!(statement.authn_instant, at(5));
    assert_eq!(statement.session_index.as_deref(), Some("x"));
    assert_eq!(statement.session_not_on_or_after, Some(at(6)));
    assert_eq!(statement.context_class.as_deref(), Some("class"));
    let attribute = |friendly: Option<&str>, values: &[&str]| Attribute {
        name: "n".to_owned(),
        friendly_name: friendly.map(str::to_owned),
        values: values.iter().collect(),
        complex: false,
    };
    let attributes = [attribute(Some("l"), &["v"]), attribute(None, &[])];
    assert_eq!(fields.attributes, attributes);
}

#[test]
fn what_the_schema_does_not_know_is_xml_schema() {
    let nothing = with("").unwrap();
    assert!(nothing.name_id.is_none() && nothing.conditions.is_none());
    assert!(nothing.confirmations.is_empty() && nothing.authn_statements.is_empty());
    assert_eq!(read("").unwrap_err(), "xml.schema");
    for content in [
        "<o:Statement/>",
        "<Other/>",
        "<o:AuthzDecisionStatement/>",
        "<AttributeStatement><Other/></AttributeStatement>",
        "<AttributeStatement><o:Attribute Name='n'/></AttributeStatement>",
        "<AttributeStatement><Attribute/></AttributeStatement>",
        "<AttributeStatement><Attribute Name='n' Other='x'/></AttributeStatement>",
        "<AttributeStatement>text</AttributeStatement>",
        "<Conditions><Other/></Conditions>",
        "<Conditions><o:OneTimeUse/></Conditions>",
        "<Conditions><o:ProxyRestriction/></Conditions>",
        "<Conditions><AudienceRestriction><Other/></AudienceRestriction></Conditions>",
        "<Conditions/><Subject/>",
        "<Subject><Other/></Subject>",
        "<Subject><SubjectConfirmation/></Subject>",
        "<Subject><SubjectConfirmation Method='m'><Other/></SubjectConfirmation></Subject>",
        "<AuthnStatement AuthnInstant='2026-11-21T12:00:00Z'/>",
        "<AuthnStatement><AuthnContext/></AuthnStatement>",
        "<AuthnStatement AuthnInstant='2026-11-21T12:00:00Z'><AuthnContext><Other/></AuthnContext></AuthnStatement>",
    ] {
        assert_eq!(with(content).unwrap_err(), "xml.schema", "{content}");
    }
    let no_time = "<Conditions NotBefore='now'/>";
    assert_eq!(with(no_time).unwrap_err(), "time.syntax");
}

#[test]
fn an_empty_qualifier_or_format_says_nothing() {
    let subject = SUBJECT.replace(
        "<NameID>",
        "<NameID Format='' NameQualifier='' SPNameQualifier='' SPProvidedID=''>",
    );
    let named = with(&subject).unwrap().name_id.unwrap();
    assert_eq!(Some(named), with(SUBJECT).unwrap().name_id);
}

#[test]
fn an_issuer_is_an_entity_or_nobody() {
    let issuer = |format: &str| {
        read(&format!("<Issuer {format}>urn:idp</Issuer>")).map(|fields| fields.issuer)
    };
    let is = |name: &str| Ok(name.to_owned());
    assert_eq!(issuer(""), is("urn:idp"));
    let entity = "Format='urn:oasis:names:tc:SAML:2.0:nameid-format:entity'";
    assert_eq!(issuer(entity), is("urn:idp"));
    assert_eq!(issuer("Format='urn:other'"), is(""));
    assert_eq!(issuer("Other=''"), Err("xml.schema"));
}

#[test]
fn the_values_of_an_attribute_are_its_texts_as_they_stand() {
    let texts = |texts: &[&str]| Ok((texts.iter().map(|text| (*text).to_owned()).collect(), false));
    let plain = "<AttributeValue>a</AttributeValue>";
    assert_eq!(values(""), texts(&[]));
    assert_eq!(values(" "), texts(&[]));
    assert_eq!(values(plain), texts(&["a"]));
    for (content, found) in [
        ("<AttributeValue/>", ""),
        ("<AttributeValue></AttributeValue>", ""),
        (
            "<AttributeValue> b&amp;\u{fc} </AttributeValue>",
            " b&\u{fc} ",
        ),
        ("<a:AttributeValue>b</a:AttributeValue>", "b"),
        ("<AttributeValue o:type='x'>b</AttributeValue>", "b"),
        ("\n <AttributeValue>b</AttributeValue>\n ", "b"),
        // As eduPersonTargetedID has it.
        ("<AttributeValue><NameID>b</NameID></AttributeValue>", "b"),
        ("<AttributeValue> <NameID>b</NameID> </AttributeValue>", "b"),
    ] {
        assert_eq!(values(content), texts(&[found]), "{content}");
        let twice = format!("{content}{content}");
        assert_eq!(values(&twice), texts(&[found, found]), "{twice}");
        let among = format!("{plain}{plain}{content}{plain}{content}{content}{plain}");
        let all = texts(&["a", "a", found, "a", found, found, "a"]);
        assert_eq!(values(&among), all, "{among}");
    }
}

#[test]
fn a_value_that_is_no_text_is_left_out_and_that_is_said() {
    let plain = "<AttributeValue>a</AttributeValue>";
    for content in [
        "<AttributeValue><o:b/></AttributeValue>",
        "<AttributeValue><o:NameID>b</o:NameID></AttributeValue>",
        "<AttributeValue><NameID>b</NameID>text</AttributeValue>",
        "<AttributeValue><NameID>b</NameID><NameID>c</NameID></AttributeValue>",
        "<AttributeValue><NameID><o:b/></NameID></AttributeValue>",
        "<AttributeValue><AttributeValue>b</AttributeValue></AttributeValue>",
    ] {
        assert_eq!(values(content), Ok((Vec::new(), true)), "{content}");
        let among = format!("{plain}{content}{plain}");
        let others = vec!["a".to_owned(), "a".to_owned()];
        assert_eq!(values(&among), Ok((others, true)), "{among}");
    }
}

#[test]
fn in_an_attribute_there_are_values_and_nothing_else() {
    let plain = "<AttributeValue>a</AttributeValue>";
    for other in [
        "text",
        "<Other/>",
        "<Other>a</Other>",
        "<AttributeValuf>a</AttributeValuf>",
        "<o:AttributeValue>a</o:AttributeValue>",
        "<AttributeValue xmlns='urn:o'>a</AttributeValue>",
    ] {
        for content in [
            other.to_owned(),
            format!("{plain}{other}"),
            format!("{other}{plain}"),
        ] {
            assert_eq!(values(&content), Err("xml.schema"), "{content}");
        }
    }
}

#[test]
fn a_value_that_a_view_leaves_out_is_not_read() {
    let value = |text: &str| format!("<AttributeValue>{text}</AttributeValue>");
    let text = format!(
        "<Attribute xmlns='{ASSERTION_NS}' Name='n'>{}{}{}</Attribute>",
        value("a"),
        value("b"),
        value("c")
    );
    let document = Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let attribute = document.root();
    for (hidden, seen) in attribute.children().zip([["b", "c"], ["a", "c"], ["a", "b"]]) {
        let read = read_attribute(attribute.narrowed(Some(hidden))).unwrap();
        assert!(read.values.iter().eq(seen), "{seen:?}");
    }
}

#[test]
fn an_assertion_may_be_encrypted() {
    let text = format!(
        "<a xmlns:s='{ASSERTION_NS}'><s:Assertion/><s:EncryptedAssertion/><Assertion/><s:a/></a>"
    );
    let document = Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let found = document.root().children().map(is_assertion);
    assert!(found.eq([true, true, false, false]));
}
