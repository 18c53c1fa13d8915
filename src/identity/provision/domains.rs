//! Whose addresses an assertion may say.
//!
//! In: what it says of who somebody is, under every name by which an application may be told. Out:
//! nothing, or the first address that is another identity provider's to say (`email_domains`). What
//! it says of others, such as a manager or a group, is not looked at.

use super::Asserter;
use crate::base::EmailDomain;
use crate::directory::User;
use crate::identity::{AttributeMap, AttributeName, IdentityError, Mapped, Target, is_identifier};
use crate::saml::{Attribute, Claims};

/// An address in a domain that belongs to another identity provider is that one's to assert: the
/// application behind us may know its owner by it, whether or not they have been here yet. Of
/// somebody who was `linked` on purpose, it is those addresses that they have here anyway.
pub(super) fn check_domains(
    claims: &Claims,
    mapped: &Mapped,
    asserter: &Asserter<'_>,
    attributes: &AttributeMap,
    linked: Option<&User>,
) -> Result<(), IdentityError> {
    let is_theirs = |address: &str| {
        linked.is_some_and(|user| {
            user.user_name == address || user.profile.email.as_deref() == Some(address)
        })
    };
    for (by, address) in said(claims, mapped, attributes, linked) {
        if is_theirs(address) {
            continue;
        }
        let Some((_, domain)) = address.rsplit_once('@').filter(|(local, _)| !local.is_empty())
        else {
            continue;
        };
        let owner = (asserter.owner_of)(&EmailDomain::read(domain));
        if let Some(owner) = owner.filter(|owner| owner != asserter.idp) {
            let (by, address) = (by.to_owned(), address.to_owned());
            return Err(IdentityError::Domain { by, address, owner });
        }
    }
    Ok(())
}

/// Everything that says who somebody is, with the name that it goes by.
fn said<'a>(
    claims: &'a Claims,
    mapped: &'a Mapped,
    attributes: &'a AttributeMap,
    linked: Option<&User>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let ours = [
        ("userName", Some(mapped.user_name.as_str())),
        ("email", mapped.profile.email.as_deref()),
        // Whoever linked somebody to a NameID has seen it.
        (
            "NameID",
            claims.name_id.as_ref().filter(|_| linked.is_none()).map(|id| id.value.as_str()),
        ),
    ];
    let sent = claims.attributes.iter().filter(|sent| says_who(sent, attributes));
    ours.into_iter()
        .filter_map(|(by, value)| Some((by, value?)))
        .chain(sent.flat_map(|sent| sent.values.iter().map(|value| (sent.name.as_str(), value))))
}

/// Whether products, or the operator of this gateway, tell people apart by this attribute. All of
/// its values go on to applications, also where another attribute came before it.
fn says_who(sent: &Attribute, attributes: &AttributeMap) -> bool {
    let friendly_name = sent.friendly_name.as_deref();
    let mut configured = [Target::UserName, Target::Email, Target::ExternalId]
        .iter()
        .flat_map(|target| attributes.0.get(target).into_iter().flatten());
    is_identifier(&sent.name)
        || friendly_name.is_some_and(is_identifier)
        || configured.any(|name| match name {
            AttributeName::Name(name) => *name == sent.name,
            AttributeName::Friendly(name) => friendly_name == Some(name),
        })
}
