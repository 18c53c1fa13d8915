//! Filters as texts, in one form: what is written is read as the same filter.

use std::fmt;

use serde_json::{Number, Value};

use crate::base::Timestamp;
use crate::scim::Kind;
use crate::scim::filter::{Filter, Operand, Operator, Target};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, Names::Whole)
    }
}

/// Names between brackets are those of parts.
#[derive(Clone, Copy)]
enum Names {
    Whole,
    Part,
}

fn write(f: &mut fmt::Formatter<'_>, filter: &Filter, names: Names) -> fmt::Result {
    match filter {
        Filter::And(several) => join(f, several, " and ", |f, filter| match filter {
            // "And" binds more closely.
            Filter::Or(_) => group(f, filter, names),
            filter => write(f, filter, names),
        }),
        Filter::Or(several) => join(f, several, " or ", |f, filter| write(f, filter, names)),
        Filter::Not(inner) => {
            if let Filter::Present(target) = inner.as_ref() {
                name(f, target, names)?;
                return f.write_str(" eq null");
            }
            f.write_str("not ")?;
            group(f, inner, names)
        }
        Filter::Present(target) => {
            name(f, target, names)?;
            f.write_str(" pr")
        }
        Filter::Compare(target, operator, operand) => {
            name(f, target, names)?;
            write!(f, " {operator} {}", value(target.kind, operand))
        }
        Filter::Element(target, inner) => {
            write!(f, "{target}[")?;
            write(f, inner, Names::Part)?;
            f.write_str("]")
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    several: &[Filter],
    between: &str,
    write: impl Fn(&mut fmt::Formatter<'_>, &Filter) -> fmt::Result,
) -> fmt::Result {
    several.iter().enumerate().try_for_each(|(index, filter)| {
        f.write_str(if index == 0 { "" } else { between })?;
        write(f, filter)
    })
}

fn group(f: &mut fmt::Formatter<'_>, filter: &Filter, names: Names) -> fmt::Result {
    f.write_str("(")?;
    write(f, filter, names)?;
    f.write_str(")")
}

fn name(f: &mut fmt::Formatter<'_>, target: &Target, names: Names) -> fmt::Result {
    match names {
        Names::Whole => write!(f, "{target}"),
        Names::Part => f.write_str(target.sub.as_deref().unwrap_or("value")),
    }
}

/// The name, as a filter or a path may write it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extension) = &self.extension {
            write!(f, "{extension}:")?;
        }
        f.write_str(&self.attribute)?;
        self.sub.iter().try_for_each(|sub| write!(f, ".{sub}"))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(operator, _)| operator == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// The value that [`crate::scim::values::comparable`] was made of, or one that is equal to it.
fn value(kind: Kind, operand: &Operand) -> Value {
    let text = || Value::String(operand.0.clone());
    let bits = || u64::from_str_radix(&operand.0, 16).ok();
    match kind {
        Kind::Boolean => Value::Bool(operand.0 == "true"),
        Kind::Decimal | Kind::Integer => {
            let number = bits().map(|bits| match bits >> 63 {
                0 => f64::from_bits(!bits),
                _ => f64::from_bits(bits ^ 1 << 63),
            });
            number.and_then(Number::from_f64).map_or_else(text, Value::Number)
        }
        Kind::DateTime => {
            let micros = bits().map(|bits| (bits ^ 1 << 63).cast_signed());
            let moment = micros.map(|micros| Timestamp::from_unix_micros(micros).to_rfc3339());
            moment.map_or_else(text, Value::String)
        }
        Kind::String | Kind::Reference | Kind::Binary | Kind::Complex => text(),
    }
}
