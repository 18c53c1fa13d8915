//! How often one client may ask for what costs most.
//!
//! In: a path of ours and a client's address. Out: whether it is answered, and if not, when asking
//! again makes sense. Promised: what is known of clients has an upper end in memory, and the
//! proxied path never comes here.
//!
//! Beginning a sign-in costs a signature by RSA and a row on the disk, an answer costs signatures to
//! be verified and keys to be decrypted: some tenths of a millisecond of a core each, and nearly
//! nothing for whoever asks. 300 a minute, the default, are as many people as arrive behind one
//! address in the worst minute of a large office's morning, and less than a hundredth of a core.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{NotUntil, Quota, RateLimiter};
use moka::sync::Cache;

use crate::base::Rate;
use crate::base::clock::uptime;
use crate::http::links;

/// The rates in force, each with the clients that it knows.
#[derive(Debug)]
pub struct Rates {
    settings: RateSettings,
    sign_in: Option<Limiter<IpAddr, Uptime>>,
    acs: Option<Limiter<IpAddr, Uptime>>,
    scim: Option<Limiter<String, Uptime>>,
    guesses: Limiter<IpAddr, Uptime>,
}

/// Which rates there are; `None` is any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// Sign-ins that are begun.
    pub sign_in: Option<Rate>,
    /// Answers of identity providers.
    pub acs: Option<Rate>,
    /// Requests with one token of a provisioning client.
    pub scim: Option<Rate>,
}

/// Asked too often; asking again makes sense after this many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften {
    /// For `Retry-After`; at least one.
    pub seconds: u64,
}

impl Rates {
    /// Nobody has asked for anything yet.
    pub fn new(settings: RateSettings) -> Self {
        let limiter = |rate| Limiter::new(rate, Uptime);
        Self {
            settings,
            sign_in: settings.sign_in.map(limiter),
            acs: settings.acs.map(limiter),
            scim: settings.scim.map(|rate| Limiter::new(rate, Uptime)),
            guesses: limiter(GUESSES),
        }
    }

    /// Whether these are the rates: then a reload leaves them alone, and what they know with them.
    pub fn are(&self, settings: RateSettings) -> bool {
        self.settings == settings
    }

    /// Counts a request for a path of ours. A client that nobody knows (behind a Unix socket whose
    /// other end names nobody) is not counted: it would stand for everybody.
    pub fn check(&self, path: &str, client: Option<IpAddr>) -> Result<(), TooOften> {
        let limiter = match path {
            links::ACS | links::SLO => &self.acs,
            links::SIGN_IN | links::START | links::AUTHORIZE | links::DISCOVERY => &self.sign_in,
            "/oauth2/sign_in" | "/oauth2/start" => &self.sign_in,
            _ => return Ok(()),
        };
        match (limiter, client) {
            (Some(limiter), Some(client)) => limiter.check(network(client)),
            _ => Ok(()),
        }
    }
}

impl Rates {
    /// Counts a request of a provisioning client, by the id of its token.
    pub fn check_token(&self, token: &str) -> Result<(), TooOften> {
        self.scim.as_ref().map_or(Ok(()), |limiter| limiter.check(token.to_owned()))
    }

    /// Counts a token that nobody gave out, or a logout message that nobody we know has signed.
    pub fn check_failure(&self, client: IpAddr) -> Result<(), TooOften> {
        self.guesses.check(network(client))
    }
}

/// A client whose token has run out asks every few seconds, and may; whoever tries tokens has 2²⁵⁶
/// before them, and should not fill the log meanwhile.
const GUESSES: Rate = Rate {
    count: NonZeroU32::new(300).unwrap(),
    per: Duration::from_secs(60),
};

/// Whoever has one address of IPv6 has the 2⁶⁴ around it, too.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// A clock that nobody sets: after a step back of the system's own, a client that has just been here
/// would wait for as long.
#[derive(Clone, Copy, Debug)]
struct Uptime;

impl Clock for Uptime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        uptime().into()
    }
}

