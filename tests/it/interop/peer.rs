//! An identity provider as the suite sees it, whichever product it is.

use std::path::Path;
use std::time::Duration;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::X509;
use tempfile::TempDir;

use super::{lemonldap, pysaml2, samlp, simplesamlphp};
use crate::support::browser::Browser;
use crate::support::certificate::self_signed;
use crate::support::clock::SteppedClock;
use crate::support::http::Answer;
use crate::support::ports;
use crate::support::process::Process;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// PHP; signs by xmlseclibs.
    SimpleSamlPhp,
    /// Perl; signs by lasso, that is by xmlsec1.
    LemonLdap,
    /// Python; signs by xmlsec1.
    Pysaml2,
    /// JavaScript; signs by xml-crypto.
    Samlp,
}

/// What an identity provider is told. Changing it takes effect with its next request.
#[derive(Clone)]
pub(super) struct Settings {
    /// Signs.
    pub(super) key: Key,
    /// The keys in its metadata: the one that signs, unless a test says otherwise.
    pub(super) published: Vec<Key>,
    /// Whether its metadata offers HTTP-POST alone for requests.
    pub(super) only_post: bool,
    /// Whether its metadata offers HTTP-POST alone for logout.
    pub(super) only_post_logout: bool,
    /// The one binding by which it may send us logout messages; `None` is all of them.
    pub(super) logout_to_us: Option<&'static str>,
    /// Whether requests have to be signed.
    pub(super) wants_signed_requests: bool,
    /// Whether assertions are encrypted to the key in our metadata.
    pub(super) encrypts: bool,
    /// For how many seconds an answer counts; `None` is its own default.
    pub(super) lifetime: Option<i64>,
    /// For how many seconds somebody has been signed in already, when the next request comes.
    pub(super) forces_after: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let key = Key::new();
        Self {
            published: vec![key.clone()],
            key,
            only_post: false,
            only_post_logout: false,
            logout_to_us: None,
            wants_signed_requests: false,
            encrypts: false,
            lifetime: None,
            forces_after: 5,
        }
    }
}

/// A key with its certificate, both in PEM.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) private: String,
    pub(super) certificate: String,
}

impl Key {
    /// RSA of 2048 bits, valid from now on.
    pub(super) fn new() -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let text = |pem: Vec<u8>| String::from_utf8(pem).unwrap();
        Self {
            certificate: text(self_signed(&key, "idp.example.com", None).to_pem().unwrap()),
            private: text(key.private_key_to_pem_pkcs8().unwrap()),
        }
    }
}

impl Key {
    /// As `/metrics` has it.
    pub(super) fn fingerprint(&self) -> String {
        let certificate = X509::from_pem(self.certificate.as_bytes()).unwrap();
        let digest = certificate.digest(MessageDigest::sha256()).unwrap();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Somebody whom an identity provider knows.
pub(super) struct Person {
    /// The login name, and the password.
    pub(super) login: &'static str,
    pub(super) mail: &'static str,
    pub(super) groups: &'static [&'static str],
}

impl Product {
    /// Somebody in [`Self::board`], and somebody who is not.
    pub(super) const fn people(self) -> [Person; 2] {
        match self {
            // All three have those of `users.json`.
            Self::SimpleSamlPhp | Self::Pysaml2 | Self::Samlp => simplesamlphp::PEOPLE,
            Self::LemonLdap => lemonldap::PEOPLE,
        }
    }

    /// A group that gives a role.
    pub(super) const fn board(self) -> &'static str {
        match self {
            Self::SimpleSamlPhp | Self::Pysaml2 | Self::Samlp => "IT Managers",
            Self::LemonLdap => "timelords",
        }
    }

    /// Whether its metadata can have the next key beside the one that signs.
    pub(super) const fn publishes_the_next_key(self) -> bool {
        matches!(self, Self::SimpleSamlPhp | Self::Pysaml2)
    }

