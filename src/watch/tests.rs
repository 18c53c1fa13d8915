//! Certificates of a day, watched day by day.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::notices::{by_source, due, over, trap};
use super::*;
use crate::base::IdpName;
use crate::dsig::{Certificate, SigningKey, TrustedKey, TrustedKeys};
use crate::notice::Notice;
use crate::saml::metadata::IdpMetadata;
use crate::trust::{IdpSettings, MetadataSource};

const STEPS: [u32; 5] = [60, 30, 14, 7, 1];
const ENTRA: &str = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";

fn day(number: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + number * 86_400)
}

/// A certificate that ends on this day, ten years after it was made.
fn ends(on: i64) -> SigningKey {
    SigningKey::generate_ec("idp.example.com", day(on - 3652)).unwrap()
}

fn certificate(key: &SigningKey) -> Certificate {
    Certificate::from_der(key.certificate_der()).unwrap()
}

fn metadata(entity_id: &str, signing: &[&SigningKey], until: Option<Timestamp>) -> IdpMetadata {
    let keys: String = signing
        .iter()
        .map(|key| {
            let der = STANDARD.encode(key.certificate_der());
            format!(
                r#"<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{der}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"#
            )
        })
        .collect();
    let until = until.map(|until| format!("validUntil=\"{}\"", until.to_saml()));
    let xml = format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}" {}><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>"#,
        until.unwrap_or_default()
    );
    IdpMetadata::read(xml.as_bytes(), None, Timestamp::EPOCH).unwrap()
}

fn settings() -> IdpSettings {
    let url = MetadataSource::Url("https://idp.example.com/metadata".to_owned());
    IdpSettings::new(IdpName::parse("corp").unwrap(), url)
}

fn list(settings: &IdpSettings, metadata: &IdpMetadata, now: Timestamp) -> Vec<Expiry> {
    expiries(
        &Sources { idps: vec![(settings, metadata)], ..Sources::default() },
        now,
    )
}

/// What is new on each day of a year and a half, as `day: step`, and what stands at its end.
fn told(
    settings: &IdpSettings,
    metadata: &IdpMetadata,
    steps: &[u32],
) -> (Vec<String>, Vec<String>) {
    let mut standing: Vec<Notice> = Vec::new();
    let mut told = Vec::new();
    for number in 0..=410 {
        let now = day(number);
        let expiries = list(settings, metadata, now);
        let due = due(&expiries, &[(settings, metadata)], steps, now);
        for notice in &due {
            if standing.iter().all(|known| known.key != notice.key) {
                let step = notice.key.rsplit('/').next().unwrap();
                told.push(format!("{number}: {step}"));
                standing.push(notice.clone());
            }
        }
        let over: BTreeSet<String> =
            over(&standing, &expiries, &due).into_iter().map(ToOwned::to_owned).collect();
        standing.retain(|notice| !over.contains(&notice.key));
    }
    (
        told,
        standing.into_iter().map(|notice| notice.text).collect(),
    )
}

#[test]
fn each_step_is_told_once_and_the_last_one_stands() {
    let key = ends(400);
    let metadata = metadata("https://idp.example.com", &[&key], None);
    let (told, standing) = told(&settings(), &metadata, &STEPS);
    assert_eq!(
        told,
        [
            "340: 60", "370: 30", "386: 14", "393: 7", "399: 1", "400: 0"
        ]
    );
    let end = day(400).to_saml();
    assert_eq!(
        standing,
        [format!(
            "the signing certificate of corp (CN=idp.example.com) ended at {end}"
        )]
    );
}

#[test]
fn a_gateway_that_was_away_tells_the_nearest_step_alone() {
    let key = ends(3);
    let metadata = metadata("https://idp.example.com", &[&key], None);
    let (told, _) = told(&settings(), &metadata, &[60, 30, 14, 7]);
    assert_eq!(told, ["0: 7", "3: 0"]);
}

#[test]
fn an_ended_certificate_beside_a_valid_one_is_entras_trap() {
    let (active, inactive) = (ends(10), ends(900));
    let metadata = metadata(ENTRA, &[&active, &inactive], None);
    assert_eq!(trap(&settings(), &metadata, day(9)), None);
    let notice = trap(&settings(), &metadata, day(10)).unwrap();
    assert!(
        notice.text.contains("Entra ID signs by the other one now"),
        "{}",
        notice.text
    );
    assert!(
        notice.advice.contains("make the valid one active"),
        "{}",
        notice.advice
    );

    let list = list(&settings(), &metadata, day(10));
    let standing: Vec<&str> = list
        .iter()
        .map(|it| it.standing(Thresholds::default(), day(10)).as_str())
        .collect();
    assert_eq!(standing, ["warning", "ok"], "nobody is locked out of here");
    assert!(
        list[0].remedy.contains("has another one, valid until"),
        "{}",
        list[0].remedy
    );

    let (told, standing) = told(&settings(), &metadata, &[7]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "3: 7");
    assert_eq!(standing.len(), 1, "the trap says it all: {standing:?}");
    assert!(
        standing[0].starts_with("a signing certificate of corp ended at"),
        "{standing:?}"
    );
}

