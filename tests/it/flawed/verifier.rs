//! A small service provider with one [`Flaw`].
//!
//! Without a flaw it is sound, though much more patient than ours: it minds neither comments nor
//! additional elements, it only never says what nobody signed. So whatever it accepts with a flaw
//! is that flaw's doing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier as OpensslVerifier};
use openssl::x509::X509;

use super::lenient::{C14n, DS, El, SAML, SAMLP, Tree};

/// The mistakes, one of each kind that has been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flaw {
    /// The sound one.
    None,
    /// Something was verified; then the first Assertion of the document is read.
    ReadsFirstAssertion,
    /// The same with the last one.
    ReadsLastAssertion,
    /// The Assertion is a child of the Response, but NameID and attributes are searched for in it,
    /// its Signature included.
    SearchesNameId,
    /// Elements are known by their local names.
    IgnoresNamespaces,
    /// The Signature is the first in the document, and stands for its parent.
    SearchesSignature,
    /// The Reference is looked up by ID in the whole document, the first one counts.
    LooksUpFirstId,
    /// The same with the last one.
    LooksUpLastId,
    /// `saml:ID`, `xml:id`, `Id` and `AssertionID` are IDs as well when the Reference is compared.
    TakesEveryIdAttribute,
    /// The Signature is the first of its parent, and every Signature there is left out of the digest.
    DropsEverySignature,
    /// SignatureValue is checked over any SignedInfo, the Reference is that of the first.
    ReadsFirstSignedInfo,
    /// The same with the last.
    ReadsLastSignedInfo,
    /// DigestValue is searched for in the document.
    SearchesDigestValue,
    /// DigestValue is the data of its first node, comments too.
    ReadsFirstNodeOfDigest,
    /// The digest is not compared.
    SkipsDigest,
    /// The signature is not verified, the digest is.
    SkipsSignatureValue,
    /// All references hold, also when there are none.
    NeedsNoReference,
    /// `XPath` and XSLT are done as the message says.
    RunsTransforms,
    /// What can not be canonicalised has the empty canonical form.
    CanonicalisesToNothing,
    /// The text of an element is its first text node.
    ReadsFirstText,
    /// The text of an element is its last text node.
    ReadsLastText,
    /// A processing instruction is canonicalised to its data.
    InstructionsAreText,
    /// The key comes from KeyInfo.
    TrustsKeyInfo,
    /// HMAC is an algorithm too, and the public key its secret.
    ConfusesHmac,
    /// HMAC is an algorithm too, and as long as `HMACOutputLength` says.
    TruncatesHmac,
    /// `none` is an algorithm too.
    AllowsNone,
    /// SHA-1 and MD5 are algorithms too.
    AllowsOldDigests,
    /// The keys of every identity provider count for each of them.
    MixesKeys,
    /// What has no signature needs none.
    SignatureIsOptional,
    /// One valid signature somewhere is enough.
    OneSignatureIsEnough,
    /// A Signature whose SignatureValue is missing or empty is no signature, and needs none.
    EmptyIsUnsigned,
    /// Whatever a DOCTYPE declares is used.
    ReadsDtd,
    /// With two document elements, the last signed one is verified and the first one is read.
    VerifiesLastRoot,
    /// With two document elements, the first is verified and the last is read.
    VerifiesFirstRoot,
    /// An Assertion found anywhere is read, an `ArtifactResponse` around it or nothing.
    TakesAnyRoot,
    /// No audience is compared.
    SkipsAudience,
    /// Audiences are compared by their beginnings.
    ComparesAudienceByPrefix,
    /// Audiences are compared without regard to case.
    ComparesAudienceWithoutCase,
    /// One AudienceRestriction that names us is enough.
    OneAudienceRestrictionIsEnough,
    /// No Recipient is compared.
    SkipsRecipient,
    /// No Destination is compared.
    SkipsDestination,
    /// Destination begins with our address.
    ComparesDestinationByPrefix,
    /// No time is compared.
    SkipsTimes,
    /// A missing end lasts for ever.
    MissingEndIsForEver,
    /// A time that can not be read has not come.
    UnreadableTimeIsFine,
    /// Success anywhere in the Status is success.
    SearchesSuccess,
    /// Missing Status is success.
    StatusIsOptional,
    /// InResponseTo is that of the Response, signed or not.
    ReadsInResponseToOfResponse,
    /// No InResponseTo is compared.
    SkipsInResponseTo,
    /// The Issuer is not compared with whom the keys belong to.
    SkipsIssuer,
    /// Every method of confirmation is as good as bearer.
    TakesEveryConfirmation,
}

