//! Members of groups, which are changed one by one and never read to be changed.

use std::collections::HashSet;

use crate::scim::Filter;
use crate::scim::document::Member;
use crate::scim::filter::{Operator, Target};

/// What happens to the members of a group. No id is twice in one list.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberChange {
    /// These are members, too.
    Add(Vec<Member>),
    /// Those with these ids are members no longer, if they were.
    Remove(Vec<String>),
    /// These are the members, and nobody else.
    ReplaceAll(Vec<Member>),
    /// Nobody is a member.
    RemoveAll,
    /// Of whom this is true is a member no longer. Its targets are those of elements of `members`.
    RemoveWhere(Filter),
}

impl MemberChange {
    /// `members[…]` taken away: by their ids if that is how the filter names them.
    pub(super) fn remove(filter: &Filter) -> Self {
        let mut ids = Vec::new();
        if !collect_ids(filter, &mut ids) {
            return Self::RemoveWhere(filter.clone());
        }
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        Self::Remove(ids)
    }
}

/// `value eq "a" or value eq "b"`
fn collect_ids(filter: &Filter, ids: &mut Vec<String>) -> bool {
    match filter {
        Filter::Compare(Target { sub: Some(sub), .. }, Operator::Equal, operand)
            if sub == "value" =>
        {
            ids.push(operand.0.clone());
            true
        }
        Filter::Or(several) => several.iter().all(|one| collect_ids(one, ids)),
        _ => false,
    }
}