#[test]
fn what_is_replaced_is_over() {
    let (old, new) = (ends(20), ends(900));
    let before = metadata("https://idp.example.com", &[&old], None);
    let (own, now) = (settings(), day(0));
    let told = due(&list(&own, &before, now), &[(&own, &before)], &STEPS, now);
    assert_eq!(told.len(), 1);
    let after = metadata("https://idp.example.com", &[&new], None);
    let expiries = list(&own, &after, now);
    let due = due(&expiries, &[(&own, &after)], &STEPS, now);
    assert!(due.is_empty(), "{due:?}");
    assert_eq!(over(&told, &expiries, &due), [told[0].key.as_str()]);
}

#[test]
fn metadata_from_an_address_is_told_of_when_it_has_ended_and_that_of_a_file_before() {
    let key = ends(4000);
    let own = settings();
    for (left, steps) in [(20, None), (7, None), (1, None), (0, Some(0))] {
        let metadata = metadata("https://idp.example.com", &[&key], Some(day(left)));
        let list = list(&own, &metadata, day(0));
        assert_eq!(list[0].what, What::Metadata);
        assert_eq!(list[0].due(&STEPS, day(0)), steps, "{left} days");
    }
    let file = IdpSettings {
        metadata: MetadataSource::File("idp.xml".into()),
        ..settings()
    };
    for (left, step) in [(20, 30), (7, 7), (1, 1)] {
        let metadata = metadata("https://idp.example.com", &[&key], Some(day(left)));
        let list = list(&file, &metadata, day(0));
        assert_eq!(list[0].due(&STEPS, day(0)), Some(step), "{left} days");
    }
}

#[test]
fn a_tls_certificate_is_told_of_when_it_should_have_been_renewed() {
    let tls = Expiry {
        what: What::TlsCertificate,
        owner: "server".to_owned(),
        key_use: "tls".to_owned(),
        subject: "CN=app.example.com".to_owned(),
        not_before: Some(day(0)),
        not_after: day(90),
        fingerprint: "ab".repeat(32),
        active: Some(true),
        successor: None,
        renews: false,
        remedy: String::new(),
    };
    for (now, step) in [
        (50, None),
        (61, None),
        (76, Some(14)),
        (84, Some(7)),
        (90, Some(0)),
    ] {
        assert_eq!(tls.due(&STEPS, day(now)), step, "day {now}");
    }
}

#[test]
fn everything_that_ends_is_in_the_list_the_most_urgent_first() {
    let signer = TrustedKey::from_certificate_der(ends(50).certificate_der()).unwrap();
    let own = IdpSettings {
        allow_sha1_until: Some(day(5)),
        metadata_signers: Some(TrustedKeys::one(signer)),
        ..settings()
    };
    let key = ends(40);
    let metadata = metadata("https://idp.example.com", &[&key], Some(day(30)));
    let sources = Sources {
        idps: vec![(&own, &metadata)],
        own: vec![OwnCertificate {
            next_step: None,
            key_use: "signing",
            active: true,
            certificate: certificate(&ends(20)),
        }],
        tls: vec![TlsCertificate {
            owner: "server".to_owned(),
            path: "tls.crt".into(),
            certificate: certificate(&ends(-1)),
        }],
        jwt_since: Some(day(-700)),
        ..Sources::default()
    };
    let list = expiries(&sources, day(0));
    let shown: Vec<String> = list
        .iter()
        .map(|it| {
            let standing = it.standing(Thresholds::default(), day(0)).as_str();
            format!("{} {} {standing}", it.what.as_str(), it.days(day(0)))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "tls_certificate ended 1 day ago critical",
            "exception 5 days left critical",
            "own_certificate 20 days left warning",
            "metadata 30 days left warning",
            "jwt_key 30 days left warning",
            "idp_certificate 40 days left ok",
            "metadata_signer 50 days left ok",
        ]
    );
    let off = IdpSettings { enabled: false, ..own };
    assert!(
        expiries(
            &Sources { idps: vec![(&off, &metadata)], ..Sources::default() },
            day(0)
        )
        .is_empty()
    );
}

