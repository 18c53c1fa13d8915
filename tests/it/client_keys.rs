//! `private_key_jwt` at the token endpoint, over the built binary: keys are added as an operator adds
//! them, and assertions signed as a client signs them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;
use samlgate::base::Clock as _;
use samlgate::base::clock::SystemClock;
use serde_json::{Value, json};

use crate::support::http::{Answer, Ask, Visitor};
use crate::support::office::{API, Office};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Office {
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    /// Adds a key; its id.
    #[track_caller]
    fn add(&self, connection: &str, text: &str, more: &[&str]) -> String {
        let file = self.gateway.folder().join("client-key");
        std::fs::write(&file, text).unwrap();
        let mut arguments = vec!["scim", "key", "add", connection, file.to_str().unwrap()];
        arguments.extend(more);
        self.done(&arguments).trim().to_owned()
    }

    /// Claims that are accepted of okta.
    fn claims(&self, jti: &str) -> Value {
        let now = SystemClock.now().unix_seconds();
        json!({
            "iss": "okta", "sub": "okta", "aud": self.gateway.url("/scim/v2/oauth/token"),
            "iat": now, "exp": now + 300, "jti": jti,
        })
    }

    /// Asks for a token.
    async fn token(&self, assertion: &str) -> Answer {
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "scim"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        self.send(&form).await
    }

    async fn send(&self, form: &[(&str, &str)]) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let ask = Ask::new(Method::POST, &self.gateway.url("/scim/v2/oauth/token"))
            .header("content-type", "application/x-www-form-urlencoded");
        Visitor::new().send(ask.body(form)).await
    }

    /// What `/Users` answers to an access token.
    async fn users(&self, token: &str) -> u16 {
        let ask = Ask::new(Method::GET, &self.gateway.url("/scim/v2/Users?count=0"));
        let ask = ask.header("authorization", &format!("Bearer {token}"));
        Visitor::new().send(ask).await.status.as_u16()
    }

    async fn api(&self, method: Method, path: &str, body: &Value) -> Answer {
        let ask = Ask::new(method, &self.gateway.admin_url(&format!("/api/v1{path}")))
            .header("authorization", &format!("Bearer {API}"))
            .header("content-type", "application/json");
        Visitor::new().send(ask.body(body.to_string())).await
    }
}

struct Key(PKey<Private>);

