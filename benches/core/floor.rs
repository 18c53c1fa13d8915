//! What no implementation can leave out: base64, the digests and the RSA verifications.
//!
//! The floor gets for nothing what the gateway has to find out: which octets are digested, by
//! which key, and that the rest of the message is in order.

use openssl::pkey::Public;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::Sha256;

use samlgate::dsig::TrustedKeys;
use samlgate::xml::{Document, Element, Limits, Mode, c14n, ns};

use crate::messages::Outcome;

/// One signature of a message: what is digested, what is signed, and the signature.
struct Signature {
    content: Vec<u8>,
    signed_info: Vec<u8>,
    value: Vec<u8>,
}

/// The signatures of one message.
pub(crate) struct Octets(Vec<Signature>);

impl Octets {
    pub(crate) fn of(xml: &str) -> Outcome<Self> {
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default())?;
        let root = document.root();
        let assertion = root.child(ns::SAML, "Assertion").ok_or("no Assertion")?;
        let signatures = [root, assertion].into_iter().filter_map(signature);
        Ok(Self(signatures.collect::<Outcome<_>>()?))
    }

    pub(crate) const fn signatures(&self) -> usize {
        self.0.len()
    }
}

fn signature(element: Element<'_>) -> Option<Outcome<Signature>> {
    let signature = element.child(ns::DS, "Signature")?;
    let (mut content, mut signed_info) = (Vec::new(), Vec::new());
    c14n::exclusive(element.narrowed(Some(signature)), &[], &mut content);
    c14n::exclusive(
        signature.child(ns::DS, "SignedInfo")?,
        &[],
        &mut signed_info,
    );
    let value = signature.child(ns::DS, "SignatureValue")?.text()?.into_owned();
    let value = base64_simd::STANDARD.decode_to_vec(value);
    Some(value.map_err(Into::into).map(|value| Signature { content, signed_info, value }))
}

/// OpenSSL's context, made once.
pub(crate) struct Floor(PkeyCtx<Public>);

impl Floor {
    pub(crate) fn new(keys: &TrustedKeys) -> Outcome<Self> {
        let key = keys.iter().next().ok_or("no key")?;
        let public = key.public_key().ok_or("no key that can be read")?;
        let mut context = PkeyCtx::new(public)?;
        context.verify_init()?;
        context.set_rsa_padding(Padding::PKCS1)?;
        context.set_signature_md(openssl::md::Md::sha256())?;
        Ok(Self(context))
    }

    /// The least that one message costs.
    pub(crate) fn run(&mut self, value: &[u8], octets: &Octets) -> Outcome<usize> {
        let xml = base64_simd::STANDARD.decode_to_vec(value)?;
        for signature in &octets.0 {
            std::hint::black_box(sha256(&signature.content));
            let digest = sha256(&signature.signed_info);
            if !self.0.verify(&digest, &signature.value)? {
                return Err("the floor does not verify".into());
            }
        }
        Ok(xml.len())
    }
}

/// The oldest of OpenSSL's interfaces: the newer ones look the algorithm up each time.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.finish()
}
