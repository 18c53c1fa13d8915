//! A file → rows: who, and what is said of them.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::cli::stores::Stop;
use crate::cli::user::cells::{is_writable, resolve, split, value};
use crate::cli::user::csv::{self, armed};
use crate::scim::document::Unknown;
use crate::scim::{Catalogue, Document, Found, Object, ResourceKind, ScimError, json};

/// What a file says of one person.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// On which line it begins.
    pub(super) line: usize,
    pub(super) user_name: String,
    pub(super) external_id: Option<String>,
    /// The attributes that have a value.
    pub(super) document: Document,
    /// All attributes of which something is said, if only that they have no value.
    pub(super) columns: Vec<String>,
    /// The groups that they are in, and no others; `None`: nothing is said of groups.
    pub(super) groups: Option<Vec<String>>,
}

/// A row that is not done, and why.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// Where it begins; `None`: of no row in particular.
    pub(super) line: Option<usize>,
    /// Whom it is about.
    pub(super) user_name: String,
    pub(super) what: String,
}

impl Conflict {
    /// With the name of the file.
    pub(super) fn within(&self, file: &str) -> String {
        let Self { line, user_name, what } = self;
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{file}{line}: {user_name}: {what}")
    }
}

impl Row {
    /// Why this one is not done.
    pub(super) fn conflict(&self, what: String) -> Conflict {
        Conflict {
            line: Some(self.line),
            user_name: self.user_name.clone(),
            what,
        }
    }
}

/// A file in which nothing can be read.
#[derive(Debug)]
pub(super) struct FileError {
    line: usize,
    what: String,
    hint: Option<String>,
}

impl FileError {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), hint: None }
    }

    /// With the name of the file.
    pub(super) fn within(self, file: &str) -> Stop {
        let stop = Stop::new(format!("{file}:{}: {}", self.line, self.what));
        match self.hint {
            Some(hint) => stop.hint(hint),
            None => stop,
        }
    }
}

type Rows = Result<Vec<Result<Row, Conflict>>, FileError>;

/// A table whose first line names attributes.
pub(super) fn of_csv(text: &str, catalogue: &Catalogue) -> Rows {
    let lines = csv::read(text).map_err(|error| FileError::new(error.line, error.what))?;
    let mut lines = lines.into_iter();
    let Some(head) = lines.next() else {
        return Err(FileError::new(1, "there is nothing in it"));
    };
    let columns = columns(&head, catalogue)?;
    Ok(lines.map(|line| of_line(&line, &columns, catalogue)).collect())
}

/// What the cells below a name are.
enum Column<'c> {
    Attribute(Found<'c>),
    Groups,
    /// Ours, which a file can not change.
    Ignored,
}

fn columns<'c>(head: &csv::Line, catalogue: &'c Catalogue) -> Result<Vec<Column<'c>>, FileError> {
    let mut seen: Vec<String> = Vec::new();
    let mut columns = Vec::new();
    for name in &head.cells {
        let name = armed(name.trim());
        let column = match name {
            name if name.eq_ignore_ascii_case("groups") => Column::Groups,
            name => match resolve(catalogue, name) {
                Some(found) if is_writable(&found) => Column::Attribute(found),
                Some(_) => Column::Ignored,
                None if is_ours(catalogue, name) => Column::Ignored,
                None => return Err(no_column(head.number, name, catalogue)),
            },
        };
        let known = match &column {
            Column::Attribute(found) => found.name(),
            Column::Groups | Column::Ignored => name.to_ascii_lowercase(),
        };
        if seen.contains(&known) {
            return Err(FileError::new(
                head.number,
                format!("the column {name} is there twice"),
            ));
        }
        seen.push(known);
        columns.push(column);
    }
    if !seen.iter().any(|name| name == "userName") {
        return Err(FileError {
            hint: Some("the first line names the columns, as SCIM calls them".to_owned()),
            ..FileError::new(head.number, "there is no column userName")
        });
    }
    Ok(columns)
}

/// `id`, `meta` and what else a client can not write.
fn is_ours(catalogue: &Catalogue, name: &str) -> bool {
    let found = catalogue.resolve(ResourceKind::User, name);
    name.eq_ignore_ascii_case("schemas") || found.is_some_and(|found| !is_writable(&found))
}

