//! Signed element → what it says → whether we accept it.
//!
//! ```text
//! bytes     binding::post::ResponseForm    base64 decoded, size checked
//!   │
//! parsed    response::ResponseMessage      a Response, its signatures where they belong
//!   │
//! verified  response::Assertion            read from signed bytes only
//!   │
//! valid     ValidAssertion                 for us, now, in answer to our request
//!   │
//! accepted  Accepted                       and for the first time
//! ```
//!
//! A Response that is fetched instead of posted comes to the second line by [`artifact`]. What it was
//! asked for is [`asked`] and [`wish`], and why there is none, [`status`]. [`logout`] is the other kind of message.
//!
//! In the other direction: [`authn_request`] is what we ask for, [`metadata`] what both sides say
//! about themselves. Nothing here knows HTTP, stores or configuration; keys come in as arguments.

pub mod accepted;
pub mod artifact;
pub mod asked;
pub mod authn_request;
pub mod binding;
mod decrypted;
pub mod discovery;
pub mod error;
pub mod exceptions;
pub mod keys;
pub mod legacy;
pub mod logout;
pub mod metadata;
pub mod one_use;
pub mod overage;
pub mod pending;
pub mod profile;
pub mod response;
pub mod schema;
pub mod sp;
pub mod status;
mod texts;
pub mod vendor;
pub mod wish;

pub use accepted::{Accepted, Attribute, Claims, NameId, ValidAssertion};
pub use error::SamlError;
pub use exceptions::{Exception, Exceptions};
pub use legacy::{AcsPath, Family};
pub use one_use::{Claimer, OneUse, OneUseError, OneUseStore, UnusedLogout};
pub use overage::GroupsOverage;
pub use pending::{PendingLogin, PendingStore, Taken};
pub use sp::ServiceProvider;
pub use texts::Texts;
pub use vendor::Vendor;
pub use wish::Wish;
