//! Signed element → what it says → whether we accept it.
pub mod accepted;
pub mod one_use;
pub mod pending;
pub mod sp;
pub mod vendor;
pub use accepted::{Accepted, Attribute, Claims, NameId, ValidAssertion};
pub use one_use::{OneUse, OneUseError, OneUseStore};
pub use pending::{PendingLogin, PendingStore, Taken};
pub use sp::ServiceProvider;
pub use vendor::Vendor;
