//! Which of a route's upstreams gets a request.
//!
//! In: what became of earlier requests, and what active checks found. Out: an upstream that is
//! likely to answer. Promised: nothing here waits or locks; an upstream that fails several times
//! in a row is left alone for a while; and never are all of them left alone, since a guess is
//! better than a certain failure.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use metrics::gauge;

use crate::access::Balance;
use crate::access::Ejection;
use crate::access::HealthCheck;
use crate::access::Protocol;
use crate::access::Route;
use crate::access::Routes;
use crate::access::Upstream;
use crate::access::UpstreamTls;
use crate::base::Timestamp;
use crate::proxy::upstream;
use crate::telemetry::UPSTREAM_HEALTHY;

/// The upstreams of every route; shared by all workers.
#[derive(Debug, Default)]
pub struct Balancers {
    /// By [`Route::place`].
    of: Vec<Arc<Balancer>>,
}

/// The upstreams of one route.
#[derive(Debug)]
pub struct Balancer {
    route: Arc<Route>,
    members: Box<[Arc<Member>]>,
    turn: Turn,
}

/// One upstream, and what is known about it.
pub struct Member {
    route: String,
    name: String,
    upstream: Upstream,
    tls: Option<UpstreamTls>,
    protocol: Protocol,
    /// Requests that it is answering; counted where somebody looks at it.
    in_flight: AtomicU32,
    /// Failures since it last answered.
    failures: AtomicU32,
    /// Microseconds since 1970; it is left alone until then.
    out_until: AtomicI64,
    /// What active checks think; true without any.
    well: AtomicBool,
    /// Checks in a row that contradict `well`.
    doubts: AtomicU32,
}

/// The upstreams for one request: one after the other, until one answers.
#[derive(Debug)]
pub struct Round<'b> {
    balancer: &'b Balancer,
    turn: usize,
    /// A bit for each member that had its chance.
    tried: u64,
}

/// The upstream for one attempt. The request counts as in flight while it lives.
pub struct Pick<'b> {
    place: usize,
    member: &'b Arc<Member>,
    ejection: &'b Ejection,
    flight: Option<Flight>,
}

/// A request that an upstream is answering; counted until this is dropped.
#[derive(Debug)]
pub struct Flight(Arc<Member>);

/// Upstreams of one route, at most: as many as [`Round`] has bits.
pub const MOST_UPSTREAMS: usize = 64;

impl Balancers {
    /// Everybody is well until somebody says otherwise.
    pub fn new(routes: &Routes) -> Self {
        Self::after(routes, &Self::default())
    }

    /// What `earlier` knew about an upstream of a route of the same name goes on being known, so
    /// that a reload lets nobody in who is out.
    pub fn after(routes: &Routes, earlier: &Self) -> Self {
        let mut sorted: Vec<_> = routes.iter().collect();
        sorted.sort_by_key(|route| route.place);
        let known = earlier.of.iter().flat_map(|balancer| &balancer.members).collect::<Vec<_>>();
        let member = |route: &Route, upstream: &Upstream| {
            let mut known = known.iter();
            let same = known.find(|one| one.is(route, upstream));
            // Without checks nobody would ever find that it is well again.
            match same.filter(|one| route.health.is_some() || one.well.load(Relaxed)) {
                Some(member) => Arc::clone(member),
                None => Arc::new(Member::new(route, upstream)),
            }
        };
        let balancer = |route: &Arc<Route>| {
            let members = route.upstreams.iter().take(MOST_UPSTREAMS);
            Arc::new(Balancer {
                members: members.map(|upstream| member(route, upstream)).collect(),
                turn: Turn::default(),
                route: Arc::clone(route),
            })
        };
        let new = Self { of: sorted.into_iter().map(balancer).collect() };
        let goes_on = |old: &Arc<Member>| {
            let mut members = new.of.iter().flat_map(|balancer| &balancer.members);
            members.any(|one| one.route == old.route && one.name == old.name)
        };
        for gone in known.into_iter().filter(|member| !goes_on(member)) {
            // A gauge can not be taken back; no number compares with this one.
            gone.report(f64::NAN);
        }
        new
    }

