//! What people and groups have in common, as the endpoints see them.

use crate::base::{StoreError, Timestamp};
use crate::directory::{Actor, Change, Outcome, Page, Query, Written};
use crate::scim::render::Renderer;
use crate::scim::{Projection, ResourceKind};

/// A collection of the store, and how its resources are written.
pub(in crate::http::scim) trait Collection: Sync {
    /// What it holds.
    const KIND: ResourceKind;
    /// One of it.
    type Resource: Send;

    /// One, of the caller's tenant.
    fn find(
        &self,
        actor: &Actor,
        id: &str,
        wanted: &Projection,
    ) -> impl Future<Output = Result<Option<Self::Resource>, StoreError>> + Send;

    /// Some.
    fn page(
        &self,
        actor: &Actor,
        query: &Query,
        wanted: &Projection,
    ) -> impl Future<Output = Result<Page<Self::Resource>, StoreError>> + Send;

    /// A new one.
    fn create(
        &self,
        actor: &Actor,
        new: Written,
        wanted: &Projection,
        now: Timestamp,
    ) -> impl Future<Output = Result<Outcome<Self::Resource>, StoreError>> + Send;

    /// Another state of one.
    fn change(
        &self,
        actor: &Actor,
        id: &str,
        if_match: Option<i64>,
        change: Change,
        wanted: &Projection,
        now: Timestamp,
    ) -> impl Future<Output = Result<Outcome<Self::Resource>, StoreError>> + Send;

    /// One less.
    fn delete(
        &self,
        actor: &Actor,
        id: &str,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Outcome<()>, StoreError>> + Send;

    /// Its id.
    fn id(resource: &Self::Resource) -> &str;

    /// Its version.
    fn version(resource: &Self::Resource) -> i64;

    /// Whether all of it that was asked for is there: of a very large group not the members.
    fn is_whole(resource: &Self::Resource, wanted: &Projection) -> bool;

    /// Its body.
    fn render(renderer: &Renderer<'_>, out: &mut Vec<u8>, resource: &Self::Resource);
}
