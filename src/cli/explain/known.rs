//! What a message is checked against: who we are, whom we trust, our keys.
//!
//! From the configuration, with what its database has, read without a change; or from files alone.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::ExplainArgs;
use super::rules::By;
use crate::base::{ErrorCode, IdpName, PublicUrl, Timestamp};
use crate::cli::{ConfigFile, output};
use crate::config::{self, Config, Sources};
use crate::identity::{self, AttributeMap, IdentitySettings, LinkBy, Provisioning};
use crate::saml::metadata::{IdpMetadata, MetadataError};
use crate::saml::{Family, ServiceProvider};
use crate::store::keys::{KeySettings, own_decryption_keys};
use crate::store::{Database, DatabaseAddress};
use crate::tasks::registry::with_approved;
use crate::trust::{
    IdpSettings, IdpStore, IdpTrust, ImportedIdp, MetadataCopy, MetadataSource, Registry, SeenKey,
};
use crate::xmlenc::{DecryptionKey, DecryptionKeys};

/// What a message is checked against.
pub(super) struct Known {
    /// Us.
    pub(super) sp: ServiceProvider,
    /// Whose addresses are ours as well.
    pub(super) legacy: Vec<Family>,
    /// Whom we trust.
    pub(super) registry: Registry,
    /// How assertions become people.
    pub(super) identity: IdentitySettings,
    /// Who is known, if there is a database.
    pub(super) people: Option<Arc<dyn Database>>,
    /// Our keys.
    pub(super) decryption_keys: DecryptionKeys,
    /// Metadata was named in the command: it counts, whatever its date.
    pub(super) is_named: bool,
    /// What to know about all that.
    pub(super) notes: Vec<String>,
}

impl Known {
    /// Closes what was read.
    pub(super) async fn close(self) {
        if let Some(people) = self.people {
            people.close().await;
        }
    }
}

/// An address for clap, kept as it was written: it is compared character by character.
pub(super) fn acs_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" | "http" if url.host_str().is_some() => Ok(text.to_owned()),
        _ => Err("write an address such as https://sp.example.com/saml/acs".to_owned()),
    }
}

/// Puts everything together; says what is missing.
pub(super) async fn find(args: &ExplainArgs, now: Timestamp) -> Option<Known> {
    let from_files = from_files(args);
    let (sp, legacy, identity, sources, own_keys, people) = match from_files {
        Some((sp, sources)) => (sp, Vec::new(), defaults(), sources, None, None),
        None => {
            let config = configured(args)?;
            let people = open(&config.database).await;
            let sources = all_of(&config, people.as_deref()).await;
            let (legacy, keys) = (config.legacy_paths, Some(config.keys.settings));
            (config.sp, legacy, config.identity, sources, keys, people)
        }
    };
    let decryption_keys = decryption_keys(&args.decrypt_key, own_keys.as_ref(), &sp)?;
    let mut known = Known {
        sp,
        legacy,
        registry: Registry::default(),
        identity,
        people,
        decryption_keys,
        is_named: !args.idp_metadata.is_empty(),
        notes: Vec::new(),
    };
    let mut idps: Vec<Arc<IdpTrust>> = Vec::new();
    for mut source in sources {
        let own = &known.sp.public_url;
        if let Err(problems) = config::set_idp(&mut source.settings, &args.set, own) {
            output::problems(&problems);
            return None;
        }
        match source.load(known.is_named.then_some(&mut known.notes), now) {
            // Of two with one entityID the gateway uses the first.
            Ok(idp)
                if idps.iter().all(|other| other.metadata.entity_id != idp.metadata.entity_id) =>
            {
                idps.push(Arc::new(idp));
            }
            Ok(_) => {}
            // Who names a file means it.
            Err(Missing { message, hint }) if !args.idp_metadata.is_empty() => {
                output::error(&message);
                output::hint(&hint);
                return None;
            }
            Err(Missing { message, hint }) => {
                output::warning(&message);
                output::hint(&hint);
            }
        }
    }
    if idps.is_empty() {
        output::error("there is no identity provider whose metadata is at hand");
        output::hint("name its metadata with --idp-metadata FILE --sp-entity-id E --acs-url U");
        return None;
    }
    known.registry = Registry::new(idps);
    Some(known)
}

