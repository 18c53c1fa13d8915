//! People who are provisioned by SCIM and sign in by SAML: what the one says is in force for the
//! sessions of the other, at once.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};

/// In this time a change is in force everywhere.
const IN_FORCE: Duration = Duration::from_secs(5);

const ROLES: &str = "[[role]]\nname = \"it-manager\"\ngroups = [\"IT Managers\"]\n\
    [[role]]\nname = \"employee\"\nattributes = { userType = [\"Employee\"] }\n";

/// A gateway, its identity provider, and a token to provision by.
struct Office {
    gateway: Gateway,
    idp: TestIdp,
    _app: App,
    token: String,
}

impl Office {
    async fn found(users: &str) -> Self {
        let (idp, app) = (TestIdp::new("corp"), App::start().await);
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let setup = setup.set("users", users).add(ROLES).route(&app.url(), "");
        Self::behind(setup.start().await, idp, app)
    }

    fn behind(gateway: Gateway, idp: TestIdp, app: App) -> Self {
        let made = gateway.command(&["scim", "token", "create", "corp"]).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        Self { gateway, idp, _app: app, token }
    }

    /// Asks as the provisioning client does.
    async fn scim(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = self.gateway.url(&format!("/scim/v2{path}"));
        let ask = Ask::new(method, &url)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("content-type", "application/scim+json")
            .body(if body.is_null() {
                String::new()
            } else {
                body.to_string()
            });
        self.gateway.visitor().send(ask).await
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        let made = self.scim(Method::POST, path, &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    async fn patch(&self, path: &str, operation: Value) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        let patched = self.scim(Method::PATCH, path, &body).await;
        assert!(
            patched.status.is_success(),
            "{} {}",
            patched.status,
            patched.text()
        );
    }

    async fn alice(&self) -> Value {
        self.create(
            "/Users",
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": "Alice@Example.com", "externalId": "a-1", "userType": "Employee",
                "displayName": "Alice of SCIM", "title": "Head of IT",
                "emails": [{"value": "alice@example.com", "type": "work", "primary": true}],
            }),
        )
        .await
    }

    /// Signs alice in; the last answer.
    async fn sign_in(&self, visitor: &mut Visitor) -> Answer {
        let start = visitor.get(&self.gateway.url("/.samlgate/start?idp=corp")).await;
        let request = self.idp.read(&start);
        let xml = self.idp.write(&self.idp.answer(&request));
        let acs = Ask::new(Method::POST, &self.gateway.url("/saml/acs"));
        let fields = idp::fields(&xml, Some(&request.relay_state));
        visitor.send(acs.navigating().form(&fields)).await
    }

    async fn signed_in(&self) -> Visitor {
        let mut visitor = self.gateway.visitor();
        let answer = self.sign_in(&mut visitor).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        visitor
    }

    /// Who the gateway says it is; `None` once nobody is signed in.
    async fn who(&self, visitor: &mut Visitor) -> Option<Value> {
        let answer = visitor.get(&self.gateway.url("/.samlgate/user")).await;
        answer.status.is_success().then(|| answer.json())
    }

    /// Waits until the gateway says something of whoever is signed in.
    async fn until(&self, visitor: &mut Visitor, wanted: impl Fn(&Option<Value>) -> bool) {
        let waiting = tokio::time::timeout(IN_FORCE, async {
            loop {
                let who = self.who(visitor).await;
                if wanted(&who) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waiting.await.is_ok(), "not in force after {IN_FORCE:?}");
    }
}

fn roles(who: &Option<Value>) -> Vec<&str> {
    let roles = who.as_ref().and_then(|who| who["roles"].as_array());
    roles.into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_change_by_scim_is_in_force_in_a_live_session() {
    let office = Office::found("provisioning = \"scim\"").await;
    // Nobody has provisioned her yet.
    let refused = office.sign_in(&mut office.gateway.visitor()).await;
    assert_eq!(
        office.gateway.code_of(&refused).await,
        "user.not_provisioned"
    );

    let alice = office.alice().await;
    let id = alice["id"].as_str().unwrap().to_owned();
    let member = json!([{"value": id}]);
    let group = json!({"displayName": "IT Managers", "members": member});
    let group = office.create("/Groups", group).await;
    let group = format!("/Groups/{}", group["id"].as_str().unwrap());

    let mut visitor = office.signed_in().await;
    let who = office.who(&mut visitor).await;
    assert_eq!(roles(&who), ["employee", "it-manager"]);
    let who = who.unwrap();
    // SCIM goes before the assertion, which fills in what SCIM does not say.
    assert_eq!(
        (&who["name"], &who["sub"]),
        (&json!("Alice of SCIM"), &json!(id))
    );

    // Her identity provider still asserts the group; SCIM has taken her out of it.
    let out = format!("members[value eq \"{id}\"]");
    office.patch(&group, json!({"op": "remove", "path": out})).await;
    office.until(&mut visitor, |who| roles(who) == ["employee"]).await;
    office
        .patch(
            &group,
            json!({"op": "add", "path": "members", "value": member}),
        )
        .await;
    office.until(&mut visitor, |who| roles(who) == ["employee", "it-manager"]).await;

    let user = format!("/Users/{id}");
    let guest = json!({"op": "replace", "path": "userType", "value": "Guest"});
    office.patch(&user, guest).await;
    office.until(&mut visitor, |who| roles(who) == ["it-manager"]).await;

    office.scim(Method::DELETE, &group, &Value::Null).await;
    office.until(&mut visitor, |who| who.is_some() && roles(who).is_empty()).await;
}

#[tokio::test]
async fn whoever_is_deactivated_is_out_and_comes_back_as_the_same_person() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", socket.local_addr().unwrap());
    let (idp, app) = (TestIdp::new("corp"), App::start().await);
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let socket_route = format!("[[route]]\npath = \"/socket\"\nupstream = [{upstream:?}]\n");
    let setup = setup.add(ROLES).route(&app.url(), "").add(&socket_route);
    let office = Office::behind(setup.start().await, idp, app);
    let alice = office.alice().await;
    let user = format!("/Users/{}", alice["id"].as_str().unwrap());
    let mut visitor = office.signed_in().await;
    let (mut open, _application) = websocket(&office, &visitor, &socket).await;

    office
        .patch(
            &user,
            json!({"op": "Replace", "path": "active", "value": "False"}),
        )
        .await;
    let closed = tokio::time::timeout(IN_FORCE, async {
        let mut last = Vec::new();
        open.read_to_end(&mut last).await.map(|_| last)
    });
    let last = closed.await.expect("the WebSocket stays open").unwrap();
    assert_eq!(last.get(2..4), Some(&[0x03, 0xf0][..]), "1008");
    office.until(&mut visitor, Option::is_none).await;
    let refused = office.sign_in(&mut office.gateway.visitor()).await;
    assert_eq!(office.gateway.code_of(&refused).await, "user.disabled");

    office
        .patch(
            &user,
            json!({"op": "Replace", "path": "active", "value": "True"}),
        )
        .await;
    // The session of before never works again.
    assert_eq!(office.who(&mut visitor).await, None);
    let mut visitor = office.signed_in().await;
    let who = office.who(&mut visitor).await.unwrap();
    assert_eq!(who["sub"], alice["id"]);

    // Deleted: gone for the client, and the same person when they return.
    let gone = office.scim(Method::DELETE, &user, &Value::Null).await;
    assert_eq!(gone.status, 204);
    office.until(&mut visitor, Option::is_none).await;
    assert_eq!(
        office.scim(Method::GET, &user, &Value::Null).await.status,
        404
    );
    assert_eq!(office.alice().await["id"], alice["id"]);
    office.signed_in().await;
}

/// Opens a WebSocket through the gateway: this side, and the application's.
async fn websocket(
    office: &Office,
    visitor: &Visitor,
    socket: &TcpListener,
) -> (TcpStream, TcpStream) {
    let url = office.gateway.url("/");
    let token = visitor.cookie(&url, "samlgate").unwrap();
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let ask = format!(
        "GET /socket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Origin: http://{host}\r\nCookie: samlgate={token}\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let (mut application, _) = socket.accept().await.unwrap();
    let mut head = [0; 4096];
    assert!(application.read(&mut head).await.unwrap() > 0);
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    application.write_all(switched.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.unwrap());
    }
    (stream, application)
}

#[tokio::test]
async fn somebody_who_signed_in_first_is_taken_over_and_not_made_twice() {
    let office = Office::found("provisioning = \"jit\"").await;
    let mut visitor = office.signed_in().await;
    let before = office.who(&mut visitor).await.unwrap();
    // The look-up that every client makes first.
    let query = "/Users?filter=userName+eq+%22ALICE%40example.com%22";
    let found = office.scim(Method::GET, query, &Value::Null).await.json();
    assert_eq!(found["totalResults"], 1, "{found}");
    assert_eq!(found["Resources"][0]["id"], before["sub"]);
    let alice = office.alice().await;
    assert_eq!(alice["id"], before["sub"]);
    office.until(&mut visitor, |who| roles(who).contains(&"employee")).await;
    // Now somebody provisions her, and a second one of the name can not be.
    let again = json!({"userName": "alice@EXAMPLE.com"});
    let again = office.scim(Method::POST, "/Users", &again).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["scimType"]),
        (409, &json!("uniqueness"))
    );
}

#[tokio::test]
async fn a_token_that_was_revoked_is_good_for_nothing() {
    let office = Office::found("provisioning = \"jit\"").await;
    assert_eq!(
        office.scim(Method::GET, "/Users", &Value::Null).await.status,
        200
    );
    let revoked = office.gateway.command(&["scim", "token", "revoke", "corp"]).output().unwrap();
    assert!(revoked.status.success());
    let refused = tokio::time::timeout(IN_FORCE, async {
        loop {
            let answer = office.scim(Method::GET, "/Users", &Value::Null).await;
            if answer.status == 401 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let refused = refused.await.expect("it is still good");
    assert_eq!(
        refused.header("www-authenticate").split(' ').next(),
        Some("Bearer")
    );
    assert_eq!(refused.json()["status"], "401");
}