impl Flaw {
    /// Whether it is a mistake about the rules of the profile, and not about signatures.
    pub(crate) fn is_about_rules(self) -> bool {
        self >= Self::SkipsAudience
    }
}

/// Whom a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) name_id: String,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Claims {
    /// Whether any of it names this person.
    pub(crate) fn name(&self, person: &str) -> bool {
        let is = |text: &str| text == person;
        is(&self.name_id) || self.attributes.iter().any(|(_, value)| is(value))
    }
}

/// What a message is checked against.
pub(crate) struct Setting<'s> {
    /// Whom the request went to.
    pub(crate) issuer: &'s str,
    pub(crate) keys: &'s [PKey<Public>],
    /// Their certificates.
    pub(crate) certificates: &'s [X509],
    /// All that are trusted, these among them.
    pub(crate) all_keys: &'s [PKey<Public>],
    pub(crate) entity_id: &'s str,
    pub(crate) acs: &'s str,
    /// `None`: unsolicited.
    pub(crate) in_response_to: Option<&'s str>,
    /// `YYYY-MM-DDThh:mm:ss`, which sorts by time; three minutes earlier and later.
    pub(crate) earlier: &'s str,
    pub(crate) later: &'s str,
}

/// What this service provider makes of a message.
pub(crate) fn accepts(flaw: Flaw, message: &Tree, setting: &Setting<'_>) -> Option<Claims> {
    if message.has_dtd && flaw != Flaw::ReadsDtd {
        return None;
    }
    Provider { flaw, setting, tree: message }.accept()
}

struct Provider<'t> {
    flaw: Flaw,
    setting: &'t Setting<'t>,
    tree: &'t Tree,
}

impl<'t> Provider<'t> {
    fn accept(&self) -> Option<Claims> {
        let roots = self.tree.roots();
        let (first, last) = (*roots.first()?, *roots.last()?);
        let (verified, read) = match self.flaw {
            Flaw::VerifiesLastRoot => (last, first),
            Flaw::VerifiesFirstRoot => (first, last),
            _ if roots.len() > 1 => return None,
            _ => (first, first),
        };
        let response = if self.flaw == Flaw::TakesAnyRoot {
            let inner = self.tree.elements().find(|one| self.is(*one, SAMLP, "Response"));
            inner.unwrap_or(read)
        } else {
            Some(verified).filter(|root| self.is(*root, SAMLP, "Response"))?
        };
        let assertion = self.signed_assertion(response)?;
        let assertion = if verified == read {
            assertion
        } else {
            self.child(read, SAML, "Assertion")?
        };
        let envelope = if verified == read { response } else { read };
        self.follows_the_rules(envelope, assertion)?;
        self.claims(assertion)
    }

    // Which Assertion

