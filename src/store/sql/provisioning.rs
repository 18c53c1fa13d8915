//! [`Provisioning`], for every database.

use async_trait::async_trait;

use super::members::members_of;
use super::record::find_group;
use super::row::{Sql, Statement};
use super::seen::{self, Seen};
use super::{Database, groups, page, people, users, work};
use crate::base::{GroupId, StoreError, Timestamp, UserId};
use crate::directory::{
    Actor, Change, GroupParts, GroupResource, Outcome, Page, Provisioning, Query, Tenant,
    UserParts, UserResource, Written,
};

#[async_trait]
impl<D: Database> Provisioning for D {
    async fn user(
        &self,
        tenant: &Tenant,
        id: &UserId,
        with: UserParts,
    ) -> Result<Option<UserResource>, StoreError> {
        self.read(work!(user, tenant.clone(), id.clone(), with)).await
    }

    async fn group(
        &self,
        tenant: &Tenant,
        id: &GroupId,
        with: GroupParts,
    ) -> Result<Option<GroupResource>, StoreError> {
        self.read(work!(group, tenant.clone(), id.clone(), with)).await
    }

    async fn users(
        &self,
        tenant: &Tenant,
        query: &Query,
        with: UserParts,
    ) -> Result<Page<UserResource>, StoreError> {
        // Whom only logins made is looked at when somebody first asks for what they say.
        loop {
            let read = work!(page::users, tenant.clone(), query.clone(), with);
            if let Some(page) = self.read(read).await? {
                return Ok(page);
            }
            self.write(work!(people::catch_up, tenant.clone()), Timestamp::EPOCH).await?;
        }
    }

    async fn groups(
        &self,
        tenant: &Tenant,
        query: &Query,
        with: GroupParts,
    ) -> Result<Page<GroupResource>, StoreError> {
        self.read(work!(page::groups, tenant.clone(), query.clone(), with)).await
    }

    async fn create_user(
        &self,
        actor: &Actor,
        id: UserId,
        new: Written,
        now: Timestamp,
    ) -> Result<Outcome<UserResource>, StoreError> {
        self.write(work!(users::create, actor.clone(), id, new, now), now).await
    }

    async fn change_user(
        &self,
        actor: &Actor,
        id: &UserId,
        if_match: Option<i64>,
        change: Change,
        with: UserParts,
        now: Timestamp,
    ) -> Result<Outcome<UserResource>, StoreError> {
        let write = work!(
            users::change,
            actor.clone(),
            id.clone(),
            if_match,
            change,
            with,
            now
        );
        self.write(write, now).await
    }

    async fn delete_user(
        &self,
        actor: &Actor,
        id: &UserId,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome<()>, StoreError> {
        self.write(
            work!(users::delete, actor.clone(), id.clone(), if_match, now),
            now,
        )
        .await
    }

    async fn create_group(
        &self,
        actor: &Actor,
        id: GroupId,
        new: Written,
        with: GroupParts,
        now: Timestamp,
    ) -> Result<Outcome<GroupResource>, StoreError> {
        self.write(
            work!(groups::create, actor.clone(), id, new, with, now),
            now,
        )
        .await
    }

    async fn change_group(
        &self,
        actor: &Actor,
        id: &GroupId,
        if_match: Option<i64>,
        change: Change,
        with: GroupParts,
        now: Timestamp,
    ) -> Result<Outcome<GroupResource>, StoreError> {
        let write = work!(
            groups::change,
            actor.clone(),
            id.clone(),
            if_match,
            change,
            with,
            now
        );
        self.write(write, now).await
    }

    async fn delete_group(
        &self,
        actor: &Actor,
        id: &GroupId,
        if_match: Option<i64>,
        now: Timestamp,
    ) -> Result<Outcome<()>, StoreError> {
        self.write(
            work!(groups::delete, actor.clone(), id.clone(), if_match, now),
            now,
        )
        .await
    }
}

async fn user(
    sql: &mut Sql<'_>,
    (tenant, id, with): &(Tenant, UserId, UserParts),
) -> Result<Option<UserResource>, StoreError> {
    let columns = seen::columns(sql.words(), *with);
    let asked = Statement::new(format!(
        "SELECT {columns} FROM \"user\" t WHERE t.id = ? AND t.tenant = ? AND t.deleted_at IS NULL"
    ));
    let rows = sql.fetch(asked.with(id.as_str()).with(tenant.as_str())).await?;
    let found: Result<Vec<_>, _> = rows.into_iter().map(Seen::read).collect();
    Ok(seen::resources(sql, found?, *with).await?.into_iter().next())
}

async fn group(
    sql: &mut Sql<'_>,
    (tenant, id, with): &(Tenant, GroupId, GroupParts),
) -> Result<Option<GroupResource>, StoreError> {
    let Some((number, mut group)) = find_group(sql, tenant, id, "").await? else {
        return Ok(None);
    };
    if with.members {
        group.members = members_of(sql, &[number]).await?.remove(&number);
    }
    Ok(Some(group))
}