impl Known {
    /// Us, where a Response with this Destination would have arrived: the ACS checks it against that
    /// very address.
    pub(super) fn sp_at(&self, destination: Option<&str>) -> ServiceProvider {
        let mut posts = self.legacy.iter().map(|family| family.post());
        let arrived =
            posts.find(|path| destination.is_some_and(|to| to == self.sp.public_url.join(path)));
        match arrived {
            Some(path) => Family::acs_at(&self.sp, path),
            None => self.sp.clone(),
        }
    }

    /// The `SingleLogoutService` at which a message with this Destination would have arrived `by` this
    /// way, likewise.
    pub(super) fn slo_at(&self, destination: Option<&str>, by: By) -> String {
        let of_family = |family: &Family| match by {
            By::Query => family.logout(),
            By::Form => family.logout_post(),
            By::Soap => family.logout_soap(),
        };
        let places = self.legacy.iter().map(|family| self.sp.public_url.join(of_family(family)));
        let arrived = places.into_iter().find(|place| Some(place.as_str()) == destination);
        arrived.unwrap_or_else(|| match by {
            By::Soap => self.sp.slo_soap_url(),
            By::Query | By::Form => self.sp.slo_url(),
        })
    }
}

/// One identity provider, before its metadata is read.
struct Source {
    settings: IdpSettings,
    /// What the database has for it: what was imported, and what its address gave last.
    imported: Option<ImportedIdp>,
    copy: Option<MetadataCopy>,
    /// Those that were seen in its messages.
    keys: Vec<SeenKey>,
}

struct Missing {
    message: String,
    hint: String,
}

impl Source {
    /// With `notes`, what has ended counts, and is noted.
    fn load(self, notes: Option<&mut Vec<String>>, now: Timestamp) -> Result<IdpTrust, Missing> {
        let name = &self.settings.name;
        let missing = |message: String, hint: &str| Missing {
            message: format!("{name}: {message}"),
            hint: hint.to_owned(),
        };
        let bytes = match (&self.settings.metadata, &self.imported) {
            (MetadataSource::File(path), _) => std::fs::read(path).map_err(|error| {
                missing(
                    format!("{}: {error}", path.display()),
                    "name a file that can be read",
                )
            })?,
            (MetadataSource::Stored, Some(record)) => {
                record.document(self.copy.as_ref()).as_bytes().to_vec()
            }
            (MetadataSource::Url(url), _) => {
                let copy = self.copy.filter(|copy| copy.url == *url);
                let copy = copy.ok_or_else(|| {
                    let hint = "download it, and add --set metadata=FILE";
                    missing(format!("the metadata of {url} was not fetched yet"), hint)
                })?;
                copy.metadata.into_bytes()
            }
            (MetadataSource::Stored, None) => {
                return Err(missing(
                    "it was not imported".to_owned(),
                    "samlgate idp import adds it",
                ));
            }
        };
        let entity_id = self.settings.entity_id.as_deref();
        let read = match IdpMetadata::read(&bytes, entity_id, now) {
            Err(error) if error.code() == ErrorCode::MetadataValidUntil => {
                if let Some(notes) = notes {
                    notes.push(format!(
                        "{name}: {error}; the gateway does not use such metadata. Here it is used \
                         nevertheless"
                    ));
                }
                IdpMetadata::read(&bytes, entity_id, Timestamp::EPOCH)
            }
            read => read,
        };
        let metadata = read.map_err(|error| {
            let hint = match &error {
                MetadataError::Several { .. } => "choose one with --set entity_id=E",
                _ => error.code().remedy(),
            };
            missing(format!("{error} ({})", error.code()), hint)
        })?;
        Ok(IdpTrust {
            settings: Arc::new(self.settings),
            metadata: with_approved(metadata, &self.keys),
        })
    }
}

