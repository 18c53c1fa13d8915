//! From files, or from the configuration, to keys that can be used.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::x509::X509;

use super::given::Given;
use super::manifest::Manifest;
use super::{BoxedError, KeyFolderError, KeySettings, KnownKey, Origin, PemKey, SpKeys, files};
use crate::base::certificate::{KeyPurpose, self_signed};
use crate::base::{Secret, Timestamp};
use crate::dsig::{Certificate, SigningKey, TrustedKey};
use crate::keys::{Held, Ring, Step, Use};
use crate::proxy::{JwtError, JwtKey};
use crate::xmlenc::{DecryptionKey, DecryptionKeyRefusal, DecryptionKeys};

/// Holds what is derived from the first JWT key, once that is not the one that signs any more.
pub(super) const SEAL: &str = "seal.key";
/// What the marks and seals of the gateway are derived for.
const SEAL_PURPOSE: &[u8] = b"samlgate seal 1";

/// Reads the keys, and makes those that are missing: when the gateway starts.
pub fn open_keys(settings: &KeySettings, now: Timestamp) -> Result<SpKeys, KeyFolderError> {
    open(Reader::begin(settings, Missing::Made(now))?)
}

/// Reads the keys again, of which `before` are in force. Nothing is made: what is missing now was
/// there, and is a folder that is not mounted or that somebody fills at this moment.
pub fn reopen_keys(settings: &KeySettings, before: &[KnownKey]) -> Result<SpKeys, KeyFolderError> {
    let reader = Reader::begin(settings, Missing::Refused)?;
    for key in before {
        // Once it is there, it is not taken away: without it the first key would be active again.
        let was_counted = key.held.since.is_some() && key.origin != Origin::Configuration;
        if was_counted && reader.manifest.ring(key.usage).is_none() {
            let missing = Manifest::path(&settings.folder);
            return Err(KeyFolderError::Vanished { missing });
        }
    }
    open(reader)
}

fn open(mut reader: Reader<'_>) -> Result<SpKeys, KeyFolderError> {
    let settings = reader.settings;
    let signing = reader.signing()?;
    let encryption = reader.encryption()?;
    let mut jwt = reader.jwt()?;
    reader.complain_of_strangers()?;

    let missing =
        |usage: Use| KeyFolderError::Given { usage, reason: "there is no active key".to_owned() };
    let mut known: Vec<KnownKey> = Vec::new();
    known.extend(signing.iter().map(|key| key.known.clone()));
    known.extend(encryption.iter().map(|key| key.known.clone()));
    known.extend(jwt.iter().map(|key| key.known.clone()));

    // An identity provider that reads the first certificate alone finds the one that signs.
    let order = [Step::Active, Step::Published, Step::Previous];
    let signing_certificates = certificates(&signing, &order);
    let signing = at(signing, Step::Active).next().ok_or_else(|| missing(Use::Signing))?;
    // One that reads the first alone should encrypt to the newest.
    let encryption_certificates = certificates(&encryption, &[Step::Published, Step::Active]);
    let decryption = reader.decryption(encryption);
    let place = jwt.iter().position(|key| key.known.held.step == Step::Active);
    let place = place.ok_or_else(|| missing(Use::Jwt))?;
    let active = jwt.remove(place).key.ok_or_else(|| missing(Use::Jwt))?;
    let told =
        |key: &Loaded<JwtKey>| matches!(key.known.held.step, Step::Published | Step::Previous);
    let jwt_published = jwt.into_iter().filter(told).filter_map(|key| key.key).collect();
    let seal = seal(&settings.folder, &active)?;
    Ok(SpKeys {
        signing: Arc::new(signing),
        signing_certificates,
        encryption_certificates,
        decryption,
        jwt: active,
        jwt_published,
        seal,
        known,
        made: reader.made,
        warnings: reader.warnings,
    })
}

/// What is known of the keys; nothing is made, and what is missing is left out.
pub fn look(settings: &KeySettings) -> Result<(Vec<KnownKey>, Vec<String>), KeyFolderError> {
    let mut reader = Reader::begin(settings, Missing::LeftOut)?;
    let known = reader.known().into_iter().collect::<Result<Vec<_>, _>>()?;
    if settings.folder.is_dir() {
        reader.complain_of_strangers()?;
    }
    Ok((known.into_iter().flatten().collect(), reader.warnings))
}

