//! What is asserted of an answer: `body.emails[type=work].value == "ann@example.com"`.

use std::fmt;

use serde_json::Value;

/// A line below `=>`.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// Something is so; the last is the line itself.
    Assert(Subject, Operator, String, String),
    /// Something is kept, under a name, for later steps.
    Save(String, Subject),
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// The body, or what a path leads to in it: a path may have variables, and is read when they
    /// are filled in.
    Body(String),
    Header(String),
}

/// One step of a path into a body.
enum Part {
    /// `.name`, `["urn:…"]`
    Name(String),
    /// `[0]`
    At(usize),
    /// `[type=work]`: the first element of which this is true.
    Where(String, String),
    /// `[*]`: of each element that has it.
    Each,
}

/// What is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// A text has this piece, a list this element, an object these attributes; elements and
    /// attributes may have more than is said.
    Contains,
    Lacks,
    /// A list has so many elements, and a text so many characters.
    Count,
    /// `*` stands for anything.
    Matches,
    /// `string`, `number`, `boolean`, `array`, `object`
    Is,
    Exists,
    Absent,
    /// No element twice.
    Unique,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::LessOrEqual),
    (">", Operator::Greater),
    (">=", Operator::GreaterOrEqual),
    ("contains", Operator::Contains),
    ("lacks", Operator::Lacks),
    ("count", Operator::Count),
    ("matches", Operator::Matches),
    ("is", Operator::Is),
    ("exists", Operator::Exists),
    ("absent", Operator::Absent),
    ("unique", Operator::Unique),
];

impl Check {
    pub(super) fn read(line: &str) -> Result<Self, String> {
        if let Some(rest) = line.strip_prefix("save ") {
            let (name, subject) = rest.split_once(" = ").ok_or("save NAME = …")?;
            let (subject, rest) = Subject::read(subject)?;
            return match rest {
                "" => Ok(Self::Save(name.to_owned(), subject)),
                _ => Err(format!("{rest:?} is not understood")),
            };
        }
        let (subject, rest) = Subject::read(line)?;
        let (word, operand) = rest.split_once(' ').unwrap_or((rest, ""));
        let found = OPERATORS.iter().find(|(name, _)| *name == word);
        let (_, operator) = found.ok_or_else(|| format!("{word:?} is no operator"))?;
        let bare = matches!(
            operator,
            Operator::Exists | Operator::Absent | Operator::Unique
        );
        if bare != operand.is_empty() {
            return Err(format!("{line:?}: with what?"));
        }
        Ok(Self::Assert(
            subject,
            *operator,
            operand.to_owned(),
            line.to_owned(),
        ))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assert(.., line) => f.write_str(line),
            Self::Save(name, _) => write!(f, "save {name}"),
        }
    }
}

impl Subject {
    /// The subject at the beginning of a line, and the rest of the line.
    fn read(line: &str) -> Result<(Self, &str), String> {
        if let Some(rest) = line.strip_prefix("header ") {
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            return Ok((Self::Header(name.to_owned()), rest));
        }
        let path =
            line.strip_prefix("body").ok_or_else(|| format!("{line:?} is not understood"))?;
        // A blank in brackets is part of the path.
        let mut depth = 0_usize;
        let blank = path.find(|character| {
            match character {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == ' ' && depth == 0
        });
        let (path, rest) = blank.map_or((path, ""), |at| (&path[..at], &path[at + 1..]));
        if !path.contains('{') {
            parts(path)?;
        }
        Ok((Self::Body(path.to_owned()), rest))
    }
}

/// Reads `.emails[type=work].value`.
fn parts(path: &str) -> Result<Vec<Part>, String> {
    let wrong = || format!("{path:?} is no path");
    let mut rest = path;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            parts.push(Part::Name(after[..end].to_owned()));
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix("[\"") {
            let (name, after) = after.split_once("\"]").ok_or_else(wrong)?;
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (inside, after) = after.split_once(']').ok_or_else(wrong)?;
            parts.push(match (inside, inside.split_once('=')) {
                ("*", _) => Part::Each,
                (_, Some((name, value))) => Part::Where(name.to_owned(), value.to_owned()),
                _ => Part::At(inside.parse().map_err(|_| wrong())?),
            });
            rest = after;
        } else {
            return Err(wrong());
        }
    }
    Ok(parts)
}

/// What a path leads to.
pub(super) fn find(body: &Value, path: &str) -> Result<Option<Value>, String> {
    Ok(follow(body, &parts(path)?))
}

