//! When to say that a token is about to expire.

use std::time::Duration;

use crate::base::Timestamp;
use crate::directory::ScimToken;

/// Which warning is due of a token, among all tokens of its connection: the smallest number of
/// `days` that has been reached; 0 when it has ended.
///
/// None is due of a token that was made for less time than that, nor of one that has a successor
/// which its client uses by now: then it ends as somebody wished.
pub fn due(token: &ScimToken, all: &[ScimToken], days: &[u32], now: Timestamp) -> Option<u32> {
    let expires = token.expires?;
    if expires <= now {
        return (!is_succeeded(token, all)).then_some(0);
    }
    let day = |days: u32| Duration::from_secs(u64::from(days).saturating_mul(86_400));
    let lifetime = expires.since(token.created_at);
    let reached = |days: &u32| expires.since(now) <= day(*days) && lifetime > day(*days);
    days.iter().copied().filter(reached).min().filter(|_| !is_succeeded(token, all))
}

/// Whether the client uses a newer token already, which ends later.
pub fn is_succeeded(token: &ScimToken, all: &[ScimToken]) -> bool {
    all.iter().any(|other| {
        other.connection == token.connection
            && other.created_at > token.created_at
            && other.last_used.is_some()
            && token.expires.is_none_or(|end| other.expires.is_none_or(|other| other > end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ConnectionName;
    use crate::directory::Scopes;

    const DAY: i64 = 86_400;
    const DAYS: [u32; 3] = [30, 7, 1];

    fn token(id: &str, created: i64, expires: Option<i64>) -> ScimToken {
        ScimToken {
            id: id.to_owned(),
            connection: ConnectionName::parse("okta").unwrap(),
            hash: [0; 32],
            scopes: Scopes::default(),
            created_at: Timestamp::from_unix_seconds(created),
            expires: expires.map(Timestamp::from_unix_seconds),
            last_used: None,
        }
    }

    #[test]
    fn warnings_are_due_at_thirty_seven_and_one_day() {
        let yearly = token("a", 0, Some(365 * DAY));
        for (day, expected) in [
            (0, None),
            (334, None),
            (335, Some(30)),
            (357, Some(30)),
            (358, Some(7)),
            (364, Some(1)),
            (365, Some(0)),
        ] {
            let now = Timestamp::from_unix_seconds(day * DAY);
            assert_eq!(due(&yearly, &[], &DAYS, now), expected, "day {day}");
        }
        assert_eq!(
            due(&token("a", 0, None), &[], &DAYS, Timestamp::FAR_FUTURE),
            None
        );
    }

    #[test]
    fn a_token_of_a_week_is_not_said_to_expire_within_a_month() {
        let weekly = token("a", 0, Some(7 * DAY));
        assert_eq!(due(&weekly, &[], &DAYS, Timestamp::EPOCH), None);
        assert_eq!(
            due(&weekly, &[], &DAYS, Timestamp::from_unix_seconds(6 * DAY)),
            Some(1)
        );
    }

    #[test]
    fn a_token_whose_successor_is_in_use_ends_in_silence() {
        let old = token("a", 0, Some(365 * DAY));
        let now = Timestamp::from_unix_seconds(364 * DAY);
        let mut new = token("b", 360 * DAY, Some(730 * DAY));
        assert_eq!(due(&old, &[old.clone(), new.clone()], &DAYS, now), Some(1));
        new.last_used = Some(now);
        assert_eq!(due(&old, &[old.clone(), new], &DAYS, now), None);
    }
}
