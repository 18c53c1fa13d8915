//! Rows of people and groups, read.

use serde_json::{Map, Value as Json, json};

use super::row::{Row, Sql, Statement, unreadable};
use crate::base::{GroupId, IdpName, StoreError, Timestamp, UserId};
use crate::directory::{GroupResource, Profile, Record, Tenant, User, UserResource};
use crate::scim::Document;
use crate::scim::schema::ENTERPRISE;

/// What [`person`] reads, of `"user" t`.
pub(super) const PERSON: &str = "t.number, t.id, t.tenant, t.user_name, t.external_id, t.idp, \
    t.name_id, t.profile, t.active, t.locked, t.managed, t.created_at, t.updated_at, \
    t.last_login_at, t.revision, t.claimed, t.deleted_at, t.changed_at, t.version, t.document";

/// Somebody, with everything that is kept of them.
#[derive(Clone, Debug)]
pub(super) struct PersonRow {
    pub(super) record: Record,
    pub(super) changed_at: Timestamp,
    pub(super) version: i64,
}

/// A row of [`PERSON`].
pub(super) fn person(mut row: Row) -> Result<PersonRow, StoreError> {
    let number = row.integer()?;
    let id = UserId::new(row.text()?);
    let tenant = Tenant::stored(row.text()?);
    let (user_name, external_id) = (row.text()?, row.optional_text()?);
    let idp = row.optional_text()?.map(|idp| IdpName::parse(&idp).ok_or_else(unreadable));
    let (idp, name_id) = (idp.transpose()?, row.optional_text()?);
    let profile: Profile = serde_json::from_str(&row.text()?).map_err(|_| unreadable())?;
    let mut user = User {
        id,
        user_name,
        external_id,
        idp,
        name_id,
        profile,
        active: row.truth()?,
        locked: row.truth()?,
        managed: row.truth()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        last_login_at: row.optional_time()?,
        revision: row.integer()?,
    };
    let claimed = row.truth()?;
    let deleted_at = row.optional_time()?;
    user.active &= deleted_at.is_none();
    let (changed_at, version) = (row.time()?, row.integer()?);
    let document = row.optional_text()?.map(|json| stored(&json)).transpose()?;
    let record = Record { number, user, tenant, claimed, deleted_at, document };
    Ok(PersonRow { record, changed_at, version })
}

impl PersonRow {
    /// What a client sees of them: what it wrote, or what their logins said.
    pub(super) fn document(&self) -> Document {
        match &self.record.document {
            Some(document) => document.clone(),
            None => of_login(&self.record.user),
        }
    }

    /// As a client sees them, without their groups.
    pub(super) fn resource(self) -> UserResource {
        UserResource {
            document: self.document().into(),
            id: self.record.user.id,
            version: self.version,
            created_at: self.record.user.created_at,
            changed_at: self.changed_at,
            groups: None,
        }
    }
}

/// What [`group`] reads, of `grp t`.
pub(super) const GROUP: &str = "t.number, t.id, t.document, t.version, t.created_at, t.changed_at";

/// A row of [`GROUP`].
pub(super) fn group(mut row: Row) -> Result<(i64, GroupResource), StoreError> {
    let number = row.integer()?;
    let group = GroupResource {
        id: GroupId::new(row.text()?),
        document: stored(&row.text()?)?,
        version: row.integer()?,
        created_at: row.time()?,
        changed_at: row.time()?,
        members: None,
    };
    Ok((number, group))
}

/// Somebody of a tenant, who was not deleted.
pub(super) async fn find_person(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    id: &UserId,
    lock: &str,
) -> Result<Option<PersonRow>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {PERSON} FROM \"user\" t WHERE t.id = ? AND t.tenant = ? AND t.deleted_at IS NULL{lock}"
    ));
    let row = sql.fetch_one(asked.with(id.as_str()).with(tenant.as_str())).await?;
    row.map(person).transpose()
}

/// A group of a tenant.
pub(super) async fn find_group(
    sql: &mut Sql<'_>,
    tenant: &Tenant,
    id: &GroupId,
    lock: &str,
) -> Result<Option<(i64, GroupResource)>, StoreError> {
    let asked = Statement::new(format!(
        "SELECT {GROUP} FROM grp t WHERE t.id = ? AND t.tenant = ?{lock}"
    ));
    let row = sql.fetch_one(asked.with(id.as_str()).with(tenant.as_str())).await?;
    row.map(group).transpose()
}

/// Numbers, for [`super::row::Words::integers`].
pub(super) fn list(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn stored(json: &str) -> Result<Document, StoreError> {
    Document::stored(json).map_err(|_| unreadable())
}

/// What the logins of somebody said, as a document.
pub(super) fn of_login(user: &User) -> Document {
    let profile = &user.profile;
    let mut all = Map::new();
    let mut set = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Json::String);
    let some = |parts: [(&str, Option<Json>); 3]| {
        let parts = parts.into_iter();
        let parts: Map<_, _> =
            parts.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        (!parts.is_empty()).then_some(Json::Object(parts))
    };
    set("userName", Some(Json::String(user.user_name.clone())));
    set("externalId", text(&user.external_id));
    set(
        "name",
        some([
            ("givenName", text(&profile.first_name)),
            ("familyName", text(&profile.last_name)),
            ("formatted", None),
        ]),
    );
    set("displayName", text(&profile.display_name));
    set("title", text(&profile.title));
    let email = |email: &String| json!([{ "value": email, "type": "work", "primary": true }]);
    set("emails", profile.email.as_ref().map(email));
    set("active", Some(Json::Bool(user.active)));
    let manager = profile.manager.as_ref().map(|name| json!({ "displayName": name }));
    set(
        ENTERPRISE,
        some([
            ("department", text(&profile.department)),
            ("employeeNumber", text(&profile.employee_number)),
            ("manager", manager),
        ]),
    );
    Document::stored(&Json::Object(all).to_string()).unwrap_or_default()
}
