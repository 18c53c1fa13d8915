//! The secrets that a provisioning client shows: `scim_okta_` and 72 hexadecimal digits, which is
//! good for long, and `scimat_okta_` and as many, which was given out for it and is good for an hour.
//!
//! The name of the connection is for whoever finds it in a log or a repository, the last eight
//! digits tell a typing mistake from a token that was revoked, and a scanner for secrets from other
//! text. The 64 before them are the secret: 256 random bits.

use openssl::sha::Sha256;

use crate::base::{ConnectionName, Entropy, Secret, entropy};

/// A token as it is shown once.
#[derive(Clone, Debug)]
pub struct ScimSecret(Secret<String>);

impl ScimSecret {
    /// A new one.
    pub fn draw(connection: &ConnectionName, entropy: &dyn Entropy) -> Self {
        Self::of(LONG, connection, entropy)
    }

    /// A new one that is good for a short while.
    pub fn draw_access(connection: &ConnectionName, entropy: &dyn Entropy) -> Self {
        Self::of(ACCESS, connection, entropy)
    }

    fn of(kind: &str, connection: &ConnectionName, entropy: &dyn Entropy) -> Self {
        let random = entropy::hex(&entropy::bytes::<32>(entropy));
        let body = format!("{kind}_{connection}_{random}");
        let check = check(&body);
        Self(Secret::new(format!("{body}{check}")))
    }

    /// For whoever shall have it.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What a store knows it by.
    pub fn hash(&self) -> [u8; 32] {
        hash(self.reveal())
    }
}

/// What a store would know a token by, if it is one of the form that we give out.
///
/// ```
/// use samlgate::base::ConnectionName;
/// use samlgate::base::entropy::SystemEntropy;
/// use samlgate::directory::secret::{ScimSecret, hash_of};
/// let secret = ScimSecret::draw(&ConnectionName::parse("okta").unwrap(), &SystemEntropy);
/// assert_eq!(hash_of(secret.reveal()), Some(secret.hash()));
/// assert_eq!(hash_of(&secret.reveal().replace("okta", "entra")), None);
/// ```
pub fn hash_of(text: &str) -> Option<[u8; 32]> {
    hash_of_kind(LONG, text)
}

/// The same of a token that is good for a short while.
///
/// ```
/// use samlgate::base::ConnectionName;
/// use samlgate::base::entropy::SystemEntropy;
/// use samlgate::directory::secret::{ScimSecret, access_hash_of, hash_of};
/// let secret = ScimSecret::draw_access(&ConnectionName::parse("okta").unwrap(), &SystemEntropy);
/// assert_eq!(access_hash_of(secret.reveal()), Some(secret.hash()));
/// assert_eq!(hash_of(secret.reveal()), None);
/// ```
pub fn access_hash_of(text: &str) -> Option<[u8; 32]> {
    hash_of_kind(ACCESS, text)
}

const LONG: &str = "scim";
const ACCESS: &str = "scimat";

fn hash_of_kind(kind: &str, text: &str) -> Option<[u8; 32]> {
    let (body, given) = text.split_at_checked(text.len().checked_sub(CHECK)?)?;
    let random = body.strip_prefix(kind)?.strip_prefix('_')?.rsplit_once('_')?.1;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (random.len() == 64 && digits(random) && check(body) == given).then(|| hash(text))
}

/// Digits of the check.
const CHECK: usize = 8;

fn check(body: &str) -> String {
    let [a, b, c, d, ..] = hash(body);
    entropy::hex(&[a, b, c, d])
}

fn hash(text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    hash.finish()
}