    /// The upstreams of a route.
    pub fn of(&self, route: &Route) -> Option<&Balancer> {
        self.of.get(route.place).map(AsRef::as_ref)
    }

    /// The upstreams of every route.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Balancer>> {
        self.of.iter()
    }
}

impl Balancer {
    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Every upstream.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Begins to choose for one request.
    pub fn round(&self) -> Round<'_> {
        // One alone has no turns to take: nothing is written then.
        let turn = if self.members.len() > 1 {
            self.turn.next()
        } else {
            0
        };
        Round { balancer: self, turn, tried: 0 }
    }

    /// The upstream for a request that is sent once.
    pub fn pick(&self, now: Timestamp) -> Option<Pick<'_>> {
        self.round().next(now)
    }
}

impl<'b> Round<'b> {
    /// The next upstream to try: one that is well and not left alone if there is one, and else
    /// any other. Each is returned once; `None` when all had their chance.
    pub fn next(&mut self, now: Timestamp) -> Option<Pick<'b>> {
        let place = self.best(now)?;
        self.tried |= bit(place);
        let balancer = self.balancer;
        let member = balancer.members.get(place)?;
        let counts = balancer.route.balance == Balance::LeastRequests;
        let flight = counts.then(|| Flight::begin(member));
        Some(Pick { place, member, ejection: &balancer.route.ejection, flight })
    }

    fn best(&self, now: Timestamp) -> Option<usize> {
        // One alone is the best of all, whatever is known about it.
        if let [_] = &*self.balancer.members {
            return (self.tried == 0).then_some(0);
        }
        let well = |member: &Member| member.well.load(Relaxed);
        let fit = |member: &Member| well(member) && !member.is_out(self.ejection(), now);
        self.choose(&fit)
            .or_else(|| self.choose(&well))
            .or_else(|| self.choose(&|_| true))
    }

    /// The place of one that `may` be chosen.
    fn choose(&self, may: &dyn Fn(&Member) -> bool) -> Option<usize> {
        let left = || {
            let members = self.balancer.members.iter().enumerate();
            members.filter(|(place, member)| self.tried & bit(*place) == 0 && may(member))
        };
        let count = left().count();
        let start = self.turn.checked_rem(count)?;
        let nth = |skip: usize| left().nth(skip.checked_rem(count)?);
        match self.balancer.route.balance {
            Balance::RoundRobin => nth(start),
            Balance::LeastRequests if count <= FEW => {
                // From a place that moves on, so that equals take turns.
                let turned = left().cycle().skip(start).take(count);
                turned.min_by_key(|(_, member)| member.in_flight.load(Relaxed))
            }
            // Two at random, and the better of them, is nearly as good as the best of all, and no
            // herd runs to the one that looked best to everybody (Mitzenmacher, 1996).
            Balance::LeastRequests => {
                let (one, other) = (nth(scatter(self.turn))?, nth(scatter(!self.turn))?);
                let load = |(_, member): (usize, &Arc<Member>)| member.in_flight.load(Relaxed);
                Some(if load(other) < load(one) { other } else { one })
            }
        }
        .map(|(place, _)| place)
    }

    fn ejection(&self) -> &Ejection {
        &self.balancer.route.ejection
    }
}

impl Pick<'_> {
    /// Its place among the upstreams of the route.
    pub(crate) const fn place(&self) -> usize {
        self.place
    }

    /// The upstream did not answer. After several such times in a row it is left alone.
    pub fn failed(&self, now: Timestamp) {
        let Ejection { failures, pause } = *self.ejection;
        let count = self.member.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures == 0 || count < failures {
            return;
        }
        // After the pause a single failure is enough: the count starts anew with an answer only.
        let until = now.plus(pause).unix_micros();
        if self.member.out_until.swap(until, Relaxed) == 0 {
            self.member.is_out_now();
        }
    }

    /// The upstream answered, whatever it said.
    pub fn fine(&self) {
        // Almost always there is nothing to write, and other cores keep their copy.
        if self.member.failures.load(Relaxed) != 0 {
            self.member.failures.store(0, Relaxed);
            if self.member.out_until.swap(0, Relaxed) != 0 {
                self.member.is_back();
            }
        }
    }

    /// What keeps the request counted, for an answer that goes on after its head.
    pub fn into_flight(self) -> Option<Flight> {
        self.flight
    }
}

