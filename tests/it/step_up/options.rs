//! What `[[idp]]` adds to a request.

use http::Method;

use super::World;
use crate::support::http::Ask;
use crate::support::idp;

#[tokio::test]
async fn a_request_says_what_the_settings_of_its_identity_provider_want() {
    let lines = r#"
name_id_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
name_id_qualifier = "https://affiliation.example.com"
name_id_allow_create = false
provider_name = "Reports & more"
scoping_idps = ["https://idp.partner.example"]
scoping_proxy_count = 1
attribute_consuming_service_index = 2
login_hint = true
email_domains = ["example.com"]
"#;
    let world = World::with(|setup| setup, lines).await;
    let mut visitor = world.gateway.visitor();
    let hint = "/.samlgate/start?idp=corp&login_hint=carol%40example.com&rd=/";
    let start = visitor.get(&world.url(hint)).await;
    let xml = world.corp.read(&start).xml;
    for part in [
        " AttributeConsumingServiceIndex=\"2\" ProviderName=\"Reports &amp; more\">",
        "<saml:Subject><saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">\
         carol@example.com</saml:NameID></saml:Subject>\
         <samlp:NameIDPolicy Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\" \
         SPNameQualifier=\"https://affiliation.example.com\"/>\
         <samlp:Scoping ProxyCount=\"1\"><samlp:IDPList>\
         <samlp:IDPEntry ProviderID=\"https://idp.partner.example\"/></samlp:IDPList>",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    // Who comes is whoever the answer says.
    let landed = world.answer(&mut visitor, &start, |_| {}).await;
    assert_eq!(landed.status, 303);
    let user = visitor.get(&world.url("/.samlgate/user")).await.json();
    assert_eq!(user["user_name"], "alice@example.com", "{user}");

    // Under the name of the affiliation, which was asked for, or under our own.
    let ours = world.url("/saml/metadata");
    for (qualifier, code) in [
        ("https://affiliation.example.com", None),
        (ours.as_str(), None),
        ("https://other.example.com", Some("subject.qualifier")),
    ] {
        let mut visitor = world.gateway.visitor();
        let start = visitor.get(&world.url("/.samlgate/start?idp=corp&rd=/")).await;
        let request = world.corp.read(&start);
        let response = world.corp.answer(&request);
        let named = format!("<saml:NameID SPNameQualifier=\"{qualifier}\"");
        let xml = response.to_xml().replace("<saml:NameID", &named);
        let fields = idp::fields(world.corp.sign(&response, xml), Some(&request.relay_state));
        let acs = Ask::new(Method::POST, &world.url("/saml/acs"));
        let answer = visitor.send(acs.navigating().form(&fields)).await;
        match code {
            None => assert_eq!(answer.status, 303, "{}", answer.text()),
            Some(code) => assert_eq!(world.gateway.code_of(&answer).await, code),
        }
    }

    // The address that they typed is a hint as well.
    let mut visitor = world.gateway.visitor();
    let page = visitor.get(&world.url("/.samlgate/sign_in?rd=/")).await;
    let form = page.forms().into_iter().find(|form| form.method == "post").unwrap();
    let form = form.with("email", "dave@example.com");
    let start = visitor.submit(&page, &form).await;
    let xml = world.corp.read(&start).xml;
    assert!(xml.contains(">dave@example.com</saml:NameID>"), "{xml}");
}

#[tokio::test]
async fn a_hint_is_sent_to_those_alone_who_are_to_have_it() {
    let world = World::new().await;
    let mut visitor = world.gateway.visitor();
    let hint = "/.samlgate/start?idp=corp&login_hint=carol%40example.com&rd=/";
    let xml = world.corp.read(&visitor.get(&world.url(hint)).await).xml;
    assert!(!xml.contains("carol") && !xml.contains("Subject"), "{xml}");
}
