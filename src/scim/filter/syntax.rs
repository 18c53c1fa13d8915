//! The grammar of filters (RFC 7644, 3.4.2.2, figure 1), before anybody asks what its names mean.
//!
//! In: any text. Out: a tree of names and values, as deep as [`DEPTH`] and of [`TERMS`] comparisons
//! at most, so that whoever walks it may do so by calling himself.

use serde_json::Value;

use crate::scim::filter::Operator;
use crate::scim::{ScimError, ScimType};

/// How many parentheses and brackets may stand in each other.
pub const DEPTH: usize = 64;
/// How many comparisons one filter may have.
pub const TERMS: usize = 1024;
/// How many octets.
pub const LENGTH: usize = 16 * 1024;

/// A filter as it is written.
#[derive(Debug, PartialEq)]
pub(in crate::scim) enum Expression<'t> {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Test(&'t str, Test),
    /// `emails[…]`, and what may follow it: `.value eq "…"`, which Entra sends and the grammar
    /// lacks.
    Element(&'t str, Box<Self>, Option<(&'t str, Test)>),
}

/// What is asked of an attribute.
#[derive(Debug, PartialEq)]
pub(in crate::scim) enum Test {
    Present,
    Compare(Operator, Value),
}

/// The path of a PATCH operation as it is written (RFC 7644, 3.5.2, figure 7).
#[derive(Debug, PartialEq)]
pub(in crate::scim) struct PathExpression<'t> {
    pub(in crate::scim) name: &'t str,
    pub(in crate::scim) filter: Option<Expression<'t>>,
    pub(in crate::scim) part: Option<&'t str>,
}

/// Parses a filter.
pub(in crate::scim) fn parse(text: &str) -> Result<Expression<'_>, ScimError> {
    let mut parser = Parser::of(text)?;
    let filter = parser.any(0)?;
    match parser.rest {
        "" => Ok(filter),
        _ => Err(parser.wants("\"and\", \"or\" or the end")),
    }
}

/// Parses the path of a PATCH operation. Of what is wrong between brackets it says `invalidFilter`,
/// else `invalidPath`.
pub(in crate::scim) fn parse_path(text: &str) -> Result<PathExpression<'_>, ScimError> {
    let bad = |what| ScimError::bad(ScimType::InvalidPath, format_args!("the path {what}"));
    let text = text.trim_matches(is_space);
    let mut parser = Parser::of(text).map_err(|_| bad("is too long"))?;
    let name = parser.word().ok_or_else(|| bad("has no attribute"))?;
    let filter = parser.brackets(0)?;
    let part = match (&filter, parser.rest) {
        (_, "") => None,
        (Some(_), rest) => Some(rest.strip_prefix('.').ok_or_else(|| bad("goes on after \"]\""))?),
        (None, _) => return Err(bad("goes on after the attribute")),
    };
    Ok(PathExpression { name, filter, part })
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
    terms: usize,
}

impl<'t> Parser<'t> {
    fn of(text: &'t str) -> Result<Self, ScimError> {
        if text.len() > LENGTH {
            return Err(invalid(format_args!("has more than {LENGTH} octets")));
        }
        let rest = text.trim_matches(is_space);
        Ok(Self { text, rest, terms: 0 })
    }

