//! An identity provider, a gateway that trusts it, and an application behind that.

use std::process::Output;
use std::time::Duration;

use openssl::pkey::PKey;

use super::peer::{Key, Peer, Person, Product, Settings};
use super::suite::without_signature;
use super::way::{Trip, Way};
use crate::support::app::App;
use crate::support::certificate::self_signed;
use crate::support::clock::SteppedClock;
use crate::support::encryption;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Visitor};

/// Longer than the gateway takes to notice that something was imported.
const PATIENCE: Duration = Duration::from_secs(20);
/// What it logs for each identity provider, each time it has loaded all.
const READY: &str = "\"identity provider ready\"";

/// Field by field what runs, in the order in which it ends.
pub(super) struct World {
    pub(super) gateway: Gateway,
    pub(super) peer: Peer,
    app: App,
}

impl World {
    /// The gateway has the identity provider in its configuration, with these lines, and the
    /// identity provider has the gateway's metadata.
    pub(super) async fn with(product: Product, settings: Settings, idp_settings: &str) -> Self {
        let peer = Peer::start(product, settings, None).await;
        let url = peer.metadata_url();
        Self::around(peer, |setup| setup.idp("peer", &url, idp_settings)).await
    }

    /// As [`Self::with`], and both go by this clock.
    pub(super) async fn by_clock(product: Product, clock: &SteppedClock) -> Self {
        let peer = Peer::start(product, Settings::default(), Some(clock)).await;
        let url = peer.metadata_url();
        Self::around(peer, |setup| setup.idp("peer", &url, "").by(clock)).await
    }

    /// As [`Self::with`], with further lines in `[saml]`.
    pub(super) async fn with_saml(
        product: Product,
        settings: Settings,
        idp_settings: &str,
        saml: &[&str],
    ) -> Self {
        let peer = Peer::start(product, settings, None).await;
        let url = peer.metadata_url();
        Self::around(peer, |setup| {
            let setup = setup.idp("peer", &url, idp_settings);
            saml.iter().fold(setup, |setup, line| setup.set("saml", line))
        })
        .await
    }

    /// The gateway knows no identity provider.
    pub(super) async fn apart(product: Product, settings: Settings) -> Self {
        let peer = Peer::start(product, settings, None).await;
        Self::around(peer, |setup| setup).await
    }

    async fn around(mut peer: Peer, more: impl FnOnce(Setup) -> Setup) -> Self {
        let app = App::start().await;
        let board = format!(
            "[[role]]\nname = \"board\"\ngroups = [{:?}]\n\
             [[route]]\npath = \"/board\"\nupstream = [{:?}]\nheaders = [\"remote\"]\n\
             require = {{ roles = [\"board\"] }}",
            peer.product.board(),
            app.url()
        );
        // Both keys are RSA: none of the products verifies anything else.
        let signing = PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
        let certificate = self_signed(&signing, "localhost", None).to_pem().unwrap();
        let setup = Setup::https()
            .key("sp-signing", encryption::OLDER_KEY, Some(&certificate))
            .key(
                "sp-encryption",
                encryption::KEY,
                Some(&encryption::certificate()),
            )
            .set("attributes", peer.product.attributes())
            // A machine that is quick signs more people in than one office has.
            .set("limits", "sign_in = \"60000/m\"\nacs = \"60000/m\"")
            .add(&board)
            .route(&app.url(), "headers = [\"remote\"]");
        let gateway = more(setup).start().await;
        let metadata = gateway.visitor().get(&gateway.url("/saml/metadata")).await;
        assert_eq!(metadata.status, 200);
        peer.knows(&metadata.text());
        Self { gateway, peer, app }
    }

    /// Whom the tests sign in, and somebody else.
    pub(super) const fn people(&self) -> [Person; 2] {
        self.peer.product.people()
    }

    /// From a page of the application back to it, over the identity provider.
    pub(super) async fn sign_in(&self, visitor: &mut Visitor, person: &Person) -> Trip {
        self.way().sign_in(visitor, person).await
    }

    /// Goes on from an answer; see [`Way::go_on`].
    pub(super) async fn go_on(&self, visitor: &mut Visitor, from: Answer, person: &Person) -> Trip {
        self.way().go_on(visitor, from, person).await
    }

    /// For those who go by themselves.
    pub(super) fn way(&self) -> Way {
        Way::new(self.gateway.url("/page"), &self.peer)
    }

