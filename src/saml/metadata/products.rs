//! Metadata as products and federations write it, and what is read of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

use super::about::ContactKind;
use super::samples::{
    FEDERATION, ONE, STRANGER, entity_of, key_descriptor, least, now, role, service,
};
use super::*;
use crate::base::Timestamp;
use crate::base::certificate::{KeyPurpose, self_signed};
use crate::saml::schema::{METADATA_NS, PROTOCOL_NS};
use crate::saml::vendor::Vendor;

fn read(xml: &str) -> IdpMetadata {
    IdpMetadata::read(xml.as_bytes(), None, now()).unwrap()
}

fn refused(xml: &str) -> &'static str {
    IdpMetadata::read(xml.as_bytes(), None, now()).unwrap_err().code().as_str()
}

/// A certificate that began then and ends ten years later.
fn certificate(began: &str) -> Vec<u8> {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let began = Timestamp::parse_moment(began).unwrap();
    let name = "Microsoft Azure Federated SSO Certificate";
    self_signed(&key, name, KeyPurpose::Signing, began).unwrap().to_der().unwrap()
}

fn base64(der: &[u8]) -> String {
    STANDARD.encode(der)
}

/// Entra ID: one line, a byte order mark, two roles of WS-Federation first.
fn entra(certificates: &[Vec<u8>]) -> String {
    let keys: String = certificates
        .iter()
        .map(|der| {
            format!(
                r#"<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"#,
                base64(der)
            )
        })
        .collect();
    let tenant = "0d8b7c4e-0000-4000-8000-5f0000000001";
    let claims = r#"<fed:ClaimTypesOffered><auth:ClaimType Uri="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name" xmlns:auth="http://docs.oasis-open.org/wsfed/authorization/200706"><auth:DisplayName>Name</auth:DisplayName><auth:Description>The mutable display name of the user.</auth:Description></auth:ClaimType></fed:ClaimTypesOffered>"#;
    format!(
        "\u{feff}{}{}",
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        format_args!(
            r#"<EntityDescriptor ID="_3c5e2f5c-0000-4000-8000-000000000001" entityID="https://sts.windows.net/{tenant}/" xmlns="{METADATA_NS}"><RoleDescriptor xsi:type="fed:SecurityTokenServiceType" protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706">{keys}{claims}<fed:SecurityTokenServiceEndpoint><wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>https://login.microsoftonline.com/{tenant}/wsfed</wsa:Address></wsa:EndpointReference></fed:SecurityTokenServiceEndpoint></RoleDescriptor><RoleDescriptor xsi:type="fed:ApplicationServiceType" protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706">{keys}</RoleDescriptor><IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL_NS}">{keys}<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://login.microsoftonline.com/{tenant}/saml2" /><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://login.microsoftonline.com/{tenant}/saml2" /><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://login.microsoftonline.com/{tenant}/saml2" /></IDPSSODescriptor></EntityDescriptor>"#
        )
    )
}

#[test]
fn entra_has_roles_of_ws_federation_first_and_both_its_certificates_are_kept() {
    let (expired, valid) = (certificate("2013-01-01"), certificate("2025-01-01"));
    let metadata = read(&entra(&[expired.clone(), valid.clone()]));
    assert_eq!(metadata.vendor, Vendor::Entra);
    assert_eq!((metadata.sign_on.len(), metadata.logout.len()), (2, 1));
    // Also the one that has ended: whichever Entra signs with, it is known.
    assert_eq!(metadata.signing_keys.len(), 2);
    let dates: Vec<String> = metadata
        .listed_keys
        .iter()
        .map(|key| key.certificate.not_after().to_rfc3339())
        .collect();
    assert_eq!(dates, ["2023-01-01T00:00:00Z", "2035-01-01T00:00:00Z"]);
    assert_eq!(metadata.key_ages(now()), KeyAges::Mixed);
    assert_eq!(read(&entra(&[valid])).key_ages(now()), KeyAges::Current);
    assert_eq!(
        read(&entra(&[expired])).key_ages(now()),
        KeyAges::NoneCurrent
    );
}