/// Why the gateway would not start with these keys: everything at once, and nothing is made.
pub fn check_keys(settings: &KeySettings) -> Vec<KeyFolderError> {
    let mut reader = match Reader::begin(settings, Missing::Unmade) {
        Ok(reader) => reader,
        Err(error) => return vec![error],
    };
    reader.known().into_iter().filter_map(Result::err).collect()
}

/// What decrypts, likeliest first; nothing is made, and no certificate is needed.
pub fn own_decryption_keys(settings: &KeySettings) -> Result<Vec<DecryptionKey>, KeyFolderError> {
    let usage = Use::Encryption;
    if let Some(pem) = settings.given.of(usage) {
        let wrong = |error: BoxedError| KeyFolderError::Given { usage, reason: error.to_string() };
        let given = Given::read(pem.reveal()).map_err(wrong)?;
        let keys = given.keys.iter().map(|given| DecryptionKey::from_pem(given.key.reveal()));
        let keys: Result<Vec<DecryptionKey>, _> = keys.collect();
        return keys.map_err(|error| wrong(error.into()));
    }
    let folder = &settings.folder;
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let ring = ring(folder, &Manifest::read(folder)?, usage)?;
    let mut held: Vec<&Held> = ring.iter().collect();
    held.sort_by_key(|key| likelihood(key.step));
    let mut keys = Vec::new();
    for key in held {
        let path = key_path(folder, &key.name);
        let Some(pem) = files::read(&path)?.map(Secret::new) else {
            continue;
        };
        let key = DecryptionKey::from_pem(pem.reveal());
        let reason = |error: DecryptionKeyRefusal| KeyFolderError::Key {
            path: path.clone(),
            reason: error.to_string(),
        };
        keys.push(key.map_err(reason)?);
    }
    Ok(keys)
}

/// The keys of a use: those of `keys.toml`, and whatever else lies there and decrypts.
pub(super) fn ring(folder: &Path, manifest: &Manifest, usage: Use) -> Result<Ring, KeyFolderError> {
    let ring = manifest.ring(usage).cloned().unwrap_or_else(|| Ring::first(usage));
    if usage != Use::Encryption {
        return Ok(ring);
    }
    let mut keys: Vec<Held> = ring.iter().cloned().collect();
    for name in names(folder, usage)? {
        if keys.iter().all(|key| key.name != name) {
            keys.push(Held { name, step: Step::Retired, since: None });
        }
    }
    Ok(Ring::new(usage, keys).unwrap_or(ring))
}

/// `NAME.key` in the folder.
pub(super) fn key_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.key"))
}

/// `NAME.crt` in the folder.
pub(super) fn certificate_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.crt"))
}

/// Makes a key and its certificate; a JWT key has none.
pub(super) fn make_files(
    settings: &KeySettings,
    usage: Use,
    name: &str,
    now: Timestamp,
) -> Result<(), KeyFolderError> {
    let key_path = key_path(&settings.folder, name);
    let refused = |error: BoxedError| KeyFolderError::Key {
        path: key_path.clone(),
        reason: error.to_string(),
    };
    let PemKey { key, certificate } = make(usage, &settings.common_name, now).map_err(refused)?;
    files::write_private(&key_path, key.reveal())?;
    if let Some(certificate) = certificate {
        files::write_public(&certificate_path(&settings.folder, name), &certificate)?;
    }
    Ok(())
}

/// Keeps what is derived from the JWT key that signs now, before another one does.
pub(super) fn keep_seal(folder: &Path) -> Result<(), KeyFolderError> {
    let path = folder.join(SEAL);
    if files::read(&path)?.is_some() {
        return Ok(());
    }
    let manifest = Manifest::read(folder)?;
    let ring = ring(folder, &manifest, Use::Jwt)?;
    let Some(active) = ring.at(Step::Active) else {
        return Ok(());
    };
    let from = key_path(folder, &active.name);
    let refused =
        |error: JwtError| KeyFolderError::Key { path: from.clone(), reason: error.to_string() };
    let Some(pem) = files::read(&from)?.map(Secret::new) else {
        return Ok(());
    };
    let key = JwtKey::from_pem(&String::from_utf8_lossy(pem.reveal())).map_err(refused)?;
    let seal = key.derive(SEAL_PURPOSE).map_err(refused)?;
    files::write_private(&path, seal.reveal())
}

