//! Metadata that is fetched anew all the time, and whether it is.
//!
//! In: how asking for it went, and where each document ended at the looks before. Out: of which
//! documents administrators are told before they end. A federation gives a document for two weeks,
//! every day: that it ends soon is nothing to be told of, until a newer one does not come, or what
//! comes reaches no further.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{DAY, Expiry, What};
use crate::base::{IdpName, Timestamp};
use crate::notice::Notice;
use crate::trust::{IdpSettings, RefreshState};

/// A host that is away for an hour is nothing.
const AWAY: Duration = Duration::from_secs(6 * 3600);
/// And so often it was asked meanwhile: pauses of minutes come first, then those of an hour.
const FAILURES: u32 = 9;
/// What reaches no further than it did so long ago: some federations publish once a week.
const UNMOVED: Duration = DAY.saturating_mul(8);
/// Where so little is left, a day without a newer one is enough.
const SOON: Duration = DAY.saturating_mul(2);

/// Where each document ends, and since when that is known, by identity provider. In memory: what was
/// told before a restart is known by the notice that stands.
#[derive(Debug, Default)]
pub struct Ends(HashMap<String, (Timestamp, Timestamp)>);

impl Ends {
    /// Takes [`Expiry::renews`] away from the metadata that is not renewed: all steps are told of it.
    pub fn judge<'a>(
        &mut self,
        expiries: &mut [Expiry],
        settings: impl Iterator<Item = &'a IdpSettings>,
        states: &[RefreshState],
        standing: &[Notice],
        now: Timestamp,
    ) {
        let sources: HashMap<&str, &str> = settings
            .filter_map(|settings| Some((settings.name.as_str(), settings.fetched_from()?)))
            .collect();
        let failing: HashSet<(&IdpName, &str)> = states
            .iter()
            .filter(|state| is_failing(state, now))
            .map(|state| (&state.idp, state.url.as_str()))
            .collect();
        let told: HashSet<(&str, &str)> = standing.iter().filter_map(told_of).collect();
        let mut ends = HashMap::new();
        for expiry in expiries.iter_mut() {
            let is_renewed = expiry.what == What::Metadata && expiry.renews;
            let url = sources.get(expiry.owner.as_str()).filter(|_| is_renewed);
            let Some(url) = url else { continue };
            let end = expiry.not_after;
            let known = self.0.get(&expiry.owner).filter(|(known, _)| *known == end);
            let since = known.map_or(now, |(_, since)| *since);
            ends.insert(expiry.owner.clone(), (end, since));
            let fails =
                IdpName::parse(&expiry.owner).is_some_and(|name| failing.contains(&(&name, url)));
            // What many have from one address was told by the address.
            let said = end.to_saml();
            let was_told = [expiry.owner.as_str(), url]
                .iter()
                .any(|owner| told.contains(&(*owner, said.as_str())));
            let patience = if end <= now.plus(SOON) { DAY } else { UNMOVED };
            expiry.renews = !fails && !was_told && now < since.plus(patience);
        }
        self.0 = ends;
    }
}

fn is_failing(state: &RefreshState, now: Timestamp) -> bool {
    let is_old = state.fetched_at.is_none_or(|came| came.plus(AWAY) <= now);
    state.failures >= FAILURES && is_old
}

