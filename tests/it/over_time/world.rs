//! What the rules are played with: a store, a clock that a test steps, and metadata in many forms.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::audit::EventKind;
use samlgate::base::entropy::SystemEntropy;
use samlgate::base::{IdpName, Timestamp};
use samlgate::dsig::{Place, SigningKey, TrustedKeys, sign_enveloped};
use samlgate::store::SqliteStore;
use samlgate::tasks::fetch::Fetcher;
use samlgate::tasks::refresh::{Outcome, Stores, refresh};
use samlgate::tasks::registry::{Loaded, load};
use samlgate::tasks::trust::groups;
use samlgate::trust::{IdpSettings, IdpStore as _, MetadataSource, RefreshState};
use sqlx::Row as _;

pub(super) const ENTITY: &str = "https://idp.example.com/metadata";
pub(super) const SSO: &str = "https://idp.example.com/sso";

pub(super) fn start() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
}

pub(super) fn name(text: &str) -> IdpName {
    IdpName::parse(text).unwrap()
}

pub(super) fn key(name: &str) -> SigningKey {
    SigningKey::generate_ec(name, Timestamp::EPOCH).unwrap()
}

/// Metadata with these keys.
pub(super) fn metadata(
    entity_id: &str,
    attributes: &str,
    sso: &str,
    keys: &[&SigningKey],
) -> String {
    let keys = keys.iter().map(|key| {
        let certificate = STANDARD.encode(key.certificate_der());
        format!(
            r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
        )
    });
    let keys: String = keys.collect();
    format!(
        r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"{attributes}><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{sso}"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
    )
}

/// Several in one, signed.
pub(super) fn aggregate(entities: &[String], until: &str, key: &SigningKey) -> String {
    let xml = format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_all" validUntil="{until}">{}</md:EntitiesDescriptor>"#,
        entities.concat()
    );
    signed(&xml, "_all", key)
}

pub(super) fn signed(xml: &str, id: &str, key: &SigningKey) -> String {
    sign_enveloped(xml, id, key, Place::First).unwrap()
}

pub(super) fn signers(key: &SigningKey) -> TrustedKeys {
    TrustedKeys::one(key.trusted().unwrap())
}

/// A gateway's memory, without the gateway.
pub(super) struct World {
    pub(super) store: SqliteStore,
    pub(super) now: Timestamp,
    pub(super) idps: Vec<IdpSettings>,
    folder: tempfile::TempDir,
    fetcher: Fetcher,
}

impl World {
    /// With one configured identity provider, `corp`, at this address.
    pub(super) async fn of(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samlgate.db");
        let store = SqliteStore::open(file.to_str().unwrap()).await.unwrap();
        Self {
            store,
            now: start(),
            idps: vec![configured("corp", url)],
            folder,
            fetcher: Fetcher::new().unwrap(),
        }
    }

    /// Starts again on the same data.
    pub(super) async fn restart(&mut self) {
        let file = self.folder.path().join("samlgate.db");
        self.store = SqliteStore::open(file.to_str().unwrap()).await.unwrap();
    }

    pub(super) fn step(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    pub(super) async fn load(&self) -> Loaded {
        load(&self.store, &self.idps).await.unwrap()
    }

    /// Asks about everybody, now.
    pub(super) async fn ask(&self) -> HashMap<IdpName, Result<Outcome, String>> {
        let loaded = self.load().await;
        let states = self.states().await;
        let mut all = HashMap::new();
        for group in groups(loaded.sources) {
            let stores = Stores {
                idps: &self.store,
                audit: &self.store,
                notices: &self.store,
                entropy: &SystemEntropy,
            };
            let results = refresh(
                stores,
                &self.fetcher,
                &group,
                &loaded.registry,
                &states,
                self.now,
            );
            for (name, result) in results.await.unwrap() {
                all.insert(
                    name,
                    result.map_err(|error| error.code().as_str().to_owned()),
                );
            }
        }
        all
    }

    /// Asks about `corp`.
    pub(super) async fn ask_corp(&self) -> Result<Outcome, String> {
        self.ask().await.remove(&name("corp")).unwrap()
    }

    pub(super) async fn states(&self) -> HashMap<IdpName, RefreshState> {
        let states = self.store.refreshes().await.unwrap();
        states.into_iter().map(|state| (state.idp.clone(), state)).collect()
    }

    pub(super) async fn state(&self) -> RefreshState {
        self.states().await.remove(&name("corp")).unwrap()
    }

    /// The fingerprints by which `corp` is believed.
    pub(super) async fn keys(&self) -> Vec<String> {
        let loaded = self.load().await;
        let idp = loaded.registry.named(&name("corp")).unwrap();
        let keys = idp.metadata.signing_keys.iter().map(|key| key.fingerprint().to_owned());
        keys.collect()
    }

    /// How many events of this kind the audit has.
    pub(super) async fn events(&self, kind: EventKind) -> i64 {
        let file = self.folder.path().join("samlgate.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let query = "SELECT count(*) AS number FROM audit_event WHERE kind = ?";
        sqlx::query(query)
            .bind(kind.as_str())
            .fetch_one(&pool)
            .await
            .unwrap()
            .get("number")
    }
}

pub(super) fn configured(named: &str, url: &str) -> IdpSettings {
    let source = MetadataSource::Url(url.to_owned());
    IdpSettings::new(name(named), source)
}