    /// A command of the program, which has to work: what it prints.
    pub(super) async fn command(&self, arguments: &[&str]) -> String {
        let mut command = self.gateway.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(
            status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&stderr)
        );
        String::from_utf8(stdout).unwrap()
    }

    /// Starts the gateway again with this line in the `[[idp]]`, in the place of one with the same key.
    pub(super) async fn with_idp_settings(&mut self, line: &str) {
        let (key, _) = line.split_once(" = ").unwrap();
        let same = |old: &&str| old.split(" = ").next() == Some(key);
        self.gateway.rewrite(|toml| {
            let lines: Vec<&str> = toml.lines().filter(|old| !same(old)).collect();
            lines.join("\n").replace("name = \"peer\"", &format!("name = \"peer\"\n{line}"))
        });
        self.gateway.kill9();
        self.gateway.start_again().await;
    }

    /// Starts the gateway again with `/strong`, which asks for more by these lines.
    pub(super) async fn with_step_up(&mut self, lines: &str) {
        const MARK: &str = "# step-up";
        let upstream = self.app.url();
        let route = format!(
            "{MARK}\n[[route]]\npath = \"/strong\"\nupstream = [{upstream:?}]\n\
             headers = [\"remote\"]\n{lines}\n"
        );
        self.gateway.rewrite(|toml| {
            let before = toml.split(MARK).next().unwrap_or_default();
            format!("{before}\n{route}")
        });
        self.gateway.kill9();
        self.gateway.start_again().await;
    }

    /// From that page back to it.
    pub(super) async fn step_up(&self, visitor: &mut Visitor, person: &Person) -> Trip {
        let way = Way::new(self.gateway.url("/strong"), &self.peer);
        way.sign_in(visitor, person).await
    }

    /// Waits until the gateway has loaded the identity provider with this many keys.
    pub(super) async fn trusts(&self, keys: usize) {
        let mark = format!("\"keys\":{keys},");
        self.until(async || {
            self.gateway
                .log()
                .lines()
                .rev()
                .find(|line| line.contains(READY))
                .is_some_and(|line| line.contains(&mark))
        })
        .await;
    }

    /// Waits until the gateway's requests go by this binding.
    pub(super) async fn requests_go_by(&self, binding: &str) {
        self.until(async || {
            let start =
                self.gateway.visitor().get(&self.gateway.url("/.samlgate/start?idp=peer")).await;
            start.status.is_redirection() == (binding == "redirect")
        })
        .await;
    }

    /// Waits until the gateway has a signing key with this certificate.
    pub(super) async fn trusts_key(&self, key: &Key) {
        self.until(async || self.knows(key).await).await;
    }

    /// Whether it has one by now.
    pub(super) async fn knows(&self, key: &Key) -> bool {
        self.gateway.admin("/metrics").await.text().contains(&key.fingerprint())
    }

    /// The gateway does not know anybody any more, nor this visitor; the identity provider, which signing
    /// out would tell, does.
    pub(super) async fn forgets(&self, visitor: &mut Visitor) {
        self.command(&["session", "revoke", "--all"]).await;
        let user = self.gateway.url("/.samlgate/user");
        self.until(async || visitor.get(&user).await.status == 401).await;
    }

    /// Waits until the gateway has looked at all that it has to look after, and has done what it began
    /// then: it finds two more identity providers, one after the other, with this metadata under other
    /// names.
    pub(super) async fn looks_around(&self, metadata: &str) {
        let metadata = without_signature(metadata);
        let entity_id = format!("entityID=\"{}\"", self.peer.metadata_url());
        for name in ["other", "another"] {
            let metadata = metadata.replace(&entity_id, &format!("entityID=\"{name}\""));
            let file = self.gateway.folder().join(name).with_extension("xml");
            std::fs::write(&file, metadata).unwrap();
            self.command(&["idp", "import", file.to_str().unwrap(), "--name", name]).await;
            let found = |line: &str| line.contains(READY) && line.contains(&format!("{name:?}"));
            self.until(async || self.gateway.log().lines().any(found)).await;
        }
    }

    /// How often the gateway has asked for the metadata.
    pub(super) async fn refreshes(&self) -> u32 {
        let metrics = self.gateway.admin("/metrics").await.text();
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("samlgate_metadata_refresh_total{idp=\"peer\""))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
        counts.sum()
    }

    async fn until(&self, mut there: impl AsyncFnMut() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !there().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(waited.await.is_ok(), "{}", self.gateway.log());
    }
}
