//! Who is in which group, according to the column `groups`.
//!
//! Gathered from all rows, and written group by group: a group is changed once, however many people
//! come and go.

use std::collections::{BTreeMap, BTreeSet};

use super::person::{Importer, one};
use super::rows::Row;
use crate::base::entropy::{self, SystemEntropy};
use crate::base::{GroupId, StoreError, UserId};
use crate::directory::{Change, GroupParts, Membership, Outcome, Written};
use crate::scim::document::Member;
use crate::scim::entries::entries;
use crate::scim::fold::fold;
use crate::scim::patch::MemberChange;
use crate::scim::{Document, Filter, Object, ResourceKind, ScimError};

/// Who comes and who goes.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    /// By the name in one case: the name as somebody wrote it, and who comes.
    come: BTreeMap<String, (String, Vec<String>)>,
    go: BTreeMap<String, Vec<String>>,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Wrote {
    /// The groups that are new.
    pub(super) made: Vec<String>,
    /// The groups that could not be written, and why.
    pub(super) refused: Vec<(String, String)>,
}

/// As many people go into a group at once.
const AT_ONCE: usize = 1000;

impl Memberships {
    /// Compares what a row says with the groups that somebody is in; whether that differs. Who
    /// would be created has no id yet.
    pub(super) fn note(&mut self, row: &Row, id: Option<&UserId>, before: &[Membership]) -> bool {
        let Some(wanted) = &row.groups else {
            return false;
        };
        let id = id.map(ToString::to_string);
        let direct = || before.iter().filter(|group| group.direct);
        let known: BTreeSet<String> = direct().map(|group| fold(&group.display_name)).collect();
        let folded: BTreeSet<String> = wanted.iter().map(|name| fold(name)).collect();
        for name in wanted.iter().filter(|name| !known.contains(&fold(name))) {
            let come = self.come.entry(fold(name));
            come.or_insert_with(|| (name.clone(), Vec::new())).1.extend(id.clone());
        }
        for group in direct().filter(|group| !folded.contains(&fold(&group.display_name))) {
            self.go.entry(group.group.to_string()).or_default().extend(id.clone());
        }
        known != folded
    }

    /// Writes all of it. Groups that nobody knows are made.
    pub(super) async fn write(self, importer: &Importer) -> Result<Wrote, StoreError> {
        let mut wrote = Wrote::default();
        for (name, people) in self.come.into_values() {
            let group = match find_or_make(importer, &name, &mut wrote).await? {
                Ok(Some(group)) => group,
                Ok(None) => continue,
                Err(error) => {
                    wrote.refused.push((name, error.detail));
                    continue;
                }
            };
            for some in people.chunks(AT_ONCE) {
                let add = MemberChange::Add(members(some));
                if let Err(error) = change(importer, &group, add).await? {
                    wrote.refused.push((name.clone(), error.detail));
                }
            }
        }
        for (group, people) in self.go.into_iter().filter(|_| !importer.dry_run) {
            let group = GroupId::new(group);
            for some in people.chunks(AT_ONCE) {
                let remove = MemberChange::Remove(some.to_vec());
                if let Err(error) = change(importer, &group, remove).await? {
                    wrote.refused.push((group.to_string(), error.detail));
                }
            }
        }
        Ok(wrote)
    }
}

fn members(people: &[String]) -> Vec<Member> {
    let member = |id: &String| Member { value: id.clone(), kind: Some(ResourceKind::User) };
    people.iter().map(member).collect()
}

/// The group of this name; `None` in a dry run, in which nothing is to be done with it.
async fn find_or_make(
    importer: &Importer,
    name: &str,
    wrote: &mut Wrote,
) -> Result<Result<Option<GroupId>, ScimError>, StoreError> {
    let catalogue = &importer.catalogue;
    let filter = format!("displayName eq {}", serde_json::Value::from(name));
    let filter = match Filter::parse(catalogue, ResourceKind::Group, &filter) {
        Ok(filter) => filter,
        Err(error) => return Ok(Err(error)),
    };
    let tenant = importer.actor.connection.tenant();
    let parts = GroupParts::default();
    let found = importer.provisioning.groups(&tenant, &one(filter), parts).await?;
    if let Some(group) = found.resources.into_iter().next() {
        return Ok(Ok((!importer.dry_run).then_some(group.id)));
    }
    let body = Object::from_iter([("displayName".to_owned(), name.into())]);
    let unknown = crate::scim::document::Unknown::Refused;
    let document = match Document::read(&body, ResourceKind::Group, catalogue, unknown) {
        Ok(read) => read.document,
        Err(error) => return Ok(Err(error)),
    };
    wrote.made.push(name.to_owned());
    if importer.dry_run {
        return Ok(Ok(None));
    }
    let id = GroupId::new(entropy::uuid_in_order(&SystemEntropy, importer.now));
    let new = Written {
        entries: entries(&document, ResourceKind::Group, catalogue),
        document,
        members: Vec::new(),
    };
    let made = importer
        .provisioning
        .create_group(&importer.actor, id, new, parts, importer.now)
        .await?;
    Ok(done(made).map(|group| Some(group.id)))
}

async fn change(
    importer: &Importer,
    group: &GroupId,
    members: MemberChange,
) -> Result<Result<(), ScimError>, StoreError> {
    let catalogue = importer.catalogue.clone();
    let change = Change::new(move |before| {
        Ok(Written {
            entries: entries(before, ResourceKind::Group, &catalogue),
            document: before.clone(),
            members: vec![members.clone()],
        })
    });
    let parts = GroupParts::default();
    let changed = importer
        .provisioning
        .change_group(&importer.actor, group, None, change, parts, importer.now)
        .await?;
    Ok(done(changed).map(|_| ()))
}

fn done<T>(outcome: Outcome<T>) -> Result<T, ScimError> {
    match outcome {
        Outcome::Done(done) => Ok(done.resource),
        Outcome::Refused(error) => Err(error),
        // No guard stands in the way of an operator.
        Outcome::NotFound | Outcome::PreconditionFailed | Outcome::Paused(_) => Err(ScimError::of(
            http::StatusCode::NOT_FOUND,
            "it was removed in this moment",
        )),
    }
}
