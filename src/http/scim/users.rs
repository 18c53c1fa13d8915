//! `/Users`

use crate::base::{StoreError, Timestamp, UserId, entropy};
use crate::directory::{Actor, Change, Outcome, Page, Query, UserParts, UserResource, Written};
use crate::http::scim::Scim;
use crate::http::scim::collection::Collection;
use crate::scim::render::{GroupOf, Renderer, Resource, Source};
use crate::scim::{Projection, ResourceKind};

/// People of the store.
pub(in crate::http::scim) struct Users<'s>(pub &'s Scim);

fn parts(wanted: &Projection) -> UserParts {
    UserParts { groups: wanted.wants("groups") }
}

impl Collection for Users<'_> {
    const KIND: ResourceKind = ResourceKind::User;
    type Resource = UserResource;

    async fn find(
        &self,
        actor: &Actor,
        id: &str,
        wanted: &Projection,
    ) -> Result<Option<UserResource>, StoreError> {
        let tenant = actor.connection.tenant();
        self.0
            .app
            .ports
            .provisioning
            .user(&tenant, &UserId::new(id.to_owned()), parts(wanted))
            .await
    }

    async fn page(
        &self,
        actor: &Actor,
        query: &Query,
        wanted: &Projection,
    ) -> Result<Page<UserResource>, StoreError> {
        self.0
            .app
            .ports
            .provisioning
            .users(&actor.connection.tenant(), query, parts(wanted))
            .await
    }

    async fn create(
        &self,
        actor: &Actor,
        new: Written,
        _wanted: &Projection,
        now: Timestamp,
    ) -> Result<Outcome<UserResource>, StoreError> {
        let id = UserId::new(entropy::uuid_in_order(self.0.app.entropy.as_ref(), now));
        self.0.app.ports.provisioning.create_user(actor, id, new, now).await
    }

    async fn change(
        &self,
        actor: &Actor,
        id: &str,
        if_match: Option<i64>,
        change: Change,
        wanted: &Projection,
        now: Timestamp,
    ) -> Result<Outcome<UserResource>, StoreError> {
        let id = UserId::new(id.to_owned());
        let provisioning = &self.0.app.ports.provisioning;
        provisioning.change_user(actor, &id, if_match, change, parts(wanted), now).await
    }

    async fn delete(
        &self,
        actor: &Actor,
        id: &str,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome<()>, StoreError> {
        let id = UserId::new(id.to_owned());
        self.0.app.ports.provisioning.delete_user(actor, &id, if_match, now).await
    }

    fn id(resource: &UserResource) -> &str {
        resource.id.as_str()
    }

    fn version(resource: &UserResource) -> i64 {
        resource.version
    }

    fn is_whole(_resource: &UserResource, _wanted: &Projection) -> bool {
        true
    }

    fn render(renderer: &Renderer<'_>, out: &mut Vec<u8>, resource: &UserResource) {
        let groups: Vec<GroupOf<'_>> = resource
            .groups
            .iter()
            .flatten()
            .map(|membership| GroupOf {
                id: membership.group.as_str(),
                display: &membership.display_name,
                direct: membership.direct,
            })
            .collect();
        let resource = Resource {
            id: resource.id.as_str(),
            created: resource.created_at,
            last_modified: resource.changed_at,
            version: u64::try_from(resource.version).unwrap_or_default(),
            document: Source::of(&resource.document),
            groups: &groups,
            members: &[],
        };
        renderer.render_into(out, &resource);
    }
}
