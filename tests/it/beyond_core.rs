//! What the corpus asks of the gateway beyond the core: who is meant.

use samlgate::base::ErrorCode;
use samlgate::identity::{AttributeMap, map};
use samlgate::saml::{Claims, Vendor};

/// Whether the claims name a person, without any `[attributes]`. `None` where that is not decided.
pub(crate) fn identify(
    claims: &Claims,
    vendor: Vendor,
    allow_duplicates: bool,
) -> Option<Result<(), ErrorCode>> {
    let mapped = map(claims, vendor, allow_duplicates, &AttributeMap::default());
    Some(mapped.map(drop).map_err(|error| error.code()))
}
