//! gRPC by grpcio, on both sides of the gateway.

use std::process::Command;

use samlgate::base::ErrorCode;
use serde_json::{Value, json};

use super::world::Town;
use super::world::route;
use crate::support::peers::python;
use crate::support::process::Process;

/// A service, and a gateway that knows it.
struct Service {
    town: Town,
    process: Process,
}

impl Service {
    async fn start(options: &[&str]) -> Self {
        let mut command = python("grpc_echo.py");
        command.arg("serve").args(options);
        let mut process = Process::start("grpc_echo", &mut command);
        let port: u16 = process.line_with("ready ").await.parse().unwrap();
        let h2 = "upstream_protocol = \"http2\"\n";
        let to = |path: &str, more: &str| {
            route(path, ([127, 0, 0, 1], port).into(), &format!("{h2}{more}"))
        };
        let routes = [
            "[[role]]\nname = \"board\"\ngroups = [\"Board\"]\n".to_owned(),
            to("/", ""),
            to("/example.Board", "require = { roles = [\"board\"] }"),
            // Nobody is there.
            route("/example.Gone", ([127, 0, 0, 1], 9).into(), h2),
        ];
        Self { town: Town::https(&routes.concat()).await, process }
    }

    /// What comes of these calls, one after the other on one channel.
    async fn call(&self, cookie: Option<&str>, calls: &[&str]) -> Vec<Value> {
        let mut command: Command = python("grpc_echo.py");
        command
            .args(["call", "--target", &self.town.host(), "--ca"])
            .arg(self.town.ca());
        if let Some(cookie) = cookie {
            command.args(["--cookie", cookie]);
        }
        let mut caller = Process::start("grpc_echo call", command.args(calls));
        let status = caller.ended().await;
        assert!(status.success(), "{}", caller.output());
        let output = caller.output();
        let line = output.lines().find(|line| line.starts_with('[')).unwrap_or_default();
        let Ok(Value::Array(made)) = serde_json::from_str(line) else {
            panic!("{output}");
        };
        assert_eq!(made.len(), calls.len());
        made
    }
}

#[tokio::test]
async fn calls_of_every_kind_come_through_with_their_metadata() {
    let service = Service::start(&[]).await;
    let cookie = service.town.cookie();
    let calls = [
        "whole=example.Echo/Whole",
        "large=example.Echo/Whole",
        "stream=example.Echo/Stream",
        "chat=example.Echo/Chat",
    ];
    let whole = |size: usize| json!({ "size": size, "same": true, "initial": "first", "user": "alice@example.com" });
    let expected = [
        whole(5),
        whole(2 * 1024 * 1024),
        json!({ "answers": ["1", "2", "3"], "sum": "6" }),
        json!({ "answers": ["ONE", "TWO", "THREE"] }),
    ];
    assert_eq!(service.call(Some(cookie), &calls).await, expected);
}

#[tokio::test]
async fn a_service_says_in_trailers_why_it_fails() {
    let service = Service::start(&[]).await;
    let cookie = service.town.cookie();
    let made = service
        .call(
            Some(cookie),
            &["whole=example.Echo/Fail", "whole=example.Echo/Nothing"],
        )
        .await;
    let failed = json!({ "status": 9, "message": "not on Sundays: 100 % sure", "hint": "ask Bob" });
    assert_eq!(made[0], failed);
    assert_eq!(made[1]["status"], 12, "UNIMPLEMENTED");
}

/// A client of gRPC makes a status of its own out of 401, 403 and 502; so the sentence counts too.
#[tokio::test]
async fn a_refusal_is_a_status_of_grpc() {
    let service = Service::start(&[]).await;
    let cookie = service.town.cookie();
    let refusal = |status: u16, code: ErrorCode| json!({ "status": status, "message": code.public(), "hint": null });
    let unauthenticated = refusal(16, ErrorCode::SessionMissing);
    let made = service
        .call(
            None,
            &["whole=example.Echo/Whole", "chat=example.Echo/Chat"],
        )
        .await;
    assert_eq!(made, [unauthenticated.clone(), unauthenticated]);
    let calls = [
        "whole=example.Board/Whole",
        "chat=example.Board/Chat",
        "whole=example.Gone/Whole",
    ];
    let denied = refusal(7, ErrorCode::AccessRole);
    let unavailable = refusal(14, ErrorCode::ProxyUpstream);
    assert_eq!(
        service.call(Some(cookie), &calls).await,
        [denied.clone(), denied, unavailable]
    );
}

#[tokio::test]
async fn a_service_hears_that_its_caller_has_gone() {
    let mut service = Service::start(&[]).await;
    let cookie = service.town.cookie();
    let made = service.call(Some(cookie), &["leave=example.Echo/Endless"]).await;
    assert_eq!(made, [json!({ "first": "begun" })]);
    service.process.line_with("the caller has gone").await;
}

#[tokio::test]
async fn no_call_fails_while_the_service_sends_its_connections_away() {
    let service = Service::start(&["--age", "0.2"]).await;
    let cookie = service.town.cookie();
    let made = service.call(Some(cookie), &["many=example.Echo/Whole"]).await;
    assert_eq!(made, [json!({ "connections": 4 })]);
}