#[test]
fn metadata_in_utf_16_is_md_syntax() {
    let text = entra(&[certificate("2025-01-01")]);
    for bytes in [
        text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ] {
        let error = IdpMetadata::read(&bytes, None, now()).unwrap_err();
        assert_eq!(error.code().as_str(), "md.syntax");
    }
}

#[test]
fn ad_fs_has_a_key_for_encryption_a_role_as_sp_and_artifact_resolution() {
    let signing = key_descriptor(Some("signing"), STRANGER.certificate_der());
    let encryption = key_descriptor(Some("encryption"), FEDERATION.certificate_der());
    let host = "https://fs.example.com";
    let inside = [
        r#"<md:RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706" xsi:type="fed:ApplicationServiceType" ServiceDisplayName="Example" protocolSupportEnumeration="http://docs.oasis-open.org/ws-sx/ws-trust/200512 http://schemas.xmlsoap.org/ws/2005/02/trust http://docs.oasis-open.org/wsfed/federation/200706">"#,
        &encryption,
        "</md:RoleDescriptor>",
        &format!(r#"<md:SPSSODescriptor WantAssertionsSigned="true" protocolSupportEnumeration="{PROTOCOL_NS}">"#),
        &encryption,
        &signing,
        "</md:SPSSODescriptor>",
        &role(
            "",
            &[
                encryption.clone(),
                signing.clone(),
                service("ArtifactResolutionService", "SOAP", &format!(r#"index="0" Location="{host}/adfs/services/trust/artifactresolution""#)),
                service("SingleLogoutService", "HTTP-Redirect", &format!(r#"Location="{host}/adfs/ls/" ResponseLocation="{host}/adfs/ls/done""#)),
                service("SingleLogoutService", "HTTP-POST", &format!(r#"Location="{host}/adfs/ls/" ResponseLocation="javascript:alert(1)""#)),
                service("SingleLogoutService", "SOAP", &format!(r#"Location="{host}/adfs/soap""#)),
                "<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>".to_owned(),
                "<md:NameIDFormat>\n  urn:oasis:names:tc:SAML:2.0:nameid-format:persistent </md:NameIDFormat>".to_owned(),
                service("SingleSignOnService", "HTTP-Redirect", &format!(r#"Location="{host}/adfs/ls/""#)),
                r#"<saml:Attribute xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" FriendlyName="E-Mail Address"/>"#.to_owned(),
            ]
            .concat(),
        ),
        r#"<md:ContactPerson contactType="support"/>"#,
    ];
    let xml = entity_of(
        "http://fs.example.com/adfs/services/trust",
        "",
        &inside.concat(),
    );
    let metadata = read(&xml);
    assert_eq!(metadata.vendor, Vendor::Adfs);
    let uses: Vec<KeyUse> = metadata.listed_keys.iter().map(|key| key.key_use).collect();
    assert_eq!(uses, [KeyUse::Encryption, KeyUse::Signing]);
    assert_eq!(metadata.signing_keys.len(), 1);
    let logout: Vec<&str> = metadata.logout.iter().map(Endpoint::for_responses).collect();
    // One that would send the browser to a script is none.
    assert_eq!(logout, ["https://fs.example.com/adfs/ls/done"]);
    assert_eq!(metadata.logout_soap, ["https://fs.example.com/adfs/soap"]);
    assert_eq!(
        metadata.artifact_resolution.first().map(|one| one.index),
        Some(0)
    );
    assert_eq!(metadata.name_id_formats.len(), 2);
    assert!(metadata.name_id_formats[1].ends_with(":persistent"));
}

#[test]
fn an_identity_provider_of_a_federation_says_all_that_it_may() {
    let extensions = r#"<md:Extensions xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi"><mdrpi:RegistrationInfo registrationAuthority="https://federation.example.com/"/></md:Extensions>"#;
    let ui = r#"<md:Extensions xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"><shibmd:Scope>example.com</shibmd:Scope><shibmd:Scope regexp="true">^.*\.example\.com$</shibmd:Scope><mdui:UIInfo><mdui:DisplayName xml:lang="fr">Exemple</mdui:DisplayName><mdui:DisplayName xml:lang="en">Example</mdui:DisplayName><mdui:Description xml:lang="en">For all</mdui:Description><mdui:InformationURL xml:lang="en">https://example.com/</mdui:InformationURL><mdui:PrivacyStatementURL xml:lang="en">javascript:alert(1)</mdui:PrivacyStatementURL><mdui:Logo height="60" width="80">https://example.com/logo.png</mdui:Logo><mdui:Logo height="16" width="16">data:image/png;base64,AAAA</mdui:Logo><mdui:Logo height="16" width="16">http://example.com/logo.png</mdui:Logo></mdui:UIInfo><mdui:DiscoHints><mdui:IPHint>192.0.2.0/24</mdui:IPHint><mdui:DomainHint>Example.COM</mdui:DomainHint><mdui:DomainHint>evil example</mdui:DomainHint></mdui:DiscoHints></md:Extensions>"#;
    let about = r#"<md:Organization><md:OrganizationName xml:lang="en">Example Corp</md:OrganizationName><md:OrganizationDisplayName xml:lang="en">Example</md:OrganizationDisplayName><md:OrganizationURL xml:lang="en">https://example.com/</md:OrganizationURL></md:Organization><md:ContactPerson contactType="technical"><md:Company>Example Corp</md:Company><md:GivenName>Alice</md:GivenName><md:SurName>Example</md:SurName><md:EmailAddress>MAILTO:alice@example.com</md:EmailAddress><md:TelephoneNumber>+1 555 0100</md:TelephoneNumber></md:ContactPerson><md:ContactPerson xmlns:remd="http://refeds.org/metadata" contactType="other" remd:contactType="http://refeds.org/metadata/contactType/security"><md:EmailAddress>security@example.com</md:EmailAddress></md:ContactPerson>"#;
    let role = role(
        r#"errorURL="https://idp.example.com/e?c=ERRORURL_CODE" WantAuthnRequestsSigned="1""#,
        &(ui.to_owned() + &least()),
    );
    let metadata = read(&entity_of(
        ONE,
        "",
        &(extensions.to_owned() + &role + about),
    ));
    assert_eq!(metadata.display_name.as_deref(), Some("Example"));
    assert_eq!(
        Localized::choose(&metadata.ui.names, "FR-ca").unwrap().text,
        "Exemple"
    );
    assert_eq!(metadata.ui.descriptions.len(), 1);
    assert_eq!(
        (
            metadata.ui.information_urls.len(),
            metadata.ui.privacy_urls.len()
        ),
        (1, 0)
    );
    let logos: Vec<(&str, u32)> =
        metadata.ui.logos.iter().map(|logo| (logo.url.as_str(), logo.width)).collect();
    assert_eq!(
        logos,
        [
            ("https://example.com/logo.png", 80),
            ("data:image/png;base64,AAAA", 16)
        ]
    );
    assert_eq!(metadata.ui.domain_hints, ["example.com"]);
    // A pattern allows nothing, and is shown.
    assert_eq!(
        metadata.scopes.as_deref(),
        Some(["example.com".to_owned()].as_slice())
    );
    assert_eq!(metadata.scope_patterns, [r"^.*\.example\.com$"]);
    assert_eq!(
        metadata.registration_authority.as_deref(),
        Some("https://federation.example.com/")
    );
    let organization = metadata.organization.unwrap();
    assert_eq!(organization.names[0].text, "Example Corp");
    let [technical, security] = metadata.contacts.as_slice() else {
        panic!("two")
    };
    assert_eq!(
        (technical.kind, security.kind),
        (ContactKind::Technical, ContactKind::Security)
    );
    assert_eq!(technical.emails, ["alice@example.com"]);
    assert_eq!(technical.name.as_deref(), Some("Alice Example"));
    assert!(metadata.error_url.is_some() && metadata.wants_signed_requests);
}

#[test]
fn scopes_that_are_patterns_alone_allow_nothing() {
    let scope = r#"<md:Extensions><s:Scope xmlns:s="urn:mace:shibboleth:metadata:1.0" regexp="true">.*</s:Scope></md:Extensions>"#;
    let metadata = read(&entity_of(
        ONE,
        "",
        &role("", &(scope.to_owned() + &least())),
    ));
    assert_eq!(metadata.scopes.as_deref(), Some([].as_slice()));
}

#[test]
fn of_several_roles_the_first_that_can_be_used_is_taken() {
    let saml_1 = r#"<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol urn:mace:shibboleth:1.0"/>"#;
    let over = role(r#"validUntil="2026-11-20T00:00:00Z" ID="_over""#, &least());
    let keyless = role(
        "",
        &service(
            "SingleSignOnService",
            "HTTP-POST",
            r#"Location="https://a.example.com/""#,
        ),
    );
    let fine = role(
        r#"validUntil="2026-11-30T00:00:00Z" cacheDuration="PT1H""#,
        &least(),
    );
    let with = |roles: &[&str]| {
        entity_of(
            ONE,
            r#"validUntil="2026-12-01T00:00:00Z" cacheDuration="P1D""#,
            &roles.concat(),
        )
    };
    let metadata = read(&with(&[saml_1, &over, &keyless, &fine]));
    assert_eq!(
        metadata.valid_until.unwrap().to_saml(),
        "2026-11-30T00:00:00Z"
    );
    assert_eq!(metadata.cache_duration, Some(Duration::from_secs(3600)));
    // Of those that can not, the first says why.
    assert_eq!(refused(&with(&[saml_1, &over, &keyless])), "md.valid_until");
    assert_eq!(refused(&with(&[saml_1, &keyless, &over])), "md.key");
    assert_eq!(refused(&with(&[saml_1])), "md.entity");
}

#[test]
fn a_cache_duration_that_can_not_be_read_is_none_and_a_valid_until_is_an_error() {
    let metadata = read(&entity_of(
        ONE,
        r#"cacheDuration="soon""#,
        &role("", &least()),
    ));
    assert_eq!(metadata.cache_duration, None);
    let xml = entity_of(ONE, r#"validUntil="soon""#, &role("", &least()));
    assert_eq!(refused(&xml), "md.valid_until");
}

#[test]
fn the_default_endpoint_is_the_one_that_metadata_says() {
    let endpoint =
        |index, is_default| IndexedEndpoint { index, is_default, location: String::new() };
    let default = |all: &[IndexedEndpoint]| default_endpoint(all).map(|one| one.index);
    assert_eq!(
        default(&[endpoint(1, None), endpoint(2, Some(true))]),
        Some(2)
    );
    assert_eq!(
        default(&[endpoint(1, Some(false)), endpoint(2, None)]),
        Some(2)
    );
    assert_eq!(
        default(&[endpoint(1, Some(false)), endpoint(2, Some(false))]),
        Some(1)
    );
    assert_eq!(default(&[]), None);
}

#[test]
fn a_weak_key_is_listed_with_its_dates_and_not_used() {
    let key = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let weak = self_signed(&key, "weak", KeyPurpose::Signing, now()).unwrap().to_der().unwrap();
    let inside = key_descriptor(Some("signing"), &weak) + &least();
    let metadata = read(&entity_of(ONE, "", &role("", &inside)));
    assert_eq!(
        (metadata.signing_keys.len(), metadata.refused_keys.len()),
        (1, 1)
    );
    let weak = &metadata.listed_keys[0].certificate;
    assert_eq!((weak.key(), weak.not_before()), (Some("RSA 1024"), now()));
}
