//! Other proxies ask whether a request may pass: the real nginx, HAProxy and Caddy, as
//! `docs/forward-auth.md` configures them, and the questions of those that are not here.

mod front;
mod oauth2;
mod questions;
mod table;
mod world;