fn no_column(line: usize, name: &str, catalogue: &Catalogue) -> FileError {
    let error = FileError::new(line, format!("a column can not be called {name:?}"));
    let hint = match catalogue.resolve(ResourceKind::User, name) {
        Some(found) if found.sub.is_some() => {
            format!(
                "{} holds all values, with ; between them",
                found.attribute.name
            )
        }
        Some(found) if !found.attribute.multi_valued => {
            let parts = found.attribute.sub_attributes.iter();
            let parts: Vec<String> =
                parts.map(|sub| format!("{}.{}", found.name(), sub.name)).collect();
            format!("it has parts: {}", parts.join(", "))
        }
        Some(_) => "no cell can hold it: --format json".to_owned(),
        None => {
            let names = catalogue.schemas().flat_map(|schema| &schema.attributes);
            let nearest = names
                .map(|attribute| attribute.name.as_ref())
                .max_by(|one, other| nearness(name, one).total_cmp(&nearness(name, other)));
            match nearest.filter(|nearest| nearness(name, nearest) > 0.8) {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "columns are attributes of SCIM, or of a [[scim_schema]]".to_owned(),
            }
        }
    };
    FileError { hint: Some(hint), ..error }
}

fn nearness(one: &str, other: &str) -> f64 {
    strsim::jaro_winkler(&one.to_ascii_lowercase(), &other.to_ascii_lowercase())
}

