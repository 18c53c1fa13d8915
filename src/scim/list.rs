//! Queries: the parameters of a GET, the body of a POST to `/.search`, and the list that answers
//! (RFC 7644, 3.4.2 and 3.4.3; RFC 9865).

use serde_json::Value;

use crate::base::json;
use crate::scim::error::{ScimError, ScimType};
use crate::scim::{Catalogue, Found, Object, Projection, ResourceKind};

/// No page is longer.
pub const MOST_RESULTS: u64 = 200;
/// How long a page is if nobody says.
pub const USUAL_RESULTS: u64 = 100;
/// For how many seconds a cursor is good at least (RFC 9865, 4, `cursorTimeout`).
pub const CURSOR_SECONDS: u64 = 3600;
/// The URN of a list.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The URN of the body of a search.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// What a client wants listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Which resources, as it was written: [`crate::scim::filter`].
    pub filter: Option<String>,
    /// By which attribute they are sorted, as it was written: [`ListQuery::sort`].
    pub sort_by: Option<String>,
    /// In which direction.
    pub sort_order: SortOrder,
    /// Which of them.
    pub page: Page,
    /// `attributes`
    pub attributes: Vec<String>,
    /// `excludedAttributes`
    pub excluded_attributes: Vec<String>,
}

/// RFC 7644, 3.4.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// The least first; what has no value comes last.
    Ascending,
    /// The greatest first; what has no value comes first.
    Descending,
}

/// Which part of a list. Counts are never more than [`MOST_RESULTS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// By number (RFC 7644, 3.4.2.4).
    Index {
        /// The first, from one.
        start: u64,
        /// How many; none: only the total is asked for.
        count: u64,
    },
    /// By cursor (RFC 9865, 2).
    Cursor {
        /// What an earlier answer said; `None` begins.
        cursor: Option<String>,
        /// How many.
        count: u64,
    },
}

impl ListQuery {
    /// From the query of an address. Parameters that mean nothing to us are passed over, as is what
    /// Entra ID's tenants append to theirs (`aadOptscim062020`).
    ///
    /// ```
    /// use samlgate::scim::list::{ListQuery, Page};
    /// let query = ListQuery::from_query("filter=userName+eq+%22alice%22&startIndex=0&count=500");
    /// let query = query.unwrap();
    /// assert_eq!(query.filter.as_deref(), Some("userName eq \"alice\""));
    /// assert_eq!(query.page, Page::Index { start: 1, count: 200 });
    /// assert!(ListQuery::from_query("count=ten").is_err());
    /// ```
    pub fn from_query(query: &str) -> Result<Self, ScimError> {
        let mut given = Given::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            given.add(&name, Value::from(&*value))?;
        }
        given.read()
    }

    /// From the body of a search. `schemas` is not looked at.
    pub fn from_search(body: &Object) -> Result<Self, ScimError> {
        let mut given = Given::default();
        for (name, value) in body {
            given.add(name, value.clone())?;
        }
        given.read()
    }

    /// What of each resource is wanted.
    pub fn projection(
        &self,
        kind: ResourceKind,
        catalogue: &Catalogue,
    ) -> Result<Projection, ScimError> {
        Projection::of(kind, catalogue, &self.attributes, &self.excluded_attributes)
    }

    /// By what to sort. A name that no schema has is passed over: RFC 7644, 3.4.2.3 knows no error,
    /// and any order is one that was not asked for.
    pub fn sort<'c>(&self, kind: ResourceKind, catalogue: &'c Catalogue) -> Option<Found<'c>> {
        self.sort_by.as_deref().and_then(|name| catalogue.resolve(kind, name))
    }
}

/// Reads `attributes` or `excludedAttributes` of a request that is no query: POST, PUT, PATCH and
/// GET of one resource (RFC 7644, 3.9).
pub fn projection(
    query: &str,
    kind: ResourceKind,
    catalogue: &Catalogue,
) -> Result<Projection, ScimError> {
    let mut given = Given::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let of_us = ["attributes", "excludedattributes"].contains(&&*name.to_ascii_lowercase());
        if of_us {
            given.add(&name, Value::from(&*value))?;
        }
    }
    given.read()?.projection(kind, catalogue)
}

