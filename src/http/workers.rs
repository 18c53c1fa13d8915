//! Threads that serve: one for each core, and nothing between them.
//!
//! In: detached listeners, and a service. Out: answers. Each worker has a runtime of its own with
//! its own listener, its own connections and its own connections to applications, so that a request
//! is never handed from one core to another. What is not a request (tasks, the admin listener,
//! stores) runs on the runtime beside them.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::Stop;
use crate::http::server::Detached;
use crate::proxy::upstream;
use crate::telemetry::access;

/// As many as the machine has cores for us.
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Starts a worker. `serve` runs on it until it ends; then the receiver resolves.
pub fn start<S, F>(
    name: usize,
    listeners: Vec<Detached>,
    stop: Stop,
    serve: S,
) -> io::Result<oneshot::Receiver<()>>
where
    S: FnOnce(Vec<Detached>, Stop) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(access::flush)
        .build()?;
    let (done, is_done) = oneshot::channel();
    let run = move || {
        access::buffer();
        runtime.block_on(async {
            let serving = serve(listeners, stop);
            tokio::select! {
                () = serving => {}
                () = keep_tidy() => {}
            }
        });
        upstream::close_all();
        drop(runtime);
        access::flush();
        let _ = done.send(());
    };
    std::thread::Builder::new().name(format!("worker-{name}")).spawn(run)?;
    Ok(is_done)
}

/// Closes connections to applications that nobody has used for a while.
async fn keep_tidy() {
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        upstream::sweep();
    }
}

const BEAT: Duration = Duration::from_secs(1);
