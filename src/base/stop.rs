//! The end of the program, as everybody hears of it.

use tokio::sync::watch;

/// Hears that the server stops.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Resolves when the server stops, at once if it has.
    pub async fn stopped(&mut self) {
        // An error means that nobody can say so any more; that is the end, too.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }

    /// Whether something was said since this was made; cheap enough to ask all the time.
    pub fn has_news(&self) -> bool {
        self.0.has_changed().unwrap_or(true)
    }

    /// Whether the server stops.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }
}

/// Says that the server stops.
#[derive(Debug)]
pub struct StopSender(watch::Sender<bool>);

impl StopSender {
    /// It does not stop yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Somebody more who hears it.
    pub fn listen(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Says so, to everybody and for good.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Default for StopSender {
    fn default() -> Self {
        Self::new()
    }
}