impl Deref for Pick<'_> {
    type Target = Upstream;

    fn deref(&self) -> &Upstream {
        &self.member.upstream
    }
}

impl fmt::Debug for Pick<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pick({})", self.member.name)
    }
}

impl Flight {
    fn begin(member: &Arc<Member>) -> Self {
        member.in_flight.fetch_add(1, Relaxed);
        Self(Arc::clone(member))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

impl Member {
    fn new(route: &Route, upstream: &Upstream) -> Self {
        let member = Self {
            route: route.name.clone(),
            name: upstream::name(upstream),
            upstream: upstream.clone(),
            tls: route.upstream_tls.clone(),
            protocol: route.upstream_protocol,
            in_flight: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            out_until: AtomicI64::new(0),
            well: AtomicBool::new(true),
            doubts: AtomicU32::new(0),
        };
        member.report(1.0);
        member
    }

    /// Whether a route speaks to it in the way that it has been spoken to.
    fn is(&self, route: &Route, upstream: &Upstream) -> bool {
        self.route == route.name
            && self.upstream == *upstream
            && self.tls == route.upstream_tls
            && self.protocol == route.upstream_protocol
    }

    /// Where it is.
    pub const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// As it is configured: `http://127.0.0.1:3000`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an active check found. Only one checks at a time.
    pub fn checked(&self, good: bool, check: &HealthCheck) {
        let well = self.well.load(Relaxed);
        if good == well {
            self.doubts.store(0, Relaxed);
            return;
        }
        let doubts = self.doubts.fetch_add(1, Relaxed).saturating_add(1);
        let enough = if good { check.healthy } else { check.unhealthy };
        if doubts < enough {
            return;
        }
        self.doubts.store(0, Relaxed);
        self.well.store(good, Relaxed);
        if good {
            // It has just answered: what was held against it is over.
            self.failures.store(0, Relaxed);
            self.out_until.store(0, Relaxed);
            self.is_back();
        } else {
            self.is_out_now();
        }
    }

    fn is_out(&self, ejection: &Ejection, now: Timestamp) -> bool {
        let until = self.out_until.load(Relaxed);
        // A clock that was set back must not make a pause of seconds one of years.
        until != 0 && {
            let until = Timestamp::from_unix_micros(until);
            now < until && until <= now.plus(ejection.pause)
        }
    }

    fn is_out_now(&self) {
        tracing::warn!(
            route = self.route,
            upstream = self.name,
            "an upstream is left alone"
        );
        self.report(0.0);
    }

    fn is_back(&self) {
        tracing::info!(
            route = self.route,
            upstream = self.name,
            "an upstream is back"
        );
        self.report(if self.well.load(Relaxed) { 1.0 } else { 0.0 });
    }

    fn report(&self, value: f64) {
        let (route, upstream) = (self.route.clone(), self.name.clone());
        gauge!(UPSTREAM_HEALTHY, "route" => route, "upstream" => upstream).set(value);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.name)
    }
}

/// Whose turn it is. On a cache line of its own: everything beside it is only read.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Turn(AtomicUsize);

impl Turn {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Relaxed)
    }
}

fn bit(place: usize) -> u64 {
    u32::try_from(place)
        .ok()
        .and_then(|place| 1_u64.checked_shl(place))
        .unwrap_or(0)
}

/// Spreads neighbouring numbers: the finaliser of `SplitMix64` (Steele, Lea, Flood, 2014).
fn scatter(number: usize) -> usize {
    let mut bits = u64::try_from(number).unwrap_or(u64::MAX);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((bits ^ (bits >> 31)) >> 1).unwrap_or_default()
}

