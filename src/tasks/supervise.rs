//! Tasks that stop with the server.
//!
//! In: futures. Promised: every task hears that the server stops, and is waited for; one that
//! should never end is started again when it does, after a pause. This is the only place that
//! spawns.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::base::Stop;
use crate::base::stop::StopSender;
use crate::proxy::Background;

/// Runs tasks until the server stops.
#[derive(Clone, Debug)]
pub struct Supervisor {
    stop: Arc<StopSender>,
    /// Every task holds a clone; the channel closes when the last one ends.
    alive: Arc<std::sync::Mutex<Option<mpsc::Sender<()>>>>,
    ended: Arc<tokio::sync::Mutex<mpsc::Receiver<()>>>,
    grace: Duration,
}

impl Supervisor {
    /// Nothing runs yet, and nothing is waited for.
    pub fn new() -> Self {
        Self::patient(Duration::ZERO)
    }

    /// The same. What runs [beside requests](Background) goes on for this long when the server
    /// stops.
    pub fn patient(grace: Duration) -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self {
            stop: Arc::new(StopSender::new()),
            alive: Arc::new(std::sync::Mutex::new(Some(alive))),
            ended: Arc::new(tokio::sync::Mutex::new(ended)),
            grace,
        }
    }

    /// Hears when the server stops.
    pub fn stop_signal(&self) -> Stop {
        self.stop.listen()
    }

    /// Runs a task to its end. It is cut off when the server stops.
    pub fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut stop = self.stop_signal();
        self.run_to_end(async move {
            tokio::select! {
                () = task => {}
                () = stop.stopped() => {}
            }
        });
    }

    /// Runs a task to its end, which it finds by itself when the server stops.
    pub fn run_to_end(&self, task: impl Future<Output = ()> + Send + 'static) {
        let alive = match self.alive.lock() {
            Ok(alive) => alive.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        // After the end nothing begins.
        let Some(alive) = alive else { return };
        spawn(async move {
            task.await;
            drop(alive);
        });
    }

    /// Keeps a task running: when it ends, or panics, it is made again after a pause.
    pub fn keep<F>(&self, name: &'static str, make: impl Fn(Stop) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.keep_with_pause(name, PAUSE, make);
    }

    fn keep_with_pause<F>(
        &self,
        name: &'static str,
        pause: Duration,
        make: impl Fn(Stop) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut stop = self.stop_signal();
        self.run_to_end(async move {
            while !stop.is_stopped() {
                if CatchPanic(Box::pin(make(stop.clone()))).await.is_err() {
                    tracing::error!(task = name, "a background task panicked; it starts again");
                } else if !stop.is_stopped() {
                    tracing::warn!(task = name, "a background task ended; it starts again");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.stopped() => {}
                }
            }
        });
    }

    /// Tells every task to stop and waits for them. `false` when some are still at it by then.
    pub async fn finish(&self, deadline: Duration) -> bool {
        self.stop();
        drop(match self.alive.lock() {
            Ok(mut alive) => alive.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        });
        let mut ended = self.ended.lock().await;
        tokio::time::timeout(deadline, ended.recv()).await.is_ok()
    }

    /// Tells every task to stop.
    pub fn stop(&self) {
        self.stop.stop();
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Background for Supervisor {
    fn run(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.run_to_end(task);
    }

    fn ending(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (mut stop, grace) = (self.stop_signal(), self.grace);
        Box::pin(async move {
            stop.stopped().await;
            tokio::time::sleep(grace).await;
        })
    }
}

struct CatchPanic<F>(Pin<Box<F>>);

impl<F: Future<Output = ()>> Future for CatchPanic<F> {
    type Output = Result<(), ()>;

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), ()>> {
        let poll = AssertUnwindSafe(|| self.0.as_mut().poll(context));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(_) => std::task::Poll::Ready(Err(())),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that spawns"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

const PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn tasks_stop_with_the_server() {
        let supervisor = Supervisor::new();
        supervisor.run(std::future::pending());
        let mut stop = supervisor.stop_signal();
        supervisor.run_to_end(async move { stop.stopped().await });
        assert!(supervisor.finish(SOON).await);
        supervisor.run(async { panic!("begins after the end") });
    }

    #[tokio::test]
    async fn a_task_that_does_not_listen_is_reported() {
        let supervisor = Supervisor::new();
        supervisor.run_to_end(std::future::pending());
        assert!(!supervisor.finish(Duration::from_millis(1)).await);
    }

    #[tokio::test]
    async fn a_task_that_panics_starts_again() {
        let supervisor = Supervisor::new();
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        supervisor.keep_with_pause("test", Duration::from_millis(1), move |mut stop| {
            let start = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_ne!(start, 0, "the first start panics");
                stop.stopped().await;
            }
        });
        while starts.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(supervisor.finish(SOON).await);
    }
}