/// One rate, for each client.
#[derive(Debug)]
struct Limiter<K: Key, C: Clock<Instant = Nanos>>(
    RateLimiter<K, Clients<K>, C, NoOpMiddleware<Nanos>>,
);

/// Whom a rate is for.
trait Key: Clone + Eq + Hash + Send + Sync + 'static {}

impl Key for IpAddr {}

impl Key for String {}

impl<K: Key, C: Clock<Instant = Nanos>> Limiter<K, C> {
    fn new(rate: Rate, clock: C) -> Self {
        let each = rate.per.checked_div(rate.count.get()).unwrap_or(rate.per);
        let quota = Quota::with_period(each)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
            .allow_burst(rate.count);
        Self(RateLimiter::new(
            quota,
            Clients::remembered_for(rate.per),
            clock,
        ))
    }

    fn check(&self, client: K) -> Result<(), TooOften> {
        let wait = |refusal: NotUntil<Nanos>| {
            let wait = refusal.wait_time_from(self.0.clock().now());
            TooOften { seconds: wait.as_secs().saturating_add(1) }
        };
        self.0.check_key(&client).map_err(wait)
    }
}

/// What is known of clients: 100 bytes for each of those that came in the last `rate.per`, and of
/// no more than a hundred thousand of them. Of more, those are forgotten who come least.
struct Clients<K>(Cache<K, Arc<InMemoryState>>);

/// At about 200 bytes each, 20 MB when all come at once.
const CLIENTS: u64 = 100_000;

impl<K: Key> Clients<K> {
    fn remembered_for(per: Duration) -> Self {
        // After that time without a request the rate has recovered, and there is nothing to know.
        Self(Cache::builder().max_capacity(CLIENTS).time_to_idle(per).build())
    }
}

impl<K: Key> StateStore for Clients<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, client: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let state = self.0.get_with_by_ref(client, Arc::default);
        state.measure_and_replace(&NotKeyed::NonKey, f)
    }
}

impl<K: Key> std::fmt::Debug for Clients<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} clients", self.0.entry_count())
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn client(text: &str) -> IpAddr {
        network(text.parse().unwrap())
    }

    #[test]
    fn whoever_asks_too_often_waits_and_nobody_else_does() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(Rate::parse("3/m").unwrap(), clock.clone());
        let (alice, bob) = (client("192.0.2.1"), client("192.0.2.2"));
        for _ in 0..3 {
            assert_eq!(limiter.check(alice), Ok(()));
        }
        assert_eq!(limiter.check(alice), Err(TooOften { seconds: 21 }));
        assert_eq!(limiter.check(bob), Ok(()));
        clock.advance(Duration::from_secs(20));
        assert_eq!(limiter.check(alice), Ok(()));
        assert!(limiter.check(alice).is_err());
        clock.advance(Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(limiter.check(alice), Ok(()));
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network_of_64_bits() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:2"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn of_very_many_clients_no_more_than_so_many_are_known() {
        let clients = Clients::remembered_for(Duration::from_secs(60));
        for number in 0..110_000_u32 {
            let client = IpAddr::V4(number.into());
            let new = |_| Ok::<_, ()>(((), Nanos::from(1)));
            clients.measure_and_replace(&client, new).unwrap();
        }
        clients.0.run_pending_tasks();
        assert!(clients.0.entry_count() <= CLIENTS, "{clients:?}");
    }

    #[test]
    fn only_what_costs_is_counted() {
        let rate = Rate::parse("1/h");
        let rates = Rates::new(RateSettings { sign_in: rate, acs: rate, scim: rate });
        let alice = Some(client("192.0.2.1"));
        for _ in 0..5 {
            assert_eq!(rates.check("/.samlgate/user", alice), Ok(()));
            assert_eq!(rates.check(links::ACS, None), Ok(()));
        }
        assert_eq!(rates.check(links::START, alice), Ok(()));
        assert!(rates.check(links::SIGN_IN, alice).is_err());
        assert_eq!(rates.check(links::ACS, alice), Ok(()));
        assert!(rates.check(links::ACS, alice).is_err());
    }
}
