use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ec::{EcGroup, EcKey};
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::*;

/// A key of a client.
pub(crate) struct Pair {
    private: PKey<Private>,
}

impl Pair {
    pub(crate) fn rsa(bits: u32) -> Self {
        Self {
            private: PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
        }
    }

    pub(crate) fn ec(curve: Nid) -> Self {
        let group = EcGroup::from_curve_name(curve).unwrap();
        Self {
            private: PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(),
        }
    }

    pub(crate) fn ed25519() -> Self {
        Self { private: PKey::generate_ed25519().unwrap() }
    }

    pub(crate) fn pem(&self) -> String {
        String::from_utf8(self.private.public_key_to_pem().unwrap()).unwrap()
    }

    fn private_pem(&self) -> String {
        String::from_utf8(self.private.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_pem(&self.pem()).unwrap()
    }

    pub(crate) fn jwk(&self) -> Value {
        let encode = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        match self.private.id() {
            Id::RSA => {
                let rsa = self.private.rsa().unwrap();
                json!({ "kty": "RSA", "n": encode(rsa.n().to_vec()), "e": encode(rsa.e().to_vec()) })
            }
            Id::EC => {
                let (x, y) = self.public().coordinates().unwrap();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            _ => {
                let x = self.private.raw_public_key().unwrap();
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) })
            }
        }
    }

    /// Signs as it is told, whether or not that fits the key.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match (algorithm, self.private.id()) {
            (Algorithm::EdDsa, Id::ED25519) => {
                let mut signer = Signer::new_without_digest(&self.private).unwrap();
                signer.sign_oneshot_to_vec(message).unwrap()
            }
            (_, Id::EC) => {
                let key = self.private.ec_key().unwrap();
                let signature = EcdsaSig::sign(&sha256(message), &key).unwrap();
                let mut bytes = signature.r().to_vec_padded(32).unwrap();
                bytes.extend(signature.s().to_vec_padded(32).unwrap());
                bytes
            }
            (algorithm, Id::RSA) => {
                let mut signer = Signer::new(MessageDigest::sha256(), &self.private).unwrap();
                if algorithm == Algorithm::Ps256 {
                    signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
                    signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
                }
                signer.sign_oneshot_to_vec(message).unwrap()
            }
            _ => vec![0; 64],
        }
    }
}

#[test]
fn each_type_of_key_verifies_by_its_algorithms_and_no_others() {
    let pairs = [
        Pair::rsa(2048),
        Pair::ec(Nid::X9_62_PRIME256V1),
        Pair::ed25519(),
    ];
    for pair in &pairs {
        let key = pair.public();
        for (algorithm, name) in Algorithm::ALL {
            let mut signature = pair.sign(algorithm, b"message");
            let fits = key.algorithms().contains(&algorithm);
            let what = format!("{} {name}", key.description());
            assert_eq!(
                key.verifies(algorithm, b"message", &signature),
                fits,
                "{what}"
            );
            assert!(!key.verifies(algorithm, b"massage", &signature), "{what}");
            signature.push(0);
            assert!(!key.verifies(algorithm, b"message", &signature), "{what}");
            signature[5] ^= 1;
            signature.pop();
            assert!(!key.verifies(algorithm, b"message", &signature), "{what}");
            assert!(!key.verifies(algorithm, b"message", b""), "{what}");
        }
    }
    // One way of RSA is not the other.
    let (pair, key) = (&pairs[0], pairs[0].public());
    let signature = pair.sign(Algorithm::Rs256, b"message");
    assert!(!key.verifies(Algorithm::Ps256, b"message", &signature));
}

#[test]
fn a_key_is_the_same_in_every_form() {
    for pair in [
        Pair::rsa(2048),
        Pair::ec(Nid::X9_62_PRIME256V1),
        Pair::ed25519(),
    ] {
        let mut jwk = pair.jwk();
        let one = |text: &str| {
            let mut all = read(text).unwrap();
            assert_eq!(all.len(), 1, "{text}");
            all.pop().unwrap()
        };
        let key = pair.public();
        assert_eq!(PublicKey::from_pem(&key.to_pem().unwrap()).unwrap(), key);
        assert_eq!(one(&pair.pem()).key, key);
        assert_eq!(one(&jwk.to_string()).key, key);
        jwk["kid"] = json!("2026-11");
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(key.algorithms()[0].as_str());
        let named = one(&json!({ "keys": [{ "kty": "X", "use": "enc" }, jwk] }).to_string());
        assert_eq!((named.key, named.kid.as_deref()), (key, Some("2026-11")));
    }
}

/// RFC 7638, 3.1; RFC 8037, A.3.
#[test]
fn thumbprints_are_those_of_the_specifications() {
    let rsa = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP",
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY",
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f",
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    );
    let jwks = [
        (
            json!({ "kty": "RSA", "n": rsa, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" }),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            json!({
                "kty": "OKP", "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
    ];
    for (jwk, thumbprint) in jwks {
        let key = read(&jwk.to_string()).unwrap().pop().unwrap().key;
        assert_eq!(key.thumbprint().unwrap(), thumbprint);
    }
}

#[test]
fn what_is_no_public_key_for_signatures_is_refused() {
    let error = |text: &str| read(text).unwrap_err();
    let (rsa, ec) = (Pair::rsa(2048), Pair::ec(Nid::X9_62_PRIME256V1));
    assert_eq!(error(&Pair::rsa(1024).pem()), KeyError::Size(1024));
    assert_eq!(
        error(&Pair::ec(Nid::SECP384R1).pem()),
        KeyError::Unsupported
    );
    assert_eq!(error(&rsa.private_pem()), KeyError::Private);
    assert_eq!(
        error(&format!("{}{}", rsa.pem(), ec.pem())),
        KeyError::Several
    );
    assert_eq!(error(""), KeyError::Unreadable);
    assert_eq!(
        error("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
        KeyError::Unreadable
    );
    assert_eq!(error(&" ".repeat(70_000)), KeyError::TooLong);
    assert_eq!(error(r#"{"keys": []}"#), KeyError::None);
    assert_eq!(
        error(r#"{"kty": "RSA", "kty": "EC"}"#),
        KeyError::Unreadable
    );
    let with = |jwk: Value, name: &str, value: Value| {
        let mut jwk = jwk;
        jwk[name] = value;
        error(&jwk.to_string())
    };
    assert_eq!(with(ec.jwk(), "d", json!("AA")), KeyError::Private);
    assert_eq!(error(r#"{"kty": "oct", "k": "AAAA"}"#), KeyError::Private);
    assert_eq!(with(ec.jwk(), "use", json!("enc")), KeyError::Member("use"));
    assert_eq!(
        with(ec.jwk(), "alg", json!("RS256")),
        KeyError::Member("alg")
    );
    assert_eq!(
        with(ec.jwk(), "alg", json!("HS256")),
        KeyError::Member("alg")
    );
    assert_eq!(with(ec.jwk(), "kid", json!(7)), KeyError::Member("kid"));
    assert_eq!(with(ec.jwk(), "crv", json!("P-384")), KeyError::Unsupported);
    assert_eq!(with(ec.jwk(), "y", json!("AA")), KeyError::Member("y"));
    let not_on_it = ec.jwk()["x"].clone();
    assert_eq!(with(ec.jwk(), "y", not_on_it), KeyError::Member("x"));
    assert_eq!(with(rsa.jwk(), "n", json!("AAAA=")), KeyError::Member("n"));
    assert_eq!(with(rsa.jwk(), "e", json!("Ag")), KeyError::Exponent);
}
