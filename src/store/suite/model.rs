//! What every store does of any sequence of changes, and of any filter: what a simple model does,
//! which was written from RFC 7643 and RFC 7644 and knows nothing of the store.

mod filters;
mod patch;
mod steps;
mod world;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use serde_json::Value;
use tokio::runtime::Handle;

use super::directory::{Directory, kinds};
use crate::base::{ConnectionName, GroupId, IdpName, StoreError, UserId};
use crate::directory::{
    Actor, Affected, Begin, Change, Connection, ConnectionSettings, ConnectionWritten, Created,
    GroupParts, GroupResource, How, Operator, Outcome, Profile, Query, UnknownMembers, User,
    UserParts, UserResource, Written,
};
use crate::scim::document::Unknown;
use crate::scim::entries::entries;
use crate::scim::patch::{MemberChange, PatchRequest};
use crate::scim::{Catalogue, Document, ResourceKind, ScimError};
use steps::{Step, Target, Version};
use world::{Answer, Group, Person, World};

const WITH_GROUPS: UserParts = UserParts { groups: true };
const WITH_MEMBERS: GroupParts = GroupParts { members: true, at_most: None };

/// A case is many statements: one stands for so many of `PROPTEST_CASES`, of which 256 are usual.
const SEQUENCES: u32 = 12;
const QUESTIONS: u32 = 32;
const STEPS: usize = 40;

pub(crate) async fn any_sequence_of_changes_is_that_of_a_model<S: Directory>(store: Arc<S>) {
    let steps = prop::collection::vec(steps::step(), 1..STEPS);
    check(SEQUENCES, &steps, async |case, steps| {
        let mut play = Play::begin(&*store, case).await;
        for (number, step) in steps.iter().enumerate() {
            let told = play.step(number, step).await;
            told.map_err(|told| format!("step {number}, {step:?}:\n{told}"))?;
        }
        play.everything_is_the_same().await
    });
    // Of all that happened meanwhile.
    kinds(&*store).await;
}

pub(crate) async fn any_filter_finds_whom_it_means<S: Directory>(store: Arc<S>) {
    check(QUESTIONS, &filters::question(), async |case, question| {
        filters::ask(&*store, case, &question).await
    });
}

