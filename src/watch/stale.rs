//! Metadata that does not come any more.
//!
//! In: how asking for it went. Out: a notice for each address from which nothing has come for
//! [`AFTER`]. Until it ends, the last copy counts and people sign in; that a key was replaced, or that a
//! federation has put somebody out, would not be noticed. So somebody has to hear of it before that day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::DAY;
use crate::base::Timestamp;
use crate::notice::Notice;
use crate::trust::RefreshState;

/// All of these keys begin with it; the address follows.
pub const PREFIX: &str = "idp-metadata/";
/// Hosts are away for a night, or for a day, and come back without anybody's doing. Keys are
/// published weeks before their use.
pub const AFTER: Duration = DAY.saturating_mul(2);
/// Where nothing has ever come: after six pauses of minutes it is asked for once in an hour.
const FAILURES: u32 = 6 + 48;
/// So many are named, of those who have an address in common.
const NAMED: usize = 3;

/// What is to be told of these now, one notice for an address.
pub fn notices<'s>(
    states: impl IntoIterator<Item = &'s RefreshState>,
    now: Timestamp,
) -> Vec<Notice> {
    let mut stale: BTreeMap<&str, Vec<&RefreshState>> = BTreeMap::new();
    for state in states {
        let is_stale = match state.fetched_at {
            Some(came) => state.failures > 0 && came.plus(AFTER) <= now,
            None => state.failures >= FAILURES,
        };
        if is_stale {
            stale.entry(&state.url).or_default().push(state);
        }
    }
    stale
        .into_iter()
        .filter_map(|(url, states)| notice(url, &states, now))
        .collect()
}

fn notice(url: &str, states: &[&RefreshState], now: Timestamp) -> Option<Notice> {
    let first = states.first()?;
    let named = states.iter().take(NAMED).map(|state| state.idp.as_str());
    let mut names = named.collect::<Vec<_>>().join(", ");
    let others = states.len().saturating_sub(NAMED);
    if others > 0 {
        names.push_str(&format!(" and {others} more"));
    }
    let came = states.iter().filter_map(|state| state.fetched_at).min();
    let since = came.map_or_else(
        || "and never has".to_owned(),
        |came| format!("since {}", came.to_saml()),
    );
    Some(Notice {
        key: format!("{PREFIX}{url}"),
        text: format!(
            "the metadata of {names} does not come from {url}, {since} ({})",
            first.result
        ),
        advice: format!(
            "the last copy counts until it ends, but a new key would not be noticed; `samlgate idp refresh {}` \
             asks again, and says what is wrong",
            first.idp
        ),
        detail: json!({
            "url": url, "idps": states.len(), "idp": first.idp, "code": first.result,
            "reason": first.detail, "fetched_at": came.map(Timestamp::to_saml),
        }),
        at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::IdpName;

    const DAYS: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + seconds)
    }

    fn state(idp: &str, url: &str, fetched_at: Option<i64>, failures: u32) -> RefreshState {
        RefreshState {
            idp: IdpName::parse(idp).unwrap(),
            url: url.to_owned(),
            tried_at: at(0),
            fetched_at: fetched_at.map(at),
            failures,
            result: "md.fetch".to_owned(),
            detail: "the connection was refused".to_owned(),
            next_at: at(3600),
        }
    }

    #[test]
    fn it_is_told_after_two_days_of_failures_and_once_for_an_address() {
        let (corp, all) = (
            "https://corp.example.com/md",
            "https://federation.example.org/all",
        );
        let due = |states: &[RefreshState], now| -> Vec<String> {
            notices(states, at(now)).into_iter().map(|notice| notice.key).collect()
        };
        let failing = [state("corp", corp, Some(0), 3)];
        assert!(due(&failing, 2 * DAYS - 1).is_empty());
        assert_eq!(
            due(&failing, 2 * DAYS),
            ["idp-metadata/https://corp.example.com/md"]
        );
        // Asked for once a week, it is not old after two days.
        assert!(due(&[state("corp", corp, Some(0), 0)], 6 * DAYS).is_empty());
        // Nothing was ever there: pauses count.
        assert!(due(&[state("corp", corp, None, FAILURES - 1)], 9 * DAYS).is_empty());
        assert_eq!(due(&[state("corp", corp, None, FAILURES)], 0).len(), 1);

        let many: Vec<RefreshState> = (0..5)
            .map(|number| state(&format!("idp{number}"), all, Some(number * 60), 50))
            .chain(failing)
            .collect();
        let told = notices(&many, at(3 * DAYS));
        assert_eq!(told.len(), 2);
        assert_eq!(
            told[1].text,
            format!(
                "the metadata of idp0, idp1, idp2 and 2 more does not come from {all}, since {} (md.fetch)",
                at(0).to_saml()
            )
        );
        assert_eq!(
            (&told[1].detail["idps"], &told[1].detail["code"]),
            (&json!(5), &json!("md.fetch"))
        );
    }
}
