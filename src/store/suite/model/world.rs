//! People and groups of two clients, in memory.
#![expect(
    clippy::result_large_err,
    reason = "a refusal is an answer as any other, and a model need not be quick"
)]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::patch;
use super::steps::Said;

/// Two texts are one if this is.
pub(super) fn fold(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

/// What a client sees of what it did.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// A resource; `around`: the groups of a person, and whether they are in them themselves; the
    /// members of a group, and whether they are people.
    Seen {
        how: Option<String>,
        id: String,
        version: i64,
        times: [i64; 2],
        document: Value,
        around: BTreeSet<(String, bool)>,
    },
    SignedIn,
    Deleted,
    NotFound,
    OtherVersion,
    Refused(u16, String),
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) side: usize,
    pub(super) id: String,
    pub(super) document: Value,
    version: i64,
    times: [i64; 2],
    gone: Option<i64>,
    managed: bool,
}

impl Person {
    pub(super) const fn is_gone(&self) -> bool {
        self.gone.is_some()
    }

    fn has_name_of(&self, document: &Value) -> bool {
        text(&self.document, "userName").map(fold) == text(document, "userName").map(fold)
    }

    fn has_id_of(&self, document: &Value) -> bool {
        let id = text(document, "externalId");
        id.is_some() && text(&self.document, "externalId") == id
    }
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) side: usize,
    pub(super) id: String,
    pub(super) document: Value,
    pub(super) members: BTreeSet<String>,
    version: i64,
    times: [i64; 2],
    pub(super) gone: bool,
}

/// In the order of their creation.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) people: Vec<Person>,
    pub(super) groups: Vec<Group>,
}

fn text<'v>(document: &'v Value, name: &str) -> Option<&'v str> {
    document[name].as_str()
}

fn refused(status: u16, scim_type: &str) -> Answer {
    Answer::Refused(status, scim_type.to_owned())
}

fn invalid() -> Answer {
    refused(400, "invalidValue")
}

fn taken() -> Answer {
    refused(409, "uniqueness")
}

impl World {
    pub(super) fn user_id(&self, place: usize) -> String {
        pick(self.people.iter().map(|person| &person.id), place)
    }

    pub(super) fn group_id(&self, place: usize) -> String {
        pick(self.groups.iter().map(|group| &group.id), place)
    }

    pub(super) fn member_id(&self, place: usize) -> String {
        let people = self.people.iter().map(|person| &person.id);
        pick(
            people.chain(self.groups.iter().map(|group| &group.id)),
            place,
        )
    }

    pub(super) fn version_of(&self, id: &str) -> i64 {
        let people = self.people.iter().map(|person| (&person.id, person.version));
        let groups = self.groups.iter().map(|group| (&group.id, group.version));
        let mut all = people.chain(groups);
        all.find(|(other, _)| *other == id).map_or(1, |(_, version)| version)
    }

    pub(super) fn people_of(&self, side: usize) -> impl Iterator<Item = &Person> {
        self.people
            .iter()
            .filter(move |person| person.side == side && !person.is_gone())
    }

