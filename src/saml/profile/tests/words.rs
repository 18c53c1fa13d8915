//! What a refusal says.

use super::*;
use crate::base::ErrorCode;

#[test]
fn a_refusal_has_both_sides_in_words() {
    let values = |error: ProfileError| {
        let values = crate::base::Refusal::values(&error);
        (values.expected.unwrap(), values.found.unwrap())
    };
    let both = |expected: &str, found: &str| (expected.to_owned(), found.to_owned());
    let nobody = ProfileError::Confirmation { methods: Vec::new() };
    assert_eq!(nobody.code(), ErrorCode::SubjectConfirmation);
    assert_eq!(values(nobody), both(BEARER, "nothing"));
    let holder = ProfileError::Confirmation { methods: vec!["urn:a".into(), "urn:b".into()] };
    assert_eq!(values(holder), both(BEARER, "urn:a, urn:b"));
    let clock = OurClock { now: now(), skew: Duration::from_secs(180) };
    let here = "2026-11-21T12:00:00Z here, clock_skew 180s";
    let (come, recent) = (clock.come(), clock.recent());
    assert_eq!(come, format!("at most 2026-11-21T12:03:00Z ({here})"));
    assert_eq!(
        recent,
        format!("2026-11-21T11:47:00Z to 2026-11-21T12:03:00Z ({here})")
    );
    for (place, shown) in [
        (
            Place::Response,
            "Response answers nothing, our request was \"_r\"",
        ),
        (
            Place::Confirmation,
            "SubjectConfirmationData answers nothing, our request was \"_r\"",
        ),
    ] {
        let error = ProfileError::InResponseTo { place, found: None, expected: Some("_r".into()) };
        assert_eq!(error.to_string(), shown);
    }
    let audience = |found: Option<Vec<String>>| {
        ProfileError::Audience { found, ours: "urn:us".to_owned() }.to_string()
    };
    assert!(audience(None).contains("not restricted"));
    assert!(audience(Some(vec!["urn:them".to_owned()])).contains("urn:them"));
}