    fn signed_assertion(&self, response: El<'t>) -> Option<El<'t>> {
        let children = self.children(response, SAML, "Assertion");
        let everywhere = || {
            self.tree
                .elements()
                .filter(|one| self.is(*one, SAML, "Assertion"))
                .collect::<Vec<_>>()
        };
        if self.flaw == Flaw::SignatureIsOptional
            && self.tree.elements().all(|one| !self.is(one, DS, "Signature"))
        {
            return children.first().copied();
        }
        if self.flaw == Flaw::OneSignatureIsEnough {
            let signatures = self.tree.elements().filter(|one| self.is(*one, DS, "Signature"));
            let mut good = signatures.filter(|one| self.covered(*one).is_some());
            return good.next().and_then(|_| everywhere().first().copied());
        }
        if self.flaw == Flaw::TakesAnyRoot {
            let signed = |one: &El<'t>| self.own_signature(*one) == Own::Good;
            if let Some(found) = everywhere().into_iter().find(signed) {
                return Some(found);
            }
        }
        let mut signed = match self.flaw {
            Flaw::SearchesSignature => {
                let signature = self.tree.elements().find(|one| self.is(*one, DS, "Signature"))?;
                self.covered(signature)?;
                // "The document is signed."
                children.first().copied()?
            }
            _ => {
                let whole = self.own_signature(response);
                let parts = children.iter().map(|one| self.own_signature(*one)).collect::<Vec<_>>();
                if whole == Own::Bad || parts.contains(&Own::Bad) {
                    return None;
                }
                let good = children.iter().zip(&parts).find(|(_, own)| **own == Own::Good);
                let whole = children.first().filter(|_| whole == Own::Good);
                *good.map(|(one, _)| one).or(whole)?
            }
        };
        match self.flaw {
            Flaw::ReadsFirstAssertion => signed = *everywhere().first()?,
            Flaw::ReadsLastAssertion => signed = *everywhere().last()?,
            // Verified by its name, read by its local name.
            Flaw::IgnoresNamespaces => signed = *children.first()?,
            _ => {}
        }
        Some(signed)
    }

    fn own_signature(&self, element: El<'t>) -> Own {
        let signatures = self.children(element, DS, "Signature");
        let empty = |signature: &El<'_>| {
            let value = self.child(*signature, DS, "SignatureValue");
            value.is_none_or(|value| value.text().trim().is_empty())
        };
        match signatures.as_slice() {
            [] => Own::None,
            [one] if self.flaw == Flaw::EmptyIsUnsigned && empty(one) => Own::Good,
            [one] => self.covered(*one).filter(|covered| *covered == element).into(),
            more if self.flaw == Flaw::DropsEverySignature => {
                let good = more.iter().any(|one| self.covered(*one) == Some(element));
                if good { Own::Good } else { Own::Bad }
            }
            _ => Own::Bad,
        }
    }

    // Signatures