fn follow(body: &Value, path: &[Part]) -> Option<Value> {
    let Some((part, rest)) = path.split_first() else {
        return Some(body.clone());
    };
    let next = match part {
        Part::Name(name) => body.get(name)?,
        Part::At(index) => body.get(index)?,
        Part::Where(name, value) => {
            let is_it = |element: &&Value| match element.get(name) {
                Some(Value::String(text)) => text == value,
                Some(other) => other.to_string().as_str() == value,
                None => false,
            };
            body.as_array()?.iter().find(is_it)?
        }
        Part::Each => {
            let found = body.as_array()?.iter().filter_map(|element| follow(element, rest));
            return Some(Value::Array(found.collect()));
        }
    };
    follow(next, rest)
}

/// Whether it is so.
pub(super) fn holds(
    found: Option<&Value>,
    operator: Operator,
    operand: &str,
) -> Result<bool, String> {
    match operator {
        Operator::Exists => return Ok(found.is_some()),
        Operator::Absent => return Ok(found.is_none()),
        _ => {}
    }
    let value =
        || serde_json::from_str::<Value>(operand).map_err(|error| format!("{operand:?}: {error}"));
    // What is not there differs from everything.
    let Some(found) = found else {
        return Ok(matches!(operator, Operator::NotEqual | Operator::Lacks));
    };
    Ok(match operator {
        Operator::Equal => same(found, &value()?),
        Operator::NotEqual => !same(found, &value()?),
        Operator::Less => order(found, &value()?).is_some_and(|order| order.is_lt()),
        Operator::LessOrEqual => order(found, &value()?).is_some_and(|order| order.is_le()),
        Operator::Greater => order(found, &value()?).is_some_and(|order| order.is_gt()),
        Operator::GreaterOrEqual => order(found, &value()?).is_some_and(|order| order.is_ge()),
        Operator::Contains => contains(found, &value()?),
        Operator::Lacks => !contains(found, &value()?),
        Operator::Count => {
            let wanted: usize = operand.parse().map_err(|_| format!("{operand:?} is no number"))?;
            match found {
                Value::Array(list) => list.len() == wanted,
                Value::String(text) => text.chars().count() == wanted,
                _ => false,
            }
        }
        Operator::Matches => match value()? {
            Value::String(pattern) => found.as_str().is_some_and(|text| matches(text, &pattern)),
            _ => return Err(format!("{operand:?} is no pattern")),
        },
        Operator::Is => match operand {
            "string" => found.is_string(),
            "number" => found.is_u64(),
            "boolean" => found.is_boolean(),
            "array" => found.is_array(),
            "object" => found.is_object(),
            _ => return Err(format!("{operand:?} is no type")),
        },
        Operator::Unique => found.as_array().is_some_and(|list| {
            let twice = |(index, element): (usize, &Value)| list[..index].contains(element);
            !list.iter().enumerate().any(twice)
        }),
        Operator::Exists | Operator::Absent => unreachable!(),
    })
}

/// Equal, with 1 and 1.0 the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn contains(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(text), Value::String(piece)) => text.contains(piece.as_str()),
        (Value::Array(list), wanted) => list.iter().any(|element| has(element, wanted)),
        (Value::Object(_), Value::Object(_)) => has(found, wanted),
        _ => false,
    }
}

/// Has all that is wanted of it, and perhaps more.
fn has(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| found.get(name).is_some_and(|found| has(found, wanted))),
        _ => same(found, wanted),
    }
}

fn matches(text: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    let starts = rest.char_indices().map(|(index, _)| index).chain([rest.len()]);
    starts.into_iter().any(|index| matches(&rest[index..], after))
}

#[test]
fn a_check_means_what_it_says() {
    let body = serde_json::json!({
        "schemas": ["a", "b"], "active": true, "n": 1, "urn:x:User": { "department": "IT" },
        "emails": [{ "type": "home", "value": "h" }, { "type": "work", "value": "w", "primary": true }],
    });
    let is = |line: &str| {
        let Check::Assert(Subject::Body(path), operator, operand, _) = Check::read(line).unwrap()
        else {
            panic!("{line}")
        };
        holds(find(&body, &path).unwrap().as_ref(), operator, &operand).unwrap()
    };
    for line in [
        "body.active == true",
        "body.n == 1.0",
        "body.n is number",
        "body.emails[type=work].value == \"w\"",
        "body.emails[primary=true].value == \"w\"",
        "body.emails[*].type == [\"home\", \"work\"]",
        "body.emails[*].primary count 1",
        "body.emails contains {\"type\": \"home\"}",
        "body.emails lacks {\"type\": \"other\"}",
        "body[\"urn:x:User\"].department matches \"I*\"",
        "body.schemas unique",
        "body.nobody absent",
        "body.nobody != 1",
        "body contains {\"n\": 1, \"active\": true}",
    ] {
        assert!(is(line), "{line}");
    }
    for line in [
        "body.active == \"true\"",
        "body.emails[type=other] exists",
        "body.emails[*].type unique count",
        "body.nobody == null",
        "body.schemas matches \"*\"",
        "body.n < 1",
    ] {
        assert!(!Check::read(line).is_ok_and(|_| is(line)), "{line}");
    }
}