fn of_line(
    line: &csv::Line,
    columns: &[Column<'_>],
    catalogue: &Catalogue,
) -> Result<Row, Conflict> {
    let mut body = Object::new();
    let (mut names, mut groups) = (Vec::new(), None);
    for (column, cell) in columns.iter().zip(&line.cells) {
        let cell = armed(cell);
        match column {
            Column::Groups => groups = Some(split(cell)),
            Column::Ignored => {}
            Column::Attribute(found) => {
                let name = found.name();
                if !cell.is_empty() {
                    body.insert(name.clone(), value(found, cell));
                }
                names.push(name);
            }
        }
    }
    let conflict = |what: String| Conflict {
        line: Some(line.number),
        user_name: body.get("userName").and_then(Value::as_str).unwrap_or_default().to_owned(),
        what,
    };
    let (here, wanted) = (line.cells.len(), columns.len());
    if here != wanted {
        return Err(conflict(format!(
            "it has {here} cells, and the first line {wanted}"
        )));
    }
    row(line.number, &body, names, groups, catalogue).map_err(|error| conflict(error.detail))
}

/// A list of resources, one resource after the other, or the answer to a search.
pub(super) fn of_json(text: &str, catalogue: &Catalogue) -> Rows {
    let objects = objects(text)?;
    let one = |(line, object): (usize, Object)| {
        let user_name = object.get("userName").and_then(Value::as_str).unwrap_or_default();
        let user_name = user_name.to_owned();
        of_object(line, object, catalogue).map_err(|error| Conflict {
            line: Some(line),
            user_name,
            what: error.detail,
        })
    };
    Ok(objects.into_iter().map(one).collect())
}

/// All objects, and on which line each begins.
fn objects(text: &str) -> Result<Vec<(usize, Object)>, FileError> {
    let mut left = Left { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    left.skip_blank();
    let is_list = left.rest.starts_with('[');
    if is_list {
        left.skip(1);
    }
    let mut found = Vec::new();
    loop {
        left.skip_blank();
        let is_empty_list = is_list && found.is_empty() && left.rest.starts_with(']');
        if is_empty_list || left.rest.is_empty() && !is_list {
            break;
        }
        let line = left.line;
        let mut values = serde_json::Deserializer::from_str(left.rest).into_iter::<IgnoredAny>();
        let read = values.next().is_some_and(|value| value.is_ok());
        let bytes = values.byte_offset();
        let object = left.rest.get(..bytes).filter(|_| read).unwrap_or(left.rest);
        let object = json::object(object.as_bytes())
            .map_err(|error| FileError::new(line, format!("no resource: {}", error.detail)))?;
        found.push((line, object));
        left.skip(bytes);
        left.skip_blank();
        if is_list {
            match left.rest.chars().next() {
                Some(',') => left.skip(1),
                Some(']') => break,
                _ => {
                    let what = "the list does not go on as a list does";
                    return Err(FileError::new(left.line, what));
                }
            }
        }
    }
    match found.as_mut_slice() {
        [(line, only)] if !is_list && only.contains_key("Resources") => {
            let line = *line;
            let Some(Value::Array(list)) = only.remove("Resources") else {
                return Err(FileError::new(line, "Resources is no list"));
            };
            let one = |value| match value {
                Value::Object(object) => Ok((line, object)),
                _ => Err(FileError::new(
                    line,
                    "Resources has something that is no resource",
                )),
            };
            list.into_iter().map(one).collect()
        }
        _ => Ok(found),
    }
}

/// What was not read yet, and on which line that begins.
struct Left<'t> {
    rest: &'t str,
    line: usize,
}

impl Left<'_> {
    fn skip(&mut self, bytes: usize) {
        let (read, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(read.matches('\n').count());
        self.rest = rest;
    }

    fn skip_blank(&mut self) {
        self.skip(self.rest.len().saturating_sub(self.rest.trim_ascii_start().len()));
    }
}

fn of_object(line: usize, mut body: Object, catalogue: &Catalogue) -> Result<Row, ScimError> {
    let groups = match body.keys().find(|name| name.eq_ignore_ascii_case("groups")).cloned() {
        Some(name) => body.remove(&name).map(groups).transpose()?,
        None => None,
    };
    let mut names = Vec::new();
    for (name, value) in &body {
        if is_ours(catalogue, name) {
            continue;
        }
        match (catalogue.extension(ResourceKind::User, name), value) {
            (Some(schema), Value::Object(parts)) => {
                names.extend(parts.keys().map(|part| format!("{}:{part}", schema.id)));
            }
            (Some(schema), _) => {
                let all = schema.attributes.iter();
                names.extend(all.map(|attribute| format!("{}:{}", schema.id, attribute.name)));
            }
            (None, _) => names.push(name.clone()),
        }
    }
    row(line, &body, names, groups, catalogue)
}

/// Names, or elements of the attribute `groups`.
fn groups(value: Value) -> Result<Vec<String>, ScimError> {
    let wrong = || {
        let what = "groups has to be a list of names, or of objects with display";
        ScimError::bad(crate::scim::ScimType::InvalidValue, what)
    };
    let name = |value: Value| match value {
        Value::String(name) => Ok(name),
        Value::Object(parts) => parts
            .get("display")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(wrong),
        _ => Err(wrong()),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.into_iter().map(name).collect(),
        _ => Err(wrong()),
    }
}

fn row(
    line: usize,
    body: &Object,
    columns: Vec<String>,
    groups: Option<Vec<String>>,
    catalogue: &Catalogue,
) -> Result<Row, ScimError> {
    // In a file nothing is left out without a word.
    let document = Document::read(body, ResourceKind::User, catalogue, Unknown::Refused)?.document;
    Ok(Row {
        line,
        user_name: document.user_name().unwrap_or_default().to_owned(),
        external_id: document.external_id().map(str::to_owned),
        document,
        columns,
        groups,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(text: &str) -> usize {
        objects(text).unwrap_err().line
    }

    #[test]
    fn resources_stand_in_a_list_or_one_after_the_other() {
        let lines = |text: &str| {
            let found = objects(text).unwrap();
            found.iter().map(|(line, _)| *line).collect::<Vec<_>>()
        };
        assert_eq!(lines("[\n {\"a\": 1},\n\n {\"a\":\n 2} ]\n"), [2, 4]);
        assert_eq!(lines("{\"a\": 1}\n{\"a\": 2}\n"), [1, 2]);
        assert_eq!(lines("{\"Resources\": [{}, {}]}"), [1, 1]);
        assert!(lines("[]").is_empty() && lines(" ").is_empty());
        assert_eq!(line_of("[{},\n 7]"), 2);
        assert_eq!(line_of("[{}\n{}]"), 2);
        assert_eq!(line_of("{}\n{\"a\": 1, \"a\": 2}"), 2);
    }

    #[test]
    fn columns_are_attributes_and_what_is_ours_is_passed_over() {
        let catalogue = Catalogue::standard();
        let wrong = |head: &str| of_csv(head, &catalogue).unwrap_err();
        assert_eq!(
            wrong("userName,name").hint.unwrap().split(',').next(),
            Some("it has parts: name.formatted")
        );
        assert_eq!(
            wrong("userName,deparment").hint.as_deref(),
            Some("did you mean department?")
        );
        assert!(wrong("userName,emails.value").hint.unwrap().contains("emails holds all values"));
        assert!(wrong("userName,USERNAME").what.contains("twice"));
        assert!(wrong("externalId").what.contains("no column userName"));
        assert!(wrong("").what.contains("nothing in it"));
        let rows = of_csv(
            "id,userName,active\n7,alice,FALSE\n8,bob\n9,,true\n",
            &catalogue,
        )
        .unwrap();
        let [Ok(alice), Err(short), Err(nameless)] = rows.as_slice() else {
            unreachable!()
        };
        assert_eq!(
            alice.document.to_json(),
            r#"{"active":false,"userName":"alice"}"#
        );
        assert_eq!((short.line, &*short.user_name), (Some(3), "bob"));
        assert_eq!(nameless.what, "userName is required");
    }
}
