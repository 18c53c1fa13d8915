//! From sixty days before an end to the end itself, by a clock that is stepped.

use std::time::Duration;

use openssl::pkey::PKey;
use sqlx::Row as _;

use super::{Place, Receiver, all_is_marked, ending, keys};
use crate::support::certificate::{DAY, between};
use crate::support::clock::SteppedClock;
use crate::support::encryption;
use crate::support::gateway::Gateway;

const HOUR: Duration = Duration::from_secs(3600);

/// Waits until so many notices were raised, sent or not.
async fn raised(gateway: &Gateway, times: i64) {
    let database = gateway.database().await;
    let all = async {
        loop {
            let query = "SELECT count(*) AS number FROM notice_log";
            let row = sqlx::query(query).fetch_one(&database).await.unwrap();
            if row.get::<i64, _>("number") >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(60), all).await;
    assert!(all.is_ok(), "{times} notices were never raised");
}

/// What was said the last time: everything ends in its order.
fn last(receiver: &Receiver) -> Vec<String> {
    keys(receiver.requests("/hook").last().unwrap())
}

fn both(step: u32) -> [String; 2] {
    ["near", "corp"].map(|name| format!("expiry/idp_certificate/{name}/signing/{step}"))
}

#[tokio::test]
async fn each_step_is_told_once_and_the_most_urgent_first_through_stops_and_kills() {
    let clock = SteppedClock::new();
    let place = Place::new();
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap();
    // Twelve hours lie between them, and every step of both falls due between two looks.
    place.write("corp", &[&ending(seconds(61 * DAY + HOUR))]);
    place.write("near", &[&ending(seconds(60 * DAY + 13 * HOUR))]);
    place.write("late", &[&ending(seconds(122 * DAY))]);
    let mut receiver = Receiver::new();
    receiver.start(0).await;
    // That of the other tests ends in a month.
    let key = PKey::private_key_from_pem(encryption::KEY).unwrap();
    let certificate = between(
        &key,
        "localhost",
        None,
        clock.now(),
        clock.now().plus(3650 * DAY),
    );
    let certificate = certificate.to_pem().unwrap();
    let setup = place.setup(&["corp", "near", "late"]).by(&clock);
    let setup = setup.key("sp-encryption", encryption::KEY, Some(&certificate));
    let mut gateway = receiver.told_by(setup).start().await;

    clock.step(26 * HOUR);
    receiver.told(1).await;
    assert_eq!(last(&receiver), both(60));
    let text = receiver.mails()[0]["text"].as_str().unwrap().to_owned();
    assert!(
        text.contains("1. The signing certificate of near"),
        "{text}"
    );
    assert!(
        text.contains("2. The signing certificate of corp"),
        "{text}"
    );
    all_is_marked(&gateway).await;

    // Raised, and not sent yet: it is asked to end.
    clock.step(30 * DAY);
    raised(&gateway, 4).await;
    assert_eq!(gateway.stop().await.code(), Some(0));
    gateway.start_again().await;
    receiver.told(2).await;
    assert_eq!(last(&receiver), both(30));
    all_is_marked(&gateway).await;

    // And it is killed.
    clock.step(16 * DAY);
    raised(&gateway, 6).await;
    gateway.kill9();
    gateway.start_again().await;
    receiver.told(3).await;
    assert_eq!(last(&receiver), both(14));
    all_is_marked(&gateway).await;

    // The step falls due while it is away.
    assert_eq!(gateway.stop().await.code(), Some(0));
    clock.step(7 * DAY);
    gateway.start_again().await;
    receiver.told(4).await;
    assert_eq!(last(&receiver), both(7));
    all_is_marked(&gateway).await;

    // Nobody takes it, and it is killed meanwhile.
    receiver.process = None;
    clock.step(6 * DAY);
    gateway.has_logged("administrators could not be told", 3).await;
    gateway.kill9();
    receiver.start(0).await;
    gateway.start_again().await;
    receiver.told(5).await;
    assert_eq!(last(&receiver), both(1));
    all_is_marked(&gateway).await;

    clock.step(DAY);
    receiver.told(6).await;
    assert_eq!(last(&receiver), both(0));
    all_is_marked(&gateway).await;

    // A day later nothing of this is said again, and something else is.
    gateway.kill9();
    clock.step(DAY);
    gateway.start_again().await;
    receiver.told(7).await;
    assert_eq!(last(&receiver), ["expiry/idp_certificate/late/signing/60"]);
    let mut ids: Vec<String> = receiver.mails().iter().map(|mail| mail["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}
