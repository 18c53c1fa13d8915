//! Keys as they are handed over: PEM, a certificate, a JWK (RFC 7517) or a set of them.
//!
//! In: a text. Out: the keys in it that are for signatures. A certificate is an envelope: who signed
//! it, and until when, is not looked at. A private key is refused, so that nobody gets used to
//! sending one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::x509::X509;
use serde_json::Value;

use super::{Algorithm, KeyError, Kind, NamedKey, PublicKey};
use crate::scim::{Object, json};

/// More than a set of many keys with certificates needs.
const LONGEST: usize = 64 << 10;
/// A name that fits into a table.
const LONGEST_KID: usize = 255;

/// Reads what was handed over.
pub fn read(text: &str) -> Result<Vec<NamedKey>, KeyError> {
    if text.len() > LONGEST {
        return Err(KeyError::TooLong);
    }
    if !text.trim_start().starts_with('{') {
        return Ok(vec![NamedKey { key: pem(text)?, kid: None }]);
    }
    let object = json::object(text.as_bytes()).map_err(|_| KeyError::Unreadable)?;
    let Some(keys) = object.get("keys") else {
        return Ok(vec![jwk(&object)?]);
    };
    let keys = keys.as_array().ok_or(KeyError::Member("keys"))?;
    let mut all = Vec::new();
    for key in keys {
        let key = key.as_object().ok_or(KeyError::Member("keys"))?;
        // Those that decrypt stand beside those that sign in many a set.
        if text_of(key, "use")?.is_none_or(|purpose| purpose == "sig") {
            all.push(jwk(key)?);
        }
    }
    if all.is_empty() {
        Err(KeyError::None)
    } else {
        Ok(all)
    }
}

fn pem(text: &str) -> Result<PublicKey, KeyError> {
    let labels = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let labels: Vec<&str> = labels.collect();
    if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) {
        return Err(KeyError::Private);
    }
    let pem = text.as_bytes();
    match *labels.as_slice() {
        [] => Err(KeyError::Unreadable),
        ["PUBLIC KEY"] => PublicKey::new(PKey::public_key_from_pem(pem)?),
        ["RSA PUBLIC KEY"] => PublicKey::new(PKey::from_rsa(Rsa::public_key_from_pem_pkcs1(pem)?)?),
        ["CERTIFICATE"] => PublicKey::new(X509::from_pem(pem)?.public_key()?),
        [_] => Err(KeyError::Unreadable),
        [..] => Err(KeyError::Several),
    }
}

fn jwk(jwk: &Object) -> Result<NamedKey, KeyError> {
    if jwk.contains_key("d") || jwk.get("kty").and_then(Value::as_str) == Some("oct") {
        return Err(KeyError::Private);
    }
    if text_of(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyError::Member("use"));
    }
    let kid = text_of(jwk, "kid")?;
    if kid.is_some_and(|kid| kid.is_empty() || kid.len() > LONGEST_KID || has_control(kid)) {
        return Err(KeyError::Member("kid"));
    }
    let curve = text_of(jwk, "crv")?;
    let key = match (text_of(jwk, "kty")?, curve) {
        (Some("RSA"), _) => {
            let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
            PKey::from_rsa(Rsa::from_public_components(n, e)?)?
        }
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (
                BigNum::from_slice(&coordinate(jwk, "x")?)?,
                coordinate(jwk, "y")?,
            );
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            let key =
                EcKey::from_public_key_affine_coordinates(&group, &x, &*BigNum::from_slice(&y)?);
            PKey::from_ec_key(key.map_err(|_| KeyError::Member("x"))?)?
        }
        (Some("OKP"), Some("Ed25519")) => {
            PKey::public_key_from_raw_bytes(&coordinate(jwk, "x")?, Id::ED25519)?
        }
        (Some(_), _) => return Err(KeyError::Unsupported),
        (None, _) => return Err(KeyError::Member("kty")),
    };
    let key = PublicKey::new(key)?;
    if let Some(name) = text_of(jwk, "alg")? {
        let algorithm = Algorithm::parse(name);
        if !algorithm.is_some_and(|algorithm| key.algorithms().contains(&algorithm)) {
            return Err(KeyError::Member("alg"));
        }
    }
    Ok(NamedKey { key, kid: kid.map(str::to_owned) })
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn text_of<'j>(jwk: &'j Object, name: &'static str) -> Result<Option<&'j str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(KeyError::Member(name)),
    }
}

fn bytes(jwk: &Object, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let text = text_of(jwk, name)?.ok_or(KeyError::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Member(name))
}

fn number(jwk: &Object, name: &'static str) -> Result<BigNum, KeyError> {
    Ok(BigNum::from_slice(&bytes(jwk, name)?)?)
}

/// RFC 7518, 6.2.1.2: as long as the curve has it, no octet less.
fn coordinate(jwk: &Object, name: &'static str) -> Result<Vec<u8>, KeyError> {
    Some(bytes(jwk, name)?)
        .filter(|bytes| bytes.len() == 32)
        .ok_or(KeyError::Member(name))
}

/// RFC 7638, 3: the required members alone, in this order, without white space.
pub(super) fn thumbprint(key: &PublicKey) -> Result<String, KeyError> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let members = match key.kind {
        Kind::Rsa(_) => {
            let rsa = key.key.rsa()?;
            let (e, n) = (encode(&rsa.e().to_vec()), encode(&rsa.n().to_vec()));
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
        Kind::P256 => {
            let (x, y) = key.coordinates()?;
            let (x, y) = (encode(&x), encode(&y));
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        Kind::Ed25519 => {
            let x = encode(&key.key.raw_public_key()?);
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        }
    };
    Ok(encode(&sha256(members.as_bytes())))
}
