//! Words that everybody uses: time, randomness, error codes, secrets, addresses.
//!
//! Nothing here knows SAML, SCIM or HTTP. Time and randomness enter the program through
//! [`clock`] and [`entropy`] and nowhere else, so that everything above them can be tested by
//! stepping a clock and fixing the dice.

pub mod certificate;
pub mod check;
pub mod clock;
pub mod code;
pub mod email_domain;
pub mod entropy;
pub mod json;
pub mod listen;
pub mod names;
pub mod nonempty;
pub mod rate;
pub mod secret;
pub mod stop;
pub mod store_error;
pub mod url;

pub use check::{Check, Checks, Outcome, Refusal, Values};
pub use clock::{Clock, Timestamp};
pub use code::ErrorCode;
pub use email_domain::EmailDomain;
pub use entropy::Entropy;
pub use listen::{Listen, ProxyProtocol, TlsFiles};
pub use names::{ConnectionName, GroupId, IdpName, RoleName, UserId};
pub use nonempty::NonEmpty;
pub use rate::Rate;
pub use secret::Secret;
pub use stop::Stop;
pub use store_error::StoreError;
pub use url::{LocalPath, PublicUrl, ReturnTo};