    /// The element that a valid signature covers.
    fn covered(&self, signature: El<'t>) -> Option<El<'t>> {
        let infos = self.children(signature, DS, "SignedInfo");
        let signed = if matches!(
            self.flaw,
            Flaw::ReadsFirstSignedInfo | Flaw::ReadsLastSignedInfo
        ) {
            infos.iter().any(|info| self.signed(signature, *info))
        } else {
            self.signed(signature, *infos.first()?)
        };
        if !signed {
            return None;
        }
        let info = if self.flaw == Flaw::ReadsLastSignedInfo {
            *infos.last()?
        } else {
            *infos.first()?
        };
        let references = self.children(info, DS, "Reference");
        let parent = signature.parent()?;
        if references.is_empty() && self.flaw == Flaw::NeedsNoReference {
            return Some(parent);
        }
        let [reference] = references.as_slice() else {
            return None;
        };
        let named = reference.attribute("URI")?.strip_prefix('#')?;
        let (digested, covered) = self.referenced(named, parent)?;
        if self.flaw == Flaw::SkipsDigest {
            return Some(covered);
        }
        let algorithm = self.child(*reference, DS, "DigestMethod")?.attribute("Algorithm")?;
        let value = if self.flaw == Flaw::SearchesDigestValue {
            self.tree.elements().find(|one| self.is(*one, DS, "DigestValue"))?
        } else {
            self.child(*reference, DS, "DigestValue")?
        };
        let value = if self.flaw == Flaw::ReadsFirstNodeOfDigest {
            value.first_data()
        } else {
            value.text()
        };
        let content = self.transformed(*reference, digested, signature)?;
        let digest = hash(self.digest(algorithm)?, content.as_bytes()).ok()?;
        (digest.as_ref() == decoded(&value)?).then_some(covered)
    }

    /// What is digested, and what counts as signed by it.
    fn referenced(&self, named: &str, parent: El<'t>) -> Option<(El<'t>, El<'t>)> {
        let by_id = |one: &El<'_>| one.attribute("ID") == Some(named);
        let mut elements = self.tree.elements().filter(by_id);
        match self.flaw {
            Flaw::LooksUpFirstId => elements.next().map(|found| (found, parent)),
            Flaw::LooksUpLastId => elements.last().map(|found| (found, parent)),
            Flaw::TakesEveryIdAttribute => {
                let ids = ["id", "assertionid"];
                let mut attributes = parent.attributes().iter();
                attributes
                    .any(|(name, value)| {
                        let local = name.rsplit(':').next().unwrap_or_default().to_lowercase();
                        ids.contains(&local.as_str()) && value == named
                    })
                    .then_some(())?;
                elements.next().map(|found| (found, parent))
            }
            _ => by_id(&parent).then_some((parent, parent)),
        }
    }

    fn signed(&self, signature: El<'t>, info: El<'t>) -> bool {
        if self.flaw == Flaw::SkipsSignatureValue {
            return true;
        }
        self.value_is_good(signature, info).unwrap_or(false)
    }

    fn value_is_good(&self, signature: El<'t>, info: El<'t>) -> Option<bool> {
        let canonicalization = self.child(info, DS, "CanonicalizationMethod")?;
        let bytes = info.canonical(&prefixes(canonicalization), self.c14n(), &|_| false);
        let method = self.child(info, DS, "SignatureMethod")?;
        let algorithm = method.attribute("Algorithm")?;
        let value = self.child(signature, DS, "SignatureValue")?;
        let value = decoded(&value.text())?;
        let (_, name) = algorithm.split_once('#')?;
        if name == "none" {
            return Some(self.flaw == Flaw::AllowsNone);
        }
        if let Some(digest) = name.strip_prefix("hmac-") {
            return self.hmac_is_good(digest, method, bytes.as_bytes(), &value);
        }
        let (kind, digest) = name.split_once('-')?;
        let digest = self.digest(digest)?;
        let keys = self.keys(signature)?;
        let made = |key: &PKey<Public>| match kind {
            "rsa" => {
                let mut verifier = OpensslVerifier::new(digest, key).ok()?;
                verifier.update(bytes.as_bytes()).ok()?;
                verifier.verify(&value).ok()
            }
            "ecdsa" => {
                let (r, s) = value.split_at_checked(value.len() / 2)?;
                let (r, s) = (BigNum::from_slice(r).ok()?, BigNum::from_slice(s).ok()?);
                let signature = EcdsaSig::from_private_components(r, s).ok()?;
                let digest = hash(digest, bytes.as_bytes()).ok()?;
                signature.verify(&digest, &*key.ec_key().ok()?).ok()
            }
            _ => None,
        };
        Some(keys.iter().any(|key| made(key) == Some(true)))
    }

    fn hmac_is_good(
        &self,
        digest: &str,
        method: El<'t>,
        bytes: &[u8],
        value: &[u8],
    ) -> Option<bool> {
        let length = self.child(method, DS, "HMACOutputLength");
        if let (Some(length), Flaw::TruncatesHmac) = (length, self.flaw) {
            let length = length.text().parse::<usize>().ok()? / 8;
            return Some(value.len() == length && length == 0);
        }
        if self.flaw != Flaw::ConfusesHmac {
            return Some(false);
        }
        let digest = match digest {
            "sha1" => MessageDigest::sha1(),
            _ => self.digest(digest)?,
        };
        let secrets = self.setting.certificates.iter().flat_map(|certificate| {
            let key = certificate.public_key().ok();
            let forms = [
                certificate.to_pem().ok(),
                certificate.to_der().ok(),
                key.as_ref().and_then(|key| key.public_key_to_pem().ok()),
                key.as_ref().and_then(|key| key.public_key_to_der().ok()),
            ];
            forms.into_iter().flatten()
        });
        let made = |secret: Vec<u8>| {
            let without_end = secret.strip_suffix(b"\n").unwrap_or(&secret).to_vec();
            [secret, without_end].iter().any(|secret| {
                let Ok(key) = PKey::hmac(secret) else {
                    return false;
                };
                let Ok(mut signer) = Signer::new(digest, &key) else {
                    return false;
                };
                signer.sign_oneshot_to_vec(bytes).is_ok_and(|mac| mac == value)
            })
        };
        let mut secrets = secrets;
        Some(secrets.any(made))
    }

    fn keys(&self, signature: El<'t>) -> Option<Vec<PKey<Public>>> {
        let public = |all: &[PKey<Public>]| all.to_vec();
        match self.flaw {
            Flaw::MixesKeys => Some(public(self.setting.all_keys)),
            Flaw::TrustsKeyInfo => {
                let inside = |local| {
                    let below = signature.descendants().into_iter();
                    below.filter(move |one| one.is(DS, local)).collect::<Vec<_>>()
                };
                if let Some(certificate) = inside("X509Certificate").first() {
                    let certificate = X509::from_der(&decoded(&certificate.text())?).ok()?;
                    return Some(vec![certificate.public_key().ok()?]);
                }
                if let (Some(n), Some(e)) = (inside("Modulus").first(), inside("Exponent").first())
                {
                    let number = |one: &El<'_>| BigNum::from_slice(&decoded(&one.text())?).ok();
                    let key = Rsa::from_public_components(number(n)?, number(e)?).ok()?;
                    return Some(vec![PKey::from_rsa(key).ok()?]);
                }
                Some(public(self.setting.keys))
            }
            _ => Some(public(self.setting.keys)),
        }
    }

    fn digest(&self, algorithm: &str) -> Option<MessageDigest> {
        match algorithm.rsplit('#').next()? {
            "sha256" => Some(MessageDigest::sha256()),
            "sha384" => Some(MessageDigest::sha384()),
            "sha512" => Some(MessageDigest::sha512()),
            "sha1" if self.flaw == Flaw::AllowsOldDigests => Some(MessageDigest::sha1()),
            "md5" if self.flaw == Flaw::AllowsOldDigests => Some(MessageDigest::md5()),
            _ => None,
        }
    }

    fn transformed(&self, reference: El<'t>, content: El<'t>, signature: El<'t>) -> Option<String> {
        let transforms = self.child(reference, DS, "Transforms")?;
        let mut canonical = None;
        let mut enveloped = false;
        let mut without_subject = false;
        let mut constant = None;
        for transform in self.children(transforms, DS, "Transform") {
            match transform.attribute("Algorithm")? {
                "http://www.w3.org/2000/09/xmldsig#enveloped-signature" => enveloped = true,
                uri if uri.trim_end_matches("WithComments").trim_end_matches('#')
                    == "http://www.w3.org/2001/10/xml-exc-c14n" =>
                {
                    canonical = Some(prefixes(transform));
                }
                _ if self.flaw != Flaw::RunsTransforms => return None,
                "http://www.w3.org/TR/1999/REC-xslt-19991116" => {
                    let text =
                        transform.descendants().into_iter().find(|one| one.local() == "text");
                    constant = Some(text.map_or_else(|| "OK".to_owned(), El::text));
                }
                // Two languages for one wish: without the Subject.
                _ => without_subject = true,
            }
        }
        if let Some(constant) = constant {
            return Some(constant);
        }
        if self.flaw == Flaw::CanonicalisesToNothing && has_odd_namespace(content) {
            return Some(String::new());
        }
        let omitted = |one: El<'t>| {
            let is_signature = if self.flaw == Flaw::DropsEverySignature {
                one.is(DS, "Signature") && one.parent() == Some(content)
            } else {
                one == signature
            };
            (enveloped && is_signature) || (without_subject && one.is(SAML, "Subject"))
        };
        Some(content.canonical(&canonical?, self.c14n(), &omitted))
    }