    /// The line of an `[[idp]]` by which requests are signed: for one whose metadata can not say that
    /// they have to be.
    pub(super) const fn signed_requests(self) -> &'static str {
        match self {
            Self::SimpleSamlPhp | Self::LemonLdap | Self::Pysaml2 => "",
            Self::Samlp => "sign_requests = true",
        }
    }

    /// Whether it has artifacts.
    pub(super) const fn has_artifacts(self) -> bool {
        !matches!(self, Self::Samlp)
    }

    /// Whether it signs people out by SOAP.
    pub(super) const fn signs_out_by_soap(self) -> bool {
        matches!(self, Self::LemonLdap | Self::Pysaml2)
    }

    /// The methods by which it encrypts: for what is encrypted, and for its key.
    pub(super) const fn encrypts_by(self) -> [&'static str; 2] {
        const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
        match self {
            // Whatever our metadata prefers. It counts, since the Response is signed around it.
            Self::SimpleSamlPhp | Self::LemonLdap => {
                ["http://www.w3.org/2001/04/xmlenc#aes128-cbc", OAEP]
            }
            Self::Pysaml2 | Self::Samlp => ["http://www.w3.org/2009/xmlenc11#aes256-gcm", OAEP],
        }
    }

    /// After which time its metadata is read again: its own word, or else ours.
    pub(super) const fn metadata_lasts(self) -> Duration {
        match self {
            Self::Pysaml2 => Duration::from_secs(pysaml2::CACHE_SECONDS),
            Self::SimpleSamlPhp | Self::LemonLdap | Self::Samlp => Duration::from_secs(3600),
        }
    }

    /// Lines of `[attributes]`: by which names it sends what.
    pub(super) const fn attributes(self) -> &'static str {
        match self {
            Self::SimpleSamlPhp | Self::LemonLdap | Self::Pysaml2 => "user_name = [\"uid\"]",
            // It prefixes what it does not know from passport.
            Self::Samlp => {
                "user_name = [\"http://schemas.passportjs.com/uid\"]\n\
                 email = [\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress\"]\n\
                 groups = [\"http://schemas.passportjs.com/groups\"]"
            }
        }
    }
}

/// A service provider that an identity provider knows.
pub(super) struct Sp {
    pub(super) metadata: String,
}

/// A running one.
pub(super) struct Peer {
    pub(super) product: Product,
    port: u16,
    settings: Settings,
    sps: Vec<Sp>,
    /// How often it has been told something.
    told: usize,
    folder: TempDir,
    processes: Vec<Process>,
    by_clock: bool,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let ids: Vec<u32> = self.processes.iter().map(Process::id).collect();
        self.processes.clear();
        if self.by_clock {
            ids.into_iter().for_each(SteppedClock::swept_after);
        }
    }
}

impl Peer {
    /// It knows no service provider yet.
    pub(super) async fn start(
        product: Product,
        settings: Settings,
        clock: Option<&SteppedClock>,
    ) -> Self {
        let port = ports::free();
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let mut peer = Self {
            product,
            port,
            settings,
            sps: Vec::new(),
            told: 0,
            folder,
            processes: Vec::new(),
            by_clock: clock.is_some(),
        };
        peer.tell();
        let at = peer.folder.path();
        peer.processes = match product {
            Product::SimpleSamlPhp => simplesamlphp::start(at, port, clock).await,
            Product::LemonLdap => lemonldap::start(at, port, clock).await,
            Product::Pysaml2 => pysaml2::start(at, port, clock).await,
            Product::Samlp => samlp::start(at, port, clock).await,
        };
        peer
    }

    /// Gives it the metadata of a service provider.
    pub(super) fn knows(&mut self, metadata: &str) {
        let mut metadata = metadata.to_owned();
        if let Some(binding) = self.settings.logout_to_us {
            metadata = with_logout_by(&metadata, binding);
        }
        self.sps.push(Sp { metadata });
        self.tell();
    }

    /// Gives it other metadata of the same service provider.
    pub(super) fn learns(&mut self, metadata: &str) {
        self.sps = vec![Sp { metadata: metadata.to_owned() }];
        self.tell();
    }

