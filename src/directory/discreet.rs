//! What a log may say of a request: how it was put, and nobody's data.
//!
//! In: filters, sentences and bodies as clients send them. Out: the same without what they hold:
//! `userName eq ?`. The promise: no literal of a filter, no address, and of a body no text but the
//! words of the protocol, ids and names of attributes; of a password not even how long it is.

use serde_json::{Map, Value};

/// A filter, or the path of a PATCH, with `?` for its literals.
///
/// Read from the left, as far as it is one; `…` stands for whatever follows.
///
/// ```
/// use samlgate::directory::discreet::shape;
/// let shape = |text| shape(text);
/// assert_eq!(shape(r#"userName eq "alice" and active eq true"#), "userName eq ? and active eq true");
/// assert_eq!(shape(r#"emails[type eq "work"].value"#), "emails[type eq ?].value");
/// assert_eq!(shape("userName eq alice smith"), "userName eq ? …");
/// assert_eq!(shape("alice@example.com"), "…");
/// ```
pub fn shape(filter: &str) -> String {
    let mut shape = String::with_capacity(filter.len().min(LONGEST_SHAPE));
    let mut rest = filter.trim_start();
    let mut next = Next::Name;
    while !rest.is_empty() {
        let Some((token, behind)) = token(rest) else {
            return cut(shape);
        };
        let Some((written, then)) = next.takes(&token) else {
            return cut(shape);
        };
        let opens = shape.is_empty() || shape.ends_with(['(', '[']);
        if !opens && !written.starts_with([')', '[', ']', '.']) {
            shape.push(' ');
        }
        shape.push_str(written);
        if shape.len() > LONGEST_SHAPE {
            return cut(shape);
        }
        next = then;
        rest = behind.trim_start();
    }
    shape
}

fn cut(mut shape: String) -> String {
    if !shape.is_empty() && !shape.ends_with(['(', '[']) {
        shape.push(' ');
    }
    shape.push('…');
    shape
}

/// Whoever reads a log has seen enough of a filter by then.
const LONGEST_SHAPE: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text,
    Sign(char),
}

/// The first token, and what is behind it.
fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let first = text.chars().next()?;
    if "()[]".contains(first) {
        return Some((Token::Sign(first), text.strip_prefix(first)?));
    }
    if first == '"' {
        let mut escaped = false;
        for (at, character) in text.char_indices().skip(1) {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some((Token::Text, text.split_at_checked(at.saturating_add(1))?.1)),
                _ => {}
            }
        }
        return Some((Token::Text, ""));
    }
    let ends = |character: char| character.is_whitespace() || "()[]\"".contains(character);
    let end = text.find(ends).unwrap_or(text.len());
    let (word, behind) = text.split_at_checked(end)?;
    Some((Token::Word(word), behind))
}

/// What a filter may go on with.
#[derive(Clone, Copy, Debug)]
enum Next {
    Name,
    Operator,
    Literal,
    Junction,
}

impl Next {
    /// What is written of a token, and what may follow; `None` if it does not belong here.
    fn takes<'t>(self, token: &Token<'t>) -> Option<(&'t str, Self)> {
        let is = |word: &str, words: &[&str]| words.iter().any(|it| it.eq_ignore_ascii_case(word));
        match (self, *token) {
            (Self::Name, Token::Sign('(')) => Some(("(", Self::Name)),
            (Self::Name, Token::Word(word)) if is(word, &["not"]) => Some((word, Self::Name)),
            (Self::Name, Token::Word(word)) if is_name(word) => Some((word, Self::Operator)),
            (Self::Operator, Token::Sign('[')) => Some(("[", Self::Name)),
            (Self::Operator, Token::Word(word)) if is(word, &["pr"]) => {
                Some((word, Self::Junction))
            }
            (Self::Operator, Token::Word(word)) if is(word, &OPERATORS) => {
                Some((word, Self::Literal))
            }
            (Self::Literal, Token::Word(word)) if is(word, &["true", "false", "null"]) => {
                Some((word, Self::Junction))
            }
            (Self::Literal, Token::Word(_) | Token::Text) => Some(("?", Self::Junction)),
            (Self::Junction, Token::Sign(')')) => Some((")", Self::Junction)),
            (Self::Junction, Token::Sign(']')) => Some(("]", Self::Junction)),
            (Self::Junction, Token::Word(word)) if is(word, &["and", "or"]) => {
                Some((word, Self::Name))
            }
            // `emails[…].value eq "x"`
            (Self::Junction, Token::Word(word)) => {
                let part = word.strip_prefix('.').filter(|part| is_name(part));
                part.map(|_| (word, Self::Operator))
            }
            _ => None,
        }
    }
}

