//! What is known of a request before anybody has looked at what it wants.

use std::net::IpAddr;

use crate::proxy::{Peer, RequestId};
use crate::telemetry::write_address;

/// Made once for each request, at the door.
#[derive(Clone, Debug)]
pub struct Context {
    /// Passed on, logged, and told to people who have to report a failure.
    pub request_id: RequestId,
    /// The other end of the connection.
    pub peer: Peer,
    /// The client behind trusted proxies.
    pub client: Option<IpAddr>,
}

impl Context {
    /// The client's address for logs and audit.
    pub fn client_text(&self) -> Option<String> {
        let mut text = Vec::with_capacity(15);
        write_address(&mut text, self.client?);
        String::from_utf8(text).ok()
    }
}
