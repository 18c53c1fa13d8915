//! Identity → session.
pub mod cookie;
pub mod lifetimes;
pub mod record;
pub mod sessions;
pub mod store;
pub mod token;
pub use cookie::CookieNames;
pub use lifetimes::Lifetimes;
pub use record::{EndReason, Session};
pub use sessions::Sessions;
pub use store::{Ended, SessionStore, Swept};
pub use token::{SessionToken, TokenHash};
