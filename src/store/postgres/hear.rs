//! Endings as they are told.

use sqlx::postgres::PgListener;
use tokio::sync::mpsc;

use super::PostgresStore;
use super::row::failed;
use crate::base::StoreError;
use crate::session::TokenHash;

/// The name under which [`super::sessions`] tells them.
const CHANNEL: &str = "samlgate_ended";

impl PostgresStore {
    /// Tells what any node ends, until the connection breaks. What is told while nobody listens is
    /// lost; that is what [`crate::session::SessionStore::ended_after`] is for.
    pub(super) async fn hear_endings(
        &self,
        ended: mpsc::Sender<Vec<TokenHash>>,
    ) -> Result<(), StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(failed)?;
        // Whoever listens again is told so, and does it here.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(failed)?;
        // Endings before this moment were told to nobody here.
        let mut told = ended.send(Vec::new()).await;
        while told.is_ok()
            && let Some(notification) = listener.try_recv().await.map_err(failed)?
        {
            let hash = decode(notification.payload());
            told = ended.send(hash.map(TokenHash).into_iter().collect()).await;
        }
        Err(StoreError::new(
            "the connection that hears of endings broke",
        ))
    }
}

/// 32 bytes in hexadecimal digits.
fn decode(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)?.saturating_mul(16).saturating_add(digit(*low)?)),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}
