//! What a certificate says, read without OpenSSL, which takes half a millisecond for each: of a
//! federation there are twenty thousand whenever the gateway starts.
//!
//! In: DER. Out: [`Facts`] of the usual certificate with an RSA key, or `None`; then OpenSSL is asked.
//! Promised: they are what OpenSSL would say. A signature is never verified by what is read here:
//! before a key is used OpenSSL reads the certificate ([`super::TrustedKey`]).

use super::key::KeyKind;
use crate::base::Timestamp;

/// What is told of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) subject: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Bits of the RSA modulus.
    pub(super) bits: u32,
    /// Whether it is a key that signatures may be verified with.
    pub(super) kind: Result<KeyKind, super::KeyRefusal>,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]` of the version, `[3]` of the extensions (RFC 5280, 4.1).
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

impl Facts {
    /// `None` for whatever is not as expected in every octet.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let mut all = Reader(der);
        let mut certificate = all.enter(SEQUENCE)?;
        all.end()?;
        let mut tbs = certificate.enter(SEQUENCE)?;
        certificate.take(SEQUENCE)?;
        certificate.take(BIT_STRING)?;
        certificate.end()?;

        tbs.take_if(VERSION)?;
        tbs.take(INTEGER)?;
        tbs.take(SEQUENCE)?;
        tbs.take(SEQUENCE)?;
        let mut validity = tbs.enter(SEQUENCE)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        validity.end()?;
        let subject = subject(tbs.enter(SEQUENCE)?)?;
        let (bits, exponent) = rsa(tbs.enter(SEQUENCE)?)?;
        tbs.take_if(EXTENSIONS)?;
        tbs.end()?;
        let exponent_bits = bits_of(exponent)?;
        let is_odd = exponent.last()? & 1 == 1;
        let kind = KeyKind::rsa(bits, is_odd, exponent_bits);
        Some(Self { subject, not_before, not_after, bits, kind })
    }
}

/// Elements one after the other.
struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// The next element: its tag, which is one octet, and its content.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        // Lengths as short as they can be, up to 64 KB.
        let (length, rest) = match first {
            0x00..=0x7f => (usize::from(*first), rest),
            0x81 => {
                let (length, rest) = rest.split_first()?;
                (usize::from(*length), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let is_short = match first {
            0x81 => length > 0x7f,
            0x82 => length > 0xff,
            _ => true,
        };
        if !is_short || tag & 0x1f == 0x1f {
            return None;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn take(&mut self, expected: u8) -> Option<&'d [u8]> {
        let (tag, content) = self.next()?;
        (tag == expected).then_some(content)
    }

    fn take_if(&mut self, expected: u8) -> Option<()> {
        if self.0.first() == Some(&expected) {
            self.next()?;
        }
        Some(())
    }

    fn enter(&mut self, expected: u8) -> Option<Self> {
        self.take(expected).map(Self)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// RFC 5280, 4.1.2.5: to the second, in UTC.
fn time(reader: &mut Reader<'_>) -> Option<Timestamp> {
    let (tag, digits) = reader.next()?;
    let digits = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (0x17, 12) => {
            let (year, rest) = digits.split_at_checked(2)?;
            let century = if year < "50" { "20" } else { "19" };
            (format!("{century}{year}"), rest)
        }
        (0x18, 14) => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    let (month, rest) = rest.split_at_checked(2)?;
    let (day, rest) = rest.split_at_checked(2)?;
    let (hour, rest) = rest.split_at_checked(2)?;
    let (minute, second) = rest.split_at_checked(2)?;
    // No leap seconds.
    if second > "59" {
        return None;
    }
    Timestamp::parse_moment(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

/// `C=DE, O=University, CN=idp.example.org`, in its order.
fn subject(mut names: Reader<'_>) -> Option<String> {
    let mut all = Vec::new();
    while !names.0.is_empty() {
        let mut set = names.enter(SET)?;
        while !set.0.is_empty() {
            let mut entry = set.enter(SEQUENCE)?;
            let name = short_name(entry.take(OBJECT_IDENTIFIER)?)?;
            let (tag, value) = entry.next()?;
            entry.end()?;
            let value = std::str::from_utf8(value).ok()?;
            let is_text = match tag {
                // UTF8String
                0x0c => true,
                // PrintableString, IA5String
                0x13 | 0x16 => value.is_ascii(),
                _ => false,
            };
            if !is_text || value.chars().any(char::is_control) {
                return None;
            }
            all.push(format!("{name}={value}"));
        }
    }
    Some(all.join(", "))
}

/// Those that certificates have, as OpenSSL calls them.
fn short_name(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 0x04, 3] => "CN",
        [0x55, 0x04, 4] => "SN",
        [0x55, 0x04, 5] => "serialNumber",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "ST",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "emailAddress",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        _ => return None,
    })
}

/// `SubjectPublicKeyInfo` of an RSA key (RFC 3279, 2.3.1): bits of the modulus, and the exponent.
fn rsa(mut info: Reader<'_>) -> Option<(u32, &[u8])> {
    let mut algorithm = info.enter(SEQUENCE)?;
    let is_rsa = algorithm.take(OBJECT_IDENTIFIER)? == RSA && algorithm.take(NULL)?.is_empty();
    algorithm.end()?;
    let (unused, bits) = info.take(BIT_STRING)?.split_first()?;
    info.end()?;
    if !is_rsa || *unused != 0 {
        return None;
    }
    let mut key = Reader(bits);
    let mut numbers = key.enter(SEQUENCE)?;
    key.end()?;
    let (modulus, exponent) = (number(&mut numbers)?, number(&mut numbers)?);
    numbers.end()?;
    Some((bits_of(modulus)?, exponent))
}

/// A positive one, without the octet of its sign.
fn number<'d>(reader: &mut Reader<'d>) -> Option<&'d [u8]> {
    let octets = reader.take(INTEGER)?;
    match octets {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
        [first, ..] if (1..0x80).contains(first) => Some(octets),
        _ => None,
    }
}

fn bits_of(number: &[u8]) -> Option<u32> {
    let (first, rest) = number.split_first()?;
    let rest = u32::try_from(rest.len()).ok()?.checked_mul(8)?;
    rest.checked_add(8_u32.checked_sub(first.leading_zeros())?)
}

#[cfg(test)]
mod tests {
    use openssl::asn1::{Asn1Integer, Asn1Time};
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::{PKey, Private};
    use openssl::rsa::Rsa;
    use openssl::x509::{X509, X509Name};

    use super::*;
    use crate::dsig::Certificate;

    fn certificate(key: &PKey<Private>, names: &[(&str, &str)], until: &str) -> Vec<u8> {
        let mut name = X509Name::builder().unwrap();
        for (field, value) in names {
            name.append_entry_by_text(field, value).unwrap();
        }
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = Asn1Integer::from_bn(&BigNum::from_u32(7).unwrap()).unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder
            .set_not_before(&Asn1Time::from_str_x509("19991231235959Z").unwrap())
            .unwrap();
        builder.set_not_after(&Asn1Time::from_str_x509(until).unwrap()).unwrap();
        builder.set_pubkey(key).unwrap();
        builder.sign(key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    fn rsa_key(bits: u32) -> PKey<Private> {
        PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
    }

    /// Bits of the key, names of the subject, and the end.
    type Sample = (u32, &'static [(&'static str, &'static str)], &'static str);

    #[test]
    fn the_facts_are_what_openssl_says() {
        let all: [Sample; 4] = [
            (2048, &[("CN", "idp.example.com")], "20300101000000Z"),
            (
                2048,
                &[
                    ("C", "DE"),
                    ("ST", "Köln"),
                    ("L", "Köln"),
                    ("O", "A, B"),
                    ("OU", "x+y"),
                ],
                "20491231235959Z",
            ),
            (
                1024,
                &[("CN", "weak"), ("emailAddress", "a@example.com")],
                "20500101000000Z",
            ),
            (
                3072,
                &[("DC", "org"), ("SN", "s"), ("serialNumber", "1")],
                "99991231235959Z",
            ),
        ];
        for (bits, names, until) in all {
            let der = certificate(&rsa_key(bits), names, until);
            let facts = Facts::read(&der).expect("a usual certificate");
            let slow = X509::from_der(&der).unwrap();
            assert_eq!(facts.subject, crate::dsig::key::subject(&slow));
            assert_eq!(
                facts.not_before,
                crate::dsig::key::timestamp(slow.not_before()).unwrap()
            );
            assert_eq!(
                facts.not_after,
                crate::dsig::key::timestamp(slow.not_after()).unwrap()
            );
            assert_eq!(facts.bits, bits);
            assert_eq!(facts.kind, KeyKind::of(&slow.public_key().unwrap()));
        }
    }

    #[test]
    fn what_is_not_as_usual_is_left_to_openssl() {
        let der = certificate(&rsa_key(2048), &[("CN", "idp")], "20300101000000Z");
        assert!(Facts::read(&der).is_some());
        for length in 0..der.len() {
            assert_eq!(Facts::read(&der[..length]), None);
        }
        assert_eq!(Facts::read(&[der.as_slice(), b"x"].concat()), None);
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let ec = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
        let der = certificate(&ec, &[("CN", "idp")], "20300101000000Z");
        assert_eq!(Facts::read(&der), None);
        assert_eq!(Certificate::from_der(&der).unwrap().key(), Some("EC P-256"));
    }

    #[test]
    fn no_octet_that_is_changed_makes_facts_that_openssl_denies() {
        let der = certificate(
            &rsa_key(1024),
            &[("CN", "idp.example.com")],
            "20300101000000Z",
        );
        for place in 0..der.len() {
            for bit in 0..8 {
                let mut other = der.clone();
                other[place] ^= 1 << bit;
                let (Some(facts), Ok(slow)) = (Facts::read(&other), X509::from_der(&other)) else {
                    continue;
                };
                assert_eq!(facts.subject, crate::dsig::key::subject(&slow), "{place}");
                let until = crate::dsig::key::timestamp(slow.not_after());
                assert_eq!(Ok(facts.not_after), until, "{place}");
                let Ok(key) = slow.public_key() else { continue };
                assert_eq!(facts.kind, KeyKind::of(&key), "{place}");
            }
        }
    }
}
