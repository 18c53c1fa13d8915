//! Our own keys, whose certificates end in a month, at the built program with `rotate_keys = "auto"`: its
//! clock is stepped day by day, and all the time people sign in at an identity provider that fetches our
//! metadata once a day, has our requests signed and encrypts to us.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;
use serde_json::Value;

use crate::support::app::{App, received};
use crate::support::certificate::{DAY, between};
use crate::support::clock::SteppedClock;
use crate::support::encryption::seal::{AES256_GCM, Seal};
use crate::support::encryption::{self, encrypted_to};
use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::{self, Binding, Key, TestIdp};

struct Month {
    clock: SteppedClock,
    gateway: Gateway,
    idp: TestIdp,
    /// Our metadata, as the identity provider has it.
    copy: String,
    signed_in: usize,
}

impl Month {
    async fn begin() -> Self {
        let clock = SteppedClock::new();
        let key = Key::ec(Nid::X9_62_PRIME256V1);
        let idp = TestIdp::with("corp", key, Binding::Post, true).by(&clock);
        let mut setup = Setup::https().by(&clock);
        let keys = [
            ("sp-signing", encryption::OLDER_KEY),
            ("sp-encryption", encryption::KEY),
        ];
        for (name, pem) in keys {
            let key = PKey::private_key_from_pem(pem).unwrap();
            let (begin, end) = (clock.now().minus(334 * DAY), clock.now().plus(31 * DAY));
            let certificate = between(&key, "localhost", None, begin, end).to_pem().unwrap();
            setup = setup.key(name, pem, Some(&certificate));
        }
        let gateway = setup
            .set("saml", "rotate_keys = \"auto\"")
            // A machine that is quick signs more people in than one office has.
            .set("limits", "sign_in = \"60000/m\"\nacs = \"60000/m\"")
            .idp("corp", &idp.metadata_file(), "want_encrypted = true")
            .route("http://127.0.0.1:9", "")
            .start()
            .await;
        let mut month = Self { clock, gateway, idp, copy: String::new(), signed_in: 0 };
        month.is_fetched().await;
        month
    }

    /// The identity provider comes for our metadata, as it does once a day.
    async fn is_fetched(&mut self) {
        let answer = self.gateway.visitor().get(&self.gateway.url("/saml/metadata")).await;
        assert_eq!(answer.status, 200);
        self.copy = answer.text();
    }

    /// The certificates of the copy for a use.
    fn known(&self, usage: &str) -> Vec<Vec<u8>> {
        let mark = format!("<md:KeyDescriptor use=\"{usage}\">");
        let certificates = self.copy.split(&mark).skip(1).map(|rest| {
            let (_, rest) = rest.split_once("X509Certificate>").unwrap();
            let text: String = rest.split('<').next().unwrap().split_whitespace().collect();
            STANDARD.decode(text).unwrap()
        });
        certificates.collect()
    }

    async fn signs_in(&mut self) {
        let (gateway, idp, now) = (&self.gateway, &self.idp, self.clock.now());
        let mut visitor = gateway.visitor();
        let answer = visitor.get(&gateway.url("/.samlgate/start?idp=corp&rd=/")).await;
        let request = idp.read(&answer);
        let signing = self.known("signing");
        let is_known = signing.iter().any(|known| request.signed_by(known) == Some(true));
        assert!(is_known, "{now}: the identity provider refuses our request");

        let xml = idp.write(&idp.answer(&request));
        let first = X509::from_der(&self.known("encryption")[0]).unwrap().public_key().unwrap();
        let seal = Seal::new(AES256_GCM);
        let xml = encrypted_to(&first, &xml, "Assertion", "EncryptedAssertion", seal);
        let fields = idp::fields(xml, Some(&request.relay_state));
        let answer = visitor.send(idp::post(&gateway.url("/saml/acs"), &fields)).await;
        assert_eq!(answer.status, 303, "{now}: {}", answer.text());
        self.signed_in += 1;
    }

    /// `next/published/…` of each key of a use.
    async fn steps(&self, usage: &str) -> Vec<String> {
        steps_of(&self.gateway, usage).await
    }

    /// So many days go by. People sign in before the identity provider comes for our metadata, and
    /// after it.
    async fn passes(&mut self, days: u32) {
        for _ in 0..days {
            self.clock.step(DAY);
            self.signs_in().await;
            self.is_fetched().await;
            self.signs_in().await;
        }
    }

