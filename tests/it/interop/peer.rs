//! An identity provider as the suite sees it, whichever product it is.

use std::path::Path;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::X509;
use tempfile::TempDir;

use super::{lemonldap, simplesamlphp};
use crate::support::certificate::self_signed;
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
            Self::SimpleSamlPhp => simplesamlphp::PEOPLE,
            Self::LemonLdap => lemonldap::PEOPLE,
        }
    }

    /// A group that gives a role.
    pub(super) const fn board(self) -> &'static str {
        match self {
            Self::SimpleSamlPhp => "IT Managers",
            Self::LemonLdap => "timelords",
        }
    }

    /// Whether its metadata can have the next key beside the one that signs.
    pub(super) const fn publishes_the_next_key(self) -> bool {
        matches!(self, Self::SimpleSamlPhp)
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
    _processes: Vec<Process>,
}

impl Peer {
    /// It knows no service provider yet.
    pub(super) async fn start(product: Product, settings: Settings) -> Self {
        let port = ports::free();
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let mut peer = Self {
            product,
            port,
            settings,
            sps: Vec::new(),
            told: 0,
            folder,
            _processes: Vec::new(),
        };
        peer.tell();
        peer._processes = match product {
            Product::SimpleSamlPhp => simplesamlphp::start(peer.folder.path(), port).await,
            Product::LemonLdap => lemonldap::start(peer.folder.path(), port).await,
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
        }
    }

    /// Where somebody begins who signs out there.
    pub(super) fn logout_url(&self) -> String {
        let back =
            url::form_urlencoded::byte_serialize(self.url("/").as_bytes()).collect::<String>();
        self.url(&match self.product {
            Product::SimpleSamlPhp => format!("/saml2/idp/initSLO.php?RelayState={back}"),
            Product::LemonLdap => "/?logout=1".to_owned(),
        })
    }

    /// The name and the password field of its login page, in CSS.
    pub(super) const fn login_fields(&self) -> [&'static str; 2] {
        match self.product {
            Product::SimpleSamlPhp => ["#username", "#password"],
            Product::LemonLdap => ["#userfield", "#passwordfield"],
        }
    }

    /// The names of these fields in the form.
    pub(super) const fn login_names(&self) -> [&'static str; 2] {
        match self.product {
            Product::SimpleSamlPhp => ["username", "password"],
            Product::LemonLdap => ["user", "password"],
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
