//! An aggregate: cut into pieces it is what it is as a whole, whoever signed it.

use std::io::Cursor;
use std::sync::LazyLock;

use samlgate::dsig::{Trust, TrustedKey, TrustedKeys};
use samlgate::saml::metadata::aggregate::Signers;
use samlgate::saml::metadata::{Aggregate, IdpMetadata, MetadataError};
use samlgate::xml::{Document, Limits, Mode, XmlError};

use super::seeds::{corpus, now};

static FEDERATION: LazyLock<TrustedKeys> = LazyLock::new(|| {
    let pem = std::fs::read(corpus().join("keys/federation.crt")).expect("federation.crt");
    let certificate = openssl::x509::X509::from_pem(&pem).expect("a certificate");
    let der = certificate.to_der().expect("a certificate");
    TrustedKeys::one(TrustedKey::from_certificate_der(&der).expect("a key"))
});

pub fn check(bytes: &[u8]) {
    if let Ok(aggregate) = Aggregate::read(bytes, Signers::Nobody, now()) {
        let document = match Document::parse(bytes, Mode::Metadata, &Limits::metadata()) {
            Ok(document) => document,
            // What one document may have counts for each piece alone.
            Err(XmlError::Limit { .. }) => return,
            Err(error) => panic!("in pieces it is one, as a whole: {error}"),
        };
        let md = "urn:oasis:names:tc:SAML:2.0:metadata";
        let root = document.root();
        assert!(root.is(md, "EntitiesDescriptor"));
        let entities = root.descendants().filter(|one| one.is(md, "EntityDescriptor"));
        let entities = entities.filter(|entity| {
            let mut outer = std::iter::successors(entity.parent(), |one| one.parent());
            outer.all(|one| one.is(md, "EntitiesDescriptor"))
        });
        let names = entities.filter_map(|entity| entity.attribute("entityID"));
        let names = names.filter(|name| !name.is_empty() && name.chars().count() <= 1024);
        let listed = aggregate.entities().map(|summary| summary.entity_id.as_str());
        assert!(names.eq(listed));
        same(&aggregate, bytes, |name| {
            IdpMetadata::read(bytes, Some(name), now())
        });
    }
    if let Ok(aggregate) = Aggregate::read(bytes, Signers::Keys(Trust::only(&FEDERATION)), now()) {
        assert!(aggregate.valid_until().is_some_and(|until| now() < until));
        same(&aggregate, bytes, |name| {
            IdpMetadata::read_signed(bytes, Some(name), &FEDERATION, now())
        });
    }
}

/// Each of them says what it says in the whole.
fn same(
    aggregate: &Aggregate,
    bytes: &[u8],
    whole: impl Fn(&str) -> Result<IdpMetadata, MetadataError>,
) {
    let names: Vec<&str> = aggregate
        .entities()
        .map(|summary| summary.entity_id.as_str())
        .take(20)
        .collect();
    for (name, picked) in names.iter().zip(aggregate.pick(Cursor::new(bytes), &names, now())) {
        match (picked, whole(name)) {
            (Ok(picked), Ok(whole)) => {
                assert_eq!(picked.metadata.entity_id, whole.entity_id);
                assert_eq!(picked.metadata.sign_on, whole.sign_on);
                assert_eq!(picked.metadata.listed_keys, whole.listed_keys);
                assert_eq!(picked.metadata.valid_until, whole.valid_until);
                assert_eq!(picked.metadata.cache_duration, whole.cache_duration);
                let again = IdpMetadata::read(picked.document.as_bytes(), None, now());
                assert_eq!(again.expect("a document of its own").sign_on, whole.sign_on);
            }
            (Err(picked), Err(whole)) => assert_eq!(picked.code(), whole.code(), "{picked}"),
            (picked, whole) => panic!("{:?} and {:?}", picked.err(), whole.err()),
        }
    }
}