    /// `… or …`
    fn any(&mut self, depth: usize) -> Result<Expression<'t>, ScimError> {
        self.several("or", Expression::Or, |parser| parser.all(depth))
    }

    /// `… and …`
    fn all(&mut self, depth: usize) -> Result<Expression<'t>, ScimError> {
        self.several("and", Expression::And, |parser| parser.one(depth))
    }

    fn several(
        &mut self,
        between: &str,
        made: impl Fn(Vec<Expression<'t>>) -> Expression<'t>,
        read: impl Fn(&mut Self) -> Result<Expression<'t>, ScimError>,
    ) -> Result<Expression<'t>, ScimError> {
        let first = read(self)?;
        if !self.eats_word(between) {
            return Ok(first);
        }
        let mut several = vec![first, read(self)?];
        while self.eats_word(between) {
            several.push(read(self)?);
        }
        Ok(made(several))
    }

    /// A comparison, or something in parentheses or brackets.
    fn one(&mut self, depth: usize) -> Result<Expression<'t>, ScimError> {
        self.skip_spaces();
        if let Some(group) = self.parentheses(depth)? {
            return Ok(group);
        }
        let name = self.word().ok_or_else(|| self.wants("an attribute"))?;
        if name.eq_ignore_ascii_case("not") {
            self.skip_spaces();
            let group = self.parentheses(depth)?.ok_or_else(|| self.wants("\"(\""))?;
            return Ok(Expression::Not(Box::new(group)));
        }
        let Some(inner) = self.brackets(depth)? else {
            return Ok(Expression::Test(name, self.test()?));
        };
        let part = match self.rest.strip_prefix('.') {
            None => None,
            // What it means takes up to two pairs of parentheses more than it has.
            Some(_) if depth >= DEPTH - 2 => return Err(too_deep()),
            Some(rest) => {
                self.rest = rest;
                let part = self.word().ok_or_else(|| self.wants("a part of the attribute"))?;
                Some((part, self.test()?))
            }
        };
        Ok(Expression::Element(name, Box::new(inner), part))
    }

    fn parentheses(&mut self, depth: usize) -> Result<Option<Expression<'t>>, ScimError> {
        self.between('(', ')', depth)
    }

    fn brackets(&mut self, depth: usize) -> Result<Option<Expression<'t>>, ScimError> {
        self.between('[', ']', depth)
    }

    fn between(
        &mut self,
        open: char,
        close: char,
        depth: usize,
    ) -> Result<Option<Expression<'t>>, ScimError> {
        let Some(rest) = self.rest.strip_prefix(open) else {
            return Ok(None);
        };
        if depth >= DEPTH {
            return Err(too_deep());
        }
        self.rest = rest;
        let inner = self.any(depth.saturating_add(1))?;
        self.skip_spaces();
        let Some(rest) = self.rest.strip_prefix(close) else {
            return Err(self.wants(format_args!("\"{close}\"")));
        };
        self.rest = rest;
        Ok(Some(inner))
    }

    /// What stands behind an attribute.
    fn test(&mut self) -> Result<Test, ScimError> {
        self.terms = self.terms.saturating_add(1);
        if self.terms > TERMS {
            return Err(invalid(format_args!("has more than {TERMS} comparisons")));
        }
        self.skip_spaces();
        let word = self.word().unwrap_or_default();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Test::Present);
        }
        let operator = Operator::parse(word).ok_or_else(|| self.wants("an operator"))?;
        if !self.skip_spaces() {
            return Err(self.wants("a space and a value"));
        }
        Ok(Test::Compare(operator, self.value()?))
    }

    /// A value as JSON writes it. The words `true`, `false` and `null` may have any case: texts of a
    /// grammar do (RFC 5234, 2.3).
    fn value(&mut self) -> Result<Value, ScimError> {
        let wants = "a text in quotes, a number, true, false or null";
        let end = if self.rest.starts_with('"') {
            end_of_text(self.rest)
        } else {
            self.rest.find(is_end)
        };
        let split = self.rest.split_at_checked(end.unwrap_or(self.rest.len()));
        let (value, rest) = split.ok_or_else(|| self.wants(wants))?;
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| word.eq_ignore_ascii_case(value))
            .unwrap_or(value);
        let parsed = serde_json::from_str(word).map_err(|_| self.wants(wants))?;
        self.rest = rest;
        // A value and what follows are two words.
        if !rest.is_empty() && !rest.starts_with(|next| is_space(next) || ")]".contains(next)) {
            return Err(self.wants("a space"));
        }
        match parsed {
            Value::Array(_) | Value::Object(_) => Err(self.wants(wants)),
            value => Ok(value),
        }
    }

    /// Takes a word between two comparisons, if it is this one.
    fn eats_word(&mut self, expected: &str) -> bool {
        let before = self.rest;
        self.skip_spaces();
        let found = self.word().is_some_and(|word| word.eq_ignore_ascii_case(expected));
        if !found {
            self.rest = before;
        }
        found
    }

    /// The name of an attribute, an operator, a conjunction.
    fn word(&mut self) -> Option<&'t str> {
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
        self.rest = rest;
        Some(word)
    }

    fn skip_spaces(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches(is_space);
        self.rest.len() < before
    }

    fn wants(&self, what: impl std::fmt::Display) -> ScimError {
        let at = self.text.trim_end_matches(is_space).len().saturating_sub(self.rest.len());
        invalid(format_args!("wants {what} after {at} octets"))
    }
}

/// Where a text in quotes ends.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    end.checked_add(2)
}

const fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t')
}

const fn is_end(char: char) -> bool {
    is_space(char) || matches!(char, '(' | ')' | '[' | ']' | '"')
}

fn too_deep() -> ScimError {
    invalid(format_args!("is more than {DEPTH} deep"))
}

fn invalid(what: impl std::fmt::Display) -> ScimError {
    ScimError::bad(ScimType::InvalidFilter, format_args!("the filter {what}"))
}
