//! `require` of a route: who may enter.

use http::Method;

use super::server::{role_name, uri};
use crate::access::{Condition, Require};
use crate::base::{IdpName, RoleName};
use crate::config::reader::{Complaint, Reader, Scope};
use crate::identity::RoleRule;
use crate::trust::IdpSettings;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Any,
    All,
}

/// `require`; nothing where it is not written.
pub(super) fn require(
    reader: &mut Reader,
    scope: &Scope<'_>,
    roles: &[RoleRule],
    idps: &[IdpSettings],
) -> Require {
    let Some(inner) = reader.inner(scope, "require") else {
        return Require::default();
    };
    let mut conditions = Vec::new();
    conditions.extend(self::roles(reader, &inner, roles).into_iter().map(Condition::Role));
    conditions.extend(reader.texts(&inner, "groups").into_iter().map(Condition::Group));
    conditions.extend(attributes(reader, &inner));
    let about_person = !conditions.is_empty();
    let idp = self::idps(reader, &inner, idps);
    let contexts = reader.parsed_list(&inner, "authn_context", uri);
    conditions.extend((!idp.is_empty()).then_some(Condition::Idp(idp)));
    conditions.extend((!contexts.is_empty()).then_some(Condition::AuthnContext(contexts)));
    let choices = [("any", Match::Any), ("all", Match::All)];
    let matching = reader.choice(&inner, "match", &choices);
    let methods = methods(reader, &inner);

    let about_sign_in = inner.is_set("idp") || inner.is_set("authn_context");
    let several = inner.is_set("idp") && inner.is_set("authn_context");
    if about_sign_in && (about_person || several) && !inner.is_set("match") {
        // Read as "any", `roles` beside `idp` lets everybody of that identity provider in.
        let complaint = Complaint::new(
            "says who people are and how they signed in, and not whether both are needed",
            "add `match = \"all\"` if both are, or `match = \"any\"` if one is enough",
        );
        reader.wrong_at(scope, "require", complaint);
    } else if conditions.is_empty() && methods.is_empty() && !reader.has_problem(&inner) {
        // An empty list reads like "nobody" and would mean "anybody who is signed in".
        let complaint = Complaint::new(
            "asks for nothing",
            "name a role or group, or remove `require` to let any signed-in person enter",
        );
        reader.wrong_at(scope, "require", complaint);
    }
    match matching {
        Some(Match::All) => Require { all: conditions, any: Vec::new(), methods },
        _ => Require { any: conditions, all: Vec::new(), methods },
    }
}

fn roles(reader: &mut Reader, inner: &Scope<'_>, rules: &[RoleRule]) -> Vec<RoleName> {
    let required: Vec<RoleName> = reader.parsed_list(inner, "roles", role_name);
    for role in &required {
        if !rules.iter().any(|rule| rule.name == *role) {
            let complaint = Complaint::new(
                format!("no [[role]] grants {role}: nobody has it"),
                format!("add a [[role]] with `name = \"{role}\"` and its groups"),
            );
            reader.warn_at(inner, "roles", complaint);
        }
    }
    required
}

fn attributes(reader: &mut Reader, inner: &Scope<'_>) -> Vec<Condition> {
    let attributes = reader.texts_by_name(inner, "attributes");
    let mut conditions = Vec::new();
    for (name, values) in attributes {
        if name.is_empty() || values.is_empty() || values.iter().any(String::is_empty) {
            let message = format!("\"{name}\" has an empty name or value");
            let hint = "for example `attributes = { department = [\"IT\"] }`";
            reader.wrong_at(inner, "attributes", Complaint::new(message, hint));
        }
        conditions.push(Condition::Attribute { name, values });
    }
    conditions
}

/// `idp`: names, of which a warning says which ones are not in this file.
pub(super) fn idps(reader: &mut Reader, inner: &Scope<'_>, known: &[IdpSettings]) -> Vec<IdpName> {
    let names: Vec<IdpName> = reader.parsed_list(inner, "idp", |text| {
        IdpName::parse(text).ok_or_else(|| {
            Complaint::new(
                format!("\"{text}\" is not the name of an identity provider"),
                "use the `name` of an [[idp]]",
            )
        })
    });
    for name in &names {
        if !known.iter().any(|idp| idp.name == *name) {
            let complaint = Complaint::new(
                format!("there is no [[idp]] named {name} in this file"),
                "it counts if one is imported by this name with `samlgate idp import`",
            );
            reader.warn_at(inner, "idp", complaint);
        }
    }
    names
}

fn methods(reader: &mut Reader, inner: &Scope<'_>) -> Vec<Method> {
    reader.parsed_list(inner, "methods", |text| {
        let method = Method::from_bytes(text.as_bytes()).ok();
        // RFC 9110, 9.1: methods are compared with their case, and a wrong one lets nobody in.
        let upper = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        let passed_on =
            ![Method::CONNECT, Method::TRACE].iter().any(|other| other.as_str() == text);
        method.filter(|_| upper && passed_on).ok_or_else(|| {
            Complaint::new(
                format!("\"{text}\" is not a method that is passed on"),
                "write it in capitals, such as GET, POST or DELETE",
            )
        })
    })
}
