//! `X-Samlgate-Jwt-Assertion`: who is there, signed, so that an application need not trust the
//! network between us.
//!
//! In: a session's identity, a route, a key. Out: a JWT (RFC 7519) signed by ES256 (RFC 7518, 3.4),
//! valid for five minutes, and the key set by which it is verified (RFC 7517). One token serves
//! one session on one route until a minute before it expires.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use openssl::bn::BigNum;
use openssl::bn::BigNumContext;
use openssl::ec::EcGroup;
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde::Serialize;

use crate::access::Route;
use crate::base::Entropy;
use crate::base::PublicUrl;
use crate::base::RoleName;
use crate::base::Secret;
use crate::base::Timestamp;
use crate::base::entropy;
use crate::proxy::identity_headers::IdentityView;

/// Why a key can not be used, or did not sign.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// OpenSSL can not read it, or can not sign with it.
    #[error("the key can not be used: {0}")]
    Key(#[from] ErrorStack),
    /// A key on another curve.
    #[error("the key is not on the curve P-256")]
    Curve,
    /// The claims can not be written down.
    #[error("the claims can not be written: {0}")]
    Claims(#[from] serde_json::Error),
}

/// A private key on P-256, with the public half as the key set shows it.
#[derive(Clone)]
pub struct JwtKey {
    key: EcKey<Private>,
    x: String,
    y: String,
    kid: String,
}

impl JwtKey {
    /// A new key.
    pub fn generate() -> Result<Self, JwtError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        Self::new(EcKey::generate(&group)?)
    }

    /// From PEM, PKCS #8 or SEC 1.
    pub fn from_pem(pem: &str) -> Result<Self, JwtError> {
        let key = openssl::pkey::PKey::private_key_from_pem(pem.as_bytes())?;
        Self::new(key.ec_key().map_err(|_| JwtError::Curve)?)
    }

    /// To PEM, PKCS #8.
    pub fn to_pem(&self) -> Result<Secret<String>, JwtError> {
        let key = openssl::pkey::PKey::from_ec_key(self.key.clone())?;
        let pem = key.private_key_to_pem_pkcs8()?;
        Ok(Secret::new(String::from_utf8_lossy(&pem).into_owned()))
    }

    /// The RFC 7638 thumbprint of the public half: the same key has the same `kid` on every node.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A secret of another purpose that every node with this key has: HMAC-SHA256 by the private
    /// scalar.
    pub fn derive(&self, purpose: &[u8]) -> Result<Secret<[u8; 32]>, JwtError> {
        let scalar = Secret::new(self.key.private_key().to_vec_padded(32)?);
        let hmac = openssl::pkey::PKey::hmac(scalar.reveal())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &hmac)?;
        let mut secret = [0; 32];
        signer.sign_oneshot(&mut secret, purpose)?;
        Ok(Secret::new(secret))
    }

    fn new(key: EcKey<Private>) -> Result<Self, JwtError> {
        if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Err(JwtError::Curve);
        }
        let mut context = BigNumContext::new()?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        let x = URL_SAFE_NO_PAD.encode(x.to_vec_padded(32)?);
        let y = URL_SAFE_NO_PAD.encode(y.to_vec_padded(32)?);
        // RFC 7638, 3.3: the required members alone, in this order, without white space.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()));
        Ok(Self { key, x, y, kid })
    }

    /// RFC 7518, 3.4: R and S side by side, not the DER of elsewhere.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JwtError> {
        let signature = EcdsaSig::sign(&sha256(message), &self.key)?;
        let mut bytes = signature.r().to_vec_padded(32)?;
        bytes.extend(signature.s().to_vec_padded(32)?);
        Ok(bytes)
    }
}

impl std::fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JwtKey({})", self.kid)
    }
}

/// Signs assertions, and says by which keys they are verified.
pub struct Jwt {
    issuer: String,
    host: String,
    keys: ArcSwap<Keys>,
    entropy: Arc<dyn Entropy>,
}

