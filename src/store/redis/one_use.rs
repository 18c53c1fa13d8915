//! Used assertions.

use async_trait::async_trait;
use redis::pipe;

use super::{RedisStore, digest, key, live_until};
use crate::base::{StoreError, Timestamp};
use crate::saml::OneUseStore;

/// What an assertion is claimed by.
pub(super) fn claim(issuer: &str, id: &str) -> [u8; 32] {
    digest(&[issuer, id])
}

#[async_trait]
impl OneUseStore for RedisStore {
    async fn claim(
        &self,
        issuer: &str,
        id: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut pipeline = pipe();
        pipeline
            .cmd("SET")
            .arg(key("o:", &claim(issuer, id)))
            .arg("")
            .arg("NX")
            .arg("PX")
            .arg(live_until(until, now));
        let (set,): (Option<String>,) = self.link.write(&pipeline).await?;
        Ok(set.is_some())
    }

    async fn is_claimed(&self, issuer: &str, id: &str, _: Timestamp) -> Result<bool, StoreError> {
        let key = key("o:", &claim(issuer, id));
        let (found,): (bool,) = self.link.read(pipe().cmd("EXISTS").arg(key)).await?;
        Ok(found)
    }
}