    fn c14n(&self) -> C14n {
        match self.flaw {
            Flaw::InstructionsAreText => C14n::InstructionsAreText,
            Flaw::ReadsFirstNodeOfDigest => C14n::InstructionsAreNothing,
            _ => C14n::Proper,
        }
    }

    // What it says

    fn claims(&self, assertion: El<'t>) -> Option<Claims> {
        let search = |local: &str| {
            let below = assertion.descendants().into_iter();
            below.filter(|one| self.is(*one, SAML, local)).collect::<Vec<_>>()
        };
        let (name_id, attributes) = if self.flaw == Flaw::SearchesNameId {
            (search("NameID").first().copied(), search("Attribute"))
        } else {
            let subject = self.child(assertion, SAML, "Subject")?;
            let name_ids = self.children(subject, SAML, "NameID");
            let subjects = self.children(assertion, SAML, "Subject").len();
            if name_ids.len() > 1 || subjects > 1 {
                return None;
            }
            let statements = self.children(assertion, SAML, "AttributeStatement").into_iter();
            let attributes = statements.flat_map(|one| self.children(one, SAML, "Attribute"));
            (name_ids.first().copied(), attributes.collect())
        };
        let attributes = attributes.into_iter().flat_map(|attribute| {
            let name = attribute.attribute("Name").unwrap_or_default().to_owned();
            let values = self.children(attribute, SAML, "AttributeValue").into_iter();
            values.map(move |value| (name.clone(), self.text(value)))
        });
        Some(Claims {
            name_id: self.text(name_id?),
            attributes: attributes.collect(),
        })
        .filter(|claims| !claims.name_id.trim().is_empty())
    }

