//! `[attributes]`, `[[role]]` and `[users]`.

use std::collections::BTreeMap;

use super::server::role_name;
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::config::show::redact;
use crate::identity::{
    AttributeMap, AttributeName, Grounds, IdentitySettings, LinkBy, Provisioning, RoleRule, Source,
    Target,
};
use crate::store::DatabaseAddress;
use crate::trust::IdpSettings;

/// Everything that makes a person out of an assertion.
pub(in crate::config) fn identity(
    reader: &mut Reader,
    attributes: &Scope<'_>,
    roles: &[Scope<'_>],
    users: &Scope<'_>,
    known: &[IdpSettings],
) -> Option<IdentitySettings> {
    let attributes = attribute_map(reader, attributes);
    let roles = role_rules(reader, roles, known);
    let provisioning = reader.choice(
        users,
        "provisioning",
        &[("jit", Provisioning::Jit), ("scim", Provisioning::Scim)],
    );
    let link_by = reader.choices(
        users,
        "link_by",
        &[
            ("externalId", LinkBy::ExternalId),
            ("userName", LinkBy::UserName),
            ("email", LinkBy::Email),
        ],
    );
    let sources = [("scim", Source::Scim), ("saml", Source::Saml)];
    let sources = reader.choices(users, "sources", &sources);
    let first = sources.first().copied().unwrap_or(Source::Scim);
    Some(IdentitySettings {
        attributes,
        roles,
        provisioning: provisioning?,
        link_by,
        first,
    })
}

fn attribute_map(reader: &mut Reader, scope: &Scope<'_>) -> AttributeMap {
    let mut map = BTreeMap::new();
    for (target, key) in Target::ALL {
        let names = reader.parsed_list(scope, key, |text| {
            let bare = text.strip_prefix("friendly:").unwrap_or(text);
            not_empty(bare).map(|_| AttributeName::parse(text))
        });
        if !names.is_empty() {
            map.insert(*target, names);
        }
    }
    AttributeMap(map)
}

fn role_rules(reader: &mut Reader, scopes: &[Scope<'_>], known: &[IdpSettings]) -> Vec<RoleRule> {
    let mut rules: Vec<RoleRule> = Vec::new();
    for scope in scopes {
        let name = reader.parsed(scope, "name", role_name);
        let any = grounds(reader, scope);
        let description = reader.text(scope, "description");
        let all = reader.inner(scope, "all").map(|inner| grounds(reader, &inner));
        let not = reader.inner(scope, "not").map(|inner| grounds(reader, &inner));
        let idps = super::require::idps(reader, scope, known);
        let everybody = reader.boolean(scope, "default").unwrap_or(false);
        let granted = ["groups", "attributes", "all"].into_iter().any(|key| scope.is_set(key));
        if !granted && !everybody {
            let complaint = Complaint::new(
                "is granted to nobody",
                "give it `groups`, `attributes`, `all`, or `default = true` for everybody",
            );
            reader.wrong_at(scope, "groups", complaint);
        }
        let Some(name) = name else {
            continue;
        };
        if rules.iter().any(|rule| rule.name == name) {
            let message = format!("there is another [[role]] named {name}");
            let hint = "put all its groups and attributes into one";
            reader.wrong_at(scope, "name", Complaint::new(message, hint));
        }
        rules.push(RoleRule {
            name,
            description,
            everybody,
            any,
            all: all.unwrap_or_default(),
            not: not.unwrap_or_default(),
            idps,
        });
    }
    rules
}

/// `groups` and `attributes` of a table.
fn grounds(reader: &mut Reader, scope: &Scope<'_>) -> Grounds {
    let groups = reader.texts(scope, "groups");
    let attributes = reader.texts_by_name(scope, "attributes");
    let empty = attributes.iter().find(|(name, values)| {
        name.is_empty() || values.is_empty() || values.iter().any(String::is_empty)
    });
    if let Some((name, _)) = empty {
        let message = format!("\"{name}\" has an empty name or value");
        let hint = "for example `attributes = { department = [\"IT\"] }`";
        reader.wrong_at(scope, "attributes", Complaint::new(message, hint));
    }
    Grounds { groups, attributes: attributes.into_iter().collect() }
}

/// `users.database`
pub(in crate::config) fn database(
    reader: &mut Reader,
    users: &Scope<'_>,
) -> Option<DatabaseAddress> {
    let address = reader.parsed(users, "database", |text| {
        DatabaseAddress::parse(text).map_err(|error| {
            let message = format!("\"{}\": {}", redact(text), error.detail);
            let hint = "write sqlite://data/samlgate.db, or \
                        postgres://user@host/database?sslmode=verify-full";
            Complaint::new(message, hint)
        })
    })?;
    if let DatabaseAddress::Postgres(settings) = &address {
        if let Some(missing) = settings.missing_file() {
            let complaint = Complaint::new(missing, "paths begin in the folder of `serve`");
            reader.wrong_at(users, "database", complaint);
            return None;
        }
        if settings.is_exposed() {
            let complaint = Complaint::new(
                "whoever is on the way can read and change what PostgreSQL says",
                "add ?sslmode=verify-full (and &sslrootcert=FILE), or keep the network to yourself",
            );
            reader.warn_at(users, "database", complaint);
        }
    }
    Some(address)
}
