//! What has to be done about provisioning clients without one of their requests: their log is
//! written, their connections are looked at, and their tokens' ends are announced.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use serde_json::json;

use crate::app::App;
use crate::audit::{Event, EventKind};
use crate::base::{ConnectionName, Stop, StoreError, Timestamp};
use crate::directory::client_key::is_key_id;
use crate::directory::health::State;
use crate::directory::recorder::Taken;
use crate::directory::requests::Kept;
use crate::directory::{ClientKey, Recorder, ScimRequest, ScimToken, Transition, expiry};
use crate::notice::Notice;
use crate::telemetry::{SCIM_CONNECTION_STATE, SCIM_LOG_DROPPED, SCIM_TOKEN_NOT_AFTER, seconds};

/// How soon a request stands in the log.
const FLUSH: Duration = Duration::from_secs(1);
/// How often connections are looked at, in rounds of [`FLUSH`].
const REVIEWS: u32 = 10;
/// How often tokens are looked at, and old requests forgotten, in rounds of [`FLUSH`].
const TENDS: u32 = 60;
/// Requests of one transaction: some milliseconds, since logins and changes wait for their turn.
const AT_ONCE: usize = 512;
/// Requests that are held while the database does not answer; then the oldest go.
const HELD: usize = 10_000;
/// Of one connection. A first sync of ten thousand people is half of them, and at half a kilobyte
/// each they are 50 MB.
const MOST: u32 = 100_000;
/// Of them with bodies, at 10 KB each on average.
const MOST_BODIES: u32 = 10_000;

/// Until the server stops.
pub async fn keep(app: Arc<App>, recorder: Arc<Recorder>, mut stop: Stop) {
    let mut keeper = Keeper::default();
    let mut round = 0_u32;
    let mut failed = false;
    loop {
        let done = keeper.round(&app, &recorder, round).await;
        if let (Err(error), false) = (&done, failed) {
            let detail = &error.detail;
            tracing::warn!(detail, "the log of provisioning waits for the database");
        }
        failed = done.is_err();
        let mut well = !failed;
        round = round.wrapping_add(1);
        let next = tokio::time::sleep(FLUSH);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                // What fails is tried again, and told, when the second is over.
                () = recorder.enough(), if well => {
                    well = keeper.flush(&app, &recorder, app.now()).await.is_ok();
                }
                () = stop.stopped() => {
                    keeper.last(&app, &recorder).await;
                    return;
                }
            }
        }
    }
}

/// Writes what came since, when everything else has stopped.
pub async fn finish(app: &App, recorder: &Recorder) {
    Keeper::default().last(app, recorder).await;
}

/// What goes on from one round to the next.
#[derive(Default)]
struct Keeper {
    /// Taken, but not written.
    held: Vec<ScimRequest>,
    /// Tokens that a gauge speaks of.
    tokens: BTreeSet<(ConnectionName, String)>,
    connections: BTreeSet<ConnectionName>,
}

impl Keeper {
    async fn round(
        &mut self,
        app: &App,
        recorder: &Recorder,
        round: u32,
    ) -> Result<(), StoreError> {
        let now = app.now();
        self.flush(app, recorder, now).await?;
        if round.is_multiple_of(REVIEWS) {
            self.review(app, now).await?;
        }
        if round.is_multiple_of(TENDS) {
            self.tokens(app, now).await?;
            let keep = recorder.settings().keep;
            let kept = Kept { keep, most: MOST, most_bodies: MOST_BODIES };
            while app.ports.requests.forget_requests(kept, now).await? {}
        }
        Ok(())
    }

    /// Writes what was handed over.
    async fn flush(
        &mut self,
        app: &App,
        recorder: &Recorder,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Taken { requests, dropped } = recorder.take();
        self.held.extend(requests.into_iter().map(crate::directory::Recorded::written));
        for (connection, count) in dropped {
            self.drop(&connection, count, now);
        }
        self.hold_no_more(now);
        while !self.held.is_empty() {
            let many = self.held.len().min(AT_ONCE);
            let some: Vec<ScimRequest> = self.held.iter().take(many).cloned().collect();
            let told = app.ports.requests.append(some, Vec::new(), now).await?;
            self.held.drain(..many);
            say(&told);
        }
        Ok(())
    }

    /// Says how many are missing, and puts a line there.
    fn drop(&mut self, connection: &ConnectionName, count: u64, now: Timestamp) {
        counter!(SCIM_LOG_DROPPED).increment(count);
        tracing::warn!(
            connection = connection.as_str(),
            count,
            "more requests came than the log of provisioning takes"
        );
        self.held.push(ScimRequest::missing(connection.clone(), count, now));
    }

    fn hold_no_more(&mut self, now: Timestamp) {
        let Some(many) = self.held.len().checked_sub(HELD).filter(|many| *many > 0) else {
            return;
        };
        let mut by_connection = std::collections::BTreeMap::<ConnectionName, u64>::new();
        for request in self.held.drain(..many) {
            let count = by_connection.entry(request.connection).or_default();
            *count = count.saturating_add(1);
        }
        for (connection, count) in by_connection {
            self.drop(&connection, count, now);
        }
    }

