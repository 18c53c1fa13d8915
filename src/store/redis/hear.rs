//! Endings as they are published.

use redis::PushKind;
use tokio::sync::mpsc;

use super::RedisStore;
use crate::base::StoreError;
use crate::session::TokenHash;

impl RedisStore {
    /// Tells what any node ends, until the connection breaks. What is published while nobody listens
    /// is lost; that is what [`crate::session::SessionStore::ended_after`] is for.
    pub(super) async fn hear_endings(
        &self,
        ended: mpsc::Sender<Vec<TokenHash>>,
    ) -> Result<(), StoreError> {
        let (_connection, mut pushes) = self.link.subscribe(&self.channel).await?;
        // Endings before this moment were told to nobody here.
        let mut told = ended.send(Vec::new()).await;
        while told.is_ok()
            && let Some(push) = pushes.recv().await
        {
            match push.kind {
                PushKind::Message => {
                    // The channel, and what was said.
                    let Some(redis::Value::BulkString(hashes)) = push.data.into_iter().nth(1)
                    else {
                        continue;
                    };
                    let hashes = hashes.chunks_exact(32);
                    let hashes: Vec<_> =
                        hashes.filter_map(|hash| hash.try_into().ok().map(TokenHash)).collect();
                    told = ended.send(hashes).await;
                }
                PushKind::Disconnection => break,
                _ => {}
            }
        }
        Err(StoreError::new(
            "the connection that hears of endings broke",
        ))
    }
}