/// What signs, and what else the key set shows.
#[derive(Debug)]
struct Keys {
    signing: JwtKey,
    published: Vec<JwtKey>,
}

/// An assertion, ready to be a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    /// The token.
    pub assertion: HeaderValue,
    /// Until when it may be handed out: a minute before it expires.
    pub fresh_until: Timestamp,
}

impl Jwt {
    /// Signs with one key; `published` are further ones that the key set shows: the next key
    /// before it signs, the previous one while its tokens live.
    pub fn new(
        issuer: &PublicUrl,
        signing: JwtKey,
        published: Vec<JwtKey>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            issuer: issuer.as_str().to_owned(),
            host: issuer.host().to_owned(),
            keys: ArcSwap::from_pointee(Keys { signing, published }),
            entropy,
        }
    }

    /// Signs with another key from now on. What was handed out before is good as long as its key is
    /// published.
    pub fn replace(&self, signing: JwtKey, published: Vec<JwtKey>) {
        self.keys.store(Arc::new(Keys { signing, published }));
    }

    /// A new assertion for a session on a route. Whoever asks keeps it: signing costs more than
    /// all the rest of a request.
    pub fn assertion(
        &self,
        route: &Route,
        view: &IdentityView<'_>,
        now: Timestamp,
    ) -> Result<Minted, JwtError> {
        let audience = route.host.as_str().unwrap_or(&self.host);
        let token = self.mint(audience, view, now)?;
        let assertion = HeaderValue::try_from(token).unwrap_or(HeaderValue::from_static(""));
        Ok(Minted { assertion, fresh_until: now.plus(LIFETIME).minus(LEFT) })
    }

    /// The key set, as JSON.
    pub fn jwks(&self) -> String {
        let known = self.keys.load();
        let keys: Vec<_> = std::iter::once(&known.signing)
            .chain(&known.published)
            .map(|key| {
                serde_json::json!({
                    "kty": "EC", "crv": "P-256", "x": key.x, "y": key.y,
                    "kid": key.kid, "alg": "ES256", "use": "sig",
                })
            })
            .collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    fn mint(
        &self,
        audience: &str,
        view: &IdentityView<'_>,
        now: Timestamp,
    ) -> Result<String, JwtError> {
        let name = view.profile.name();
        let claims = Claims {
            iss: &self.issuer,
            aud: audience,
            sub: view.user.as_str(),
            sid: view.sid,
            iat: now.unix_seconds(),
            nbf: now.unix_seconds(),
            exp: now.plus(LIFETIME).unix_seconds(),
            jti: entropy::uuid(&*self.entropy),
            auth_time: view.auth_time.unix_seconds(),
            email: view.profile.email.as_deref(),
            name: name.as_deref(),
            preferred_username: view.user_name,
            groups: &view.profile.groups,
            roles: view.roles,
            idp: view.idp_entity_id,
            acr: view.acr,
        };
        let keys = self.keys.load();
        let signing = &keys.signing;
        let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{}"}}"#, signing.kid);
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(&claims)?, &mut token);
        let signature = signing.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt")
            .field("signing", &self.keys.load().signing)
            .finish_non_exhaustive()
    }
}

/// The claims; a string that is not known is left out, a list is always there.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    preferred_username: &'a str,
    groups: &'a [String],
    roles: &'a [RoleName],
    idp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
}