    /// Looks at all connections: at what time alone brings about, and at what others wrote.
    async fn review(&mut self, app: &App, now: Timestamp) -> Result<(), StoreError> {
        let health = app.ports.requests.health().await?;
        let due = health.iter().filter(|(_, health)| health.is_due(now));
        let due: Vec<ConnectionName> = due.map(|(name, _)| name.clone()).collect();
        let told = app.ports.requests.append(Vec::new(), due, now).await?;
        say(&told);
        let after = |name: &ConnectionName, before: State| {
            told.iter().find(|(told, _)| told == name).map_or(before, |(_, it)| it.after)
        };
        let mut states: Vec<(ConnectionName, State)> = Vec::new();
        for connection in app.ports.connections.connections().await? {
            let known = health.iter().find(|(name, _)| *name == connection.name);
            let before = known.map_or(State::Healthy, |(_, health)| health.state);
            states.push((connection.name.clone(), after(&connection.name, before)));
        }
        let names: BTreeSet<ConnectionName> = states.iter().map(|(name, _)| name.clone()).collect();
        for gone in self.connections.difference(&names) {
            show(gone, None);
        }
        for (name, state) in &states {
            show(name, Some(*state));
        }
        self.connections = names;
        Ok(())
    }

    /// Looks at all tokens, and keys.
    async fn tokens(&mut self, app: &App, now: Timestamp) -> Result<(), StoreError> {
        let mut all = app.ports.connections.tokens(None).await?;
        let keys = app.ports.connections.keys(None).await?;
        all.extend(keys.iter().map(ClientKey::as_token));
        let mut shown = BTreeSet::new();
        for token in &all {
            if let Some(expires) = token.expires {
                show_token(&token.connection, &token.id, seconds(expires));
                shown.insert((token.connection.clone(), token.id.clone()));
            }
        }
        for (connection, id) in self.tokens.difference(&shown) {
            show_token(connection, id, f64::NAN);
        }
        self.tokens = shown;
        let notices = app.ports.notices.notices().await?;
        for notice in notices.iter().filter(|notice| notice.key.starts_with("scim-token/")) {
            let of_it = |token: &&ScimToken| {
                let rest = notice.key.strip_prefix(&key(token));
                rest.is_some_and(|rest| rest.starts_with('/'))
            };
            let token = all.iter().find(of_it);
            // Revoked, or followed by another: there is nothing to be done any more.
            if token.is_none_or(|token| expiry::is_succeeded(token, &all)) {
                app.ports.notices.clear(&notice.key, now).await?;
            }
        }
        let steps = Arc::clone(&app.settings().notices.days);
        for token in &all {
            if let Some(days) = expiry::due(token, &all, &steps, now) {
                warn(app, token, days, &steps, now).await?;
            }
        }
        Ok(())
    }

    /// Writes what there is, once.
    async fn last(&mut self, app: &App, recorder: &Recorder) {
        let flushed = self.flush(app, recorder, app.now()).await;
        if let Err(error) = flushed {
            let (detail, count) = (error.detail, self.held.len());
            tracing::warn!(detail, count, "the log of provisioning was not written");
        }
    }
}

fn key(token: &ScimToken) -> String {
    format!("scim-token/{}/{}", token.connection, token.id)
}

async fn warn(
    app: &App,
    token: &ScimToken,
    days: u32,
    steps: &[u32],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (connection, id) = (&token.connection, &token.id);
    let expires = token.expires.map(Timestamp::to_saml).unwrap_or_default();
    let used = token.last_used.map_or_else(|| "never".to_owned(), Timestamp::to_saml);
    let what = if is_key_id(id) { "key" } else { "token" };
    let advice = match what {
        "key" => format!("add the next one: `samlgate scim key add {connection} FILE`"),
        _ => format!(
            "make another one by `samlgate scim token rotate {connection} --overlap 7d`, and enter it at \
             the identity provider"
        ),
    };
    let ends = match days {
        0 => format!("has expired, at {expires}"),
        1 => format!("expires within a day, at {expires}"),
        days => format!("expires within {days} days, at {expires}"),
    };
    let notice = Notice {
        key: format!("{}/{days}", key(token)),
        text: format!(
            "{what} {id} of the connection {connection} {ends}; it was last used: {used}"
        ),
        advice,
        detail: json!({
            "connection": connection, what: id, "days": days, "expires": expires,
        }),
        at: now,
    };
    let change = if days == 0 { "expired" } else { "expires soon" };
    let event = Event {
        detail: json!({
            "connection": connection, what: id, "change": change, "expires": expires,
        }),
        ..Event::new(EventKind::ConnectionTokens)
    };
    if app.ports.notices.raise(&notice, Some(&event), now).await? {
        // The one before says less than this one.
        for earlier in steps.iter().filter(|earlier| **earlier > days) {
            app.ports.notices.clear(&format!("{}/{earlier}", key(token)), now).await?;
        }
    }
    Ok(())
}

/// Says what connections have become.
fn say(told: &[(ConnectionName, Transition)]) {
    for (name, transition) in told {
        let (connection, state) = (name.as_str(), transition.after.as_str());
        let sentence = transition.sentence(name);
        if transition.after == State::Healthy {
            tracing::info!(connection, state, "{sentence}");
        } else {
            let advice = transition.advice(name);
            tracing::warn!(connection, state, advice, "{sentence}");
        }
        show(name, Some(transition.after));
    }
}

/// `None`: it was removed.
fn show(name: &ConnectionName, state: Option<State>) {
    for one in State::ALL {
        let labels = [
            ("connection", name.as_str().to_owned()),
            ("state", one.as_str().to_owned()),
        ];
        let is = match state {
            Some(state) if state == one => 1.0,
            Some(_) => 0.0,
            None => f64::NAN,
        };
        gauge!(SCIM_CONNECTION_STATE, &labels).set(is);
    }
}

fn show_token(connection: &ConnectionName, id: &str, expires: f64) {
    let labels = [
        ("connection", connection.as_str().to_owned()),
        ("token", id.to_owned()),
    ];
    gauge!(SCIM_TOKEN_NOT_AFTER, &labels).set(expires);
}