/// The parameters, by what they are called.
#[derive(Default)]
struct Given {
    filter: Option<Value>,
    sort_by: Option<Value>,
    sort_order: Option<Value>,
    start_index: Option<Value>,
    count: Option<Value>,
    cursor: Option<Value>,
    attributes: Vec<String>,
    excluded_attributes: Vec<String>,
}

impl Given {
    fn add(&mut self, name: &str, value: Value) -> Result<(), ScimError> {
        let name = name.to_ascii_lowercase();
        let place = match name.as_str() {
            "filter" => &mut self.filter,
            "sortby" => &mut self.sort_by,
            "sortorder" => &mut self.sort_order,
            "startindex" => &mut self.start_index,
            "count" => &mut self.count,
            "cursor" => &mut self.cursor,
            "attributes" => return names(&mut self.attributes, &value),
            "excludedattributes" => return names(&mut self.excluded_attributes, &value),
            _ => return Ok(()),
        };
        if value.is_null() {
            return Ok(());
        }
        if place.is_some() {
            return Err(invalid(format!("{name} is given twice")));
        }
        *place = Some(value);
        Ok(())
    }

    fn read(self) -> Result<ListQuery, ScimError> {
        let not_a_text =
            |scim_type, name| ScimError::bad(scim_type, format_args!("{name} has to be a text"));
        let text = |value: Option<Value>, scim_type, name| match value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(not_a_text(scim_type, name)),
        };
        let some = |text: String| (!text.trim().is_empty()).then_some(text);
        let sort_order = text(self.sort_order, ScimType::InvalidValue, "sortOrder")?;
        let sort_by = text(self.sort_by, ScimType::InvalidValue, "sortBy")?;
        let cursor = text(self.cursor, ScimType::InvalidCursor, "cursor")?;
        Ok(ListQuery {
            // An empty filter is none of the grammar, and not the same as no filter.
            filter: text(self.filter, ScimType::InvalidFilter, "filter")?,
            sort_by: sort_by.and_then(some),
            sort_order: order(sort_order.and_then(some).as_deref())?,
            page: page(self.start_index.as_ref(), self.count.as_ref(), cursor)?,
            attributes: self.attributes,
            excluded_attributes: self.excluded_attributes,
        })
    }
}

fn order(text: Option<&str>) -> Result<SortOrder, ScimError> {
    let Some(text) = text else {
        return Ok(SortOrder::Ascending);
    };
    let is = |word: &str| word.eq_ignore_ascii_case(text);
    match (is("ascending"), is("descending")) {
        (true, _) => Ok(SortOrder::Ascending),
        (_, true) => Ok(SortOrder::Descending),
        _ => Err(invalid(
            "sortOrder has to be ascending or descending".to_owned(),
        )),
    }
}

fn page(
    start: Option<&Value>,
    count: Option<&Value>,
    cursor: Option<String>,
) -> Result<Page, ScimError> {
    let count_type = if cursor.is_some() {
        ScimType::InvalidCount
    } else {
        ScimType::InvalidValue
    };
    // RFC 7644, 3.4.2.4: less than none is none.
    let count = match count.map(integer) {
        None => USUAL_RESULTS,
        Some(Some(count)) => u64::try_from(count).unwrap_or_default().min(MOST_RESULTS),
        Some(None) => {
            return Err(ScimError::bad(count_type, "count has to be a whole number"));
        }
    };
    let Some(cursor) = cursor else {
        let start = match start.map(integer) {
            None => 1,
            Some(Some(start)) => u64::try_from(start).unwrap_or_default().max(1),
            Some(None) => return Err(invalid("startIndex has to be a whole number".to_owned())),
        };
        return Ok(Page::Index { start, count });
    };
    // RFC 9865, 2: unreserved characters, nothing else. We give out none that is longer.
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if cursor.len() > 1024 || !cursor.bytes().all(unreserved) {
        let detail = "this is no cursor of ours";
        return Err(ScimError::bad(ScimType::InvalidCursor, detail));
    }
    Ok(Page::Cursor {
        cursor: Some(cursor).filter(|cursor| !cursor.is_empty()),
        count,
    })
}

/// A whole number, or a text of one; what is too large is as large as can be.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) if number.is_u64() => Some(number.as_i64().unwrap_or(i64::MAX)),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let right = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let most = if text.starts_with('-') {
                i64::MIN
            } else {
                i64::MAX
            };
            right.then(|| text.parse().unwrap_or(most))
        }
        _ => None,
    }
}

