//! What is still open when its person signs in once more.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{KEY, MFA, PASSWORD, World, by};
use crate::support::http::Visitor;

/// Longer than what was promised (5 s), on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A request whose answer has begun.
struct Open {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Open {
    async fn at(world: &World, visitor: &Visitor, path: &str) -> Self {
        let token = visitor.cookie(&world.url("/"), "samlgate").unwrap();
        let stream = TcpStream::connect(("127.0.0.1", world.gateway.port())).await.unwrap();
        let mut open = Self { stream, heard: Vec::new() };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: samlgate={token}\r\n\
             transfer-encoding: chunked\r\n\r\n",
            world.gateway.port()
        );
        open.stream.write_all(head.as_bytes()).await.unwrap();
        open.echoes("first").await;
        open
    }

    /// It is open: what is said comes back.
    async fn echoes(&mut self, word: &str) {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        self.stream.write_all(chunk.as_bytes()).await.unwrap();
        while !String::from_utf8_lossy(&self.heard).contains(word) {
            let read = self.stream.read_buf(&mut self.heard).await.unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&self.heard));
        }
    }

    async fn breaks_off(mut self) {
        let end = self.stream.read_to_end(&mut self.heard);
        let end = tokio::time::timeout(SOON, end).await;
        assert!(end.is_ok(), "it goes on");
        assert!(!self.heard.ends_with(b"0\r\n\r\n"), "it ended well");
    }
}

/// Signs in once more in the same browser.
async fn again(world: &World, alice: &mut Visitor, context: &'static str, seconds: i64) {
    let start = alice.get(&world.url("/.samlgate/start?idp=corp&rd=/")).await;
    let landed = world.answer(alice, &start, by(context, seconds)).await;
    assert_eq!(landed.status, 303, "{}", landed.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_page_has_open_goes_on_only_by_a_method_that_is_enough_for_the_page() {
    let world = World::new().await;
    let mut alice = world.alice_with(by(MFA, 1)).await;
    let mut plain = Open::at(&world, &alice, "/stream").await;
    let mut pay = Open::at(&world, &alice, "/pay/stream").await;
    let mut age = Open::at(&world, &alice, "/age/stream").await;
    // Something stronger, a moment ago.
    again(&world, &mut alice, KEY, 1).await;
    for open in [&mut plain, &mut pay, &mut age] {
        open.echoes("second").await;
    }
    // A password, a moment ago.
    again(&world, &mut alice, PASSWORD, 1).await;
    pay.breaks_off().await;
    for open in [&mut plain, &mut age] {
        open.echoes("third").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_page_has_open_goes_on_only_by_a_sign_in_that_is_fresh_enough_for_the_page() {
    let world = World::new().await;
    let mut alice = world.alice_with(by(MFA, 1)).await;
    let mut pay = Open::at(&world, &alice, "/pay/stream").await;
    let age = Open::at(&world, &alice, "/age/stream").await;
    // There they are signed in since an hour.
    again(&world, &mut alice, MFA, 3600).await;
    age.breaks_off().await;
    pay.echoes("second").await;
}
