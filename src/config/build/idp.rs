//! `[[idp]]`.

use std::path::Path;

use url::Url;

use super::server::{clock_skew, entity_id, uri};
use crate::base::url::is_loopback;
use crate::base::{IdpName, LocalPath, PublicUrl};
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::trust::{IdpSettings, MetadataSource};

/// Every `[[idp]]`. `folder` is where the configuration file is.
pub(in crate::config) fn idps(
    reader: &mut Reader,
    scopes: &[Scope<'_>],
    folder: &Path,
    own: Option<&PublicUrl>,
) -> Vec<IdpSettings> {
    let mut idps: Vec<IdpSettings> = Vec::new();
    for scope in scopes {
        let Some(idp) = idp(reader, scope, folder, own) else {
            continue;
        };
        if idps.iter().any(|other| other.name == idp.name) {
            let message = format!("there is another [[idp]] named {}", idp.name);
            reader.wrong_at(
                scope,
                "name",
                Complaint::new(message, "give each its own name"),
            );
        }
        if let Some(other) = idps.iter().find(|other| other.default && idp.default) {
            let message = format!("{} is the default already", other.name);
            reader.wrong_at(
                scope,
                "default",
                Complaint::new(message, "at most one can be"),
            );
        }
        for domain in &idp.email_domains {
            if let Some(other) = idps.iter().find(|other| other.email_domains.contains(domain)) {
                let message = format!("{domain} belongs to {} already", other.name);
                let hint = "each domain leads to one identity provider";
                reader.wrong_at(scope, "email_domains", Complaint::new(message, hint));
            }
        }
        if idp.default && !idp.enabled {
            let complaint = Complaint::new(
                "is the default, and switched off",
                "people will choose among the others, as if there were no default",
            );
            reader.warn_at(scope, "default", complaint);
        }
        idps.push(idp);
    }
    idps
}

fn idp(
    reader: &mut Reader,
    scope: &Scope<'_>,
    folder: &Path,
    own: Option<&PublicUrl>,
) -> Option<IdpSettings> {
    let name = reader.parsed(scope, "name", |text| {
        IdpName::parse(text).ok_or_else(|| {
            Complaint::new(
                format!("\"{text}\" is not a name"),
                "use up to 64 of a-z 0-9 - _ . and begin with a letter or digit",
            )
        })
    });
    let label = reader.parsed(scope, "label", |text| not_empty(text).map(str::to_owned));
    let metadata = reader.parsed(scope, "metadata", |text| metadata_source(text, folder));
    let entity_id = reader.parsed(scope, "entity_id", entity_id);
    let enabled = reader.boolean(scope, "enabled");
    let default = reader.boolean(scope, "default");
    let show_button = reader.boolean(scope, "show_button");
    let email_domains = reader.parsed_list(scope, "email_domains", email_domain);
    let allow_idp_initiated = reader.boolean(scope, "allow_idp_initiated");
    let landing = own.and_then(|own| reader.parsed(scope, "landing", |text| landing(text, own)));
    let sign_requests = reader.boolean(scope, "sign_requests");
    let force_authn = reader.boolean(scope, "force_authn");
    let authn_context = reader.parsed_list(scope, "authn_context", uri);
    let name_id_format = reader.parsed(scope, "name_id_format", uri);
    let clock_skew = clock_skew(reader, scope);
    let allow_duplicate_attributes = reader.boolean(scope, "allow_duplicate_attributes");
    let name = name?;
    reader.derived(scope, "label", name.as_str());
    let label = label.unwrap_or_else(|| name.to_string());
    Some(IdpSettings {
        entity_id,
        enabled: enabled?,
        default: default?,
        show_button: show_button?,
        email_domains,
        allow_idp_initiated: allow_idp_initiated?,
        landing: landing.unwrap_or_else(LocalPath::root),
        sign_requests,
        force_authn: force_authn?,
        authn_context,
        name_id_format,
        clock_skew,
        allow_duplicate_attributes: allow_duplicate_attributes?,
        ..IdpSettings::new(name, label, metadata?)
    })
}

fn metadata_source(text: &str, folder: &Path) -> Result<MetadataSource, Complaint> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return metadata_file(text, folder);
    }
    let hint = "use https, or download the metadata once and name the file";
    metadata_url(text)
        .map(MetadataSource::Url)
        .map_err(|error| Complaint::new(error, hint))
}

/// Checks an address that metadata may be fetched from: https, or http on loopback, and without a
/// password. Whoever can change metadata on its way can sign in as anybody.
pub fn metadata_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("\"{text}\": {error}"))?;
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password".to_owned());
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback(host) => Ok(text.to_owned()),
        _ => Err("metadata over http can be replaced on its way, and with it every key".to_owned()),
    }
}

fn metadata_file(text: &str, folder: &Path) -> Result<MetadataSource, Complaint> {
    let path = folder.join(not_empty(text)?);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => Ok(MetadataSource::File(path)),
        Ok(_) => Err(Complaint::new(
            format!("{} is not a file", path.display()),
            "name the metadata file itself, or its https URL",
        )),
        Err(error) => Err(Complaint::new(
            format!("{} can not be read: {error}", path.display()),
            "write an https URL, or a file relative to the folder of the configuration file",
        )),
    }
}

fn email_domain(text: &str) -> Result<String, Complaint> {
    let domain = text.to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match domain.len() <= 253 && domain.split('.').all(label) {
        true => Ok(domain),
        false => Err(Complaint::new(
            format!("\"{text}\" is not a domain"),
            "write what stands behind the @, such as example.com",
        )),
    }
}

fn landing(text: &str, own: &PublicUrl) -> Result<LocalPath, Complaint> {
    let path = LocalPath::parse(text, own);
    path.filter(|path| !path.is_gateway_page()).ok_or_else(|| {
        Complaint::new(
            format!("\"{text}\" is not a page of the application"),
            "write a path that begins with /, such as /welcome",
        )
    })
}
