//! samlgate: bytes from a stranger, and a few functions later a door that opens.
//!
//! A browser brings a form that it says comes from an identity provider. If that is so, somebody
//! has a session, and from then on their requests reach the application behind us. This is the
//! way, with the type at each step and the module that makes it:
//!
//! ```text
//! bytes      ResponseForm        saml::binding::post   base64 decoded, size checked
//!   │
//! parsed     Document            xml                   well-formed, no DTD, inside the limits
//!            ResponseMessage     saml::response        a Response, signatures where they belong.
//!   │                                                  Still anybody's.
//! verified   Verified<Element>   dsig                  a key of this identity provider signed it
//!            Assertion           saml::response        read from what was signed, and nothing else
//!   │
//! valid      ValidAssertion      saml::profile         for us, now, in answer to our request
//!   │
//! identity   Identity            identity              a person we know (or know from now on),
//!   │                                                  active, with roles
//! accepted   Accepted            saml::one_use         and for the first time; written down together
//!   │                                                  with person, session and audit
//! session    Session             session               the browser holds a random token, the store
//!   │                                                  its hash
//! admitted   Decision            access                this session may take this route
//!   │
//! proxied    Passage             proxy                 the client's identity headers gone, ours set
//! ```
//!
//! From [`xml::Document`] to [`saml::Accepted`] the compiler keeps the order: each type can be made
//! in one module only, and [`session::Sessions::open`] gives no token out without an `Accepted`. So
//! "forgot to verify" and "forgot to claim" do not compile; [`dsig::Verified`] and
//! [`saml::response::Assertion`] show it in examples. The rest is one function each:
//! [`identity::resolve`], [`access::decide`], [`proxy::Forwarder::forward`].
//!
//! # Where to begin reading
//!
//! - **How does somebody get in?** [`http::sso::acs`], whose handler is the picture, line by line.
//! - **What happens to every other request?** [`http::door`], then [`access::decide`], then
//!   [`proxy::Forwarder`].
//! - **What is refused, and by which paragraph of the standard?** [`saml::profile`].
//! - **Why does signature wrapping find nothing?** [`dsig`].
//! - **What can go wrong, in one table?** [`base::ErrorCode`].
//! - **How is it all put together?** [`mod@serve`].
//!
//! A module uses only modules further down in the layers that `ARCHITECTURE.md` shows; the list
//! below begins at the bottom. Each says what comes in, what goes out, and what it promises.

// Words that everybody uses: time, randomness, error codes, secrets, addresses.
pub mod base;

// Logs and metrics, and the names that people alert on.
pub mod telemetry;

// Bytes to tree to bytes, strictly.
pub mod xml;

// Tree to proof: XML signatures.
pub mod dsig;

// Ciphertext to bytes: XML encryption.
pub mod xmlenc;

// Provisioning messages → documents, filters, changes: SCIM 2.0 without a network or a store.
pub mod scim;

// Our own keys: which is published, which signs, and what comes next.
pub mod keys;

// Signed element → what it says → whether we accept it.
pub mod saml;

// People, and what may be asked of them.
pub mod directory;

// Which identity providers we trust, by which keys, until when.
pub mod trust;

// Accepted assertion → a person we know, with roles.
pub mod identity;

// What happened, to whom, by whom.
pub mod audit;

// What an administrator has to be told once.
pub mod notice;

// What runs out, and when somebody has to hear of it.
pub mod watch;

// Identity → session.
pub mod session;

// Who may go where.
pub mod access;

// From an admitted request to the application's answer.
pub mod proxy;

// Databases, behind the traits of the modules above.
pub mod store;

// Everything a request may need, built once.
pub mod app;

// What browsers and programs see of the gateway.
pub mod http;

// What runs without a request.
pub mod tasks;

// TOML and environment → every module's own settings.
pub mod config;

// A configuration → a running gateway.
pub mod serve;

// A gateway, an identity provider and an application on loopback, to click through.
#[cfg(feature = "demo")]
pub mod demo;

// The command line.
pub mod cli;
