//! Sessions.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use redis::pipe;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::seal::Place;
use super::{RedisStore, digest, key, live_until};
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::DirectoryStore;
use crate::session::{Ended, Session, SessionStore, Swept, TokenHash};
use crate::store::identity::{Beside, Kept};

/// What is sealed. When it was last seen is not in it, since that changes.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    sid: Cow<'a, str>,
    user: Cow<'a, str>,
    idp: Cow<'a, str>,
    session_index: Option<Cow<'a, str>>,
    #[serde(borrow)]
    identity: Kept<'a>,
    browser: Option<[u8; 32]>,
    opened_at: i64,
    not_after: i64,
    host: Option<Cow<'a, str>>,
}

/// Why a session may be opened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Because<'a> {
    /// Somebody says so.
    New,
    /// Its parent lives.
    ChildOf(&'a TokenHash),
    /// An assertion was not used before: the claim, and how long it is remembered.
    Claimed(&'a [u8; 32], u64),
}

/// A session as a script tells of it: the value, and when it was last seen.
type Found = (Option<Vec<u8>>, Option<f64>);

/// As many as one script ends or removes: a few milliseconds in which Redis does nothing else.
const AT_ONCE: u32 = 500;

impl RedisStore {
    /// Opens a session; the hash that its browser had before. `None`: it may not be.
    pub(super) async fn open(
        &self,
        session: &Session,
        because: Because<'_>,
    ) -> Result<Option<Option<TokenHash>>, StoreError> {
        let identity = &session.identity;
        let named = identity.name_id.as_ref();
        let named = named.map(|name_id| digest(&[&identity.idp_entity_id, &name_id.value]));
        let index = identity.session_index.as_ref().map(|index| digest(&[index]));
        let (how, by, by_ttl): (_, &[u8], _) = match because {
            Because::New => ("new", &[], 0),
            Because::ChildOf(parent) => ("child", &parent.0, 0),
            Because::Claimed(claim, ttl) => ("login", claim, ttl),
        };
        let mut open = self.scripts.open.prepare_invoke();
        open.arg(how)
            .arg(&session.hash.0[..])
            .arg(self.seal_session(session)?)
            .arg(identity.user.as_str())
            .arg(&session.sid)
            .arg(named.as_ref().map_or(&[][..], |digest| digest))
            .arg(index.as_ref().map_or(&[][..], |digest| digest))
            .arg(session.browser.as_ref().map_or(&[][..], |browser| browser))
            .arg(session.opened_at.unix_micros())
            .arg(session.not_after.unix_micros())
            .arg(session.last_seen().unix_micros())
            .arg(live_until(session.not_after, session.opened_at))
            .arg(by)
            .arg(by_ttl);
        let (opened, before): (i64, Option<Vec<u8>>) = self.link.run(&open).await?;
        Ok((opened == 1).then(|| before.and_then(|before| hash(&before))))
    }

    /// Ends sessions; which ones.
    pub(super) async fn end_those(
        &self,
        which: &str,
        key: &[u8],
        now: Timestamp,
    ) -> Result<Vec<TokenHash>, StoreError> {
        let mut end = self.scripts.end.prepare_invoke();
        end.arg(now.unix_micros()).arg(which).arg(key);
        let ended: Vec<Vec<u8>> = self.link.run(&end).await?;
        Ok(ended.iter().filter_map(|ended| hash(ended)).collect())
    }

    fn seal_session(&self, session: &Session) -> Result<Vec<u8>, StoreError> {
        let record = Record {
            sid: Cow::from(&session.sid),
            user: Cow::from(session.identity.user.as_str()),
            idp: Cow::from(session.identity.idp.as_str()),
            session_index: session.identity.session_index.as_deref().map(Cow::from),
            identity: Kept::of(&session.identity),
            browser: session.browser,
            opened_at: session.opened_at.unix_micros(),
            not_after: session.not_after.unix_micros(),
            host: session.host.as_deref().map(Cow::from),
        };
        let json = serde_json::to_vec(&record).map_err(StoreError::new)?;
        self.keys.seal(&place(&session.hash), &json, self.entropy.as_ref())
    }

    /// `None` for what this version does not read, or what somebody has tampered with: its person
    /// signs in again, which is better than an error page at each request.
    fn read_session(
        &self,
        hash: &TokenHash,
        (value, seen): Found,
    ) -> Result<Option<Session>, StoreError> {
        let (Some(value), Some(seen)) = (value, seen) else {
            return Ok(None);
        };
        let json = self.keys.open(&place(hash), &value)?;
        let read = |json| {
            let record: Record<'_> = serde_json::from_slice(json).ok()?;
            Some((IdpName::parse(&record.idp)?, record))
        };
        let Some((idp, record)) = json.as_deref().and_then(read) else {
            tracing::warn!(session = ?hash, "a session that can not be read is taken as ended");
            return Ok(None);
        };
        let time = Timestamp::from_unix_micros;
        let session = Session::new(
            record.sid.into_owned(),
            *hash,
            record.identity.into_identity(Beside {
                user: UserId::new(record.user.into_owned()),
                idp,
                session_index: record.session_index.map(Cow::into_owned),
            }),
            record.browser,
            time(record.opened_at),
            time(record.not_after),
            time(micros(seen)),
        );
        Ok(Some(session.at_host(record.host.map(Cow::into_owned))))
    }

    /// Those of many that are there.
    async fn find_many(&self, hashes: &[TokenHash]) -> Result<Vec<Session>, StoreError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = pipe();
        for hash in hashes {
            pipeline.cmd("HGET").arg(key("s:", &hash.0)).arg("v");
            pipeline.cmd("ZSCORE").arg(key("seen", b"")).arg(&hash.0[..]);
        }
        let answers: Vec<redis::Value> = self.link.read(&pipeline).await?;
        let mut answers = answers.into_iter();
        let mut sessions = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let value = answers.next().unwrap_or(redis::Value::Nil);
            let seen = answers.next().unwrap_or(redis::Value::Nil);
            let value = redis::from_redis_value(value).map_err(StoreError::new)?;
            let seen = redis::from_redis_value(seen).map_err(StoreError::new)?;
            sessions.extend(self.read_session(hash, (value, seen))?);
        }
        Ok(sessions)
    }

    async fn members(&self, key: Vec<u8>) -> Result<Vec<TokenHash>, StoreError> {
        let (members,): (Vec<Vec<u8>>,) = self.link.read(pipe().cmd("SMEMBERS").arg(key)).await?;
        Ok(members.iter().filter_map(|member| hash(member)).collect())
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.open(session, Because::New).await?;
        // Afterwards: whoever is switched off from now on has this session ended with the others.
        let user = DirectoryStore::find(&*self.people, &session.identity.user).await;
        if user.as_ref().is_ok_and(|user| user.as_ref().is_none_or(|user| user.active)) {
            return Ok(());
        }
        self.end(&session.hash, session.opened_at).await?;
        user?;
        Err(StoreError::new(
            "the person was switched off during the login",
        ))
    }

    async fn find(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
        Ok(self.find_many(&[*hash]).await?.pop())
    }

    async fn touch(&self, seen: &[(TokenHash, Timestamp)]) -> Result<(), StoreError> {
        for some in seen.chunks(1000) {
            let mut pipeline = pipe();
            // XX: what was ended meanwhile must not come back. GT: time does not go back.
            let touch = pipeline.cmd("ZADD").arg(key("seen", b"")).arg("XX").arg("GT");
            for (hash, seen) in some {
                touch.arg(seen.unix_micros()).arg(&hash.0[..]);
            }
            touch.ignore();
            self.link.write::<()>(&pipeline).await?;
        }
        Ok(())
    }

    async fn hand_over(&self, parent: &TokenHash, child: &Session) -> Result<bool, StoreError> {
        Ok(self.open(child, Because::ChildOf(parent)).await?.is_some())
    }

    async fn end(&self, hash: &TokenHash, now: Timestamp) -> Result<bool, StoreError> {
        Ok(!self.end_those("one", &hash.0, now).await?.is_empty())
    }

    async fn end_family(&self, sid: &str, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        self.end_those("family", sid.as_bytes(), now).await
    }

    async fn end_user(&self, user: &UserId, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        self.end_those("user", user.as_str().as_bytes(), now).await
    }

    async fn end_all(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut ended = 0_u64;
        loop {
            let some = self.end_those("some", AT_ONCE.to_string().as_bytes(), now).await?;
            if some.is_empty() {
                return Ok(ended);
            }
            ended = ended.saturating_add(u64::try_from(some.len()).unwrap_or(u64::MAX));
        }
    }

    async fn find_named(
        &self,
        idp_entity_id: &str,
        name_id: &str,
        session_indexes: &[String],
    ) -> Result<Vec<Session>, StoreError> {
        let name = key("n:", &digest(&[idp_entity_id, name_id]));
        let (named,): (Vec<(Vec<u8>, Vec<u8>)>,) =
            self.link.read(pipe().cmd("HGETALL").arg(name)).await?;
        let wanted: Vec<_> = session_indexes.iter().map(|index| digest(&[index])).collect();
        let is_wanted = |index: &[u8]| wanted.is_empty() || wanted.iter().any(|one| *one == index);
        let named = named.iter().filter(|(_, index)| is_wanted(index));
        let hashes: Vec<_> = named.filter_map(|(session, _)| hash(session)).collect();
        self.find_many(&hashes).await
    }

    async fn ended_after(&self, mark: Option<i64>) -> Result<Ended, StoreError> {
        let mut ended = self.scripts.ended.prepare_invoke();
        ended.arg(mark.map(|mark| mark.to_string()).unwrap_or_default());
        let (mark, incomplete, hashes): (i64, i64, Vec<Vec<u8>>) = self.link.run(&ended).await?;
        Ok(Ended {
            mark,
            hashes: hashes.iter().filter_map(|ended| hash(ended)).collect(),
            incomplete: incomplete == 1,
        })
    }

    async fn hear(&self, ended: mpsc::Sender<Vec<TokenHash>>) -> Result<(), StoreError> {
        self.hear_endings(ended).await
    }

    async fn newest_of_browser(&self, browser: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let (newest,): (Option<Vec<u8>>,) =
            self.link.read(pipe().cmd("GET").arg(key("b:", browser))).await?;
        match newest.and_then(|newest| hash(&newest)) {
            Some(hash) => self.find(&hash).await,
            None => Ok(None),
        }
    }

    async fn list(
        &self,
        user: Option<&UserId>,
        idle: Duration,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_live =
            |session: &Session| session.not_after > now && session.last_seen() > now.minus(idle);
        let mut sessions: Vec<Session> = Vec::new();
        if let Some(user) = user {
            let hashes = self.members(key("u:", user.as_str().as_bytes())).await?;
            sessions = self.find_many(&hashes).await?;
            sessions.retain(is_live);
        } else {
            let mut from = 0_u32;
            loop {
                let to = from.saturating_add(AT_ONCE);
                let (page,): (Vec<Vec<u8>>,) = self
                    .link
                    .read(
                        pipe()
                            .cmd("ZREVRANGE")
                            .arg(key("opened", b""))
                            .arg(from)
                            .arg(to.saturating_sub(1)),
                    )
                    .await?;
                let hashes: Vec<_> = page.iter().filter_map(|page| hash(page)).collect();
                let found = self.find_many(&hashes).await?;
                sessions.extend(found.into_iter().filter(is_live));
                if hashes.is_empty() || sessions.len() >= limit {
                    break;
                }
                from = to;
            }
        }
        sessions
            .sort_by(|one, other| (other.opened_at, &one.sid).cmp(&(one.opened_at, &other.sid)));
        sessions.truncate(limit);
        Ok(sessions)
    }

    async fn sweep(&self, idle: Duration, now: Timestamp) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        loop {
            let mut sweep = self.scripts.sweep.prepare_invoke();
            sweep.arg(now.unix_micros()).arg(now.minus(idle).unix_micros()).arg(AT_ONCE);
            let (lifetime, idle, more): (u64, u64, i64) = self.link.run(&sweep).await?;
            swept.lifetime = swept.lifetime.saturating_add(lifetime);
            swept.idle = swept.idle.saturating_add(idle);
            if more == 0 {
                return Ok(swept);
            }
        }
    }

    async fn count(&self, idle: Duration, now: Timestamp) -> Result<u64, StoreError> {
        let mut count = self.scripts.count.prepare_invoke();
        count.arg(now.unix_micros()).arg(now.minus(idle).unix_micros());
        self.link.run(&count).await
    }
}

const fn place(hash: &TokenHash) -> Place<'_> {
    Place("session", &hash.0)
}

/// A member of a set, which is a hash, or the empty text.
fn hash(bytes: &[u8]) -> Option<TokenHash> {
    bytes.try_into().ok().map(TokenHash)
}

/// A score of ours: whole microseconds, which are exact below 2⁵³.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "scores are whole numbers that we wrote; `as` saturates"
)]
const fn micros(score: f64) -> i64 {
    score as i64
}
