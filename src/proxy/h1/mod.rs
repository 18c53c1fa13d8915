//! HTTP/1.1 as a client of applications.
//!
//! In: the head of a request as it is written, its body, a connection. Out: the answer's head and
//! then its body, as they come. Requests and answers move at the same time; nothing runs beside
//! the one task that answers the client, so that an exchange costs no queue and no second wake.

pub mod answer;
pub mod chunks;
pub(crate) mod connection;
pub(crate) mod exchange;

pub(crate) use connection::Alarm;
pub(crate) use connection::Connection;
pub(crate) use exchange::Exchange;
pub(crate) use exchange::Failure;
