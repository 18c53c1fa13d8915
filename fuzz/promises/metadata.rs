//! Metadata: what is read has a name, a key and somewhere to go, and is read the same again.

use samlgate::saml::metadata::IdpMetadata;

use super::seeds::now;

pub fn check(bytes: &[u8]) {
    let Ok(metadata) = IdpMetadata::read(bytes, None, now()) else {
        return;
    };
    assert!(!metadata.entity_id.is_empty());
    assert!(metadata.signing_keys.len() > 0);
    assert!(!metadata.sign_on.is_empty());
    for endpoint in &metadata.sign_on {
        let location = endpoint.location.to_ascii_lowercase();
        assert!(
            location.starts_with("https://") || location.starts_with("http://"),
            "{location}"
        );
        assert!(!location.contains(char::is_control), "{location}");
    }
    let named = IdpMetadata::read(bytes, Some(&metadata.entity_id), now()).expect("by its name");
    assert_eq!(named.entity_id, metadata.entity_id);
    assert_eq!(named.signing_keys.len(), metadata.signing_keys.len());
}
