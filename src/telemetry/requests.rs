//! What is counted for every request: in memory that belongs to the thread which serves it, so that
//! no two cores write to the same place. A scrape adds it all up.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::Method;
use http::StatusCode;

use super::DURATION;
use super::HTTP_REQUEST_DURATION;
use super::HTTP_REQUESTS;
use super::HTTP_REQUESTS_IN_FLIGHT;
use super::METHODS;
use super::OVERHEAD;
use super::OVERHEAD_DURATION;
use super::help;
use super::method_place;
use crate::base::clock::Stopwatch;

/// A route, or a page of ours, under which requests are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted(usize);

impl Counted {
    /// The same for the same name, for as long as the program runs.
    pub fn named(name: &str) -> Self {
        let mut names = lock(&NAMES);
        let known = names.iter().position(|known| known == name);
        Self(known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len().saturating_sub(1)
        }))
    }
}

/// One request that is being answered. It counts as in flight until it is dropped.
#[derive(Debug)]
pub struct InFlight(Stopwatch);

impl InFlight {
    /// The request's head has arrived.
    pub fn begin() -> Self {
        local(|local| local.shard.in_flight.fetch_add(1, Relaxed));
        Self(Stopwatch::start())
    }

    /// The answer's head is ready. `upstream` is the time that an application took. Returns how
    /// long it all took.
    pub fn answered(
        &self,
        counted: Counted,
        method: &Method,
        status: StatusCode,
        upstream: Option<Duration>,
    ) -> Duration {
        let time = self.0.elapsed();
        let overhead = time.saturating_sub(upstream.unwrap_or_default());
        local(|local| {
            local.shard.overhead.record(overhead);
            let route = local.route(counted);
            route.duration.record(time);
            route.count(method, status);
        });
        time
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        local(|local| local.shard.in_flight.fetch_sub(1, Relaxed));
    }
}

/// All threads' counts together, in Prometheus' format.
pub fn render() -> String {
    let mut text = String::new();
    let names = lock(&NAMES).clone();
    let shards = lock(&SHARDS).clone();
    let routes: Vec<_> = shards.iter().flat_map(|shard| lock(&shard.routes).clone()).collect();
    let of =
        |place: usize| routes.iter().filter(move |(at, _)| *at == place).map(|(_, route)| route);
    let named = || names.iter().enumerate().filter(|(place, _)| of(*place).next().is_some());

    head(&mut text, HTTP_REQUESTS, "counter");
    for (place, name) in named() {
        for (method_place, method) in METHODS.iter().enumerate() {
            for code in 100..600 {
                let count = of(place).map(|route| route.counted(method_place, code)).sum::<u64>();
                if count > 0 {
                    let route = label(name);
                    let _ = writeln!(
                        text,
                        "{HTTP_REQUESTS}{{route=\"{route}\",method=\"{method}\",code=\"{code}\"}} {count}"
                    );
                }
            }
        }
    }
    head(&mut text, HTTP_REQUEST_DURATION, "histogram");
    for (place, name) in named() {
        let labels = format!("route=\"{}\"", label(name));
        let durations: Vec<_> = of(place).map(|route| &route.duration).collect();
        histogram(
            &mut text,
            HTTP_REQUEST_DURATION,
            &labels,
            DURATION,
            &durations,
        );
    }
    head(&mut text, OVERHEAD_DURATION, "histogram");
    let overheads: Vec<_> = shards.iter().map(|shard| &shard.overhead).collect();
    histogram(&mut text, OVERHEAD_DURATION, "", OVERHEAD, &overheads);
    head(&mut text, HTTP_REQUESTS_IN_FLIGHT, "gauge");
    let in_flight: i64 = shards.iter().map(|shard| shard.in_flight.load(Relaxed)).sum();
    let _ = writeln!(text, "{HTTP_REQUESTS_IN_FLIGHT} {in_flight}\n");
    text
}

fn head(text: &mut String, name: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", help(name));
}

fn histogram(text: &mut String, name: &str, labels: &str, bounds: &[f64], parts: &[&Buckets]) {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut below = 0;
    for (place, bound) in bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]).enumerate() {
        let here = parts.iter().filter_map(|part| part.counts.get(place));
        below += here.map(|count| count.load(Relaxed)).sum::<u64>();
        let _ = writeln!(
            text,
            "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}"
        );
    }
    let nanos = parts.iter().map(|part| part.nanos.load(Relaxed)).sum();
    let braces = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    };
    let _ = writeln!(
        text,
        "{name}_sum{braces} {}",
        Duration::from_nanos(nanos).as_secs_f64()
    );
    let _ = writeln!(text, "{name}_count{braces} {below}");
}

fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What one thread has counted.
#[derive(Debug)]
struct Shard {
    in_flight: AtomicI64,
    overhead: Buckets,
    routes: Mutex<Vec<(usize, Arc<Route>)>>,
}

#[derive(Debug)]
struct Route {
    duration: Buckets,
    /// By method, then by status code from 100 to 599.
    codes: [OnceLock<Box<[AtomicU64]>>; METHODS.len()],
}

impl Route {
    fn count(&self, method: &Method, status: StatusCode) {
        let codes = self.codes.get(method_place(method));
        let codes =
            codes.map(|codes| codes.get_or_init(|| (0..500).map(|_| AtomicU64::new(0)).collect()));
        let place = usize::from(status.as_u16().saturating_sub(100));
        if let Some(count) = codes.and_then(|codes| codes.get(place)) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn counted(&self, method: usize, code: usize) -> u64 {
        let codes = self.codes.get(method).and_then(OnceLock::get);
        let count = codes.and_then(|codes| codes.get(code.saturating_sub(100)));
        count.map_or(0, |count| count.load(Relaxed))
    }
}

/// How often what took how long.
#[derive(Debug)]
struct Buckets {
    bounds: Box<[u64]>,
    counts: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

impl Buckets {
    fn new(bounds: &[f64]) -> Self {
        let nanos = |bound: &f64| nanos(Duration::from_secs_f64(*bound));
        Self {
            bounds: bounds.iter().map(nanos).collect(),
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            nanos: AtomicU64::new(0),
        }
    }

    fn record(&self, time: Duration) {
        let time = nanos(time);
        let place = self.bounds.iter().take_while(|bound| time > **bound).count();
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
        }
        self.nanos.fetch_add(time, Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

struct Local {
    shard: Arc<Shard>,
    routes: RefCell<Vec<Option<Arc<Route>>>>,
}

impl Local {
    fn new() -> Self {
        let shard = Arc::new(Shard {
            in_flight: AtomicI64::new(0),
            overhead: Buckets::new(OVERHEAD),
            routes: Mutex::default(),
        });
        lock(&SHARDS).push(Arc::clone(&shard));
        Self { shard, routes: RefCell::default() }
    }

    fn route(&self, counted: Counted) -> Arc<Route> {
        let mut routes = self.routes.borrow_mut();
        if routes.len() <= counted.0 {
            routes.resize(counted.0.saturating_add(1), None);
        }
        if let Some(Some(route)) = routes.get(counted.0) {
            return Arc::clone(route);
        }
        let route = Arc::new(Route { duration: Buckets::new(DURATION), codes: Default::default() });
        lock(&self.shard.routes).push((counted.0, Arc::clone(&route)));
        if let Some(place) = routes.get_mut(counted.0) {
            *place = Some(Arc::clone(&route));
        }
        route
    }
}

fn local<T>(count: impl FnOnce(&Local) -> T) {
    // A thread that ends has nothing left to count in.
    let _ = LOCAL.try_with(count);
}

thread_local! {
    static LOCAL: Local = Local::new();
}

static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// What ended threads have counted stays counted.
static SHARDS: Mutex<Vec<Arc<Shard>>> = Mutex::new(Vec::new());

/// A thread that panicked in here left a plain list behind, which is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_threads_are_added_up() {
        let counted = Counted::named("a \"test\"");
        assert_eq!(counted, Counted::named("a \"test\""));
        let serve = move || {
            let request = InFlight::begin();
            let upstream = Some(Duration::from_secs(3600));
            request.answered(counted, &Method::GET, StatusCode::OK, upstream);
        };
        serve();
        std::thread::spawn(serve).join().unwrap();
        let text = render();
        for line in [
            "samlgate_http_requests_total{route=\"a \\\"test\\\"\",method=\"GET\",code=\"200\"} 2",
            "samlgate_http_request_duration_seconds_bucket{route=\"a \\\"test\\\"\",le=\"+Inf\"} 2",
            "samlgate_http_request_duration_seconds_count{route=\"a \\\"test\\\"\"} 2",
            "# TYPE samlgate_overhead_duration_seconds histogram",
            "samlgate_http_requests_in_flight 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
        }
        assert!(
            text.contains("samlgate_overhead_duration_seconds_bucket{le=\"0.000025\"} "),
            "{text}"
        );
    }
}
