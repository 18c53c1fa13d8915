//! Notices of what waits for an administrator's word.

use serde_json::json;

use crate::base::{IdpName, Timestamp};
use crate::notice::Notice;

/// An identity provider signs by a key that its metadata does not list. Cleared by
/// `pending-key/NAME/FINGERPRINT`, or all of an identity provider by `pending-key/NAME`.
pub fn pending_key(idp: &IdpName, fingerprint: &str, now: Timestamp) -> Notice {
    Notice {
        key: format!("pending-key/{idp}/{fingerprint}"),
        text: format!("{idp} signs by a key that is not in its metadata: {fingerprint}"),
        advice: "ask its administrator whether that key is theirs, over another way than e-mail, \
                 and approve it; until then what is signed by it is refused"
            .to_owned(),
        detail: json!({ "idp": idp, "fingerprint": fingerprint }),
        at: now,
    }
}

/// Metadata of an identity provider has changed, and waits for approval. `id` tells this change from
/// another one; cleared by `metadata-change/NAME`.
pub fn metadata_change(idp: &IdpName, id: &str, changes: &[String], now: Timestamp) -> Notice {
    Notice {
        key: format!("metadata-change/{idp}/{id}"),
        text: format!("the metadata of {idp} has changed: {}", changes.join("; ")),
        advice: "ask its administrator whether they changed it, and approve it; until then the \
                 metadata of before is used"
            .to_owned(),
        detail: json!({ "idp": idp, "change": id, "changes": changes }),
        at: now,
    }
}
