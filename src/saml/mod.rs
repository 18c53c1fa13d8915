//! Signed element → what it says → whether we accept it.
pub mod sp;
pub use sp::ServiceProvider;
