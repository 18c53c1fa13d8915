//! The gateway's core as one of the programs that `benches/compare/core` compares.

use std::io::{BufRead as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::Timestamp;
use samlgate::dsig::TrustedKey;

use crate::messages::{IDP, Idp, Outcome, Signed, World};

/// Writes messages with one and with two signatures, the certificate and the metadata.
pub(crate) fn write(directory: &Path, now: Timestamp) -> Outcome<()> {
    let idp = Idp::new(now)?;
    for (signed, name) in [(Signed::Assertion, "one"), (Signed::Both, "both")] {
        for number in 0..16 {
            let xml = idp.message(signed, 8 * 1024, number, now)?;
            std::fs::write(directory.join(format!("{name}-{number:02}.xml")), &xml)?;
            let value = STANDARD.encode(&xml);
            std::fs::write(directory.join(format!("{name}-{number:02}.b64")), value)?;
        }
    }
    std::fs::write(directory.join("idp.pem"), idp.0.certificate_pem()?)?;
    let certificate = STANDARD.encode(idp.0.certificate_der());
    let metadata = format!(
        concat!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}">"#,
            r#"<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">"#,
            r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">"#,
            r#"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#,
            r#"<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>"#,
            r#"</md:IDPSSODescriptor></md:EntityDescriptor>"#,
        ),
        IDP = IDP,
        certificate = certificate,
    );
    std::fs::write(directory.join("idp.xml"), metadata)?;
    Ok(())
}

/// For each line `both 100` on stdin: reads so many messages of that name, and says so.
pub(crate) fn run(directory: &Path, now: Timestamp) -> Outcome<()> {
    let pem = std::fs::read(directory.join("idp.pem"))?;
    let der = openssl::x509::X509::from_pem(&pem)?.to_der()?;
    let world = World::new(TrustedKey::from_certificate_der(&der)?, now)?;
    let mut stdout = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (name, count) = line.split_once(' ').ok_or("name and number")?;
        let values = (0..16)
            .map(|number| std::fs::read(directory.join(format!("{name}-{number:02}.b64"))))
            .collect::<Result<Vec<_>, _>>()?;
        for value in values.iter().cycle().take(count.parse()?) {
            let valid = world.sign_in(value, world.origin()?)?;
            if valid.claims().attributes.len() != 10 {
                return Err("not all attributes".into());
            }
        }
        writeln!(stdout, "done")?;
    }
    Ok(())
}