/// How long a token is valid.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long a token that is handed out is valid at least.
const LEFT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::HeaderProfile;
    use crate::access::HostMatch;
    use crate::base::UserId;
    use crate::base::entropy::SystemEntropy;
    use crate::directory::profile::Profile;

    fn now() -> Timestamp {
        Timestamp::parse_saml("2026-11-21T09:30:00Z").unwrap()
    }

    fn jwt(key: JwtKey) -> Jwt {
        let issuer = PublicUrl::parse("https://app.example.com").unwrap();
        Jwt::new(&issuer, key, vec![], Arc::new(SystemEntropy))
    }

    fn route(host: Option<&str>) -> Route {
        let host = host.map_or(HostMatch::Any, |host| HostMatch::Exact(host.to_owned()));
        Route {
            host,
            headers: vec![HeaderProfile::Signed],
            ..Route::default()
        }
    }

    fn with_alice<T>(groups: &[&str], test: impl FnOnce(&IdentityView<'_>) -> T) -> T {
        let user = UserId::new("7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned());
        let profile = Profile {
            email: Some("alice@example.com".to_owned()),
            display_name: Some("Alice Example".to_owned()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Profile::default()
        };
        test(&IdentityView {
            user: &user,
            user_name: "alice",
            profile: &profile,
            roles: &[],
            attributes: &[],
            idp_entity_id: "https://idp.example.com",
            name_id: None,
            persistent_id: None,
            session_index: None,
            acr: Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),
            sid: "s-1",
            auth_time: now().minus(Duration::from_secs(30)),
        })
    }

    fn part(token: &str, place: usize) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(token.split('.').nth(place).unwrap()).unwrap()
    }

    #[test]
    fn a_token_verifies_against_the_key_set() {
        let jwt = jwt(JwtKey::generate().unwrap());
        let token =
            with_alice(&["Staff"], |view| jwt.assertion(&route(None), view, now())).unwrap();
        let token = token.assertion.to_str().unwrap();

        let header: serde_json::Value = serde_json::from_slice(&part(token, 0)).unwrap();
        let keys: serde_json::Value = serde_json::from_str(&jwt.jwks()).unwrap();
        let key = &keys["keys"][0];
        assert_eq!(
            header,
            serde_json::json!({"alg": "ES256", "typ": "JWT", "kid": key["kid"]})
        );

        // A second implementation's view: the public key from the key set, openssl's ECDSA.
        let coordinate = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
            BigNum::from_slice(&bytes).unwrap()
        };
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let public =
            EcKey::from_public_key_affine_coordinates(&group, &coordinate("x"), &coordinate("y"))
                .unwrap();
        let bytes = part(token, 2);
        assert_eq!(bytes.len(), 64);
        let signature = EcdsaSig::from_private_components(
            BigNum::from_slice(&bytes[..32]).unwrap(),
            BigNum::from_slice(&bytes[32..]).unwrap(),
        )
        .unwrap();
        let signed = token.rsplit_once('.').unwrap().0;
        assert!(signature.verify(&sha256(signed.as_bytes()), &public).unwrap());

        let mut claims: serde_json::Value = serde_json::from_slice(&part(token, 1)).unwrap();
        assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
        claims["jti"] = "…".into();
        assert_eq!(
            claims,
            serde_json::json!({
                "iss": "https://app.example.com", "aud": "app.example.com",
                "sub": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "sid": "s-1",
                "iat": now().unix_seconds(), "nbf": now().unix_seconds(),
                "exp": now().unix_seconds() + 300, "jti": "…",
                "auth_time": now().unix_seconds() - 30,
                "email": "alice@example.com", "name": "Alice Example",
                "preferred_username": "alice", "groups": ["Staff"], "roles": [],
                "idp": "https://idp.example.com",
                "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
            })
        );
    }

    #[test]
    fn a_token_is_handed_out_until_a_minute_before_it_expires() {
        let jwt = jwt(JwtKey::generate().unwrap());
        let minted = with_alice(&[], |view| jwt.assertion(&route(None), view, now())).unwrap();
        assert_eq!(minted.fresh_until, now().plus(Duration::from_secs(240)));
    }

    #[test]
    fn a_key_keeps_its_name_over_a_restart() {
        let key = JwtKey::generate().unwrap();
        let read = JwtKey::from_pem(key.to_pem().unwrap().reveal()).unwrap();
        assert_eq!(read.kid(), key.kid());
        // RFC 7638, 3: SHA-256 in base64url.
        assert_eq!(key.kid().len(), 43);
    }

    #[test]
    fn a_key_on_another_curve_is_refused() {
        let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let key = openssl::pkey::PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        assert!(matches!(JwtKey::from_pem(&pem), Err(JwtError::Curve)));
    }
}