fn make(usage: Use, common_name: &str, now: Timestamp) -> Result<PemKey, BoxedError> {
    match usage {
        // RSA, since every identity provider can verify it.
        Use::Signing => {
            let key = SigningKey::generate_rsa(SigningKey::RSA_BITS, common_name, now)?;
            let certificate = Some(key.certificate_pem()?.into_bytes());
            Ok(PemKey { key: key.key_pem()?, certificate })
        }
        Use::Encryption => {
            let key = DecryptionKey::generate(DecryptionKey::RSA_BITS)?;
            let purpose = KeyPurpose::Encryption;
            let certificate = self_signed(key.private_key(), common_name, purpose, now)?;
            let certificate = Some(certificate.to_pem()?);
            Ok(PemKey { key: key.key_pem()?, certificate })
        }
        Use::Jwt => {
            let pem = JwtKey::generate()?.to_pem()?;
            let key = Secret::new(pem.reveal().clone().into_bytes());
            Ok(PemKey { key, certificate: None })
        }
    }
}

fn seal(folder: &Path, active: &JwtKey) -> Result<Secret<[u8; 32]>, KeyFolderError> {
    let path = folder.join(SEAL);
    let refused = |reason: String| KeyFolderError::Key { path: path.clone(), reason };
    match files::read(&path)?.map(Secret::new) {
        Some(bytes) => {
            let bytes: Result<[u8; 32], _> = bytes.reveal().as_slice().try_into();
            Ok(Secret::new(
                bytes.map_err(|_| refused("it has not 32 bytes".to_owned()))?,
            ))
        }
        None => active.derive(SEAL_PURPOSE).map_err(|error| refused(error.to_string())),
    }
}

/// Names of the keys of a use that lie in the folder.
fn names(folder: &Path, usage: Use) -> Result<Vec<String>, KeyFolderError> {
    let paths = files::with_extension(folder, "key")?;
    let names = paths.iter().filter_map(|path| path.file_stem()?.to_str());
    let of_use = names.filter(|name| name.starts_with(usage.first_name()));
    Ok(of_use.map(str::to_owned).collect())
}

/// Whether a key for decryption has to be tried: those that retired in a roll-over may be too many, those
/// that somebody put there by hand may not.
pub(super) fn is_needed(key: &Held) -> bool {
    key.step != Step::Retired || key.since.is_none()
}

/// In which order keys are tried.
const fn likelihood(step: Step) -> u8 {
    match step {
        Step::Active => 0,
        Step::Published => 1,
        Step::Previous => 2,
        Step::Next => 3,
        Step::Retired => 4,
    }
}

/// A key, as far as it is needed.
struct Loaded<K> {
    known: KnownKey,
    key: Option<K>,
    certificate_der: Option<Vec<u8>>,
}

fn at<K>(keys: Vec<Loaded<K>>, step: Step) -> impl Iterator<Item = K> {
    let at_step = keys.into_iter().filter(move |key| key.known.held.step == step);
    at_step.filter_map(|key| key.key)
}

fn certificates<K>(keys: &[Loaded<K>], order: &[Step]) -> Vec<Vec<u8>> {
    let mut certificates = Vec::new();
    for step in order {
        let at_step = keys.iter().filter(|key| key.known.held.step == *step);
        certificates.extend(at_step.filter_map(|key| key.certificate_der.clone()));
    }
    certificates
}

/// What happens where there is no key yet.
#[derive(Clone, Copy)]
enum Missing {
    Made(Timestamp),
    Refused,
    LeftOut,
    /// It would be made; what `keys.toml` counts on is refused.
    Unmade,
}

struct Reader<'s> {
    settings: &'s KeySettings,
    manifest: Manifest,
    missing: Missing,
    made: Vec<PathBuf>,
    warnings: Vec<String>,
    /// Once something had to be made.
    lock: Option<File>,
}