/// Without a configuration: everything at its default, and only the vendors' names of attributes.
fn from_files(args: &ExplainArgs) -> Option<(ServiceProvider, Vec<Source>)> {
    let (entity_id, acs) = (args.sp_entity_id.as_ref()?, args.acs_url.as_ref()?);
    let acs_url = Url::parse(acs).ok()?;
    let origin = acs_url.origin().ascii_serialization();
    // A gateway has no such address; to check a message, its scheme does not matter.
    let secure = || PublicUrl::parse(&format!("https://{}", acs_url.host_str()?)).ok();
    let sp = ServiceProvider {
        public_url: PublicUrl::parse(&origin).ok().or_else(secure)?,
        entity_id: entity_id.clone(),
        clock_skew: ServiceProvider::DEFAULT_CLOCK_SKEW,
        other_acs: Some(acs.clone()),
    };
    let source = |(number, path): (usize, &PathBuf)| {
        let name = match number {
            1 => IdpName::parse("idp"),
            number => IdpName::parse(&format!("idp-{number}")),
        };
        let name = name?;
        let metadata = MetadataSource::File(path.clone());
        let settings = IdpSettings::new(name, metadata);
        Some(Source { settings, imported: None, copy: None, keys: Vec::new() })
    };
    let sources = (1_usize..).zip(&args.idp_metadata).filter_map(source);
    Some((sp, sources.collect()))
}

fn defaults() -> IdentitySettings {
    IdentitySettings {
        attributes: AttributeMap::default(),
        roles: Vec::new(),
        provisioning: Provisioning::Jit,
        link_by: vec![LinkBy::ExternalId, LinkBy::UserName, LinkBy::Email],
        first: identity::Source::Scim,
    }
}

fn configured(args: &ExplainArgs) -> Option<Config> {
    let file = ConfigFile { config: args.config.clone() };
    let sources = Sources::of_process(file.config);
    if sources.find_file().is_none() {
        output::error("there is nothing to check the message against");
        output::hint("add --config FILE, or --idp-metadata FILE --sp-entity-id E --acs-url U");
        return None;
    }
    match config::load(&sources) {
        Ok(loaded) => Some(loaded.config),
        Err(problems) => {
            output::problems(&problems);
            None
        }
    }
}

/// The identity providers of the file, then those that were imported.
async fn all_of(config: &Config, store: Option<&dyn Database>) -> Vec<Source> {
    let seen = match store {
        Some(store) => store.seen_keys().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let keys_of = |name: &IdpName| -> Vec<SeenKey> {
        seen.iter().filter(|key| key.idp == *name).cloned().collect()
    };
    let mut sources = Vec::new();
    for settings in &config.idps {
        let copy = copy(store, &settings.name).await;
        let keys = keys_of(&settings.name);
        sources.push(Source { settings: settings.clone(), imported: None, copy, keys });
    }
    let Some(store) = store else {
        return sources;
    };
    let records = IdpStore::list(store).await.unwrap_or_else(|error| {
        output::warning(&error.detail);
        Vec::new()
    });
    for record in records {
        if config.idps.iter().any(|idp| idp.name == record.name) {
            continue;
        }
        let copy = copy(Some(store), &record.name).await;
        let (settings, keys) = (record.to_settings(), keys_of(&record.name));
        sources.extend(settings.map(|settings| Source {
            settings,
            imported: Some(record),
            copy,
            keys,
        }));
    }
    sources
}

async fn copy(store: Option<&dyn Database>, name: &IdpName) -> Option<MetadataCopy> {
    store?.copy(name).await.ok().flatten()
}

/// The database, if there is one; nothing is made and nothing is changed.
async fn open(address: &DatabaseAddress) -> Option<Arc<dyn Database>> {
    if address.is_still_to_be_made() {
        return None;
    }
    match address.open_to_read().await {
        Ok(store) => Some(store),
        Err(error) => {
            output::warning(&format!(
                "{}; imported identity providers and people are not known",
                error.detail
            ));
            None
        }
    }
}

/// Those that were named, and before them those of the gateway, where there are some.
fn decryption_keys(
    named: &[PathBuf],
    own: Option<&KeySettings>,
    sp: &ServiceProvider,
) -> Option<DecryptionKeys> {
    let mut keys = Vec::new();
    for path in named {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let key =
            read.and_then(|pem| DecryptionKey::from_pem(&pem).map_err(|error| error.to_string()));
        match key {
            Ok(key) => keys.push(key),
            Err(error) => {
                output::error(&format!("{}: {error}", path.display()));
                return None;
            }
        }
    }
    match own.map(own_decryption_keys) {
        Some(Ok(own)) => keys.extend(own),
        Some(Err(error)) => {
            output::error(&error.to_string());
            return None;
        }
        None => {}
    }
    Some(DecryptionKeys::from_vec(keys).known_as(&sp.entity_id))
}