impl Key {
    fn rsa() -> Self {
        Self(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
    }

    fn ec() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    fn ed25519() -> Self {
        Self(PKey::generate_ed25519().unwrap())
    }

    fn pem(&self) -> String {
        String::from_utf8(self.0.public_key_to_pem().unwrap()).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let alg = match self.0.id() {
            Id::RSA => "RS256",
            Id::EC => "ES256",
            _ => "EdDSA",
        };
        let header = json!({ "alg": alg, "typ": "JWT" });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let message = signed.as_bytes();
        let signature = match alg {
            "RS256" => {
                let mut signer = Signer::new(MessageDigest::sha256(), &self.0).unwrap();
                signer.sign_oneshot_to_vec(message).unwrap()
            }
            "ES256" => {
                let key = self.0.ec_key().unwrap();
                let signature = EcdsaSig::sign(&sha256(message), &key).unwrap();
                let (r, s) = (
                    signature.r().to_vec_padded(32),
                    signature.s().to_vec_padded(32),
                );
                [r.unwrap(), s.unwrap()].concat()
            }
            _ => {
                let mut signer = Signer::new_without_digest(&self.0).unwrap();
                signer.sign_oneshot_to_vec(message).unwrap()
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[track_caller]
fn given(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(answer: &Answer) {
    let body = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &body["error"]),
        (401, &json!("invalid_client"))
    );
    // The same sentence of everything that is wrong.
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with("the assertion is not accepted"),
        "{description}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_client_signs_that_it_is_itself_and_gets_a_token_that_ends_with_its_key() {
    let office = Office::open().await;
    let keys = [Key::rsa(), Key::ec(), Key::ed25519()];
    let mut given_for = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let id = office.add("okta", &key.pem(), &[]);
        let answer = office.token(&key.sign(&office.claims(&format!("first-{number}")))).await;
        assert_eq!(answer.json()["expires_in"], 3600);
        let access = given(&answer);
        assert_eq!(office.users(&access).await, 200, "{id}");
        given_for.push((id, access));
    }
    // The connection has no token, and its keys were used.
    let shown = office.json(&["scim", "show", "okta", "--json"]);
    assert_eq!(shown["tokens"], json!([]));
    let kinds: Vec<&Value> =
        shown["keys"].as_array().unwrap().iter().map(|key| &key["kind"]).collect();
    assert_eq!(kinds, ["RSA 2048", "EC P-256", "Ed25519"]);
    assert!(shown["keys"].as_array().unwrap().iter().all(|key| key["last_used"].is_string()));
    let listed = office.done(&["scim", "key", "list", "okta"]);
    let (gone, access) = &given_for[0];
    assert_eq!(office.users(access).await, 200);
    assert!(
        listed.contains(gone) && listed.contains("users, groups"),
        "{listed}"
    );

    // One that nobody has looked up: what was is believed for two seconds.
    let fresh = given(&office.token(&keys[0].sign(&office.claims("fresh"))).await);
    office.done(&["scim", "key", "remove", "okta", gone]);
    assert_eq!(office.users(&fresh).await, 401);
    refused(&office.token(&keys[0].sign(&office.claims("second-0"))).await);
    let others = given(&office.token(&keys[1].sign(&office.claims("second-1"))).await);
    assert_eq!(office.users(&others).await, 200);
    let audit = office.done(&["audit", "--since", "1h"]);
    let told = audit.lines().filter(|line| line.contains("idm_integration_reauth"));
    let told: Vec<&str> = told.filter(|line| line.contains(gone.as_str())).collect();
    assert_eq!(told.len(), 2, "created and removed: {audit}");
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_stands_in_the_log_and_not_in_the_answer() {
    let office = Office::open().await;
    let (key, other) = (Key::ec(), Key::ec());
    office.add("okta", &key.pem(), &[]);
    office.add("entra", &other.pem(), &["--expires", "never"]);
    let now = SystemClock.now().unix_seconds();
    let with = |name: &str, value: Value| {
        let mut claims = office.claims(&format!("with {name} {value}"));
        claims[name] = value;
        key.sign(&claims)
    };
    let good = key.sign(&office.claims("once"));
    given(&office.token(&good).await);
    let wrong = [
        (good.clone(), "jti was used before"),
        (with("exp", json!(now - 3600)), "the assertion has expired"),
        (
            with("exp", json!(now + 3600)),
            "exp is more than 10 minutes ahead",
        ),
        (with("nbf", json!(now + 3600)), "nbf is in the future"),
        (
            with("aud", json!("https://other.example.com")),
            "aud is neither the token endpoint nor the issuer",
        ),
        (
            with("jti", Value::Null),
            "jti is missing, or not of its type",
        ),
    ];
    for (assertion, _) in &wrong {
        refused(&office.token(assertion).await);
    }
    // Another connection's key: of whoever only says that they are okta's client, one line is enough.
    refused(&office.token(&other.sign(&office.claims("theirs"))).await);
    refused(&office.token(&other.sign(&office.claims("theirs again"))).await);
    refused(&office.token("no.jwt.at all").await);
    let told = async || {
        let log = office.json(&["scim", "log", "okta", "--json"]);
        let all = log.as_array().unwrap().iter().filter(|line| line["status"] == 401);
        let one = |line: &Value| (line["operation"].clone(), line["detail"].clone());
        all.map(one).collect::<Vec<_>>()
    };
    let mut lines = told().await;
    let begun = SystemClock.now();
    while lines.len() < wrong.len() + 1 && SystemClock.now().since(begun).as_secs() < 20 {
        lines = told().await;
    }
    let wanted = wrong.iter().map(|(_, detail)| (json!("refused"), json!(detail)));
    let stranger = json!("the signature was made by none of the connection's keys");
    let wanted: Vec<_> = wanted.chain([(json!("unproven"), stranger)]).collect();
    assert_eq!(lines, wanted);

    // Both audiences, and the id beside the assertion; not another one, nor a secret beside it.
    let issuer = office.gateway.url("/scim/v2");
    given(&office.token(&with("aud", json!(["https://other.example.com", issuer]))).await);
    let (fresh, fresher) = (key.sign(&office.claims("a")), key.sign(&office.claims("b")));
    let form = |id: &'static str, assertion: &'static str| {
        [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_id", id),
            (assertion, ""),
        ]
    };
    let mut named = form("okta", "client_assertion");
    named[3].1 = &fresh;
    given(&office.send(&named).await);
    let mut misnamed = form("entra", "client_assertion");
    misnamed[3].1 = &fresher;
    refused(&office.send(&misnamed).await);
    let twice = office.send(&[&named[..], &[("client_secret", "x")]].concat()).await;
    assert_eq!(
        (twice.status.as_u16(), &twice.json()["error"]),
        (400, &json!("invalid_request"))
    );
    let untyped = office.send(&[named[0], named[3]]).await;
    assert_eq!(
        (untyped.status.as_u16(), &untyped.json()["error"]),
        (400, &json!("invalid_request"))
    );
    // Not used up by what was refused before it was looked at.
    given(&office.token(&fresher).await);

    let metadata = office.gateway.url("/.well-known/oauth-authorization-server/scim/v2");
    let metadata = Visitor::new().send(Ask::new(Method::GET, &metadata)).await.json();
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")), "{metadata}");
    assert_eq!(
        metadata["token_endpoint_auth_signing_alg_values_supported"],
        json!(["RS256", "PS256", "ES256", "EdDSA"])
    );
}

#[tokio::test]
async fn keys_are_kept_by_the_api_as_at_the_command_line() {
    let office = Office::open().await;
    let key = Key::ec();
    let made = office
        .api(
            Method::POST,
            "/scim/connections",
            &json!({ "name": "okta" }),
        )
        .await;
    assert_eq!(made.json()["good_keys"], 0);
    let path = "/scim/connections/okta/keys";
    let body = json!({ "key": key.pem(), "scopes": { "groups": false }, "expires_in": null });
    let added = office.api(Method::POST, path, &body).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let shown = &added.json()["keys"][0];
    assert_eq!(
        (&shown["kind"], &shown["expires"]),
        (&json!("EC P-256"), &Value::Null)
    );
    let access = given(&office.token(&key.sign(&office.claims("one"))).await);
    assert_eq!(office.users(&access).await, 200);
    let groups = Ask::new(Method::GET, &office.gateway.url("/scim/v2/Groups"))
        .header("authorization", &format!("Bearer {access}"));
    assert_eq!(Visitor::new().send(groups).await.status, 403);

    let code = |answer: &Answer| {
        (
            answer.status.as_u16(),
            answer.json()["error"]["code"].as_str().unwrap().to_owned(),
        )
    };
    let again = office.api(Method::POST, path, &body).await;
    assert_eq!(code(&again), (409, "key.known".to_owned()));
    let five: Vec<Value> = (0..5)
        .map(|_| {
            let x = Key::ed25519().0.raw_public_key().unwrap();
            json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x) })
        })
        .collect();
    let many = office.api(Method::POST, path, &json!({ "key": { "keys": five } })).await;
    assert_eq!(code(&many), (409, "key.too_many".to_owned()));
    let wrong = office.api(Method::POST, path, &json!({ "key": "-----BEGIN X-----" })).await;
    assert_eq!(code(&wrong), (422, "key.invalid".to_owned()));
    let listed = office.api(Method::GET, path, &Value::Null).await.json();
    assert_eq!(
        listed["keys"].as_array().unwrap().len(),
        1,
        "all of a set or none"
    );
    let id = listed["keys"][0]["id"].as_str().unwrap();
    let one = format!("{path}/{id}");
    assert_eq!(
        office.api(Method::DELETE, &one, &Value::Null).await.status,
        204
    );
    let gone = office.api(Method::DELETE, &one, &Value::Null).await;
    assert_eq!(code(&gone), (404, "key.unknown".to_owned()));
}
