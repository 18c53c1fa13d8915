//! What is taken once.

use async_trait::async_trait;
use redis::pipe;

use super::seal::Place;
use super::{RedisStore, key, live_until};
use crate::base::{StoreError, Timestamp};
use crate::session::KeptStore;

#[async_trait]
impl KeptStore for RedisStore {
    async fn keep(
        &self,
        key_hash: [u8; 32],
        value: &[u8],
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        // The time is sealed with it: Redis' own clock only clears up.
        let value = [&expires.unix_micros().to_be_bytes()[..], value].concat();
        let sealed = self.keys.seal(&place(&key_hash), &value, self.entropy.as_ref())?;
        let mut pipeline = pipe();
        pipeline
            .cmd("SET")
            .arg(key("k:", &key_hash))
            .arg(sealed)
            .arg("NX")
            .arg("PX")
            .arg(live_until(expires, self.clock.now()));
        let (set,): (Option<String>,) = self.link.write(&pipeline).await?;
        set.map(|_| ()).ok_or_else(|| StoreError::new("this key is in use"))
    }

    async fn take(
        &self,
        key_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (sealed,): (Option<Vec<u8>>,) =
            self.link.write(pipe().cmd("GETDEL").arg(key("k:", key_hash))).await?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let opened = self.keys.open(&place(key_hash), &sealed)?;
        Ok(opened.and_then(|opened| {
            let (expires, value) = opened.split_first_chunk::<8>()?;
            let expires = Timestamp::from_unix_micros(i64::from_be_bytes(*expires));
            (now < expires).then(|| value.to_vec())
        }))
    }
}

const fn place(key: &[u8; 32]) -> Place<'_> {
    Place("kept", key)
}