    fn follows_the_rules(&self, response: El<'t>, assertion: El<'t>) -> Option<()> {
        let setting = self.setting;
        let wanted = |condition: bool| condition.then_some(());
        let response_is_signed = self.child(response, DS, "Signature").is_some();
        match response.attribute("Destination") {
            _ if self.flaw == Flaw::SkipsDestination => {}
            Some(found) if self.flaw == Flaw::ComparesDestinationByPrefix => {
                wanted(found.starts_with(setting.acs))?;
            }
            Some(found) => wanted(found == setting.acs)?,
            None => wanted(!response_is_signed)?,
        }
        self.status(response)?;
        if let Some(issuer) = self.child(response, SAML, "Issuer") {
            wanted(issuer.text() == setting.issuer || self.flaw == Flaw::SkipsIssuer)?;
        }
        let issuers = self.children(assertion, SAML, "Issuer");
        let [issuer] = issuers.as_slice() else {
            return None;
        };
        let format = issuer.attribute("Format").unwrap_or("entity");
        wanted(issuer.text() == setting.issuer || self.flaw == Flaw::SkipsIssuer)?;
        wanted(format.ends_with("entity") || self.flaw == Flaw::SkipsIssuer)?;
        self.confirmation(response, assertion)?;
        self.conditions(assertion)?;
        wanted(self.child(assertion, SAML, "AuthnStatement").is_some())
    }

    fn status(&self, response: El<'t>) -> Option<()> {
        const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
        let Some(status) = self.child(response, SAMLP, "Status") else {
            return (self.flaw == Flaw::StatusIsOptional).then_some(());
        };
        let is_success = |code: &El<'_>| code.attribute("Value") == Some(SUCCESS);
        if self.flaw == Flaw::SearchesSuccess {
            return status.descendants().iter().any(is_success).then_some(());
        }
        is_success(&self.child(status, SAMLP, "StatusCode")?).then_some(())
    }