impl<'s> Reader<'s> {
    fn begin(settings: &'s KeySettings, missing: Missing) -> Result<Self, KeyFolderError> {
        let warnings = match missing {
            Missing::Made(_) => {
                files::make_folder(&settings.folder)?;
                files::complaint(&settings.folder)
            }
            Missing::Refused => files::complaint(&settings.folder),
            Missing::LeftOut | Missing::Unmade => None,
        };
        Ok(Self {
            settings,
            manifest: Manifest::read(&settings.folder)?,
            missing,
            made: Vec::new(),
            warnings: warnings.into_iter().collect(),
            lock: None,
        })
    }

    /// What is known of each use. Where there is no folder yet, that is what the configuration gives.
    fn known(&mut self) -> Vec<Result<Vec<KnownKey>, KeyFolderError>> {
        fn only<K>(keys: Vec<Loaded<K>>) -> Vec<KnownKey> {
            keys.into_iter().map(|key| key.known).collect()
        }
        let settings = self.settings;
        let is_there =
            |usage: &Use| settings.folder.is_dir() || settings.given.of(*usage).is_some();
        let uses = Use::ALL.into_iter().filter(is_there);
        let known = uses.map(|usage| match usage {
            Use::Signing => self.signing().map(only),
            Use::Encryption => self.encryption().map(only),
            Use::Jwt => self.jwt().map(only),
        });
        known.collect()
    }

    fn signing(&mut self) -> Result<Vec<Loaded<SigningKey>>, KeyFolderError> {
        let usage = Use::Signing;
        let read = |key: &Secret<Vec<u8>>, certificate: &[u8]| {
            let key = SigningKey::from_pem(key.reveal(), certificate)?;
            Ok((
                key,
                TrustedKey::from_certificate_der(
                    X509::from_pem(certificate)?.to_der()?.as_slice(),
                )?,
            ))
        };
        self.pairs(usage, read)
    }

    fn encryption(&mut self) -> Result<Vec<Loaded<DecryptionKey>>, KeyFolderError> {
        let read = |key: &Secret<Vec<u8>>, certificate: &[u8]| {
            let key = DecryptionKey::from_pem(key.reveal())?;
            let certificate_der = X509::from_pem(certificate)?.to_der()?;
            let certificate = TrustedKey::from_certificate_der(&certificate_der)?;
            if !certificate.public_key().is_some_and(|public| key.belongs_to(public)) {
                return Err("the certificate belongs to another key".into());
            }
            Ok((key, certificate))
        };
        let keys = self.pairs(Use::Encryption, read)?;
        // Whoever put more of them there by hand has to hear that they are not used.
        let found = keys.iter().filter(|key| is_needed(&key.known.held)).count();
        if found > DecryptionKeys::MOST {
            let folder = self.settings.folder.clone();
            return Err(KeyFolderError::TooMany { folder, found });
        }
        Ok(keys)
    }

