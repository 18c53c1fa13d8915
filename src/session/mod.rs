//! Identity → session.
//!
//! In: an [`Identity`](crate::identity::Identity), once; then the token that a browser sends. Out:
//! the [`Session`]. Promised: the token is random and new each time, and only its hash is kept; a
//! session ends when it is idle too long, too old, or ended by somebody, whichever is first.

mod cache;
pub mod cookie;
pub mod kept;
pub mod lifetimes;
pub mod login;
pub mod open;
mod packed;
pub mod people;
pub mod ready;
pub mod record;
pub mod sessions;
pub mod store;
pub mod token;
mod watched;
mod words;
pub use cookie::CookieNames;
pub use kept::KeptStore;
pub use lifetimes::Lifetimes;
pub use login::{Login, LoginStore, Written};
pub use open::OpenSession;
pub use people::People;
pub use ready::Ready;
pub use record::{EndReason, Session};
pub use sessions::{EndedByName, Prepared, Sessions};
pub use store::{Ended, SessionStore, Swept};
pub use token::{SessionToken, TokenHash};