    /// Changes what it has been told.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.tell();
    }

    fn tell(&mut self) {
        self.told += 1;
        let (at, base) = (self.folder.path(), self.url("/"));
        match self.product {
            Product::SimpleSamlPhp => simplesamlphp::tell(at, &base, &self.settings, &self.sps),
            Product::LemonLdap => {
                lemonldap::tell(at, &base, &self.settings, &self.sps, self.told);
            }
            Product::Pysaml2 => pysaml2::tell(at, &self.settings, &self.sps, self.told),
            Product::Samlp => samlp::tell(at, &self.settings, &self.sps, self.told),
        }
    }

    /// One of its addresses.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where its metadata is; its entityID as well.
    pub(super) fn metadata_url(&self) -> String {
        self.url(match self.product {
            Product::SimpleSamlPhp => "/saml2/idp/metadata.php",
            Product::LemonLdap => "/saml/metadata",
            Product::Pysaml2 | Product::Samlp => "/metadata",
        })
    }

    /// Where somebody begins who comes from its portal, to this service provider.
    pub(super) fn portal_url(&self, entity_id: &str, relay_state: &str) -> String {
        let query = |pairs: &[(&str, &str)]| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(pairs).finish()
        };
        match self.product {
            Product::SimpleSamlPhp => self.url(&format!(
                "/saml2/idp/SSOService.php?{}",
                query(&[("spentityid", entity_id), ("RelayState", relay_state)])
            )),
            Product::LemonLdap => self.url(&format!(
                "/saml/singleSignOn?{}",
                query(&[
                    ("IDPInitiated", "1"),
                    ("sp", entity_id),
                    ("RelayState", relay_state)
                ])
            )),
            Product::Pysaml2 | Product::Samlp => self.url(&format!(
                "/idp-initiated?{}",
                query(&[("sp", entity_id), ("relay_state", relay_state)])
            )),
        }
    }

    /// Where somebody begins who signs out there.
    pub(super) fn logout_url(&self) -> String {
        let back =
            url::form_urlencoded::byte_serialize(self.url("/").as_bytes()).collect::<String>();
        self.url(&match self.product {
            Product::SimpleSamlPhp => format!("/saml2/idp/initSLO.php?RelayState={back}"),
            Product::LemonLdap => "/?logout=1".to_owned(),
            Product::Pysaml2 => "/slo/begin".to_owned(),
            Product::Samlp => "/slo".to_owned(),
        })
    }

    /// Fills in its login page.
    pub(super) async fn fill_in(&self, browser: &Browser, person: &Person) {
        match self.product {
            Product::SimpleSamlPhp => browser.text_into("#username", person.login).await,
            Product::LemonLdap => browser.text_into("#userfield", person.login).await,
            Product::Pysaml2 => browser.choose("#user", person.login).await,
            Product::Samlp => browser.text_into("#username", person.login).await,
        }
        let password = match self.product {
            Product::SimpleSamlPhp => "#password",
            Product::LemonLdap => "#passwordfield",
            // Whoever comes is believed.
            Product::Pysaml2 | Product::Samlp => return,
        };
        browser.text_into(password, person.login).await;
    }

    /// The names in the form of its login page: what tells it from other forms, who, and the password.
    pub(super) const fn login_names(&self) -> [&'static str; 3] {
        match self.product {
            Product::SimpleSamlPhp => ["username", "username", "password"],
            Product::LemonLdap => ["user", "user", "password"],
            Product::Pysaml2 => ["ticket", "user", "password"],
            Product::Samlp => ["ticket", "username", "password"],
        }
    }

    /// Whether this is one of its own pages.
    pub(super) fn wrote(&self, answer: &Answer) -> bool {
        answer.url.as_str().starts_with(&self.url("/"))
    }

    /// Everybody who is signed in there did so a minute earlier than they did.
    pub(super) fn a_minute_passes(&self) {
        if self.product == Product::LemonLdap {
            lemonldap::a_minute_passes(self.folder.path());
        }
    }
}

/// Metadata, now unsigned, that offers this binding alone for logout.
fn with_logout_by(metadata: &str, binding: &str) -> String {
    let (before, rest) = metadata.split_once("<ds:Signature ").unwrap();
    let (_, after) = rest.split_once("</ds:Signature>").unwrap();
    let metadata = [before, after].concat();
    let mut pieces = metadata.split("<md:SingleLogoutService ");
    let mut kept = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (service, after) = match piece.split_once("/>") {
            Some((service, after)) if !service.contains('<') => (service, after),
            _ => piece.split_once("></md:SingleLogoutService>").unwrap(),
        };
        if service.contains(&format!(":{binding}\"")) {
            kept += &format!("<md:SingleLogoutService {service}/>");
        }
        kept += after;
    }
    kept
}

/// Stops the test where a product is not installed, and says what to do.
pub(super) fn must_be_installed(product: &str, files: &[&str]) {
    for file in files {
        assert!(
            Path::new(file).exists(),
            "{product} is not installed ({file}): run `make packages`"
        );
    }
}