/// Plays cases against a store; of one that goes wrong the simplest is shown.
fn check<T: Strategy>(
    share: u32,
    strategy: &T,
    play: impl AsyncFn(usize, T::Value) -> Result<(), String>,
) {
    let usual = ProptestConfig::default();
    let config = ProptestConfig {
        cases: usual.cases / share,
        failure_persistence: None,
        max_shrink_iters: 4096,
        max_shrink_time: 60_000,
        ..usual
    };
    let case = AtomicUsize::new(0);
    let mut runner = TestRunner::new(config);
    let runtime = Handle::current();
    let result = tokio::task::block_in_place(|| {
        runner.run(strategy, |value| {
            let case = case.fetch_add(1, Ordering::Relaxed);
            runtime.block_on(play(case, value)).map_err(TestCaseError::fail)
        })
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, value)) => panic!("{why}\n\nof {value:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// A store, and what it should be.
struct Play<'s, S> {
    store: &'s S,
    case: usize,
    catalogue: Catalogue,
    actors: [Actor; 2],
    world: World,
}

impl<'s, S: Directory> Play<'s, S> {
    /// Two new connections: one that refuses members whom nobody knows, and one that does not.
    async fn begin(store: &'s S, case: usize) -> Self {
        let mut actors = Vec::new();
        for (side, unknown_members) in
            [("a", UnknownMembers::Refuse), ("b", UnknownMembers::Ignore)]
        {
            let connection = Connection {
                name: ConnectionName::parse(&format!("m{case}{side}")).unwrap(),
                idp: IdpName::parse(&format!("m{case}{side}")),
                settings: ConnectionSettings { unknown_members, ..ConnectionSettings::default() },
                created_at: super::at(0),
            };
            let written = store
                .create_connection(&connection, &Operator::command(), super::at(0))
                .await
                .unwrap();
            assert_eq!(written, ConnectionWritten::Written);
            let token = "t1".to_owned();
            actors.push(Actor {
                connection,
                token,
                client: None,
                request_id: None,
                guard: None,
            });
        }
        Self {
            store,
            case,
            catalogue: Catalogue::standard(),
            actors: actors.try_into().unwrap(),
            world: World::default(),
        }
    }

    async fn step(&mut self, number: usize, step: &Step) -> Result<(), String> {
        let now = i64::try_from(number).unwrap() * 2 + 1;
        let before = self.world.clone();
        self.once(number, now, step).await?;
        if step.twice && !matches!(step.target, Target::New) {
            // Who is meant by a place is the same as before: nobody is new.
            let changed = self.world.clone();
            self.once(number, now + 1, step).await?;
            let said = step.what.said(&before, self.case);
            let any = matches!(step.version, Version::Any);
            if any && said.is_idempotent() && !changed.is_the_same_as(&self.world) {
                return Err("what is done twice is not done once".to_owned());
            }
        }
        Ok(())
    }

    async fn once(&mut self, number: usize, now: i64, step: &Step) -> Result<(), String> {
        let before = self.world.clone();
        let mark = self.store.changes_after(None).await.unwrap().mark;
        let id = format!("{}-{number}", self.case);
        let Step { side, target, version, .. } = step;
        let target = match target {
            Target::New => id.clone(),
            Target::User(place) => self.world.user_id(*place),
            Target::Group(place) => self.world.group_id(*place),
        };
        let if_match = match version {
            Version::Any => None,
            Version::Current => Some(self.world.version_of(&target)),
            Version::Stale => Some(self.world.version_of(&target) + 7),
        };
        let what = step.what.said(&self.world, self.case);
        if let steps::Said::SignIn(name) = &what
            && !self.world.is_free(name)
        {
            return Ok(());
        }
        let wanted = self.world.take(*side, &target, if_match, &what, now);
        let (got, affected) = self.done(*side, &target, if_match, &what, now).await;
        if got != wanted {
            return Err(format!(
                "{what:?}\nis answered {got:#?}\nand not {wanted:#?}"
            ));
        }
        self.who_is_affected_is_told(&before, *side, mark, &affected).await
    }

    /// Does it to the store, as a request would.
    async fn done(
        &self,
        side: usize,
        target: &str,
        if_match: Option<i64>,
        what: &steps::Said,
        now: i64,
    ) -> (Answer, Affected) {
        use steps::Said;
        let (store, actor, now) = (self.store, &self.actors[side], super::at(now));
        let user = || UserId::new(target.to_owned());
        let group = || GroupId::new(target.to_owned());
        match what {
            Said::SignIn(name) => {
                let user = signed_in(target, name, actor, now);
                let created = store.create(&user).await.unwrap();
                assert_eq!(created, Created::Created);
                (Answer::SignedIn, Affected::default())
            }
            Said::CreateUser(body) => match self.create(ResourceKind::User, body) {
                Ok(new) => of_user(store.create_user(actor, user(), new, now).await),
                Err(error) => refused(&error),
            },
            Said::PutUser(body) => match self.put(ResourceKind::User, body) {
                Ok(change) => of_user(
                    store.change_user(actor, &user(), if_match, change, WITH_GROUPS, now).await,
                ),
                Err(error) => refused(&error),
            },
            Said::PatchUser(body) => match self.patch(ResourceKind::User, body) {
                Ok(change) => of_user(
                    store.change_user(actor, &user(), if_match, change, WITH_GROUPS, now).await,
                ),
                Err(error) => refused(&error),
            },
            Said::DeleteUser => of_nothing(store.delete_user(actor, &user(), if_match, now).await),
            Said::CreateGroup(body) => match self.create(ResourceKind::Group, body) {
                Ok(new) => {
                    of_group(store.create_group(actor, group(), new, WITH_MEMBERS, now).await)
                }
                Err(error) => refused(&error),
            },
            Said::PutGroup(body) => match self.put(ResourceKind::Group, body) {
                Ok(change) => of_group(
                    store.change_group(actor, &group(), if_match, change, WITH_MEMBERS, now).await,
                ),
                Err(error) => refused(&error),
            },
            Said::PatchGroup(body) => match self.patch(ResourceKind::Group, body) {
                Ok(change) => of_group(
                    store.change_group(actor, &group(), if_match, change, WITH_MEMBERS, now).await,
                ),
                Err(error) => refused(&error),
            },
            Said::DeleteGroup => {
                of_nothing(store.delete_group(actor, &group(), if_match, now).await)
            }
        }
    }

    fn written(
        &self,
        kind: ResourceKind,
        document: Document,
        members: Vec<MemberChange>,
    ) -> Written {
        let entries = entries(&document, kind, &self.catalogue);
        Written { document, entries, members }
    }

    fn create(&self, kind: ResourceKind, body: &Value) -> Result<Written, ScimError> {
        let body = body.as_object().unwrap();
        let read = Document::read(body, kind, &self.catalogue, Unknown::Ignored)?;
        let mut document = read.document;
        if kind == ResourceKind::User && document.active().is_none() {
            document.set_active(true);
        }
        Ok(self.written(kind, document, vec![MemberChange::Add(read.members)]))
    }

    fn put(&self, kind: ResourceKind, body: &Value) -> Result<Change, ScimError> {
        let body = body.as_object().unwrap();
        let read = Document::read(body, kind, &self.catalogue, Unknown::Ignored)?;
        let members = match kind {
            ResourceKind::Group => vec![MemberChange::ReplaceAll(read.members)],
            ResourceKind::User => Vec::new(),
        };
        let catalogue = self.catalogue.clone();
        Ok(Change::new(move |before| {
            let mut document = read.document.clone();
            if kind == ResourceKind::User && document.active().is_none() {
                document.set_active(before.is_active());
            }
            let entries = entries(&document, kind, &catalogue);
            Ok(Written { document, entries, members: members.clone() })
        }))
    }

    fn patch(&self, kind: ResourceKind, body: &Value) -> Result<Change, ScimError> {
        let body = body.as_object().unwrap().clone();
        PatchRequest::read(&body, kind, &self.catalogue, Unknown::Ignored)?;
        let catalogue = self.catalogue.clone();
        Ok(Change::new(move |before| {
            let request = PatchRequest::read(&body, kind, &catalogue, Unknown::Ignored)?;
            let applied = request.apply(before)?;
            let entries = entries(&applied.document, kind, &catalogue);
            let members = request.members().to_vec();
            Ok(Written { document: applied.document, entries, members })
        }))
    }

    /// Whoever stands differently from before is named at once, and in what other nodes read; and
    /// nobody of another tenant is.
    async fn who_is_affected_is_told(
        &self,
        before: &World,
        side: usize,
        mark: i64,
        affected: &Affected,
    ) -> Result<(), String> {
        let changes = self.store.changes_after(Some(mark)).await.unwrap();
        let mut told = affected.people.clone();
        told.sort();
        if changes.affected.people != told || changes.affected.everybody != affected.everybody {
            return Err(format!("{affected:?} is told as {changes:?}"));
        }
        for person in &before.people {
            let is_told = told.iter().any(|id| id.as_str() == person.id);
            if person.side != side {
                if is_told {
                    return Err(format!("{} is another tenant's", person.id));
                }
            } else if before.standing(&person.id) != self.world.standing(&person.id) && !is_told {
                return Err(format!("{} stands differently, and is not told", person.id));
            }
        }
        Ok(())
    }

    async fn everything_is_the_same(&self) -> Result<(), String> {
        for (side, actor) in self.actors.iter().enumerate() {
            let tenant = actor.connection.tenant();
            let same = |what: &str, got: Vec<Answer>, wanted: Vec<Answer>| {
                if got == wanted {
                    return Ok(());
                }
                Err(format!("{what} of {side}: {got:#?}\nand not {wanted:#?}"))
            };
            for person in &self.world.people {
                let id = UserId::new(person.id.clone());
                let found = self.store.user(&tenant, &id, WITH_GROUPS).await.unwrap();
                let got = found.iter().map(|user| user_seen(user, None)).collect();
                let there = person.side == side && !person.is_gone();
                let wanted = there.then(|| self.world.person_seen(person));
                same(&person.id, got, wanted.into_iter().collect())?;
            }
            for group in &self.world.groups {
                let id = GroupId::new(group.id.clone());
                let found = self.store.group(&tenant, &id, WITH_MEMBERS).await.unwrap();
                let got = found.iter().map(|group| group_seen(group, None)).collect();
                let there = group.side == side && !group.gone;
                let wanted = there.then(|| self.world.group_seen(group));
                same(&group.id, got, wanted.into_iter().collect())?;
            }
            let all = Query {
                filter: None,
                sort: None,
                from: Begin::Offset(0),
                count: 200,
                total: true,
            };
            let page = self.store.users(&tenant, &all, WITH_GROUPS).await.unwrap();
            let got: Vec<_> = page.resources.iter().map(|user| user_seen(user, None)).collect();
            let people: Vec<&Person> = self.world.people_of(side).collect();
            let wanted = people.iter().map(|person| self.world.person_seen(person)).collect();
            same("people", got, wanted)?;
            // Also where it is counted, and not just seen to be all.
            let none = Query { count: 0, ..all.clone() };
            let counted = self.store.users(&tenant, &none, UserParts::default()).await.unwrap();
            if (page.total, counted.total) != (people.len().try_into().ok(), page.total) {
                return Err(format!(
                    "{:?}, {:?} and not {} people",
                    page.total,
                    counted.total,
                    people.len()
                ));
            }
            let page = self.store.groups(&tenant, &all, WITH_MEMBERS).await.unwrap();
            let got = page.resources.iter().map(|group| group_seen(group, None)).collect();
            let groups: Vec<&Group> = self.world.groups_of(side).collect();
            let wanted = groups.iter().map(|group| self.world.group_seen(group)).collect();
            same("groups", got, wanted)?;
        }
        Ok(())
    }
}

/// Somebody who signed in before anybody provisioned them.
fn signed_in(id: &str, name: &str, actor: &Actor, now: crate::base::Timestamp) -> User {
    User {
        id: UserId::new(id.to_owned()),
        user_name: name.to_owned(),
        external_id: None,
        idp: actor.connection.idp.clone(),
        name_id: Some(format!("n-{id}")),
        profile: Profile { title: Some("Guest".into()), ..Profile::default() },
        active: true,
        locked: false,
        managed: false,
        created_at: now,
        updated_at: now,
        last_login_at: Some(now),
        revision: 1,
    }
}

fn of_user(outcome: Result<Outcome<UserResource>, StoreError>) -> (Answer, Affected) {
    answered(outcome, |user, how| user_seen(user, Some(how)))
}

fn of_group(outcome: Result<Outcome<GroupResource>, StoreError>) -> (Answer, Affected) {
    answered(outcome, |group, how| group_seen(group, Some(how)))
}

fn of_nothing(outcome: Result<Outcome<()>, StoreError>) -> (Answer, Affected) {
    answered(outcome, |(), how| {
        assert_eq!(how, How::Deleted);
        Answer::Deleted
    })
}

fn answered<T>(
    outcome: Result<Outcome<T>, StoreError>,
    seen: impl Fn(&T, How) -> Answer,
) -> (Answer, Affected) {
    match outcome.unwrap() {
        Outcome::Done(done) => (seen(&done.resource, done.how), done.affected),
        Outcome::NotFound => (Answer::NotFound, Affected::default()),
        Outcome::PreconditionFailed => (Answer::OtherVersion, Affected::default()),
        Outcome::Refused(error) => refused(&error),
        Outcome::Paused(_) => unreachable!("nobody guards these"),
    }
}

fn refused(error: &ScimError) -> (Answer, Affected) {
    let scim_type = error.scim_type.map(crate::scim::ScimType::as_str);
    let answer = Answer::Refused(
        error.status.as_u16(),
        scim_type.unwrap_or_default().to_owned(),
    );
    (answer, Affected::default())
}

fn user_seen(user: &UserResource, how: Option<How>) -> Answer {
    let groups = user.groups.iter().flatten();
    let groups = groups.map(|group| {
        let mut line = String::new();
        let _ = write!(line, "{} {}", group.group.as_str(), group.display_name);
        (line, group.direct)
    });
    Answer::Seen {
        how: how.map(|how| format!("{how:?}")),
        id: user.id.as_str().to_owned(),
        version: user.version,
        times: [user.created_at, user.changed_at].map(seconds),
        document: Value::Object(user.document.read().as_object().clone()),
        around: groups.collect(),
    }
}

fn group_seen(group: &GroupResource, how: Option<How>) -> Answer {
    let members = group.members.iter().flatten();
    let is_user =
        |member: &crate::directory::Member| matches!(member, crate::directory::Member::User(_));
    Answer::Seen {
        how: how.map(|how| format!("{how:?}")),
        id: group.id.as_str().to_owned(),
        version: group.version,
        times: [group.created_at, group.changed_at].map(seconds),
        document: Value::Object(group.document.as_object().clone()),
        around: members.map(|member| (member.id().to_owned(), is_user(member))).collect(),
    }
}

fn seconds(at: crate::base::Timestamp) -> i64 {
    (at.unix_micros() - super::at(0).unix_micros()) / 1_000_000
}
