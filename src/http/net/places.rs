//! How many connections may be open.
//!
//! In: connections as they come. Out: a place for each, or a refusal. A place is free again when
//! the connection is closed, also when it had become a tunnel.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc::Sender;

use crate::http::rates::network;

/// The places of all listeners and workers together.
#[derive(Debug)]
pub struct Places {
    most: usize,
    per_client: Option<u32>,
    taken: AtomicUsize,
    refusing: AtomicUsize,
    /// The log has it.
    told: AtomicBool,
    leaving: AtomicBool,
    clients: Mutex<HashMap<IpAddr, u32>>,
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    client: Option<IpAddr>,
    /// Whoever listens hears when it is gone.
    open: Option<Sender<()>>,
}

/// The right to tell somebody that there is no place. Few have it at a time: whoever is refused
/// must not cost as much as whoever is let in.
#[derive(Debug)]
pub(crate) struct Refusing(Arc<Places>);

impl Places {
    /// So many in all, and from one client.
    pub fn new(most: usize, per_client: Option<u32>) -> Arc<Self> {
        Arc::new(Self {
            most,
            per_client,
            taken: AtomicUsize::new(0),
            refusing: AtomicUsize::new(0),
            told: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            clients: Mutex::default(),
        })
    }

    /// From now on each answer is the last on its connection: whoever asks again connects anew, and
    /// a balancer leads them elsewhere.
    pub fn leave(&self) {
        self.leaving.store(true, Relaxed);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// A place, if there is one.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        let place = Place { places: Arc::clone(self), client: None, open: None };
        if self.taken.fetch_add(1, Relaxed) < self.most {
            return Some(place);
        }
        if !self.told.swap(true, Relaxed) {
            tracing::warn!(most = self.most, "no more connections are taken");
        }
        None
    }

    pub(crate) fn refuse(self: &Arc<Self>) -> Option<Refusing> {
        let refusing = Refusing(Arc::clone(self));
        (self.refusing.fetch_add(1, Relaxed) < REFUSING).then_some(refusing)
    }
}

impl Place {
    /// Tells that it is free again, by letting this go.
    pub(crate) fn tell(&mut self, open: &Sender<()>) {
        self.open = Some(open.clone());
    }

    /// Says whose it is. `false`: the client has as many as it may have.
    pub(crate) fn of(&mut self, client: IpAddr) -> bool {
        let Some(most) = self.places.per_client else {
            return true;
        };
        let client = network(client);
        let mut clients = self.places.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_default();
        if *count >= most {
            return false;
        }
        *count = count.saturating_add(1);
        self.client = Some(client);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.places.taken.fetch_sub(1, Relaxed) <= self.places.most / 2 {
            // Without a look first, all workers would write to it all the time.
            if self.places.told.load(Relaxed) {
                self.places.told.store(false, Relaxed);
            }
        }
        let Some(client) = self.client else {
            return;
        };
        let mut clients = self.places.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        self.0.refusing.fetch_sub(1, Relaxed);
    }
}

/// Those beyond are closed without a word.
const REFUSING: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn there_are_so_many_places_and_each_is_free_again() {
        let places = Places::new(2, None);
        let first = places.take().unwrap();
        let second = places.take();
        assert!(second.is_some());
        assert!(places.take().is_none());
        assert!(places.take().is_none());
        drop(first);
        let third = places.take();
        assert!(third.is_some());
        assert!(places.take().is_none());
    }

    #[test]
    fn one_client_takes_no_more_than_its_own_and_leaves_no_trace() {
        let places = Places::new(100, Some(2));
        let take = |client: &str| {
            let mut place = places.take().unwrap();
            place.of(address(client)).then_some(place)
        };
        let (first, second) = (
            take("192.0.2.1").unwrap(),
            take("::ffff:192.0.2.1").unwrap(),
        );
        assert!(take("192.0.2.1").is_none());
        let other = take("192.0.2.2").unwrap();
        let (sixth, seventh) = (take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap());
        assert!(take("2001:db8::3").is_none());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        drop((second, other, sixth, seventh));
        assert!(places.clients.lock().unwrap().is_empty());
        assert_eq!(places.taken.load(Relaxed), 0);
    }
}