    fn confirmation(&self, response: El<'t>, assertion: El<'t>) -> Option<()> {
        let subject = self.child(assertion, SAML, "Subject")?;
        let confirmations = self.children(subject, SAML, "SubjectConfirmation");
        let passes = |confirmation: &El<'t>| -> Option<()> {
            let method = confirmation.attribute("Method")?;
            let any = self.flaw == Flaw::TakesEveryConfirmation;
            (any || method.ends_with(":bearer")).then_some(())?;
            let data = self.child(*confirmation, SAML, "SubjectConfirmationData")?;
            let recipient = data.attribute("Recipient");
            (recipient == Some(self.setting.acs) || self.flaw == Flaw::SkipsRecipient)
                .then_some(())?;
            self.is_not_over(data.attribute("NotOnOrAfter"))?;
            let answers = match self.flaw {
                Flaw::ReadsInResponseToOfResponse => response.attribute("InResponseTo"),
                _ => data.attribute("InResponseTo"),
            };
            let envelope = response.attribute("InResponseTo").unwrap_or_default();
            let expected = self.setting.in_response_to;
            let fits = answers == expected && (envelope.is_empty() || Some(envelope) == expected);
            (fits || self.flaw == Flaw::SkipsInResponseTo).then_some(())
        };
        confirmations.iter().any(|one| passes(one).is_some()).then_some(())
    }

    fn conditions(&self, assertion: El<'t>) -> Option<()> {
        let Some(conditions) = self.child(assertion, SAML, "Conditions") else {
            return (self.flaw == Flaw::SkipsAudience).then_some(());
        };
        let known = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"];
        conditions
            .children()
            .iter()
            .all(|one| known.contains(&one.local()))
            .then_some(())?;
        if let Some(start) = conditions.attribute("NotBefore")
            && self.flaw != Flaw::SkipsTimes
        {
            (start < self.setting.later).then_some(())?;
            let end = conditions.attribute("NotOnOrAfter");
            (end.is_none_or(|end| start < end)).then_some(())?;
        }
        if let Some(end) = conditions.attribute("NotOnOrAfter") {
            self.is_not_over(Some(end))?;
        }
        let restrictions = self.children(conditions, SAML, "AudienceRestriction");
        let names_us = |restriction: &El<'t>| {
            let audiences = self.children(*restriction, SAML, "Audience");
            audiences.iter().any(|audience| {
                let (found, ours) = (self.text(*audience), self.setting.entity_id);
                match self.flaw {
                    Flaw::ComparesAudienceByPrefix => {
                        found.starts_with(ours) || ours.starts_with(&found)
                    }
                    Flaw::ComparesAudienceWithoutCase => found.eq_ignore_ascii_case(ours),
                    _ => found == ours,
                }
            })
        };
        let fine = match self.flaw {
            Flaw::SkipsAudience => true,
            Flaw::OneAudienceRestrictionIsEnough => restrictions.iter().any(names_us),
            _ => !restrictions.is_empty() && restrictions.iter().all(names_us),
        };
        fine.then_some(())
    }

    fn is_not_over(&self, end: Option<&str>) -> Option<()> {
        match end {
            _ if self.flaw == Flaw::SkipsTimes => Some(()),
            None => (self.flaw == Flaw::MissingEndIsForEver).then_some(()),
            Some(end) => {
                let shape = end.len() >= 20
                    && end.ends_with('Z')
                    && end.starts_with(|c: char| c.is_ascii_digit())
                    && end.as_bytes().get(10) == Some(&b'T');
                if !shape {
                    return (self.flaw == Flaw::UnreadableTimeIsFine).then_some(());
                }
                (end > self.setting.earlier).then_some(())
            }
        }
    }

    fn text(&self, element: El<'t>) -> String {
        let texts = element.texts();
        let one = match self.flaw {
            Flaw::ReadsFirstText => texts.first(),
            Flaw::ReadsLastText | Flaw::InstructionsAreText => texts.last(),
            _ => return element.text(),
        };
        one.copied().unwrap_or_default().to_owned()
    }

    // How elements are found

    fn is(&self, element: El<'_>, namespace: &str, local: &str) -> bool {
        let saml = self.flaw == Flaw::IgnoresNamespaces && namespace != DS;
        element.is(namespace, local) || (saml && element.local() == local)
    }

    fn children(&self, parent: El<'t>, namespace: &str, local: &str) -> Vec<El<'t>> {
        let children = parent.children().into_iter();
        let mut found = children.filter(|one| self.is(*one, namespace, local)).collect::<Vec<_>>();
        if self.flaw == Flaw::ReadsLastAssertion && local == "Assertion" {
            found.reverse();
        }
        found
    }

    fn child(&self, parent: El<'t>, namespace: &str, local: &str) -> Option<El<'t>> {
        self.children(parent, namespace, local).first().copied()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    None,
    Good,
    Bad,
}

impl From<Option<El<'_>>> for Own {
    fn from(covered: Option<El<'_>>) -> Self {
        if covered.is_some() {
            Self::Good
        } else {
            Self::Bad
        }
    }
}

fn prefixes<'t>(method: El<'t>) -> Vec<&'t str> {
    let list = method.children().into_iter().find(|one| one.local() == "InclusiveNamespaces");
    let list = list.and_then(|list| list.attribute("PrefixList")).unwrap_or_default();
    list.split_whitespace().collect()
}

fn has_odd_namespace(element: El<'_>) -> bool {
    let own = element.attributes().iter().filter(|(name, _)| name.starts_with("xmlns"));
    let odd = |value: &str| !value.is_empty() && (!value.contains(':') || !value.is_ascii());
    let mut own = own.map(|(_, value)| value.as_str());
    own.any(odd) || element.children().into_iter().any(has_odd_namespace)
}

/// Base64 with white space in it.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let packed = text.split_whitespace().collect::<String>();
    STANDARD.decode(packed).ok()
}
