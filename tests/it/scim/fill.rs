//! Variables in their places: `{id}`, `<<join 1..50 {"value": "{u{i}}"}>>`, `<<repeat 1000 x>>`.

use std::collections::BTreeMap;

/// What was kept, and what is known from the beginning.
pub(super) type Variables = BTreeMap<String, Variable>;

/// A value that goes where its name stands.
#[derive(Clone, Debug)]
pub(super) enum Variable {
    /// As it is.
    Value(String),
    /// Of a row: it is written as its place wants it, in a text of JSON with the escapes of JSON.
    Cell(String),
}

impl Variable {
    fn as_str(&self) -> &str {
        match self {
            Self::Value(text) | Self::Cell(text) => text,
        }
    }
}

/// A text with its variables filled in. A name in braces that nobody kept is an error.
pub(super) fn fill(text: &str, variables: &Variables) -> Result<String, String> {
    put(&expand(text)?, variables, &|value, _| {
        value.as_str().to_owned()
    })
}

/// The same for JSON: values that are put into a text get its escapes.
pub(super) fn fill_json(text: &str, variables: &Variables) -> Result<String, String> {
    put(&expand(text)?, variables, &|value, before| match value {
        Variable::Value(text) if is_in_text(before) => {
            let quoted = serde_json::Value::from(text.as_str()).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        _ => value.as_str().to_owned(),
    })
}

/// Whether a quotation mark is open at the end.
fn is_in_text(json: &str) -> bool {
    let mut inside = false;
    let mut escaped = false;
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            _ => {}
        }
    }
    inside
}

/// A path with its query, as it goes over the wire: what no address may have in it is
/// percent-encoded, and all that a variable brings.
pub(super) fn fill_target(text: &str, variables: &Variables) -> Result<String, String> {
    let filled = put(&expand(text)?, variables, &|value, _| {
        encode(value.as_str(), b"-._~")
    })?;
    Ok(encode(&filled, b"-._~%!$&'()*+,;=:@/?"))
}

/// The generators, innermost counters first.
fn expand(text: &str) -> Result<String, String> {
    let Some((before, rest)) = text.split_once("<<") else {
        return Ok(text.to_owned());
    };
    let (inside, after) = rest.split_once(">>").ok_or("<< without >>")?;
    let wrong = || format!("<<{inside}>> is not understood");
    let (word, rest) = inside.split_once(' ').ok_or_else(wrong)?;
    let (count, piece) = rest.split_once(' ').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    let made = match word {
        "repeat" => piece.repeat(number(count)?),
        "join" => {
            let (first, last) = count.split_once("..").ok_or_else(wrong)?;
            let pieces = (number(first)?..=number(last)?)
                .map(|index| piece.replace("{i}", &index.to_string()));
            pieces.collect::<Vec<_>>().join(",")
        }
        _ => return Err(wrong()),
    };
    Ok(format!("{before}{made}{}", expand(after)?))
}

fn put(
    text: &str,
    variables: &Variables,
    shown: &dyn Fn(&Variable, &str) -> String,
) -> Result<String, String> {
    // The counter first: it may be part of a name.
    let counted = variables.get("n").map(|n| text.replace("{n}", n.as_str()));
    let mut rest = counted.as_deref().unwrap_or(text);
    let mut filled = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let name = after.split_once('}').filter(|(name, _)| is_name(name));
        if let Some((name, after)) = name {
            let value = variables.get(name).cloned();
            let value = value.or_else(|| urn(name).map(|urn| Variable::Value(urn.to_owned())));
            let value = value.ok_or_else(|| format!("nobody kept {{{name}}}"))?;
            let shown = shown(&value, &filled);
            filled.push_str(&shown);
            rest = after;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    Ok(filled + rest)
}

/// Names that are too long to be read a hundred times.
fn urn(name: &str) -> Option<&'static str> {
    Some(match name {
        "urn.user" => "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn.group" => "urn:ietf:params:scim:schemas:core:2.0:Group",
        "urn.enterprise" => "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn.patch" => "urn:ietf:params:scim:api:messages:2.0:PatchOp",
        "urn.list" => "urn:ietf:params:scim:api:messages:2.0:ListResponse",
        "urn.search" => "urn:ietf:params:scim:api:messages:2.0:SearchRequest",
        "urn.bulk" => "urn:ietf:params:scim:api:messages:2.0:BulkRequest",
        "urn.answers" => "urn:ietf:params:scim:api:messages:2.0:BulkResponse",
        "urn.error" => "urn:ietf:params:scim:api:messages:2.0:Error",
        _ => return None,
    })
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte)
        })
}

fn encode(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[test]
fn variables_are_filled_in_and_addresses_are_encoded() {
    let known = [("n", "2"), ("id", "a b"), ("u2", "x"), ("u1", "y")];
    let mut known: Variables = known
        .map(|(name, value)| (name.to_owned(), Variable::Value(value.to_owned())))
        .into();
    let body = fill(
        r#"{ "id": "{id}", "members": [<<join 1..2 {"v":"{u{i}}"}>>] }"#,
        &known,
    );
    assert_eq!(
        body.unwrap(),
        r#"{ "id": "a b", "members": [{"v":"y"},{"v":"x"}] }"#
    );
    assert_eq!(fill("{u{n}}<<repeat 3 ab>>", &known).unwrap(), "xababab");
    assert_eq!(
        fill_target("/Users?filter=id eq \"{id}\"&x=a+b%40", &known).unwrap(),
        "/Users?filter=id%20eq%20%22a%20b%22&x=a+b%40"
    );
    fill("{who}", &known).unwrap_err();
    known.insert("tag".to_owned(), Variable::Value("W/\"1\"".to_owned()));
    known.insert("cell".to_owned(), Variable::Cell("a \\\"b".to_owned()));
    assert_eq!(
        fill_json(r#"["{tag}", "{cell}"] {tag}"#, &known).unwrap(),
        r#"["W/\"1\"", "a \"b"] W/"1""#
    );
}