#[test]
fn what_ends_for_a_whole_federation_is_told_once() {
    let (key, now) = (ends(900), day(0));
    let url = "https://federation.example.org/all.xml";
    let document = |number: usize, until| {
        metadata(
            &format!("https://idp{number}.example.org"),
            &[&key],
            Some(day(until)),
        )
    };
    let idp = |number: usize, from: Option<&str>| IdpSettings {
        name: IdpName::parse(&format!("idp{number}")).unwrap(),
        imported_from: from.map(str::to_owned),
        metadata_signers: from.map(|_| TrustedKeys::one(ends(20).trusted().unwrap())),
        ..IdpSettings::new(IdpName::parse("idp").unwrap(), MetadataSource::Stored)
    };
    let signer = idp(0, Some(url)).metadata_signers;
    let mut all: Vec<(IdpSettings, IdpMetadata)> = (0..30)
        .map(|number| {
            let settings =
                IdpSettings { metadata_signers: signer.clone(), ..idp(number, Some(url)) };
            (settings, document(number, 1))
        })
        .collect();
    all.push((idp(30, None), document(30, 7)));
    all.push((
        idp(31, Some("https://idp31.example.org/metadata")),
        document(31, 1),
    ));
    let idps: Vec<(&IdpSettings, &IdpMetadata)> =
        all.iter().map(|(settings, metadata)| (settings, metadata)).collect();
    let sources = Sources { idps: idps.clone(), ..Sources::default() };
    let told = |now| {
        let mut list = expiries(&sources, now);
        // Their addresses do not answer.
        list.iter_mut().for_each(|expiry| expiry.renews = false);
        // The list has everybody.
        assert_eq!(
            list.iter().filter(|expiry| expiry.what == What::Metadata).count(),
            32
        );
        let list = by_source(&list, &idps);
        let due = due(&list, &idps, &STEPS, now);
        (list, due)
    };
    let (list, notices) = told(now);
    let texts: Vec<&str> = notices.iter().map(|notice| notice.text.as_str()).collect();
    let of_url = |text: &&&str| text.contains(url) && text.contains("30 identity providers");
    assert_eq!(texts.iter().filter(of_url).count(), 2, "{texts:#?}");
    assert_eq!(notices.len(), 5, "{texts:#?}");
    assert!(over(&notices, &list, &notices).is_empty());
    // With the document, its notice is over; the signer's stands.
    let newer: Vec<IdpMetadata> = (0..30).map(|number| document(number, 400)).collect();
    let idps: Vec<(&IdpSettings, &IdpMetadata)> = all
        .iter()
        .zip(newer.iter().chain([&all[30].1, &all[31].1]))
        .map(|((settings, _), metadata)| (settings, metadata))
        .collect();
    let mut list = expiries(&Sources { idps: idps.clone(), ..sources.clone() }, now);
    list.iter_mut().for_each(|expiry| expiry.renews = false);
    let list = by_source(&list, &idps);
    let due = due(&list, &idps, &STEPS, now);
    let over = over(&notices, &list, &due);
    assert_eq!(over.len(), 1, "{over:?}");
    assert!(over[0].starts_with("expiry/metadata/https:"), "{over:?}");
}

#[test]
fn advice_begins_with_words_and_a_full_stop_does_not_stick_to_a_command() {
    let key = ends(40);
    let metadata = metadata("https://idp.example.com", &[&key], Some(day(30)));
    let stored = IdpSettings { metadata: MetadataSource::Stored, ..settings() };
    let own = |key_use, active| OwnCertificate {
        next_step: None,
        key_use,
        active,
        certificate: certificate(&ends(20)),
    };
    let sources = Sources {
        idps: vec![(&stored, &metadata)],
        own: vec![own("signing", true), own("encryption", true)],
        jwt_since: Some(day(-700)),
        ..Sources::default()
    };
    let list = expiries(&sources, day(0));
    assert_eq!(list.len(), 5);
    for Expiry { remedy, .. } in list {
        assert!(
            !remedy.starts_with(['`']) && !remedy.starts_with("samlgate"),
            "{remedy}"
        );
        let bare = remedy.split('`').step_by(2);
        let is_command =
            |text: &str| text.contains("samlgate keys") || text.contains("samlgate idp ");
        assert!(bare.into_iter().all(|text| !is_command(text)), "{remedy}");
    }
}

#[test]
fn what_was_imported_from_an_address_needs_no_second_import() {
    let key = ends(40);
    let metadata = metadata("https://idp.example.com", &[&key], Some(day(30)));
    let url = "https://idp.example.com/metadata";
    let file = IdpSettings { metadata: MetadataSource::Stored, ..settings() };
    let fetched = IdpSettings { imported_from: Some(url.to_owned()), ..file.clone() };
    for (own, imports) in [(file, true), (fetched, false)] {
        for expiry in list(&own, &metadata, day(0)) {
            let remedy = expiry.remedy;
            assert_eq!(
                remedy.contains("samlgate idp import FILE"),
                imports,
                "{remedy}"
            );
            assert_eq!(remedy.contains(url), !imports, "{remedy}");
        }
    }
}