const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// `userName`, `emails.value`, `urn:…:User:department`
fn is_name(word: &str) -> bool {
    let usual = |character: char| character.is_ascii_alphanumeric() || "._:-$".contains(character);
    word.len() <= 200
        && word.starts_with(|it: char| it.is_ascii_alphabetic() || it == '$')
        && word.chars().all(usual)
}

/// The name of the first attribute that a filter asks for.
pub fn asked_for(filter: &str) -> Option<&str> {
    let trimmed = filter.trim_start().trim_start_matches('(').trim_start();
    match token(trimmed)?.0 {
        Token::Word(word) if is_name(word) => Some(word),
        _ => None,
    }
}

/// A sentence or an id without addresses, on one line and not too long.
///
/// ```
/// use samlgate::directory::discreet::sentence;
/// assert_eq!(sentence("there is no alice@example.com here", 99), "there is no (address) here");
/// assert_eq!(sentence("twelve letters", 6), "twelve…");
/// ```
pub fn sentence(text: &str, most: usize) -> String {
    let word = |word: &str| match word.contains('@') || word.contains("%40") {
        true => "(address)".to_owned(),
        false => word.chars().filter(|character| !character.is_control()).collect(),
    };
    let words: Vec<String> = text.split(' ').map(word).collect();
    let text = words.join(" ");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most).chain(['…']).collect()
}

/// A `userName` of which an administrator recognises whom they mean, and nobody else learns an
/// address: `a…@example.com`, and any other name as it is. In lower case, so that it is found.
pub fn name(user_name: &str) -> String {
    let user_name = &*user_name.to_lowercase();
    match user_name.split_once('@') {
        Some((local, domain)) => {
            let first = local.chars().next().map(String::from).unwrap_or_default();
            format!("{first}…@{}", sentence(&domain.replace('@', "…"), 80))
        }
        None => sentence(user_name, 80),
    }
}

/// Bodies that are longer are not kept: a person with every attribute is 5 KB, and this is a log of
/// some thousand of them.
pub const LONGEST_BODY: usize = 16 << 10;

/// A body that an administrator can read to see how a client puts things.
pub fn body(octets: &[u8]) -> String {
    if octets.len() > LONGEST_BODY {
        return format!("({} bytes, too long to be kept)", octets.len());
    }
    match serde_json::from_slice::<Value>(octets) {
        Ok(value) => redacted("", &value, false).to_string(),
        Err(_) => format!("({} bytes that are no JSON)", octets.len()),
    }
}

/// A value without what it holds. `secret`: it is one, whatever it is called.
fn redacted(key: &str, value: &Value, secret: bool) -> Value {
    match value {
        Value::Object(object) => {
            // `{"op": "replace", "path": "password", "value": …}`
            let path = |(name, value): (&String, &Value)| {
                name.eq_ignore_ascii_case("path") && value.as_str().is_some_and(is_secret)
            };
            let target = object.iter().any(path);
            let inner = object.iter().map(|(name, value)| {
                let secret = secret || is_secret(name) || (target && !is_word_of_patch(name));
                (attribute(name), redacted(name, value, secret))
            });
            Value::Object(inner.collect::<Map<_, _>>())
        }
        Value::Array(several) => several.iter().map(|one| redacted(key, one, secret)).collect(),
        _ if secret => Value::from("(secret)"),
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) if is_any(key, COUNTS) => value.clone(),
        Value::Number(_) => Value::from("(number)"),
        Value::String(text) if is_any(key, FILTERS) => Value::from(shape(text)),
        Value::String(text) if is_any(key, WORDS) => Value::from(sentence(text, 200)),
        Value::String(text) if is_any(key, IDS) && is_uuid(text) => value.clone(),
        Value::String(text) if text.is_empty() => value.clone(),
        Value::String(text) if text.contains('@') => Value::from("(address)"),
        Value::String(text) => Value::from(format!("(text of {})", text.chars().count())),
    }
}

/// The name of an attribute, or a path in its place, as Entra ID writes them.
fn attribute(name: &str) -> String {
    match is_name(name) {
        true => name.to_owned(),
        false => shape(name),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|word| name.contains(word))
}

