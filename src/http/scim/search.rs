//! Lists and searches (RFC 7644, 3.4.2 and 3.4.3; RFC 9865).

use http::StatusCode;

use crate::base::Timestamp;
use crate::directory::{Begin, Query, Sort};
use crate::http::scim::answer::Answer;
use crate::http::scim::auth::Caller;
use crate::http::scim::cursor::{self, Question};
use crate::http::scim::groups::Groups;
use crate::http::scim::operation::{self, Content};
use crate::http::scim::record::Seen;
use crate::http::scim::users::Users;
use crate::http::scim::{Failure, Scim, collection};
use crate::scim::filter::Target;
use crate::scim::list::{ListNumbers, ListQuery, Page, SortOrder, list_response};
use crate::scim::render::{Renderer, resource_type};
use crate::scim::{Filter, ResourceKind, ScimError, ScimType};

/// Of the body of a search.
pub(in crate::http::scim) fn of_body(body: Content) -> Result<ListQuery, ScimError> {
    ListQuery::from_search(&body.object()?)
}

/// A page of one collection, or of everything.
pub(in crate::http::scim) async fn list(
    scim: &Scim,
    caller: &Caller,
    among: Option<operation::Collection>,
    asked: &ListQuery,
    now: Timestamp,
) -> Result<Answer, Failure> {
    match among {
        Some(operation::Collection::Users) => {
            let part = page(scim, &Users(scim), caller, asked, now).await?;
            Ok(part.answer())
        }
        Some(operation::Collection::Groups) => {
            let part = page(scim, &Groups(scim), caller, asked, now).await?;
            Ok(part.answer())
        }
        None => everything(scim, caller, asked, now).await,
    }
}

/// People, then groups, as one list.
async fn everything(
    scim: &Scim,
    caller: &Caller,
    asked: &ListQuery,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let Page::Index { start, count } = asked.page else {
        let detail = "everything at once is listed by numbers: use startIndex and count";
        return Err(ScimError::bad(ScimType::InvalidCursor, detail).into());
    };
    let scopes = caller.scopes;
    let mut wrong = None;
    let mut parts = Vec::new();
    let (mut start, mut count) = (start, count);
    let first = start;
    let mut total = 0_u64;
    for (kind, may) in [
        (ResourceKind::User, scopes.users),
        (ResourceKind::Group, scopes.groups),
    ] {
        if !may {
            continue;
        }
        let asked = ListQuery { page: Page::Index { start, count }, ..asked.clone() };
        let part = match kind {
            ResourceKind::User => page(scim, &Users(scim), caller, &asked, now).await,
            ResourceKind::Group => page(scim, &Groups(scim), caller, &asked, now).await,
        };
        let part = match part {
            Ok(part) => part,
            // An attribute that only the other ones have is true of none of these.
            Err(Failure::Refused(error)) => {
                wrong = Some(error);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let found = u64::try_from(part.resources.len()).unwrap_or(u64::MAX);
        count = count.saturating_sub(found);
        start = start.saturating_sub(part.numbers.total).max(1);
        total = total.saturating_add(part.numbers.total);
        parts.push(part);
    }
    if let (true, Some(error)) = (parts.is_empty(), wrong) {
        return Err(error.into());
    }
    if parts.is_empty() {
        let detail = "this token is not good for that";
        return Err(ScimError::of(StatusCode::FORBIDDEN, detail).into());
    }
    let numbers = ListNumbers { total, start: Some(first), ..ListNumbers::default() };
    let resources = parts.into_iter().flat_map(|part| part.resources).collect();
    Ok(Part { numbers, resources }.answer())
}

/// A page, written but not put together.
struct Part {
    numbers: ListNumbers,
    resources: Vec<Vec<u8>>,
}

impl Part {
    fn answer(self) -> Answer {
        let write = |out: &mut Vec<u8>, resource: &Vec<u8>| out.extend_from_slice(resource);
        Answer::of(
            StatusCode::OK,
            list_response(&self.numbers, &self.resources, write),
        )
        .seeing(Seen::listed(&self.numbers, self.resources.len()))
    }
}

async fn page<C: collection::Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    asked: &ListQuery,
    now: Timestamp,
) -> Result<Part, Failure> {
    let catalogue = scim.catalogue;
    let wanted = asked.projection(C::KIND, catalogue)?;
    let filter = asked.filter.as_deref();
    let parsed = filter.map(|text| Filter::parse(catalogue, C::KIND, text)).transpose()?;
    let sort = asked.sort(C::KIND, catalogue).map(|found| Sort {
        by: Target::of(found),
        descending: asked.sort_order == SortOrder::Descending,
    });
    let tenant = caller.actor.connection.tenant();
    let question = Question::of(&[
        tenant.as_str(),
        resource_type(C::KIND),
        filter.unwrap_or_default(),
        asked.sort_by.as_deref().unwrap_or_default(),
        if asked.sort_order == SortOrder::Descending {
            "-"
        } else {
            "+"
        },
    ]);
    let (from, count, numbered) = match &asked.page {
        Page::Index { start, count } => {
            (Begin::Offset(start.saturating_sub(1)), *count, Some(*start))
        }
        Page::Cursor { cursor: None, count } => (Begin::Offset(0), *count, None),
        Page::Cursor { cursor: Some(text), count } => (
            Begin::Cursor(cursor::read(text, question, now)?),
            *count,
            None,
        ),
    };
    let query = Query {
        filter: parsed,
        sort,
        from,
        count: u32::try_from(count).unwrap_or(u32::MAX),
        total: true,
    };
    let page = collection.page(&caller.actor, &query, &wanted).await?;
    let renderer = Renderer::new(C::KIND, &wanted, catalogue, &scim.base);
    let render = |resource: &C::Resource| {
        let mut out = Vec::with_capacity(1024);
        C::render(&renderer, &mut out, resource);
        out
    };
    let next = page.next.as_ref().filter(|_| numbered.is_none());
    Ok(Part {
        numbers: ListNumbers {
            total: page.total.unwrap_or_default(),
            start: numbered,
            next: next.map(|next| cursor::write(next, question, now)),
            previous: None,
        },
        resources: page.resources.iter().map(render).collect(),
    })
}
