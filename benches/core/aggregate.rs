//! A federation of 10,000 identity providers, some 100 MB, signed as a whole: how long it takes to
//! verify, list and pick from, and how much memory the whole program has used at most, by the
//! system's account (Linux).
//!
//! ```bash
//! cargo bench --bench aggregate              # or, in seconds, in the small crate
//! cargo bench --bench aggregate -- 20000     # so many
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stopwatch and a table"
)]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Cursor, Seek, SeekFrom, Write};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::sha::Sha256;
use samlgate::base::Timestamp;
use samlgate::base::certificate::{KeyPurpose, self_signed};
use samlgate::dsig::{SigningKey, Trust, TrustedKeys};
use samlgate::saml::metadata::Aggregate;
use samlgate::saml::metadata::aggregate::Signers;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let now = Timestamp::from_unix_seconds(1_795_253_400);
    let key = SigningKey::generate_ec("federation", now)?;
    let keys = TrustedKeys::one(key.trusted()?);
    let signers = Signers::Keys(Trust::only(&keys));

    let path = std::env::temp_dir().join(format!("samlgate-aggregate-{}.xml", std::process::id()));
    let outcome = File::options().create_new(true).write(true).read(true).open(&path);
    let mut file = outcome?;
    let outcome = (|| {
        let bytes = write_aggregate(&file, &key, count)?;
        println!("{count} identity providers, {bytes} bytes");
        println!(
            "{:<28} {:>8} {:>8}  {:>14}",
            "", "seconds", "on CPU", "peak, MB"
        );
        println!("{:<46}  {:>14.1}", "before", peak()?);

        for turn in 1..=3 {
            file.seek(SeekFrom::Start(0))?;
            let begun = begin()?;
            let aggregate = Aggregate::read(&file, signers, now)?;
            line(&format!("verified from a file, {turn}"), begun)?;
            let listed = aggregate.entities().filter(|summary| summary.is_idp).count();
            if listed != count {
                return Err(format!("{listed} of {count} are listed").into());
            }
            let wanted: Vec<&str> =
                aggregate.entities().map(|one| one.entity_id.as_str()).collect();
            let begun = begin()?;
            for one in aggregate.pick(&file, &wanted, now) {
                one?;
            }
            line("  all picked, one by one", begun)?;
        }

        let bytes = std::fs::read(&path)?;
        for turn in 1..=3 {
            let begun = begin()?;
            let aggregate = Aggregate::read(Cursor::new(&bytes), signers, now)?;
            line(&format!("verified in memory, {turn}"), begun)?;
            drop(aggregate);
        }
        let mut forged = bytes;
        let last = forged.len().saturating_sub(1000);
        if let Some(byte) =
            forged.get_mut(last..).and_then(|end| end.iter_mut().find(|b| **b == b'e'))
        {
            *byte = b'f';
        }
        let begun = begin()?;
        let refused = Aggregate::read(forged.as_slice(), signers, now).is_err();
        line("refused for its last byte", begun)?;
        if refused {
            Ok(())
        } else {
            Err("a forged one was accepted".into())
        }
    })();
    std::fs::remove_file(&path)?;
    outcome
}

fn line(what: &str, begun: (Instant, f64)) -> Outcome<()> {
    let seconds = begun.0.elapsed().as_secs_f64();
    let on_cpu = on_cpu()? - begun.1;
    println!("{what:<28} {seconds:>8.3} {on_cpu:>8.3}  {:>14.1}", peak()?);
    Ok(())
}

/// Seconds that this program's one thread has run, so far: on a machine that others use too, what
/// counts.
fn on_cpu() -> Outcome<f64> {
    let times = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = times.split_whitespace().next().unwrap_or("0").parse()?;
    Ok(nanoseconds / 1e9)
}

fn begin() -> Outcome<(Instant, f64)> {
    Ok((Instant::now(), on_cpu()?))
}

/// `VmHWM`, in megabytes.
fn peak() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(kilobytes / 1000.0 * 1.024)
}

fn name(number: usize) -> String {
    format!("https://idp{number}.example.org/idp/shibboleth")
}