/// Whose metadata a notice tells of, and of which end.
fn told_of(notice: &Notice) -> Option<(&str, &str)> {
    let text = |key: &str| notice.detail.get(key)?.as_str();
    let is_of_metadata = text("what") == Some(What::Metadata.as_str());
    is_of_metadata.then_some((text("owner")?, text("expires")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::MetadataSource;

    const URL: &str = "https://idp.example.com/metadata";
    const STEPS: [u32; 5] = [60, 30, 14, 7, 1];

    fn hour(number: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + number * 3600)
    }

    fn day(number: i64) -> Timestamp {
        hour(number * 24)
    }

    fn ends(at: Timestamp) -> Expiry {
        Expiry {
            what: What::Metadata,
            owner: "corp".to_owned(),
            key_use: "metadata".to_owned(),
            subject: "https://idp.example.com".to_owned(),
            not_before: None,
            not_after: at,
            fingerprint: at.to_saml(),
            active: Some(true),
            successor: None,
            renews: true,
            remedy: String::new(),
        }
    }

    fn state(fetched_at: Timestamp, failures: u32) -> RefreshState {
        RefreshState {
            idp: IdpName::parse("corp").unwrap(),
            url: URL.to_owned(),
            tried_at: fetched_at,
            fetched_at: Some(fetched_at),
            failures,
            result: "md.fetch".to_owned(),
            detail: String::new(),
            next_at: fetched_at,
        }
    }

    /// The step that is told.
    fn told(
        memory: &mut Ends,
        end: Timestamp,
        state: &RefreshState,
        standing: &[Notice],
        now: Timestamp,
    ) -> Option<u32> {
        let name = IdpName::parse("corp").unwrap();
        let settings = IdpSettings::new(name, MetadataSource::Url(URL.to_owned()));
        let mut list = [ends(end)];
        let states = std::slice::from_ref(state);
        memory.judge(&mut list, [&settings].into_iter(), states, standing, now);
        list[0].due(&STEPS, now)
    }

    #[test]
    fn of_what_comes_anew_every_day_nothing_is_told_however_soon_it_ends() {
        for left in [1, 12, 28] {
            let mut memory = Ends::default();
            for now in 0..400 {
                let end = day(now + left);
                let said = told(&mut memory, end, &state(day(now), 0), &[], day(now));
                assert_eq!(said, None, "{left} days, on day {now}");
            }
        }
    }

    #[test]
    fn where_its_host_fails_all_steps_are_told_but_not_for_an_hour() {
        let (mut memory, end) = (Ends::default(), day(12));
        let mut said = |hours, failures| {
            let state = state(hour(0), failures);
            told(&mut memory, end, &state, &[], hour(hours))
        };
        assert_eq!(said(0, 0), None);
        assert_eq!(said(1, 6), None);
        assert_eq!(said(5, FAILURES), None);
        assert_eq!(said(6, FAILURES), Some(14));
        assert_eq!(said(5 * 24, 120), Some(7));
        assert_eq!(said(11 * 24, 300), Some(1));
        assert_eq!(said(12 * 24, 320), Some(0));
        // Of another address nothing is known.
        let other = RefreshState {
            url: "https://other.example.com".to_owned(),
            ..state(hour(0), 99)
        };
        assert_eq!(told(&mut Ends::default(), end, &other, &[], day(1)), None);
    }

    #[test]
    fn what_comes_and_reaches_no_further_is_told_of_also_after_a_restart() {
        let (mut memory, end) = (Ends::default(), day(10));
        assert_eq!(told(&mut memory, end, &state(day(0), 0), &[], day(0)), None);
        // It may be one that comes once a week …
        assert_eq!(told(&mut memory, end, &state(day(7), 0), &[], day(7)), None);
        let said = told(&mut memory, end, &state(day(8), 0), &[], day(8));
        assert_eq!(said, Some(7));
        // … but with two days left it should have come by now.
        let mut memory = Ends::default();
        assert_eq!(told(&mut memory, end, &state(day(8), 0), &[], day(8)), None);
        let said = told(&mut memory, end, &state(day(9), 0), &[], day(9));
        assert_eq!(said, Some(1));

        let standing = [ends(end).notice(14, day(1))];
        let (mut memory, fine) = (Ends::default(), state(day(2), 0));
        assert_eq!(told(&mut memory, end, &fine, &standing, day(2)), Some(14));
        // A newer one does.
        assert_eq!(told(&mut memory, day(20), &fine, &standing, day(2)), None);
    }
}
