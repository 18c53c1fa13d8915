//! Requests that wait for their answer.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::seal::Place;
use super::{RedisStore, digest, live_until};
use crate::base::{IdpName, ReturnTo, StoreError, Timestamp};
use crate::saml::{PendingLogin, PendingStore, Taken, Wish};

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Record {
    request_id: String,
    idp: IdpName,
    return_to: String,
    /// Nodes of an older version leave it out.
    #[serde(default)]
    asked: String,
    created_at: i64,
}

#[async_trait]
impl PendingStore for RedisStore {
    async fn keep(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        login: &PendingLogin,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let record = Record {
            request_id: login.request_id.clone(),
            idp: login.idp.clone(),
            return_to: login.return_to.to_string(),
            asked: login.wish.to_stored(),
            created_at: login.created_at.unix_micros(),
        };
        let json = serde_json::to_vec(&record).map_err(StoreError::new)?;
        let sealed = self.keys.seal(&place(&handle_hash), &json, self.entropy.as_ref())?;
        let mut keep = self.scripts.keep_login.prepare_invoke();
        keep.arg(&handle_hash[..])
            .arg(&browser[..])
            .arg(&digest(&[&login.request_id])[..])
            .arg(sealed)
            .arg(login.created_at.unix_micros())
            .arg(too_old(now))
            // Beyond its time a late answer is still led to the page that its person wanted.
            .arg(live_until(now, now))
            .arg(PendingLogin::PER_BROWSER);
        self.link.run(&keep).await
    }

    async fn take(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.take_by("p", &handle_hash, browser, now).await
    }

    async fn take_by_request(
        &self,
        request_id: &str,
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.take_by("r", &digest(&[request_id]), browser, now).await
    }
}

impl RedisStore {
    async fn take_by(
        &self,
        by: &str,
        key: &[u8; 32],
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let mut take = self.scripts.take_login.prepare_invoke();
        take.arg(by).arg(&key[..]).arg(&browser[..]).arg(too_old(now));
        let (what, handle, sealed): (String, Vec<u8>, Vec<u8>) = self.link.run(&take).await?;
        if what == "other" {
            return Ok(Taken::OtherBrowser);
        }
        if what == "unknown" {
            return Ok(Taken::Unknown);
        }
        let Some(login) = self.keys.open(&place(&handle), &sealed)?.and_then(|json| read(&json))
        else {
            tracing::warn!("a request that can not be read is taken as unknown");
            return Ok(Taken::Unknown);
        };
        Ok(match what.as_str() {
            "taken" => Taken::Login(login),
            _ => Taken::UsedOrExpired(Some(login.return_to)),
        })
    }
}

/// Requests made at this time or before are too old.
fn too_old(now: Timestamp) -> i64 {
    now.minus(PendingLogin::LIFETIME).unix_micros()
}

fn read(json: &[u8]) -> Option<PendingLogin> {
    let record: Record = serde_json::from_slice(json).ok()?;
    Some(PendingLogin {
        request_id: record.request_id,
        idp: record.idp,
        return_to: ReturnTo::from_stored(&record.return_to)?,
        wish: Wish::from_stored(&record.asked)?,
        created_at: Timestamp::from_unix_micros(record.created_at),
    })
}

const fn place(handle: &[u8]) -> Place<'_> {
    Place("login", handle)
}