    pub(super) fn groups_of(&self, side: usize) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(move |group| group.side == side && !group.gone)
    }

    /// Whether nothing has changed, not even a version.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        let versions = |world: &Self| -> Vec<(i64, i64)> {
            let people = world.people.iter().map(|person| (person.version, person.times[1]));
            people
                .chain(world.groups.iter().map(|group| (group.version, group.times[1])))
                .collect()
        };
        versions(self) == versions(other)
    }

    /// What decides about somebody's session.
    pub(super) fn standing(&self, id: &str) -> Option<(Value, Vec<(String, String)>)> {
        let person = self.people.iter().find(|person| person.id == id && !person.is_gone())?;
        let groups = self.groups_around(id).into_iter().map(|(group, _)| {
            let name = |name| text(&group.document, name).unwrap_or_default().to_owned();
            (name("displayName"), name("externalId"))
        });
        Some((person.document.clone(), groups.collect()))
    }

    /// The groups that somebody is in, and whether by themselves.
    fn groups_around(&self, id: &str) -> Vec<(&Group, bool)> {
        let mut inside: BTreeSet<&str> = BTreeSet::from([id]);
        loop {
            let more = self.groups.iter().filter(|group| {
                !group.gone && group.members.iter().any(|member| inside.contains(member.as_str()))
            });
            let more: BTreeSet<_> = more.map(|group| group.id.as_str()).collect();
            let before = inside.len();
            inside.extend(more);
            if inside.len() == before {
                break;
            }
        }
        let around = self.groups.iter().filter(|group| inside.contains(group.id.as_str()));
        around.map(|group| (group, group.members.contains(id))).collect()
    }

    pub(super) fn person_seen(&self, person: &Person) -> Answer {
        let groups = self.groups_around(&person.id).into_iter().map(|(group, direct)| {
            let name = text(&group.document, "displayName").unwrap_or_default();
            (format!("{} {name}", group.id), direct)
        });
        Answer::Seen {
            how: None,
            id: person.id.clone(),
            version: person.version,
            times: person.times,
            document: person.document.clone(),
            around: groups.collect(),
        }
    }

    pub(super) fn group_seen(&self, group: &Group) -> Answer {
        let is_person = |id: &String| self.people.iter().any(|person| person.id == *id);
        let members = group.members.iter().map(|id| (id.clone(), is_person(id)));
        Answer::Seen {
            how: None,
            id: group.id.clone(),
            version: group.version,
            times: group.times,
            document: group.document.clone(),
            around: members.collect(),
        }
    }

    /// Does what a client asks.
    pub(super) fn take(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        what: &Said,
        now: i64,
    ) -> Answer {
        let outcome = match what {
            Said::SignIn(name) => Ok(self.sign_in(side, id, name, now)),
            Said::CreateUser(body) => self.create_user(side, id, body, now),
            Said::PutUser(body) => read(body, "userName").and_then(|new| {
                self.change_user(side, id, if_match, now, |before| {
                    let mut new = new.clone();
                    if new["active"].is_null() {
                        new["active"] = json!(before["active"] != json!(false));
                    }
                    Ok(new)
                })
            }),
            Said::PatchUser(body) => self.patch_user(side, id, if_match, body, now),
            Said::DeleteUser => self.delete_user(side, id, if_match, now),
            Said::CreateGroup(body) => self.create_group(side, id, body, now),
            Said::PutGroup(body) => read(body, "displayName").and_then(|new| {
                let members = ids(&body["members"]);
                let document = |_: &Value| Ok(new.clone());
                self.change_group(side, id, if_match, now, document, &[Members::Are(members)])
            }),
            Said::PatchGroup(body) => self.patch_group(side, id, if_match, body, now),
            Said::DeleteGroup => self.delete_group(side, id, if_match, now),
        };
        outcome.unwrap_or_else(|answer| answer)
    }

    fn sign_in(&mut self, side: usize, id: &str, name: &str, now: i64) -> Answer {
        let document = json!({ "userName": name, "title": "Guest", "active": true });
        self.people.push(Person {
            side,
            id: id.to_owned(),
            document,
            version: 1,
            times: [now, now],
            gone: None,
            managed: false,
        });
        Answer::SignedIn
    }

    /// Whether somebody of this name may sign in for the first time.
    pub(super) fn is_free(&self, name: &str) -> bool {
        let document = json!({ "userName": name });
        !self
            .people
            .iter()
            .any(|person| !person.is_gone() && person.has_name_of(&document))
    }

    fn create_user(
        &mut self,
        side: usize,
        id: &str,
        body: &Value,
        now: i64,
    ) -> Result<Answer, Answer> {
        let mut document = read(body, "userName")?;
        if document["active"].is_null() {
            document["active"] = json!(true);
        }
        let is_meant = |person: &&mut Person| {
            person.side == side && (person.has_name_of(&document) || person.has_id_of(&document))
        };
        let meant: Vec<&mut Person> = self.people.iter_mut().filter(is_meant).collect();
        let (gone, there): (Vec<_>, Vec<_>) =
            meant.into_iter().partition(|person| person.is_gone());
        if there.iter().any(|person| person.managed) || there.len() > 1 {
            return Err(taken());
        }
        let same = |person: &&mut Person| {
            person.has_id_of(&document)
                || document["externalId"].is_null()
                || person.document["externalId"].is_null()
        };
        let returned = gone
            .into_iter()
            .filter(same)
            .max_by_key(|person| (person.has_id_of(&document), person.gone));
        let (known, how) = match there.into_iter().next() {
            Some(person) => (Some(person), "Linked"),
            None => (returned, "Returned"),
        };
        if let Some(person) = known {
            person.document = document;
            person.version += 1;
            person.times[1] = now;
            (person.gone, person.managed) = (None, true);
            let id = person.id.clone();
            return Ok(self.seen(&id, how));
        }
        self.people.push(Person {
            side,
            id: id.to_owned(),
            document,
            version: 1,
            times: [now, now],
            gone: None,
            managed: true,
        });
        Ok(self.seen(id, "Created"))
    }

    fn seen(&self, id: &str, happened: &str) -> Answer {
        let people = self.people.iter().filter(|person| person.id == id);
        let people = people.map(|person| self.person_seen(person));
        let groups = self.groups.iter().filter(|group| group.id == id);
        let mut answer = people.chain(groups.map(|group| self.group_seen(group))).next().unwrap();
        if let Answer::Seen { how, around, .. } = &mut answer {
            *how = Some(happened.to_owned());
            // The store leaves them to who asks: whoever returns or is linked is in groups again
            // when they are read.
            if ["Linked", "Returned"].contains(&happened) {
                around.clear();
            }
        }
        answer
    }

    fn person(&self, side: usize, id: &str, if_match: Option<i64>) -> Result<usize, Answer> {
        let place = self
            .people
            .iter()
            .position(|person| person.side == side && person.id == id && !person.is_gone())
            .ok_or(Answer::NotFound)?;
        match if_match {
            Some(version) if version != self.people[place].version => Err(Answer::OtherVersion),
            _ => Ok(place),
        }
    }

    fn patch_user(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        body: &Value,
        now: i64,
    ) -> Result<Answer, Answer> {
        let operations = body["Operations"].as_array().unwrap();
        // What is wrong of itself is so whoever is meant.
        if let Err(wrong) = patch::look_at_all(operations) {
            return Err(refused(400, wrong));
        }
        self.change_user(side, id, if_match, now, |before| {
            patch::apply(before, operations).map_err(|wrong| refused(400, wrong))
        })
    }

    fn change_user(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        now: i64,
        change: impl Fn(&Value) -> Result<Value, Answer>,
    ) -> Result<Answer, Answer> {
        let place = self.person(side, id, if_match)?;
        let before = &self.people[place].document;
        let after = change(before)?;
        if after == *before {
            return Ok(self.seen(id, "Unchanged"));
        }
        let is_other = |other: &Person| {
            other.side == side
                && other.id != id
                && !other.is_gone()
                && (other.has_name_of(&after) || other.has_id_of(&after))
        };
        if self.people.iter().any(is_other) {
            return Err(taken());
        }
        let person = &mut self.people[place];
        person.document = after;
        person.version += 1;
        person.times[1] = now;
        person.managed = true;
        Ok(self.seen(id, "Changed"))
    }

    fn delete_user(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        now: i64,
    ) -> Result<Answer, Answer> {
        let place = self.person(side, id, if_match)?;
        let person = &mut self.people[place];
        person.gone = Some(now);
        person.version += 1;
        self.leave_all(id, now);
        Ok(Answer::Deleted)
    }

    fn leave_all(&mut self, id: &str, now: i64) {
        for group in &mut self.groups {
            if group.members.remove(id) {
                group.version += 1;
                group.times[1] = now;
            }
        }
    }

    fn create_group(
        &mut self,
        side: usize,
        id: &str,
        body: &Value,
        now: i64,
    ) -> Result<Answer, Answer> {
        let document = read(body, "displayName")?;
        if self.is_another_group(side, id, &document) {
            return Err(taken());
        }
        let members = self.known(side, &ids(&body["members"]))?;
        self.groups.push(Group {
            side,
            id: id.to_owned(),
            document,
            members,
            version: 1,
            times: [now, now],
            gone: false,
        });
        Ok(self.seen(id, "Created"))
    }

    fn is_another_group(&self, side: usize, id: &str, document: &Value) -> bool {
        let name = |document: &Value| text(document, "displayName").map(fold);
        let mut groups = self.groups_of(side);
        groups.any(|group| group.id != id && name(&group.document) == name(document))
    }

    /// Those who are there. The first client is told of others, the second one not.
    fn known(&self, side: usize, ids: &[String]) -> Result<BTreeSet<String>, Answer> {
        let people = self.people_of(side).map(|person| &person.id);
        let all: BTreeSet<_> =
            people.chain(self.groups_of(side).map(|group| &group.id)).cloned().collect();
        let known: BTreeSet<_> = ids.iter().filter(|id| all.contains(*id)).cloned().collect();
        if side == 0 && ids.iter().any(|id| !known.contains(id)) {
            return Err(invalid());
        }
        Ok(known)
    }

    fn patch_group(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        body: &Value,
        now: i64,
    ) -> Result<Answer, Answer> {
        let operations = body["Operations"].as_array().unwrap();
        let is_of_members = |operation: &&Value| {
            operation["path"].as_str().is_some_and(|path| path.starts_with("members"))
        };
        let (members, document): (Vec<_>, Vec<_>) = operations.iter().partition(is_of_members);
        let document: Vec<Value> = document.into_iter().cloned().collect();
        let members: Vec<Members> = members.into_iter().map(Members::read).collect();
        let change =
            |before: &Value| patch::apply(before, &document).map_err(|wrong| refused(400, wrong));
        self.change_group(side, id, if_match, now, change, &members)
    }

    fn change_group(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        now: i64,
        change: impl Fn(&Value) -> Result<Value, Answer>,
        changes: &[Members],
    ) -> Result<Answer, Answer> {
        let place = self.group(side, id, if_match)?;
        let group = &self.groups[place];
        let document = change(&group.document)?;
        if self.is_another_group(side, id, &document) {
            return Err(taken());
        }
        let mut members = group.members.clone();
        for change in changes {
            match change {
                Members::Add(ids) => members.extend(self.known(side, ids)?),
                Members::Are(ids) => members = self.known(side, ids)?,
                Members::Remove(ids) => members.retain(|id| !ids.contains(id)),
                Members::RemovePeople(people) => members
                    .retain(|id| self.people.iter().any(|person| person.id == *id) != *people),
            }
        }
        if document == group.document && members == group.members {
            return Ok(self.seen(id, "Unchanged"));
        }
        let group = &mut self.groups[place];
        (group.document, group.members) = (document, members);
        group.version += 1;
        group.times[1] = now;
        Ok(self.seen(id, "Changed"))
    }

    fn group(&self, side: usize, id: &str, if_match: Option<i64>) -> Result<usize, Answer> {
        let place = self
            .groups
            .iter()
            .position(|group| group.side == side && group.id == id && !group.gone)
            .ok_or(Answer::NotFound)?;
        match if_match {
            Some(version) if version != self.groups[place].version => Err(Answer::OtherVersion),
            _ => Ok(place),
        }
    }

    fn delete_group(
        &mut self,
        side: usize,
        id: &str,
        if_match: Option<i64>,
        now: i64,
    ) -> Result<Answer, Answer> {
        let place = self.group(side, id, if_match)?;
        self.groups[place].gone = true;
        self.groups[place].members.clear();
        self.leave_all(id, now);
        Ok(Answer::Deleted)
    }
}