fn is_word_of_patch(name: &str) -> bool {
    is_any(name, &["op", "path"])
}

fn is_any(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(key))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|it| it.is_ascii_hexdigit() || it == '-')
}

/// Whatever has one of these in its name.
const SECRETS: [&str; 6] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "privatekey",
];
/// Texts of the protocol, which say nothing of anybody.
const WORDS: &[&str] = &[
    "schemas",
    "op",
    "method",
    "bulkId",
    "version",
    "resourceType",
    "type",
    "status",
    "scimType",
    "detail",
    "sortBy",
    "sortOrder",
    "attributes",
    "excludedAttributes",
    "created",
    "lastModified",
];
/// Texts with literals in them.
const FILTERS: &[&str] = &["path", "filter"];
/// Where ids of ours stand.
const IDS: &[&str] = &["id", "value"];
/// Numbers of the protocol.
const COUNTS: &[&str] = &[
    "startIndex",
    "count",
    "itemsPerPage",
    "totalResults",
    "failOnErrors",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        body(text.as_bytes())
    }

    #[test]
    fn no_literal_is_in_the_shape_of_a_filter() {
        for (filter, expected) in [
            (r#"userName eq "a \" b""#, "userName eq ?"),
            (
                r#"not (emails[value ew "@x.com" and primary eq true])"#,
                "not (emails[value ew ? and primary eq true])",
            ),
            (r#"(a pr) or b gt 12"#, "(a pr) or b gt ?"),
            (r#"userName eq "alice"#, "userName eq ?"),
            (r#"userName eq"#, "userName eq"),
            ("userName is alice", "userName …"),
            (r#"userName eq "a" "b""#, "userName eq ? …"),
            ("Ålice eq 1", "…"),
            (
                r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a""#,
                "urn:ietf:params:scim:schemas:core:2.0:User:userName eq ?",
            ),
            (
                r#"emails[type eq "work"].value eq "x""#,
                "emails[type eq ?].value eq ?",
            ),
            ("", ""),
        ] {
            assert_eq!(shape(filter), expected, "{filter}");
        }
    }

    #[test]
    fn the_attribute_that_is_asked_for_is_named() {
        assert_eq!(asked_for(r#"(userName eq "a")"#), Some("userName"));
        assert_eq!(asked_for("a@b"), None);
    }

    #[test]
    fn a_body_keeps_how_it_is_put_and_nobodys_data() {
        let person = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "alice@example.com", "name": {"familyName": "Smith"}, "active": true,
            "PassWord": "hunter2", "employeeNumber": 4711, "nickName": "",
            "emails[type eq \"work\"].value": "alice@example.com"}"#;
        assert_eq!(
            of(person),
            r#"{"PassWord":"(secret)","active":true,"emails[type eq ?].value":"(address)","employeeNumber":"(number)","name":{"familyName":"(text of 5)"},"nickName":"","schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"(address)"}"#
        );
    }

    #[test]
    fn a_password_is_nowhere_however_it_is_sent() {
        for patch in [
            r#"{"Operations":[{"op":"replace","path":"password","value":"hunter2"}]}"#,
            r#"{"Operations":[{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:PASSWORD","value":"hunter2"}]}"#,
            r#"{"Operations":[{"op":"replace","value":{"password":"hunter2"}}]}"#,
            r#"{"Operations":[{"op":"replace","value":{"password":{"value":"hunter2"}}}]}"#,
            r#"{"Operations":[{"op":"replace","value":"{\"password\":\"hunter2\"}"}]}"#,
            r#"{"Operations":[{"method":"POST","path":"/Users","data":{"password":["hunter2"]}}]}"#,
            r#"{"password":"hunter2@example.com"}"#,
            r#"{"op":"hunter2@x"}"#,
            "password=hunter2",
        ] {
            assert!(!of(patch).contains("hunter2"), "{}", of(patch));
        }
    }

    #[test]
    fn what_is_long_is_not_kept() {
        let long = format!("{{\"displayName\": \"{}\"}}", "x".repeat(LONGEST_BODY));
        assert_eq!(
            of(&long),
            format!("({} bytes, too long to be kept)", long.len())
        );
    }

    #[test]
    fn names_are_known_to_whoever_knows_them() {
        assert_eq!(name("alice"), "alice");
        assert_eq!(name("Alice@example.com"), "a…@example.com");
        assert_eq!(name("a@b@c"), "a…@b…c");
    }
}