    /// Somebody signs in again and again until both uses are there.
    async fn signs_in_until(&mut self, signing: &[&str], encryption: &[&str]) {
        let until = async {
            while self.steps("signing").await != signing
                || self.steps("encryption").await != encryption
            {
                self.signs_in().await;
            }
            // What the folder has is in force two seconds later.
            for _ in 0..3 {
                self.signs_in().await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(60), until).await;
        assert!(reached.is_ok(), "{:?}", self.steps("signing").await);
    }
}

async fn steps_of(gateway: &Gateway, usage: &str) -> Vec<String> {
    let mut command = gateway.command(&["keys", "list", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = listed["keys"].as_array().unwrap().iter();
    let of_use = keys.filter(|key| key["use"] == usage);
    of_use.map(|key| key["step"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_keys_roll_over_by_themselves_a_month_before_they_end_and_fail_no_login() {
    let mut month = Month::begin().await;
    let (old, old_encryption) = (month.known("signing"), month.known("encryption"));
    month.signs_in().await;
    assert_eq!(month.steps("signing").await, ["signing"]);
    // 30 days before the end both are published, for 14 days.
    month.passes(1).await;
    month.signs_in_until(&["published", "signing"], &["published", "active"]).await;
    month.passes(13).await;
    assert_eq!(month.steps("signing").await, ["published", "signing"]);
    assert_eq!(month.known("signing").len(), 2);
    // Then they are used, and in another 14 days the old ones are retired.
    month.gateway.kill9();
    month.clock.step(DAY);
    month.gateway.start_again().await;
    month.signs_in_until(&["signing", "previous"], &["active", "previous"]).await;
    month.passes(13).await;
    month.clock.step(DAY);
    month.signs_in_until(&["signing", "retired"], &["active", "retired"]).await;
    // The certificates of then have ended.
    month.passes(4).await;
    assert_eq!(month.known("signing").len(), 1);
    assert!(!old.contains(&month.known("signing")[0]));
    assert!(!old_encryption.contains(&month.known("encryption")[0]));
    assert_eq!(month.steps("signing").await, ["signing", "retired"]);

    let attempts = month.gateway.login_attempts().await;
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
    assert_eq!(attempts.len(), month.signed_in);
    assert_no_key_is_open(month.gateway.folder());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_the_identity_header_rolls_over_by_itself_when_it_is_two_years_old() {
    let clock = SteppedClock::new();
    let (app, idp) = (App::start().await, TestIdp::new("corp").by(&clock));
    let setup = Setup::http().quick_key().by(&clock).set("saml", "rotate_keys = \"auto\"");
    let setup = setup.idp("corp", &idp.metadata_file(), "allow_idp_initiated = true");
    let gateway = setup.route(&app.url(), "headers = [\"signed\"]").start().await;
    let mut kids = Vec::new();
    for (days, steps) in [
        (699, ["signing"].as_slice()),
        (1, &["published", "signing"]),
        (14, &["signing", "previous"]),
        (14, &["signing", "retired"]),
    ] {
        clock.step(days * DAY);
        let taken = async {
            while steps_of(&gateway, "jwt").await != steps {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let taken = tokio::time::timeout(Duration::from_secs(60), taken).await;
        assert!(taken.is_ok(), "{:?}", steps_of(&gateway, "jwt").await);
        // What the folder has is in force two seconds later.
        let jwks = gateway.url("/.well-known/samlgate/jwks.json");
        let shown = steps.iter().filter(|step| **step != "retired").count();
        while gateway.visitor().get(&jwks).await.text().matches("\"kid\"").count() != shown {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut visitor = gateway.visitor();
        let xml = idp.write(&idp.unsolicited(&gateway.url("")));
        let entered = idp::post(&gateway.url("/saml/acs"), &idp::fields(xml, None));
        let entered = visitor.send(entered).await;
        assert_eq!(entered.status, 303, "{}", entered.text());
        let page = visitor.get(&gateway.url("/page")).await;
        let token = received(&page.json(), "x-samlgate-jwt-assertion").join("");
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let kid = header["kid"].as_str().unwrap().to_owned();
        let jwks = visitor.get(&jwks).await.text();
        assert!(jwks.contains(&kid), "{jwks}");
        kids.push(kid);
    }
    assert_eq!(kids[0], kids[1]);
    assert_ne!(kids[1], kids[2]);
    assert_eq!(kids[2], kids[3]);
}

/// New keys are as closed as those of the first start.
fn assert_no_key_is_open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let files = std::fs::read_dir(folder.join("certs"))
        .unwrap()
        .map(|file| file.unwrap().path());
    let keys: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|it| it == "key")).collect();
    assert!(keys.len() >= 4, "{keys:?}");
    for key in keys {
        let mode = key.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", key.display());
    }
}