/// Written in canonical form, so that the digest is that of the bytes.
fn write_aggregate(file: &File, key: &SigningKey, count: usize) -> Outcome<u64> {
    let start = r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_all" Name="https://federation.example.org" cacheDuration="PT6H" validUntil="2027-01-01T00:00:00Z">"#;
    let end = "</md:EntitiesDescriptor>";
    let rsa = PKey::from_rsa(Rsa::generate(2048)?)?;
    let certificate = self_signed(
        &rsa,
        "idp.example.org",
        KeyPurpose::Signing,
        Timestamp::EPOCH,
    )?;
    let certificate = STANDARD.encode(certificate.to_der()?);
    let certificates = [
        key_descriptor("signing", &certificate),
        key_descriptor("encryption", &certificate),
    ];
    let filler = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr. ".repeat(6);
    let entity = |number: usize| entity(number, &certificates.concat(), &filler);
    let mut hash = Sha256::new();
    hash.update(start.as_bytes());
    for number in 0..count {
        hash.update(entity(number).as_bytes());
    }
    hash.update(end.as_bytes());

    let ds = "http://www.w3.org/2000/09/xmldsig#";
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let digest = STANDARD.encode(hash.finish());
    let signed_info = |declared: &str| {
        format!(
            r##"<ds:SignedInfo{declared}><ds:CanonicalizationMethod Algorithm="{exclusive}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod><ds:Reference URI="#_all"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="{exclusive}"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##
        )
    };
    let value = key.sign(signed_info(&format!(r#" xmlns:ds="{ds}""#)).as_bytes())?;
    let mut out = BufWriter::new(file);
    write!(
        out,
        r#"<?xml version="1.0" encoding="UTF-8"?>
{start}<ds:Signature xmlns:ds="{ds}">{}<ds:SignatureValue>{}</ds:SignatureValue></ds:Signature>"#,
        signed_info(""),
        STANDARD.encode(value)
    )?;
    for number in 0..count {
        out.write_all(entity(number).as_bytes())?;
    }
    write!(out, "{end}")?;
    out.flush()?;
    drop(out);
    Ok(file.metadata()?.len())
}

fn key_descriptor(key_use: &str, certificate: &str) -> String {
    let ds = "http://www.w3.org/2000/09/xmldsig#";
    format!(
        r#"<md:KeyDescriptor use="{key_use}"><ds:KeyInfo xmlns:ds="{ds}"><ds:X509Data><ds:X509Certificate>
{certificate}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
    )
}

/// Some ten kilobytes, with what the entities of federations have.
fn entity(number: usize, certificates: &str, filler: &str) -> String {
    let host = format!("idp{number}.example.org");
    let name = name(number);
    let mut ui = String::new();
    for language in ["de", "en", "fr"] {
        ui += &format!(
            r#"<mdui:DisplayName xml:lang="{language}">University {number}</mdui:DisplayName>
<mdui:Description xml:lang="{language}">{filler}</mdui:Description>
<mdui:InformationURL xml:lang="{language}">https://{host}/about/{language}</mdui:InformationURL>
<mdui:PrivacyStatementURL xml:lang="{language}">https://{host}/privacy/{language}</mdui:PrivacyStatementURL>
"#
        );
    }
    let service = |name: &str, binding: &str, path: &str| {
        format!(
            r#"<md:{name} Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" Location="https://{host}/idp/profile/SAML2/{path}"></md:{name}>
"#
        )
    };
    let services: String = [
        ("SingleLogoutService", "HTTP-Redirect", "Redirect/SLO"),
        ("SingleLogoutService", "HTTP-POST", "POST/SLO"),
        ("SingleLogoutService", "SOAP", "SOAP/SLO"),
    ]
    .map(|(name, binding, path)| service(name, binding, path))
    .concat();
    let sign_on: String = [
        ("SingleSignOnService", "HTTP-Redirect", "Redirect/SSO"),
        ("SingleSignOnService", "HTTP-POST", "POST/SSO"),
        (
            "SingleSignOnService",
            "HTTP-POST-SimpleSign",
            "POST-SimpleSign/SSO",
        ),
    ]
    .map(|(name, binding, path)| service(name, binding, path))
    .concat();
    let contacts: String = ["administrative", "support", "technical"]
        .map(|kind| {
            format!(
                r#"<md:ContactPerson contactType="{kind}">
<md:GivenName>Service Desk</md:GivenName>
<md:EmailAddress>mailto:{kind}@{host}</md:EmailAddress>
</md:ContactPerson>
"#
            )
        })
        .concat();
    let attributes: String = (0..6)
        .map(|category| {
            format!(
                r#"<saml:AttributeValue>http://refeds.org/category/example-{category}</saml:AttributeValue>
"#
            )
        })
        .collect();
    format!(
        r#"
<md:EntityDescriptor entityID="{name}">
<md:Extensions>
<mdrpi:RegistrationInfo xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" registrationAuthority="https://federation.example.org" registrationInstant="2020-01-01T00:00:00Z"></mdrpi:RegistrationInfo>
<mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute"><saml:Attribute xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Name="http://macedir.org/entity-category-support" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">
{attributes}</saml:Attribute></mdattr:EntityAttributes>
</md:Extensions>
<md:IDPSSODescriptor errorURL="https://{host}/error" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:Extensions>
<shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" regexp="false">{host}</shibmd:Scope>
<mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui">
{ui}<mdui:Logo height="60" width="80">https://{host}/logo.png</mdui:Logo>
</mdui:UIInfo>
</md:Extensions>
{certificates}{services}<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</md:NameIDFormat>
<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
{sign_on}</md:IDPSSODescriptor>
<md:AttributeAuthorityDescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
{certificates}<md:AttributeService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://{host}/idp/profile/SAML2/SOAP/AttributeQuery"></md:AttributeService>
</md:AttributeAuthorityDescriptor>
<md:Organization>
<md:OrganizationName xml:lang="en">University {number}</md:OrganizationName>
<md:OrganizationDisplayName xml:lang="en">University {number}</md:OrganizationDisplayName>
<md:OrganizationURL xml:lang="en">https://{host}/</md:OrganizationURL>
</md:Organization>
{contacts}</md:EntityDescriptor>"#
    )
}
