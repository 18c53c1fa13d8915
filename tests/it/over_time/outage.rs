//! A day without the host of metadata, hour by hour, at the built program: its clock is stepped, and it
//! is stopped and killed in the middle. Nobody is turned away; and when the host is back, with another
//! key than before, that one counts.

use std::time::Duration;

use sqlx::Row as _;

use super::host::{Host, Says};
use crate::support::clock::SteppedClock;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Answer;
use crate::support::idp::{self, Key, TestIdp};

const HOUR: Duration = Duration::from_secs(3600);
/// Longer than a host may take that is slow.
const SOON: Duration = Duration::from_secs(60);

struct Day {
    clock: SteppedClock,
    gateway: Gateway,
    idp: TestIdp,
    host: Host,
    signed_in: usize,
}

impl Day {
    async fn begin() -> Self {
        let clock = SteppedClock::new();
        let idp = TestIdp::new("corp").by(&clock);
        let host = Host::saying(Says::Document(idp.metadata(), "\"1\""));
        let setup = Setup::https().quick_key().by(&clock);
        // A machine that is quick signs more people in than one office has.
        let setup = setup.set("limits", "sign_in = \"60000/m\"\nacs = \"60000/m\"");
        let setup = setup.idp("corp", &host.url("/metadata"), "allow_idp_initiated = true");
        let gateway = setup.route("http://127.0.0.1:9", "").start().await;
        let mut day = Self { clock, gateway, idp, host, signed_in: 0 };
        day.signs_in().await;
        day
    }

    /// Somebody comes from the portal, and somebody begins here.
    async fn signs_in(&mut self) {
        let acs = self.gateway.url("/saml/acs");
        let xml = self.idp.write(&self.idp.unsolicited(&self.gateway.url("")));
        let portal = idp::post(&acs, &idp::fields(xml, None));
        self.is_in(&self.gateway.visitor().send(portal).await);

        let mut visitor = self.gateway.visitor();
        let answer = visitor.get(&self.gateway.url("/.samlgate/start?idp=corp&rd=/")).await;
        let request = self.idp.read(&answer);
        let xml = self.idp.write(&self.idp.answer(&request));
        let fields = idp::fields(xml, Some(&request.relay_state));
        self.is_in(&visitor.send(idp::post(&acs, &fields)).await);
        self.signed_in += 2;
    }

    fn is_in(&self, answer: &Answer) {
        let now = self.clock.now();
        assert_eq!(answer.status, 303, "{now}: {}", answer.text());
    }

    /// How asking went last, and how often it went wrong since it went well.
    async fn asked(&self) -> (String, i64) {
        let query = "SELECT result, failures FROM idp_refresh WHERE idp = 'corp'";
        let row = sqlx::query(query).fetch_one(&self.gateway.database().await).await.unwrap();
        (row.get("result"), row.get("failures"))
    }

    /// Somebody signs in again and again until this is how asking went.
    async fn signs_in_until(&mut self, result: &str, failures: i64) {
        let until = async {
            while self.asked().await != (result.to_owned(), failures) {
                self.signs_in().await;
            }
        };
        let reached = tokio::time::timeout(SOON, until).await;
        assert!(
            reached.is_ok(),
            "{failures} {result}: {:?}",
            self.asked().await
        );
    }

    /// A day of this, with a look every so many hours; the same again when it was said to the end.
    async fn passes(&mut self, ills: &[(Says, &str)], hours: u32) {
        let looks = 24 / hours;
        for (look, (says, result)) in (1..=looks).zip(ills.iter().cycle()) {
            self.host.says(says.clone());
            self.clock.step(HOUR * hours);
            self.signs_in_until(result, look.into()).await;
            if look == looks / 2 {
                assert_eq!(self.gateway.stop().await.code(), Some(0));
                self.gateway.start_again().await;
            }
            if look == looks / 2 + 1 {
                self.gateway.kill9();
                self.gateway.start_again().await;
            }
            self.signs_in().await;
        }
    }

    /// Of which metadata administrators were told that it does not come.
    fn told(&self) -> Vec<String> {
        let told = self.gateway.command(&["notices", "list", "--json"]).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        let keys = told["notices"].as_array().unwrap().iter();
        let keys = keys.map(|notice| notice["key"].as_str().unwrap().to_owned());
        keys.filter(|key| key.starts_with("idp-metadata/")).collect()
    }

    async fn until_told(&self, keys: &[&str]) {
        let told = async {
            while self.told() != keys {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(SOON, told).await.unwrap();
    }

    /// Its host is back, and has no key that it had before.
    async fn ends(mut self) -> Self {
        let shown = self.gateway.command(&["idp", "show", "corp", "--json"]).output().unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_ne!(shown["refresh"]["result"], "ok", "{shown}");
        let new = Key::ec(openssl::nid::Nid::X9_62_PRIME256V1);
        let old = std::mem::replace(&mut self.idp.key, new);
        let document = Says::Document(self.idp.metadata(), "\"2\"");
        let new = std::mem::replace(&mut self.idp.key, old);
        self.host.says(document);
        self.clock.step(HOUR * 2);
        let learnt = async {
            while self.asked().await != ("ok".to_owned(), 0) {
                tokio::task::yield_now().await;
            }
            self.gateway.has_logged("\"metadata can be had again\"", 1).await;
        };
        tokio::time::timeout(SOON, learnt).await.unwrap();
        self.idp.key = new;
        self.signs_in().await;

        let attempts = self.gateway.login_attempts().await;
        let refused: Vec<_> = attempts.iter().filter(|attempt| attempt.code.is_some()).collect();
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(attempts.len(), self.signed_in);
        self
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_without_the_host_of_metadata_turns_nobody_away() {
    let mut day = Day::begin().await;
    day.passes(&[(Says::Down, "md.fetch"), (Says::Gone, "md.fetch")], 2).await;
    assert!(day.told().is_empty(), "a day is not long");
    day.clock.step(HOUR * 25);
    day.signs_in_until("md.fetch", 13).await;
    let key = format!("idp-metadata/{}", day.host.url("/metadata"));
    day.until_told(&[&key]).await;
    let day = day.ends().await;
    day.until_told(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_garbage_in_the_place_of_metadata_turns_nobody_away() {
    let page = Says::Document("<html><p>Under construction</p></html>".to_owned(), "\"g\"");
    let bytes = Says::Document("\u{fffd}\u{1}\u{2}".repeat(1000), "\"b\"");
    let mut day = Day::begin().await;
    let ills = [
        (Says::Garbage, "md.fetch"),
        (page, "md.syntax"),
        (bytes, "md.syntax"),
    ];
    day.passes(&ills, 3).await;
    day.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_redirects_of_metadata_turns_nobody_away() {
    let ills = [
        "http://idp.example.com/metadata",
        "ftp://127.0.0.1/metadata",
        "file:///etc/hostname",
        "https://10.0.0.1/metadata",
        "https://169.254.169.254/latest/meta-data",
        "/metadata",
    ];
    let mut day = Day::begin().await;
    day.passes(&ills.map(|to| (Says::Redirect(to), "md.fetch")), 3).await;
    day.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_metadata_that_comes_byte_by_byte_turns_nobody_away() {
    let mut day = Day::begin().await;
    day.passes(&[(Says::Slow, "md.fetch")], 6).await;
    day.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_metadata_without_end_turns_nobody_away() {
    let mut day = Day::begin().await;
    day.passes(&[(Says::Huge, "md.fetch")], 4).await;
    day.ends().await;
}
