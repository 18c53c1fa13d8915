use std::time::Duration;

use super::{Command, Fetch, Fetches, Held, Policy, Refusal, Ring, Step, Use, Waits, due};
use crate::base::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const WAITS: Waits = Waits::of(Use::Signing, HOUR);

fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-22T12:00:00Z").unwrap()
}

/// `a:active b:published`, each an hour and a minute old.
fn ring(text: &str) -> Ring {
    let keys = text.split(' ').map(|key| {
        let (name, step) = key.split_once(':').unwrap();
        let since = now().minus(HOUR + Duration::from_secs(60));
        Held::new(name.to_owned(), Step::find(step).unwrap(), since)
    });
    Ring::new(Use::Signing, keys.collect()).unwrap()
}

fn shown(ring: &Ring) -> String {
    let keys = ring.iter().map(|key| format!("{}:{}", key.name, key.step.as_str()));
    keys.collect::<Vec<_>>().join(" ")
}

fn rotate(name: &str, held_back: bool) -> Command {
    Command::Rotate { name: name.to_owned(), held_back }
}

fn retire(name: Option<&str>, force: bool) -> Command {
    Command::Retire { name: name.map(str::to_owned), force }
}

#[test]
fn each_command_takes_each_state_where_the_table_says() {
    let promote = Command::Promote { force: false };
    let remove = |name: &str| Command::Remove { name: name.to_owned() };
    for (before, command, after) in [
        ("a:active", rotate("b", false), "b:published a:active"),
        ("a:active", rotate("b", true), "b:next a:active"),
        ("b:next a:active", promote.clone(), "b:published a:active"),
        ("b:published a:active", promote, "b:active a:previous"),
        (
            "b:active a:previous",
            retire(None, false),
            "b:active a:retired",
        ),
        (
            "b:active a:retired",
            rotate("c", false),
            "c:published b:active a:retired",
        ),
        ("b:active a:retired", remove("a"), "b:active"),
        // A new key that is given up.
        (
            "b:published a:active",
            retire(Some("b"), false),
            "a:active b:retired",
        ),
        (
            "b:next a:active",
            retire(Some("b"), false),
            "a:active b:retired",
        ),
    ] {
        let found = ring(before).after(&command, WAITS, now()).unwrap();
        assert_eq!(shown(&found), after, "{before} {command:?}");
        // Who took a step took it now; nobody else's time is touched.
        for key in found.iter() {
            let known = ring(before).iter().find(|old| old.name == key.name).cloned();
            let moved = known.as_ref().is_none_or(|old| old.step != key.step);
            assert_eq!(key.since == Some(now()), moved, "{before} {command:?}");
        }
    }
}

#[test]
fn what_would_lock_somebody_out_is_refused() {
    let promote = Command::Promote { force: false };
    let name = |name: &str| name.to_owned();
    for (before, command, refusal) in [
        ("a:active", promote, Refusal::NoNewKey),
        ("a:active", retire(None, false), Refusal::NoPreviousKey),
        (
            "a:active",
            retire(Some("a"), true),
            Refusal::OnlyKey { name: name("a") },
        ),
        (
            "a:active",
            retire(Some("x"), true),
            Refusal::Unknown { name: name("x") },
        ),
        (
            "a:active",
            rotate("a", false),
            Refusal::Taken { name: name("a") },
        ),
        (
            "b:published a:active",
            rotate("c", false),
            Refusal::UnderWay { name: name("b"), step: Step::Published },
        ),
        (
            "b:active a:previous",
            rotate("c", false),
            Refusal::UnderWay { name: name("a"), step: Step::Previous },
        ),
        (
            "b:active a:retired",
            retire(Some("a"), false),
            Refusal::RetiredAlready { name: name("a") },
        ),
        (
            "b:active a:previous",
            Command::Remove { name: name("a") },
            Refusal::NotRetired { name: name("a"), step: Step::Previous },
        ),
    ] {
        let found = ring(before).after(&command, WAITS, now());
        assert_eq!(found, Err(refusal), "{before} {command:?}");
    }
}

