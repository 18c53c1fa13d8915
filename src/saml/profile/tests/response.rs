//! Each rule for the Response by itself.

use super::*;
use crate::saml::schema::Status;

fn envelope(change: impl FnOnce(&mut Envelope<'_>), signed: bool, origin: &Origin) -> Outcome {
    let sp = sp();
    let mut envelope = Envelope {
        version: "2.0".to_owned(),
        issue_instant: now(),
        destination: Some(sp.acs_url()),
        in_response_to: None,
        issuer: Some(IDP.to_owned()),
        status: Status {
            code: Status::SUCCESS.to_owned(),
            detail: None,
            message: None,
        },
        assertions: Vec::new(),
        encrypted: Vec::new(),
    };
    change(&mut envelope);
    let checks = &mut Checks::off();
    outcome(check_envelope(
        &envelope,
        signed,
        origin,
        &expected(&sp),
        checks,
        now(),
    ))
}

#[test]
fn each_rule_of_a_response_has_its_code() {
    let portal = from_the_portal();
    let unsigned = |change: fn(&mut Envelope<'_>)| envelope(change, false, &portal);
    assert_eq!(unsigned(|_| ()), Ok(()));
    assert_eq!(unsigned(|it| it.issuer = None), Ok(()));
    assert_eq!(unsigned(|it| it.destination = None), Ok(()));
    let missing = envelope(|it| it.destination = None, true, &portal);
    assert_eq!(missing, Err(("proto.destination", "destination")));
    for (found, code, rule) in [
        (
            unsigned(|it| it.version = "2.1".to_owned()),
            "proto.version",
            "version",
        ),
        (
            unsigned(|it| it.issuer = Some("urn:other".to_owned())),
            "proto.issuer",
            "issuer",
        ),
        (
            unsigned(|it| it.destination = Some("https://app.example.com/".to_owned())),
            "proto.destination",
            "destination",
        ),
        (
            unsigned(|it| it.status.code = "urn:no".to_owned()),
            "idp.status",
            "status",
        ),
        (
            unsigned(|it| it.in_response_to = Some("_request".to_owned())),
            "proto.in_response_to",
            "in_response_to",
        ),
        (
            unsigned(|it| it.issue_instant = minutes(60)),
            "time.issue_instant",
            "issue_instant",
        ),
    ] {
        assert_eq!(found, Err((code, rule)));
    }
    // It may be left out here, unless it is signed; what is there has to be right.
    assert_eq!(envelope(|_| (), false, &requested()), Ok(()));
    let absent = envelope(|_| (), true, &requested());
    assert_eq!(absent, Err(("proto.in_response_to", "in_response_to")));
    let ours = |it: &mut Envelope<'_>| it.in_response_to = Some("_request".to_owned());
    assert_eq!(envelope(ours, true, &requested()), Ok(()));
    let other = |it: &mut Envelope<'_>| it.in_response_to = Some("_other".to_owned());
    let wrong = envelope(other, true, &requested());
    assert_eq!(wrong, Err(("proto.in_response_to", "in_response_to")));
}
