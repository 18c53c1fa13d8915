//! What was given instead of metadata → what to do about it.

use crate::base::ErrorCode;
use crate::saml::metadata::MetadataError;

/// What to do about a document that is refused, of which this is the start. `ours` is our own entityID.
pub(super) fn advice(error: &MetadataError, start: &[u8], ours: &str) -> Option<&'static str> {
    let said = match error {
        MetadataError::Several { .. } => "add --entity-id with one of them",
        MetadataError::NotIdp { entity_id } if entity_id == ours => {
            "this is our own metadata, which the identity provider wants: import theirs"
        }
        MetadataError::NotIdp { .. } => {
            "this may be the metadata of a service provider: ask for that of the identity provider"
        }
        MetadataError::NotFound { .. } | MetadataError::OtherEntity { .. } => {
            "write the entityID as the document does, to the last slash"
        }
        _ => of_code(error.code(), start)?,
    };
    Some(said)
}

fn of_code(code: ErrorCode, start: &[u8]) -> Option<&'static str> {
    let said = match code {
        ErrorCode::MetadataSyntax => looks_like(start),
        ErrorCode::MetadataEntity => {
            "ask its administrator for the SAML 2.0 metadata of the identity provider"
        }
        ErrorCode::MetadataKey => {
            "ask its administrator for metadata with the certificate by which it signs (RSA of 2048 \
             bits or more, or EC)"
        }
        ErrorCode::MetadataEndpoint => {
            "ask its administrator for metadata with an https address to sign in at"
        }
        ErrorCode::MetadataValidUntil => {
            "ask for a newer document; if it is new, look at the clock of this machine (timedatectl)"
        }
        ErrorCode::MetadataSignature => {
            "ask whoever publishes it for the certificate by which it is signed now \
             (--metadata-signing-certificate FILE)"
        }
        _ => return None,
    };
    Some(said)
}

/// What somebody has saved who was not given metadata.
fn looks_like(start: &[u8]) -> &'static str {
    if matches!(
        start,
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'<', ..] | [b'<', 0, ..]
    ) {
        return "this is UTF-16: save it as UTF-8";
    }
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if text.is_empty() {
        "there is nothing in it: was it saved, or sent, as a whole?"
    } else if text.contains("<html") || begins(&["<!doctype html"]) {
        "this is a web page: does its address want somebody to sign in first? Save the metadata from \
         the console of the identity provider, and import the file"
    } else if begins(&["{", "["]) {
        "this is JSON, perhaps of OpenID Connect: SAML metadata is XML with an EntityDescriptor"
    } else if begins(&["-----begin"]) {
        "this is a certificate or a key: the metadata is an XML document that has it inside"
    } else {
        "SAML metadata is an XML document whose first element is an EntityDescriptor; ask its \
         administrator for that"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_take_for_metadata_is_recognised() {
        for (start, word) in [
            (&b""[..], "nothing in it"),
            (b"\n <!DOCTYPE html><html>", "web page"),
            (b"<?xml version='1.0'?><html xmlns='x'>", "web page"),
            (b"{\"issuer\": 1}", "JSON"),
            (b"\xff\xfe<\0?\0", "UTF-16"),
            (b"-----BEGIN CERTIFICATE-----", "certificate"),
            (b"what?", "EntityDescriptor"),
        ] {
            assert!(looks_like(start).contains(word), "{word}");
        }
    }

    #[test]
    fn our_own_metadata_is_told_from_that_of_others() {
        let not_idp = |entity_id: &str| MetadataError::NotIdp { entity_id: entity_id.to_owned() };
        let ours = "https://app.example.com/saml/metadata";
        assert!(advice(&not_idp(ours), b"", ours).unwrap().contains("our own"));
        assert!(!advice(&not_idp("https://x"), b"", ours).unwrap().contains("our own"));
    }
}