/// What becomes of members.
#[derive(Debug)]
enum Members {
    Add(Vec<String>),
    Are(Vec<String>),
    Remove(Vec<String>),
    /// People, or groups.
    RemovePeople(bool),
}

impl Members {
    fn read(operation: &Value) -> Self {
        let path = operation["path"].as_str().unwrap();
        let listed = || ids(&operation["value"]);
        match (operation["op"].as_str().unwrap(), path) {
            ("add", _) => Self::Add(listed()),
            ("replace", _) => Self::Are(listed()),
            (_, "members[type eq \"User\"]") => Self::RemovePeople(true),
            (_, "members[type eq \"Group\"]") => Self::RemovePeople(false),
            (_, "members") if operation["value"].is_null() => Self::Are(Vec::new()),
            (_, "members") => Self::Remove(listed()),
            // Every second piece stands in quotation marks.
            (_, path) => {
                Self::Remove(path.split('"').skip(1).step_by(2).map(str::to_owned).collect())
            }
        }
    }
}

fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
}

fn read(body: &Value, required: &str) -> Result<Value, Answer> {
    let document = patch::read(body).map_err(|wrong| refused(400, wrong))?;
    match text(&document, required) {
        Some(_) => Ok(document),
        None => Err(invalid()),
    }
}

fn pick<'i>(ids: impl Iterator<Item = &'i String>, place: usize) -> String {
    let mut ids: Vec<_> = ids.cloned().collect();
    ids.push("nobody".to_owned());
    ids.swap_remove(place % ids.len())
}
