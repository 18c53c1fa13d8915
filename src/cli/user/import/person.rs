//! One row → one person.

use std::sync::Arc;

use super::rows::Row;
use crate::base::entropy::{self, SystemEntropy};
use crate::base::{StoreError, Timestamp, UserId};
use crate::cli::user::cells::merged;
use crate::directory::{
    Actor, Begin, Change, How, Membership, Outcome, Provisioning, Query, UserParts, UserResource,
    Written,
};
use crate::scim::entries::entries;
use crate::scim::fold::fold;
use crate::scim::{Catalogue, Document, Filter, ResourceKind, ScimError};

/// Where rows go.
pub(super) struct Importer {
    pub(super) provisioning: Arc<dyn Provisioning>,
    pub(super) actor: Actor,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) dry_run: bool,
    pub(super) now: Timestamp,
}

/// What became of a row.
pub(super) enum Fate {
    /// There is such a person now; without an id where that would be so.
    Known {
        id: Option<UserId>,
        kind: Kind,
        /// The groups that they are in.
        groups: Vec<Membership>,
    },
    /// Nothing.
    Conflict(String),
}

/// How much was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Changed,
    Unchanged,
}

impl Kind {
    /// Other groups are a change, too.
    pub(super) const fn at_least_changed(self) -> Self {
        match self {
            Self::Created => Self::Created,
            Self::Changed | Self::Unchanged => Self::Changed,
        }
    }
}

impl Importer {
    /// Does a row.
    pub(super) async fn one(&self, row: &Row) -> Result<Fate, StoreError> {
        let by_id = match &row.external_id {
            Some(id) => match self.find(row, "externalId", id).await? {
                Ok(found) => found,
                Err(error) => return Ok(Fate::Conflict(error.detail)),
            },
            None => None,
        };
        let name = fold(&row.user_name);
        let has_name =
            |known: &UserResource| known.document.read().user_name().map(fold) == Some(name);
        let by_name = match by_id.as_ref().is_some_and(has_name) {
            true => None,
            false => match self.find(row, "userName", &row.user_name).await? {
                Ok(found) => found,
                Err(error) => return Ok(Fate::Conflict(error.detail)),
            },
        };
        match (by_id, by_name) {
            (Some(one), Some(other)) if one.id != other.id => Ok(Fate::Conflict(format!(
                "the externalId is that of {}, the userName that of {}",
                one.id, other.id
            ))),
            (Some(known), _) => self.change(row, known).await,
            (None, Some(known)) => {
                let document = known.document.read();
                match (document.external_id(), &row.external_id) {
                    (Some(id), Some(_)) => Ok(Fate::Conflict(format!(
                        "{} has this userName, and the externalId {id}",
                        known.id
                    ))),
                    _ => self.change(row, known).await,
                }
            }
            (None, None) => self.create(row).await,
        }
    }

    async fn find(
        &self,
        row: &Row,
        attribute: &str,
        value: &str,
    ) -> Result<Result<Option<UserResource>, ScimError>, StoreError> {
        let filter = format!("{attribute} eq {}", serde_json::Value::from(value));
        let filter = match Filter::parse(&self.catalogue, ResourceKind::User, &filter) {
            Ok(filter) => filter,
            Err(error) => return Ok(Err(error)),
        };
        let tenant = self.actor.connection.tenant();
        let with = UserParts { groups: row.groups.is_some() };
        let page = self.provisioning.users(&tenant, &one(filter), with).await?;
        Ok(Ok(page.resources.into_iter().next()))
    }

    async fn create(&self, row: &Row) -> Result<Fate, StoreError> {
        let mut document = row.document.clone();
        if document.active().is_none() {
            document.set_active(true);
        }
        if self.dry_run {
            return Ok(Fate::Known { id: None, kind: Kind::Created, groups: Vec::new() });
        }
        let id = UserId::new(entropy::uuid_in_order(&SystemEntropy, self.now));
        let new = written(document, &self.catalogue);
        let outcome = self.provisioning.create_user(&self.actor, id, new, self.now).await?;
        Ok(fate(outcome, Vec::new()))
    }

    async fn change(&self, row: &Row, known: UserResource) -> Result<Fate, StoreError> {
        let groups = known.groups.unwrap_or_default();
        let (new, columns) = (row.document.clone(), row.columns.clone());
        let catalogue = Arc::clone(&self.catalogue);
        let change = Change::new(move |before| changed(&catalogue, before, &new, &columns));
        if self.dry_run {
            return Ok(match change.apply(&known.document.read()) {
                Ok(written) => {
                    let same = written.document == *known.document.read();
                    let kind = if same { Kind::Unchanged } else { Kind::Changed };
                    Fate::Known { id: Some(known.id), kind, groups }
                }
                Err(error) => Fate::Conflict(error.detail),
            });
        }
        let with = UserParts::default();
        let provisioning = &self.provisioning;
        let outcome = provisioning
            .change_user(&self.actor, &known.id, None, change, with, self.now)
            .await?;
        Ok(fate(outcome, groups))
    }
}

/// The first of those.
pub(super) const fn one(filter: Filter) -> Query {
    Query {
        filter: Some(filter),
        sort: None,
        from: Begin::Offset(0),
        count: 1,
        total: false,
    }
}

fn changed(
    catalogue: &Catalogue,
    before: &Document,
    new: &Document,
    columns: &[String],
) -> Result<Written, ScimError> {
    let document = merged(catalogue, before, new, columns);
    document.validate(ResourceKind::User, catalogue)?;
    document.validate_change(before, ResourceKind::User, catalogue)?;
    Ok(written(document, catalogue))
}

fn written(document: Document, catalogue: &Catalogue) -> Written {
    Written {
        entries: entries(&document, ResourceKind::User, catalogue),
        document,
        members: Vec::new(),
    }
}

fn fate(outcome: Outcome<UserResource>, groups: Vec<Membership>) -> Fate {
    match outcome {
        Outcome::Done(done) => {
            let kind = match done.how {
                How::Created | How::Returned => Kind::Created,
                How::Linked | How::Changed | How::Deleted => Kind::Changed,
                How::Unchanged => Kind::Unchanged,
            };
            let groups = done.resource.groups.unwrap_or(groups);
            Fate::Known { id: Some(done.resource.id), kind, groups }
        }
        Outcome::Refused(error) => Fate::Conflict(error.detail),
        // No guard stands in the way of an operator.
        Outcome::NotFound | Outcome::PreconditionFailed | Outcome::Paused(_) => {
            Fate::Conflict("they were removed in this moment".to_owned())
        }
    }
}
