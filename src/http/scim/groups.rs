//! `/Groups`

use crate::base::{GroupId, StoreError, Timestamp, entropy};
use crate::directory::{
    Actor, Change, GroupParts, GroupResource, Member, Outcome, Page, Query, Written,
};
use crate::http::scim::Scim;
use crate::http::scim::collection::Collection;
use crate::http::scim::limits::MEMBERS_ECHOED;
use crate::scim::render::{MemberOf, Renderer, Resource, Source};
use crate::scim::{Projection, ResourceKind};

/// Groups of the store.
pub(in crate::http::scim) struct Groups<'s>(pub &'s Scim);

fn parts(wanted: &Projection) -> GroupParts {
    GroupParts { members: wanted.wants("members"), at_most: None }
}

/// After a change: all members of a small group, none of a large one.
fn echoed(wanted: &Projection) -> GroupParts {
    GroupParts { at_most: Some(MEMBERS_ECHOED), ..parts(wanted) }
}

impl Collection for Groups<'_> {
    const KIND: ResourceKind = ResourceKind::Group;
    type Resource = GroupResource;

    async fn find(
        &self,
        actor: &Actor,
        id: &str,
        wanted: &Projection,
    ) -> Result<Option<GroupResource>, StoreError> {
        let tenant = actor.connection.tenant();
        self.0
            .app
            .ports
            .provisioning
            .group(&tenant, &GroupId::new(id.to_owned()), parts(wanted))
            .await
    }

    async fn page(
        &self,
        actor: &Actor,
        query: &Query,
        wanted: &Projection,
    ) -> Result<Page<GroupResource>, StoreError> {
        self.0
            .app
            .ports
            .provisioning
            .groups(&actor.connection.tenant(), query, parts(wanted))
            .await
    }

    async fn create(
        &self,
        actor: &Actor,
        new: Written,
        wanted: &Projection,
        now: Timestamp,
    ) -> Result<Outcome<GroupResource>, StoreError> {
        let id = GroupId::new(entropy::uuid_in_order(self.0.app.entropy.as_ref(), now));
        self.0
            .app
            .ports
            .provisioning
            .create_group(actor, id, new, parts(wanted), now)
            .await
    }

    async fn change(
        &self,
        actor: &Actor,
        id: &str,
        if_match: Option<i64>,
        change: Change,
        wanted: &Projection,
        now: Timestamp,
    ) -> Result<Outcome<GroupResource>, StoreError> {
        let id = GroupId::new(id.to_owned());
        let provisioning = &self.0.app.ports.provisioning;
        provisioning
            .change_group(actor, &id, if_match, change, echoed(wanted), now)
            .await
    }

    async fn delete(
        &self,
        actor: &Actor,
        id: &str,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome<()>, StoreError> {
        let id = GroupId::new(id.to_owned());
        self.0.app.ports.provisioning.delete_group(actor, &id, if_match, now).await
    }

    fn id(resource: &GroupResource) -> &str {
        resource.id.as_str()
    }

    fn version(resource: &GroupResource) -> i64 {
        resource.version
    }

    fn is_whole(resource: &GroupResource, wanted: &Projection) -> bool {
        resource.members.is_some() || !wanted.wants("members")
    }

    fn render(renderer: &Renderer<'_>, out: &mut Vec<u8>, resource: &GroupResource) {
        let members: Vec<MemberOf<'_>> = resource
            .members
            .iter()
            .flatten()
            .map(|member| MemberOf {
                id: member.id(),
                kind: match member {
                    Member::User(_) => ResourceKind::User,
                    Member::Group(_) => ResourceKind::Group,
                },
            })
            .collect();
        let resource = Resource {
            id: resource.id.as_str(),
            created: resource.created_at,
            last_modified: resource.changed_at,
            version: u64::try_from(resource.version).unwrap_or_default(),
            document: Source::Read(&resource.document),
            groups: &[],
            members: &members,
        };
        renderer.render_into(out, &resource);
    }
}