/// A list of names, or a text with commas between them.
fn names(list: &mut Vec<String>, value: &Value) -> Result<(), ScimError> {
    match value {
        Value::Null => {}
        Value::String(text) => {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            list.extend(names.map(str::to_owned));
        }
        Value::Array(elements) => {
            for element in elements {
                match element {
                    Value::String(_) | Value::Null => names(list, element)?,
                    _ => return Err(not_names()),
                }
            }
        }
        _ => return Err(not_names()),
    }
    if list.len() > MOST_NAMES {
        return Err(invalid("too many attributes are named".to_owned()));
    }
    Ok(())
}

fn not_names() -> ScimError {
    invalid("attributes has to be a list of names".to_owned())
}

fn invalid(detail: String) -> ScimError {
    ScimError::bad(ScimType::InvalidValue, detail)
}

/// More than all schemas have together.
const MOST_NAMES: usize = 500;

/// What is said of a list before its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListNumbers {
    /// How many resources there are, on all pages.
    pub total: u64,
    /// The number of the first on this page, if they are numbered.
    pub start: Option<u64>,
    /// Where the next page begins, if there is one and pages are told by cursors.
    pub next: Option<String>,
    /// Where the page before begins.
    pub previous: Option<String>,
}

/// A list as the body of an answer (RFC 7644, 3.4.2). `write` writes one resource;
/// [`crate::scim::render::Renderer::render_into`] does.
///
/// ```
/// use samlgate::scim::list::{ListNumbers, list_response};
/// let numbers = ListNumbers { start: Some(1), ..ListNumbers::default() };
/// let body = list_response(&numbers, &[] as &[&str], |_, _| {});
/// assert!(String::from_utf8(body).unwrap().ends_with(r#""startIndex":1,"Resources":[]}"#));
/// ```
pub fn list_response<R>(
    numbers: &ListNumbers,
    resources: &[R],
    mut write: impl FnMut(&mut Vec<u8>, &R),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(resources.len().saturating_mul(1024).saturating_add(256));
    out.extend_from_slice(br#"{"schemas":["#);
    json::string(&mut out, LIST_RESPONSE);
    out.extend_from_slice(br#"],"totalResults":"#);
    json::number(&mut out, numbers.total);
    out.extend_from_slice(br#","itemsPerPage":"#);
    json::number(&mut out, u64::try_from(resources.len()).unwrap_or(u64::MAX));
    if let Some(start) = numbers.start {
        out.extend_from_slice(br#","startIndex":"#);
        json::number(&mut out, start);
    }
    let cursors = [
        ("nextCursor", &numbers.next),
        ("previousCursor", &numbers.previous),
    ];
    for (name, cursor) in cursors {
        if let Some(cursor) = cursor {
            out.push(b',');
            json::string(&mut out, name);
            out.push(b':');
            json::string(&mut out, cursor);
        }
    }
    out.extend_from_slice(br#","Resources":["#);
    for (place, resource) in resources.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(&mut out, resource);
    }
    out.extend_from_slice(b"]}");
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn page_of(query: &str) -> Result<Page, Option<ScimType>> {
        ListQuery::from_query(query).map(|query| query.page).map_err(|error| {
            assert_eq!(error.status.as_u16(), 400);
            error.scim_type
        })
    }

    fn index(start: u64, count: u64) -> Result<Page, Option<ScimType>> {
        Ok(Page::Index { start, count })
    }

    #[test]
    fn pages_by_number_are_forgiving_about_numbers_alone() {
        assert_eq!(page_of(""), index(1, 100));
        assert_eq!(page_of("startIndex=0&count=-5"), index(1, 0));
        assert_eq!(page_of("startIndex=-3&count=0"), index(1, 0));
        assert_eq!(page_of("startIndex=201&count=1000"), index(201, 200));
        assert_eq!(page_of("STARTINDEX=2&count=+3"), index(2, 3));
        assert_eq!(
            page_of("startIndex=99999999999999999999"),
            index(u64::try_from(i64::MAX).unwrap(), 100)
        );
        for wrong in [
            "count=ten",
            "count=",
            "count=1.5",
            "startIndex=a",
            "startIndex=1e3",
            "count=1&count=2",
        ] {
            assert_eq!(page_of(wrong), Err(Some(ScimType::InvalidValue)), "{wrong}");
        }
    }

    #[test]
    fn pages_by_cursor_have_errors_of_their_own() {
        let cursor = |cursor: Option<&str>, count| {
            Ok(Page::Cursor { cursor: cursor.map(str::to_owned), count })
        };
        assert_eq!(page_of("cursor"), cursor(None, 100));
        assert_eq!(page_of("cursor=&count=10"), cursor(None, 10));
        assert_eq!(
            page_of("cursor=aZ9-._~&count=999"),
            cursor(Some("aZ9-._~"), 200)
        );
        for wrong in ["cursor=a%20b", "cursor=a%00", "cursor=%C3%A4", "cursor=a/b"] {
            assert_eq!(
                page_of(wrong),
                Err(Some(ScimType::InvalidCursor)),
                "{wrong}"
            );
        }
        assert_eq!(
            page_of(&format!("cursor={}", "a".repeat(2000))),
            Err(Some(ScimType::InvalidCursor))
        );
        assert_eq!(
            page_of("cursor=a&count=x"),
            Err(Some(ScimType::InvalidCount))
        );
    }

    #[test]
    fn a_search_says_the_same_as_a_query() {
        let body = json!({
            "schemas": [SEARCH_REQUEST], "filter": "title pr", "sortBy": "name.familyName",
            "sortOrder": "Descending", "startIndex": 3, "count": "7", "attributes": ["a", "b.c"],
            "cursor": null, "excludedAttributes": null, "x": 1,
        });
        let query = "filter=title%20pr&sortBy=name.familyName&sortOrder=descending&startIndex=3\
                     &count=7&attributes=a,+b.c,&aadOptscim062020";
        let search = ListQuery::from_search(body.as_object().unwrap()).unwrap();
        assert_eq!(search, ListQuery::from_query(query).unwrap());
        assert_eq!(search.sort_order, SortOrder::Descending);
        assert_eq!(search.attributes, ["a", "b.c"]);
        let key = search.sort(ResourceKind::User, &Catalogue::standard()).unwrap().key();
        assert_eq!(key, "name.familyname");
    }

    #[test]
    fn a_search_of_another_form_is_refused() {
        for (body, scim_type) in [
            (json!({"filter": 1}), ScimType::InvalidFilter),
            (json!({"count": 1.5}), ScimType::InvalidValue),
            (json!({"count": true}), ScimType::InvalidValue),
            (json!({"sortOrder": "up"}), ScimType::InvalidValue),
            (json!({"sortBy": []}), ScimType::InvalidValue),
            (json!({"attributes": {"a": 1}}), ScimType::InvalidValue),
            (json!({"attributes": [["a"]]}), ScimType::InvalidValue),
            (json!({"cursor": 5}), ScimType::InvalidCursor),
            (
                json!({"attributes": vec!["a"; 501]}),
                ScimType::InvalidValue,
            ),
        ] {
            let error = ListQuery::from_search(body.as_object().unwrap()).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.scim_type),
                (400, Some(scim_type)),
                "{body}"
            );
        }
    }

    #[test]
    fn one_resource_is_projected_whatever_else_stands_in_the_address() {
        let catalogue = Catalogue::standard();
        let of = |query| projection(query, ResourceKind::User, &catalogue);
        assert!(!of("count=x&excludedAttributes=title").unwrap().wants("title"));
        assert!(of("attributes=a&excludedAttributes=b").is_err());
        assert!(of("attributes=a&excludedAttributes=").is_ok());
    }

    #[test]
    fn a_list_says_how_many_there_are() {
        let numbers = ListNumbers {
            total: 7,
            start: None,
            next: Some("n".to_owned()),
            previous: None,
        };
        let body = list_response(&numbers, &["1", "2"], |out, text| {
            out.extend_from_slice(text.as_bytes())
        });
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!({
                "schemas": [LIST_RESPONSE], "totalResults": 7, "itemsPerPage": 2, "nextCursor": "n",
                "Resources": [1, 2],
            })
        );
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "((count|startIndex|cursor|filter|attributes)=[^&]{0,8}&?){0,4}") {
            match ListQuery::from_query(&query) {
                Ok(ListQuery { page: Page::Index { start, count }, .. }) => prop_assert!(start > 0 && count <= MOST_RESULTS),
                Ok(ListQuery { page: Page::Cursor { count, .. }, .. }) => prop_assert!(count <= MOST_RESULTS),
                Err(error) => prop_assert_eq!(error.status.as_u16(), 400),
            }
        }
    }
}
