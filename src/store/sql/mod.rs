//! People, groups and connections in SQL, written once for all databases.
//!
//! In: questions and changes of [`crate::directory`]. Out: statements for [`Sql`], which is a
//! connection of some database. A statement has `?` for its values, says `"user"` in quotation marks,
//! and uses nothing that only one database knows but by the words of [`Sql`].
//!
//! A database implements [`Database`]: how it lends a connection to read, and how it makes a
//! transaction. Everything else follows from that.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;

use crate::audit::Event;
use crate::base::{StoreError, Timestamp};

pub(in crate::store) mod audit;
mod connections;
mod erase;
mod fetches;
mod filter;
mod groups;
mod guard;
mod idps;
mod idps_over_time;
mod index;
mod keys;
mod links;
mod members;
mod notices;
mod outbox;
mod page;
mod people;
mod postgres;
mod provisioning;
mod record;
mod requests;
mod row;
mod seen;
mod standing;
mod users;
pub(in crate::store) use index::kept as without_nul;
pub(in crate::store) use row::{PostgresSql, Row, Sql, SqliteSql, Statement, Value, bind};

/// What is waited for.
pub(in crate::store) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is done by a connection. It may be done again, if the database took it back because
/// of what others did at the same moment.
pub(in crate::store) type Work<T> =
    Box<dyn for<'a> Fn(Sql<'a>) -> Boxed<'a, Result<T, StoreError>> + Send + Sync>;

/// A database that keeps people.
#[async_trait]
pub(in crate::store) trait Database: Send + Sync {
    /// Reads.
    async fn read<T: Send + 'static>(&self, work: Work<T>) -> Result<T, StoreError>;

    /// Writes in one transaction, and appends the events to the audit in the same. What fails is
    /// taken back; what is unique and was taken meanwhile is tried again.
    async fn write<T: Send + 'static>(
        &self,
        work: Work<(T, Vec<Event>)>,
        now: Timestamp,
    ) -> Result<T, StoreError>;
}

/// Work with what it needs to know.
macro_rules! work {
    ($does:path, $($needs:expr),* $(,)?) => {{
        let needs = std::sync::Arc::new(($($needs,)*));
        let work: crate::store::sql::Work<_> = Box::new(move |mut sql| {
            let needs = std::sync::Arc::clone(&needs);
            Box::pin(async move { $does(&mut sql, &*needs).await })
        });
        work
    }};
}
pub(in crate::store) use work;

/// How a database answers a filter, line by line.
#[cfg(test)]
pub(in crate::store) async fn plan_of(
    database: &impl Database,
    kind: crate::scim::ResourceKind,
    tenant: &crate::directory::Tenant,
    filter: &crate::scim::Filter,
) -> String {
    database
        .read(work!(page::plan, kind, tenant.clone(), filter.clone()))
        .await
        .unwrap()
}

/// How SQLite finds those whom a change of members is about, line by line.
#[cfg(test)]
pub(in crate::store) async fn plan_of_members(database: &impl Database) -> String {
    database.read(work!(members::plan,)).await.unwrap()
}
