//! Finding one's way in a metadata document: entities, roles, and how long what they say counts.

use std::time::Duration;

use super::duration::parse_duration;
use super::error::MetadataError;
use crate::base::Timestamp;
use crate::saml::schema::{METADATA_NS, PROTOCOL_NS};
use crate::xml::Element;

/// The chosen EntityDescriptor, or the only one that is an identity provider.
pub(super) fn pick<'d>(
    root: Element<'d>,
    wanted: Option<&str>,
) -> Result<Element<'d>, MetadataError> {
    let entities: Vec<Element<'d>> = if root.is(METADATA_NS, "EntityDescriptor") {
        vec![root]
    } else if root.is(METADATA_NS, "EntitiesDescriptor") {
        entities(root).collect()
    } else {
        return Err(MetadataError::Root { found: root.local_name().to_owned() });
    };
    let names = |entities: &[Element<'d>]| {
        let names = entities.iter().filter_map(|entity| entity_id_of(*entity));
        names.take(10).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    if let Some(wanted) = wanted {
        let mut found = entities.iter().filter(|entity| entity_id_of(**entity) == Some(wanted));
        return match (found.next(), found.next()) {
            (Some(entity), None) => Ok(*entity),
            (None, _) => {
                Err(MetadataError::NotFound { wanted: wanted.to_owned(), found: names(&entities) })
            }
            (Some(_), Some(_)) => {
                Err(MetadataError::Several { count: 2, names: vec![wanted.to_owned()] })
            }
        };
    }
    let is_idp = |entity: &Element<'d>| idp_roles(*entity).next().is_some();
    let idps: Vec<Element<'d>> = match entities.as_slice() {
        [only] => return Ok(*only),
        many => many.iter().copied().filter(is_idp).collect(),
    };
    match idps.as_slice() {
        // By its name: another entity may have the same, and then neither is meant.
        [only] => pick(
            root,
            Some(entity_id_of(*only).ok_or(MetadataError::EntityId)?),
        ),
        many => Err(MetadataError::Several { count: many.len(), names: names(many) }),
    }
}

/// Metadata 2.3.1: those that stand in EntitiesDescriptors alone. What looks like one in the
/// extensions of another is none.
pub(super) fn entities(root: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    root.descendants().filter(|element| {
        element.is(METADATA_NS, "EntityDescriptor")
            && outwards(*element)
                .skip(1)
                .all(|outer| outer.is(METADATA_NS, "EntitiesDescriptor"))
    })
}

pub(super) fn entity_id_of(entity: Element<'_>) -> Option<&str> {
    entity
        .attribute("entityID")
        .filter(|name| !name.is_empty() && name.chars().count() <= 1024)
}

/// Metadata 2.4.3: the roles of an identity provider, for SAML 2.0. Most have one.
pub(super) fn idp_roles(entity: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    entity.children().filter(|role| {
        role.is(METADATA_NS, "IDPSSODescriptor")
            && role
                .attribute("protocolSupportEnumeration")
                .is_some_and(|list| list.split_ascii_whitespace().any(|name| name == PROTOCOL_NS))
    })
}

/// Metadata 2.3.1: the earliest validUntil of an element and whatever it stands in.
pub(super) fn valid_until(
    element: Element<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, MetadataError> {
    match earliest(element)? {
        Some(valid_until) if now >= valid_until => Err(MetadataError::Expired { valid_until, now }),
        fine => Ok(fine),
    }
}

/// The same, whether it has passed or not.
pub(super) fn earliest(element: Element<'_>) -> Result<Option<Timestamp>, MetadataError> {
    let mut earliest = None::<Timestamp>;
    for text in outwards(element).filter_map(|element| element.attribute("validUntil")) {
        let time = Timestamp::parse_saml(text)
            .ok_or_else(|| MetadataError::ValidUntil { found: text.to_owned() })?;
        earliest = Some(earliest.map_or(time, |before| before.min(time)));
    }
    Ok(earliest)
}

/// Metadata 2.3.1: the shortest cacheDuration of an element and whatever it stands in. It is a
/// wish; one that can not be read is none.
pub(super) fn cache_duration(element: Element<'_>) -> Option<Duration> {
    let texts = outwards(element).filter_map(|element| element.attribute("cacheDuration"));
    texts.filter_map(parse_duration).min()
}

fn outwards(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    std::iter::successors(Some(element), |element| element.parent())
}