    fn jwt(&mut self) -> Result<Vec<Loaded<JwtKey>>, KeyFolderError> {
        let usage = Use::Jwt;
        if let Some(pem) = self.settings.given.of(usage) {
            let wrong =
                |error: BoxedError| KeyFolderError::Given { usage, reason: error.to_string() };
            let given = Given::read(pem.reveal()).map_err(wrong)?;
            let mut loaded = Vec::new();
            for (number, given) in given.keys.iter().enumerate() {
                let key = JwtKey::from_pem(&String::from_utf8_lossy(given.key.reveal()));
                let key = key.map_err(|error| wrong(error.into()))?;
                let held = given_key(usage, number);
                let fingerprint = Some(key.kid().to_owned());
                let origin = Origin::Configuration;
                let known = KnownKey {
                    usage,
                    held,
                    not_after: None,
                    certificate: None,
                    fingerprint,
                    origin,
                };
                loaded.push(Loaded { known, key: Some(key), certificate_der: None });
            }
            return Ok(loaded);
        }
        let folder = self.settings.folder.clone();
        let mut loaded = Vec::new();
        for held in ring(&folder, &self.manifest, usage)?.iter() {
            let path = key_path(&folder, &held.name);
            if !path.exists() && !self.make_missing(usage, held)? {
                continue;
            }
            let Some(pem) = files::read_private(&path, &mut self.warnings)? else {
                continue;
            };
            let key = JwtKey::from_pem(&String::from_utf8_lossy(pem.reveal()));
            let key = key.map_err(|error| KeyFolderError::Key {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            let known = KnownKey {
                usage,
                held: held.clone(),
                not_after: None,
                certificate: None,
                fingerprint: Some(key.kid().to_owned()),
                origin: Origin::File(path),
            };
            loaded.push(Loaded { known, key: Some(key), certificate_der: None });
        }
        Ok(loaded)
    }

    /// The keys of a use that have certificates.
    fn pairs<K: Decrypts>(
        &mut self,
        usage: Use,
        read: impl Fn(&Secret<Vec<u8>>, &[u8]) -> Result<(K, TrustedKey), BoxedError>,
    ) -> Result<Vec<Loaded<K>>, KeyFolderError> {
        let settings = self.settings;
        if let Some(pem) = settings.given.of(usage) {
            let wrong =
                |error: BoxedError| KeyFolderError::Given { usage, reason: error.to_string() };
            let (pairs, further) =
                Given::read(pem.reveal()).and_then(Given::pairs).map_err(wrong)?;
            let mut loaded = Vec::new();
            for (number, pair) in pairs.iter().enumerate() {
                let read = read(&pair.key, &pair.certificate).map_err(wrong)?;
                let held = given_key(usage, number);
                loaded.push(
                    both(usage, held, Origin::Configuration, read, &pair.certificate)
                        .map_err(wrong)?,
                );
            }
            for (number, certificate) in further.iter().enumerate() {
                let held = given_key(usage, loaded.len().saturating_add(number));
                let origin = Origin::Configuration;
                loaded.push(certificate_alone(usage, held, origin, certificate).map_err(wrong)?);
            }
            return Ok(loaded);
        }
        let folder = settings.folder.clone();
        let mut loaded = Vec::new();
        for held in ring(&folder, &self.manifest, usage)?.iter() {
            loaded.extend(self.pair(usage, held, &read)?);
        }
        Ok(loaded)
    }

    fn pair<K: Decrypts>(
        &mut self,
        usage: Use,
        held: &Held,
        read: &impl Fn(&Secret<Vec<u8>>, &[u8]) -> Result<(K, TrustedKey), BoxedError>,
    ) -> Result<Option<Loaded<K>>, KeyFolderError> {
        let folder = self.settings.folder.clone();
        let path = key_path(&folder, &held.name);
        let certificate_path = certificate_path(&folder, &held.name);
        let there = (path.exists(), certificate_path.exists());
        if there.0 != there.1 && held.step != Step::Retired {
            // Another node may be making the other one. In a folder that can only be read nobody is.
            let _ = self.lock();
        }
        if there == (false, false) && !self.make_missing(usage, held)? {
            return Ok(None);
        }
        let refused = |reason: BoxedError| KeyFolderError::Key {
            path: path.clone(),
            reason: reason.to_string(),
        };
        let key = files::read_private(&path, &mut self.warnings)?;
        let certificate = files::read(&certificate_path)?;
        let origin = Origin::File(path.clone());
        match (key, certificate) {
            (Some(key), Some(certificate)) => {
                let read = read(&key, &certificate).map_err(refused)?;
                let loaded = both(usage, held.clone(), origin, read, &certificate);
                Ok(Some(loaded.map_err(refused)?))
            }
            // It was put there to decrypt, which it does without a certificate.
            (Some(key), None) if held.step == Step::Retired => {
                let known = KnownKey {
                    usage,
                    held: held.clone(),
                    not_after: None,
                    certificate: None,
                    fingerprint: None,
                    origin,
                };
                let key = K::without_certificate(&key).map_err(refused)?;
                Ok(Some(Loaded { known, key, certificate_der: None }))
            }
            (None, _) if held.step == Step::Retired => Ok(None),
            (Some(_), None) => Err(KeyFolderError::Half { found: path, missing: certificate_path }),
            (None, _) => Err(KeyFolderError::Half { found: certificate_path, missing: path }),
        }
    }

    /// Makes the first key of a use, where nobody has counted yet; whether there is one now.
    fn make_missing(&mut self, usage: Use, held: &Held) -> Result<bool, KeyFolderError> {
        let path = key_path(&self.settings.folder, &held.name);
        match (held.step, self.manifest.ring(usage), self.missing) {
            (Step::Retired, _, _) | (_, _, Missing::LeftOut) => Ok(false),
            (step, Some(_), Missing::Made(_) | Missing::Refused | Missing::Unmade) => {
                Err(KeyFolderError::Gone { missing: path, step: step.as_str() })
            }
            (_, None, Missing::Unmade) => Ok(false),
            (_, None, Missing::Refused) => Err(KeyFolderError::Vanished { missing: path }),
            (_, None, Missing::Made(now)) => {
                self.lock()?;
                // Another node that starts may have been here.
                if path.exists() || certificate_path(&self.settings.folder, &held.name).exists() {
                    return Ok(true);
                }
                make_files(self.settings, usage, &held.name, now)?;
                self.made.push(path);
                Ok(true)
            }
        }
    }

    /// From here on nobody else changes the folder, until everything is read.
    fn lock(&mut self) -> Result<(), KeyFolderError> {
        if self.lock.is_none() && matches!(self.missing, Missing::Made(_)) {
            self.lock = Some(files::lock(&self.settings.folder)?);
        }
        Ok(())
    }

    /// All keys that decrypt and are not too many, the likeliest first.
    fn decryption(&mut self, keys: Vec<Loaded<DecryptionKey>>) -> Vec<DecryptionKey> {
        let mut keys: Vec<_> = keys.into_iter().filter(|key| key.key.is_some()).collect();
        keys.sort_by_key(|key| likelihood(key.known.held.step));
        for key in keys.iter().skip(DecryptionKeys::MOST) {
            self.warnings.push(format!(
                "{} is not tried any more, since {} newer ones are: remove it",
                key.known.held.name,
                DecryptionKeys::MOST
            ));
        }
        keys.truncate(DecryptionKeys::MOST);
        keys.into_iter().filter_map(|key| key.key).collect()
    }

    /// Keys that lie there and are used for nothing.
    fn complain_of_strangers(&mut self) -> Result<(), KeyFolderError> {
        for usage in [Use::Signing, Use::Jwt] {
            let ring = ring(&self.settings.folder, &self.manifest, usage)?;
            for name in names(&self.settings.folder, usage)? {
                if ring.iter().all(|key| key.name != name) {
                    self.warnings.push(format!(
                        "{name}.key is used for nothing, since keys.toml does not name it"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A key that may do without its certificate.
trait Decrypts: Sized {
    /// What it can still do.
    fn without_certificate(pem: &Secret<Vec<u8>>) -> Result<Option<Self>, BoxedError>;
}

impl Decrypts for DecryptionKey {
    fn without_certificate(pem: &Secret<Vec<u8>>) -> Result<Option<Self>, BoxedError> {
        Ok(Some(Self::from_pem(pem.reveal())?))
    }
}

impl Decrypts for SigningKey {
    fn without_certificate(_: &Secret<Vec<u8>>) -> Result<Option<Self>, BoxedError> {
        Ok(None)
    }
}

fn given_key(usage: Use, number: usize) -> Held {
    let (name, step) = match number {
        0 => (format!("saml.{}_key", usage.as_str()), Step::Active),
        number => (
            format!("saml.{}_key #{}", usage.as_str(), number.saturating_add(1)),
            Step::Published,
        ),
    };
    Held { name, step, since: None }
}

fn both<K>(
    usage: Use,
    held: Held,
    origin: Origin,
    (key, trusted): (K, TrustedKey),
    certificate: &[u8],
) -> Result<Loaded<K>, BoxedError> {
    let der = X509::from_pem(certificate)?.to_der()?;
    let known = KnownKey {
        usage,
        held,
        not_after: Some(trusted.not_after()),
        certificate: Some(Certificate::from_der(&der)?),
        fingerprint: Some(trusted.fingerprint().to_owned()),
        origin,
    };
    Ok(Loaded { known, key: Some(key), certificate_der: Some(der) })
}

fn certificate_alone<K>(
    usage: Use,
    held: Held,
    origin: Origin,
    certificate: &[u8],
) -> Result<Loaded<K>, BoxedError> {
    let der = X509::from_pem(certificate)?.to_der()?;
    let trusted = TrustedKey::from_certificate_der(&der)?;
    let known = KnownKey {
        usage,
        held,
        not_after: Some(trusted.not_after()),
        certificate: Some(Certificate::from_der(&der)?),
        fingerprint: Some(trusted.fingerprint().to_owned()),
        origin,
    };
    Ok(Loaded { known, key: None, certificate_der: Some(der) })
}
