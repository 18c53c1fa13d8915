//! Whether a filter is true of one resource, or of one element of an attribute.
//!
//! Stores ask by indexes of their own. This is for the elements that PATCH chooses, and it is what
//! a store's answer has to be equal to.

use serde_json::Value;

use crate::scim::filter::{Operand, Operator, Target};
use crate::scim::values::comparable;
use crate::scim::{Document, Filter, Object};

/// Whether it is true of this resource. `extra` is what others keep of it and the document has not,
/// as an answer shows it: `id`, `meta`, `schemas`, `groups`, `members`.
pub fn matches(filter: &Filter, document: &Document, extra: &Object) -> bool {
    holds(
        filter,
        Scope::Resource { document: document.as_object(), extra },
    )
}

/// Whether a filter between brackets is true of this element.
pub fn element_matches(filter: &Filter, element: &Value) -> bool {
    holds(filter, Scope::Element(element))
}

fn holds(filter: &Filter, scope: Scope<'_>) -> bool {
    match filter {
        Filter::And(several) => several.iter().all(|filter| holds(filter, scope)),
        Filter::Or(several) => several.iter().any(|filter| holds(filter, scope)),
        Filter::Not(inner) => !holds(inner, scope),
        Filter::Present(target) => scope.values(target).any(is_present),
        Filter::Compare(target, Operator::NotEqual, operand) => !scope
            .values(target)
            .any(|value| compares(target, Operator::Equal, operand, value)),
        Filter::Compare(target, operator, operand) => {
            scope.values(target).any(|value| compares(target, *operator, operand, value))
        }
        Filter::Element(target, inner) => {
            scope.elements(target).any(|element| element_matches(inner, element))
        }
    }
}

fn compares(target: &Target, operator: Operator, operand: &Operand, value: &Value) -> bool {
    let Some(value) = comparable(target.kind, target.case_exact, value) else {
        return false;
    };
    let operand = &operand.0;
    match operator {
        Operator::Equal => value == *operand,
        Operator::NotEqual => value != *operand,
        Operator::Contains => value.contains(operand),
        Operator::StartsWith => value.starts_with(operand),
        Operator::EndsWith => value.ends_with(operand),
        Operator::Greater => value > *operand,
        Operator::GreaterOrEqual => value >= *operand,
        Operator::Less => value < *operand,
        Operator::LessOrEqual => value <= *operand,
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Where names are looked for.
#[derive(Clone, Copy)]
enum Scope<'v> {
    Resource { document: &'v Object, extra: &'v Object },
    Element(&'v Value),
}

impl<'v> Scope<'v> {
    /// What is compared: one value, or one of each element.
    fn values(self, target: &Target) -> impl Iterator<Item = &'v Value> {
        self.elements(target)
            .filter_map(|element| match &target.sub {
                None => Some(element),
                Some(sub) => element.get(sub),
            })
            .flat_map(each)
    }

    fn elements(self, target: &Target) -> impl Iterator<Item = &'v Value> {
        let value = match self {
            Self::Element(element) => Some(element),
            Self::Resource { document, extra } => match &target.extension {
                Some(extension) => document.get(extension).and_then(|it| it.get(&target.attribute)),
                None => document
                    .get(&target.attribute)
                    .or_else(|| extra.get(&target.attribute))
                    .or_else(|| (target.key == "active").then_some(&ACTIVE)),
            },
        };
        value.into_iter().flat_map(each)
    }
}

/// Whoever does not say otherwise is active ([`Document::is_active`]).
static ACTIVE: Value = Value::Bool(true);

fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        one => std::slice::from_ref(one),
    }
}
