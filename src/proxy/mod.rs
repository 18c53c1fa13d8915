//! From an admitted request to the application's answer.
//!
//! In: a request that [`crate::access`] let through, and whose it is. Out: the application's
//! answer. Promised: what the client says about identity never arrives, what we say always does;
//! bodies stream both ways; a tunnel opens only after the application has agreed to it.

pub mod balance;
pub mod body;
pub mod client_tls;
pub(crate) mod dial;
pub mod error;
pub mod forward;
pub mod h1;
pub(crate) mod h2;
pub mod headers;
pub mod health;
pub mod identity_headers;
pub mod jwt;
pub(crate) mod pace;
pub mod peer;
pub mod request_id;
pub(crate) mod told;
pub mod upgrade;
pub mod upstream;

pub use balance::{Balancer, Balancers};
pub use body::{Body, BoxError, Ended};
pub use client_tls::{ClientTlsError, client_tls};
pub use error::ProxyError;
pub use forward::{Background, ForwardSettings, Forwarder, Passage, UpstreamTime};
pub use headers::IdentityNames;
pub use headers::TwoLengths;
pub use identity_headers::{IdentityHeaders, IdentityView};
pub use jwt::{Jwt, JwtError, JwtKey};
pub use peer::{Peer, TrustedProxies};
pub use request_id::RequestId;
pub use upstream::Pool;