#[test]
fn a_key_is_used_once_everybody_can_know_it_and_given_up_once_nobody_needs_it() {
    let fresh = Ring::first(Use::Signing).after(&rotate("b", false), WAITS, now()).unwrap();
    let promote = |force| Command::Promote { force };
    let until = now().plus(HOUR);
    let too_soon = fresh.after(&promote(false), WAITS, until.minus(Duration::from_secs(1)));
    let refusal = Refusal::PublishedJustNow { name: "b".to_owned(), until };
    assert_eq!(too_soon, Err(refusal));
    assert!(fresh.after(&promote(true), WAITS, now()).is_ok());
    let promoted = fresh.after(&promote(false), WAITS, until).unwrap();
    assert_eq!(shown(&promoted), "b:active sp-signing:previous");

    let gone = until.plus(WAITS.retire);
    let too_soon = promoted.after(
        &retire(None, false),
        WAITS,
        gone.minus(Duration::from_secs(1)),
    );
    let refusal = Refusal::UsedJustNow { name: "sp-signing".to_owned(), until: gone };
    assert_eq!(too_soon, Err(refusal));
    assert!(promoted.after(&retire(None, true), WAITS, until).is_ok());
    assert!(promoted.after(&retire(None, false), WAITS, gone).is_ok());
}

#[test]
fn there_is_always_exactly_one_active_key() {
    let held = |step| Held::new("a".to_owned(), step, now());
    assert!(Ring::new(Use::Jwt, vec![held(Step::Published)]).is_none());
    assert!(Ring::new(Use::Jwt, vec![held(Step::Active), held(Step::Active)]).is_none());
    assert!(Ring::new(Use::Jwt, vec![]).is_none());
}

#[test]
fn by_the_clock_a_key_is_replaced_before_its_certificate_ends() {
    let policy = Policy {
        rotate_before: 30 * DAY,
        publish_for: 14 * DAY,
        retire_after: 14 * DAY,
    };
    let mut keys = Ring::first(Use::Signing);
    let ends = now().plus(100 * DAY);
    let (mut ends_of_active, mut steps) = (ends, Vec::new());
    for day in 0..200 {
        let today = now().plus(day * DAY);
        let Some(command) = due(&keys, policy, Some(ends_of_active), "b", today) else {
            continue;
        };
        keys = keys.after(&command, WAITS, today).unwrap();
        if keys.at(Step::Active).unwrap().name == "b" {
            ends_of_active = ends.plus(3652 * DAY);
        }
        steps.push(format!("{day}: {}", shown(&keys)));
    }
    assert_eq!(
        steps,
        [
            "70: b:published sp-signing:active",
            "84: b:active sp-signing:previous",
            "98: b:active sp-signing:retired",
        ]
    );
    // What somebody holds back is theirs; what has no certificate does not end.
    let held = ring("b:next a:active");
    assert_eq!(due(&held, policy, Some(now()), "c", now()), None);
    assert_eq!(due(&ring("a:active"), policy, None, "b", now()), None);
}

#[test]
fn visits_are_counted_until_they_are_written_and_there_is_an_end_to_them() {
    let fetches = Fetches::default();
    fetches.note(Fetch::new("192.0.2.1", "Shibboleth", now()));
    fetches.note(Fetch::new("192.0.2.1", "Shibboleth", now().plus(HOUR)));
    let noted = fetches.take();
    assert_eq!((noted.len(), noted[0].count), (1, 2));
    assert_eq!((noted[0].first, noted[0].last), (now(), now().plus(HOUR)));
    assert!(fetches.take().is_empty());
    for number in 0..10_000 {
        fetches.note(Fetch::new("192.0.2.1", &format!("{number}"), now()));
    }
    assert_eq!(fetches.take().len(), 200);
    let long = Fetch::new("", &"é".repeat(1000), now());
    assert_eq!(long.agent.chars().count(), 200);
}