/// As many are simply looked through.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn balancers(count: usize, balance: Balance) -> Balancers {
        let upstream =
            |place: usize| Upstream::Tcp { tls: false, authority: format!("app{place}") };
        Balancers::new(&Routes::new(vec![Route {
            name: "app".to_owned(),
            upstreams: (0..count).map(upstream).collect(),
            balance,
            ejection: Ejection { failures: 3, pause: Duration::from_secs(10) },
            ..Route::default()
        }]))
    }

    fn only(balancers: &Balancers) -> &Balancer {
        &balancers.of[0]
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_000 + seconds)
    }

    /// How often each is chosen.
    fn shares(balancer: &Balancer, requests: usize, now: Timestamp) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for _ in 0..requests {
            let pick = balancer.pick(now).unwrap();
            *shares.entry(pick.member.name.clone()).or_default() += 1;
        }
        shares
    }

    fn fail(balancer: &Balancer, place: usize, now: Timestamp) {
        let member = &balancer.members[place];
        Pick {
            place,
            member,
            ejection: &balancer.route.ejection,
            flight: None,
        }
        .failed(now);
    }

    #[test]
    fn they_take_turns() {
        let balancers = balancers(3, Balance::RoundRobin);
        let shares = shares(only(&balancers), 9, at(0));
        assert_eq!(shares.values().copied().collect::<Vec<_>>(), [3, 3, 3]);
    }

    #[test]
    fn one_that_fails_three_times_in_a_row_is_left_alone_for_a_while() {
        let balancers = balancers(3, Balance::RoundRobin);
        let balancer = only(&balancers);
        let of_0 = |now| shares(balancer, 6, now).get("http://app0").copied().unwrap_or(0);
        fail(balancer, 0, at(0));
        fail(balancer, 0, at(0));
        assert_eq!(of_0(at(0)), 2);
        fail(balancer, 0, at(0));
        assert_eq!(
            shares(balancer, 6, at(9)).into_values().collect::<Vec<_>>(),
            [3, 3]
        );
        assert_eq!(of_0(at(10)), 2);
        // It must answer once before three failures are forgiven again.
        fail(balancer, 0, at(11));
        assert_eq!(of_0(at(20)), 0);
        let mut round = balancer.round();
        while let Some(pick) = round.next(at(21)) {
            pick.fine();
        }
        fail(balancer, 0, at(22));
        assert_eq!(of_0(at(22)), 2);
    }

    #[test]
    fn an_answer_between_failures_keeps_it_in() {
        let balancers = balancers(2, Balance::RoundRobin);
        let balancer = only(&balancers);
        for _ in 0..5 {
            fail(balancer, 0, at(0));
            fail(balancer, 0, at(0));
            let mut round = balancer.round();
            while let Some(pick) = round.next(at(0)) {
                pick.fine();
            }
        }
        assert_eq!(shares(balancer, 4, at(0)).len(), 2);
    }

    #[test]
    fn never_are_all_left_alone() {
        let balancers = balancers(2, Balance::RoundRobin);
        let balancer = only(&balancers);
        for place in [0, 1, 0, 1, 0, 1] {
            fail(balancer, place, at(0));
        }
        assert_eq!(
            shares(balancer, 4, at(1)).into_values().collect::<Vec<_>>(),
            [2, 2]
        );
        let check = check();
        for member in balancer.members() {
            member.checked(false, &check);
            member.checked(false, &check);
        }
        assert_eq!(
            shares(balancer, 4, at(1)).into_values().collect::<Vec<_>>(),
            [2, 2]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_ejects_nobody_for_years() {
        let balancers = balancers(2, Balance::RoundRobin);
        for _ in 0..3 {
            fail(only(&balancers), 0, at(1_000_000));
        }
        assert_eq!(shares(only(&balancers), 4, at(0)).len(), 2);
    }

    fn check() -> HealthCheck {
        HealthCheck {
            path: "/health".to_owned(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            healthy: 3,
            unhealthy: 2,
        }
    }

    #[test]
    fn checks_need_several_answers_to_change_their_mind() {
        let balancers = balancers(2, Balance::RoundRobin);
        let balancer = only(&balancers);
        let member = &balancer.members()[0];
        for (good, both) in [
            (false, true),
            (true, true),
            (false, true),
            (false, false),
            (true, false),
            (true, false),
            (false, false),
            (true, false),
            (true, false),
            (true, true),
        ] {
            member.checked(good, &check());
            assert_eq!(shares(balancer, 4, at(0)).len() == 2, both);
        }
    }

    #[test]
    fn every_upstream_has_one_chance_at_a_request() {
        for balance in [Balance::RoundRobin, Balance::LeastRequests] {
            for count in [0, 1, 2, 5, 20, MOST_UPSTREAMS, MOST_UPSTREAMS + 1] {
                let balancers = balancers(count, balance);
                let mut round = only(&balancers).round();
                let mut tried = std::collections::BTreeSet::new();
                while let Some(pick) = round.next(at(0)) {
                    assert!(tried.insert(pick.member.name.clone()));
                }
                assert_eq!(tried.len(), count.min(MOST_UPSTREAMS));
            }
        }
    }

    #[test]
    fn the_one_with_the_fewest_requests_is_chosen() {
        let balancers = balancers(3, Balance::LeastRequests);
        let balancer = only(&balancers);
        let mut flights = Vec::new();
        for _ in 0..2 {
            for _ in 0..3 {
                flights.push(balancer.pick(at(0)).unwrap().into_flight().unwrap());
            }
            let counts = balancer.members().iter().map(|member| member.in_flight.load(Relaxed));
            let counts: Vec<_> = counts.collect();
            assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        }
        let idle = flights.swap_remove(1);
        let name = idle.0.name.clone();
        drop(idle);
        assert_eq!(balancer.pick(at(0)).unwrap().member.name, name);
    }

    #[test]
    fn of_many_the_better_of_two_is_chosen() {
        let balancers = balancers(20, Balance::LeastRequests);
        let balancer = only(&balancers);
        let flights: Vec<_> = (0..2000)
            .map(|_| balancer.pick(at(0)).unwrap().into_flight().unwrap())
            .collect();
        let counts = balancer.members().iter().map(|member| member.in_flight.load(Relaxed));
        let (least, most) = counts.fold((u32::MAX, 0), |(least, most), count| {
            (least.min(count), most.max(count))
        });
        assert!(least >= 90 && most <= 110, "{least} {most}");
        drop(flights);
        assert!(balancer.members().iter().all(|member| member.in_flight.load(Relaxed) == 0));
    }

    #[test]
    fn a_reload_remembers_who_is_out() {
        let earlier = balancers(2, Balance::RoundRobin);
        for _ in 0..3 {
            fail(only(&earlier), 0, at(0));
        }
        let route = Route::clone(only(&earlier).route());
        let later = Balancers::after(&Routes::new(vec![route]), &earlier);
        assert_eq!(shares(only(&later), 4, at(1)).len(), 1);
    }

    #[test]
    fn the_gauge_says_who_is_out_and_who_is_gone() {
        let recorder = crate::telemetry::recorder();
        metrics::with_local_recorder(&recorder, || {
            let balancers = balancers(2, Balance::RoundRobin);
            let gauge = |place| {
                let text = recorder.handle().render();
                let start = format!(
                    "samlgate_upstream_healthy{{route=\"app\",upstream=\"http://app{place}\"}} "
                );
                text.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned))
            };
            assert_eq!(gauge(0).as_deref(), Some("1"));
            for _ in 0..3 {
                fail(only(&balancers), 0, at(0));
            }
            assert_eq!(gauge(0).as_deref(), Some("0"));
            let mut round = only(&balancers).round();
            while let Some(pick) = round.next(at(60)) {
                pick.fine();
            }
            assert_eq!(gauge(0).as_deref(), Some("1"));
            let one = Route {
                name: "app".to_owned(),
                upstreams: vec![only(&balancers).members()[1].upstream.clone()],
                ..Route::default()
            };
            let _later = Balancers::after(&Routes::new(vec![one]), &balancers);
            assert_eq!(gauge(0).as_deref(), Some("NaN"));
            assert_eq!(gauge(1).as_deref(), Some("1"));
        });
    }
}
