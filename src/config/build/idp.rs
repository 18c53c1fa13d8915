//! `[[idp]]`.

use std::path::Path;

use url::Url;

use super::server::{clock_skew, entity_id, uri};
use crate::base::url::is_loopback;
use crate::base::{EmailDomain, IdpName, LocalPath, PublicUrl};
use crate::config::keys::IDP;
use crate::config::node::{Entry, Node};
use crate::config::problem::{Problems, Source};
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::config::{environment, names};
use crate::saml::authn_request::AnswerBy;
use crate::saml::metadata::description::AttributeService;
use crate::saml::metadata::mdq::{Identifier, MdqServer};
use crate::saml::{AcsPath, Family, GroupsOverage};
use crate::tasks::fetch::Reach;
use crate::trust::reading::Way;
use crate::trust::{IdpSettings, MetadataSource, OnChange, signers};

/// Every `[[idp]]`. `folder` is where the configuration file is.
pub(in crate::config) fn idps(
    reader: &mut Reader,
    scopes: &[Scope<'_>],
    folder: &Path,
    own: Option<&PublicUrl>,
    legacy: &[Family],
    services: Option<&[AttributeService]>,
) -> Vec<IdpSettings> {
    let mut idps: Vec<IdpSettings> = Vec::new();
    for scope in scopes {
        let Some(idp) = idp(reader, scope, folder, own) else {
            continue;
        };
        if let Some(AcsPath::Legacy(family)) = idp.acs
            && !legacy.contains(&family)
        {
            let message = format!("the addresses of {} are not ours", family.as_str());
            let hint = format!("add it to saml.legacy_paths: [\"{}\"]", family.as_str());
            reader.wrong_at(scope, "acs", Complaint::new(message, hint));
        }
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
        if let Some(services) = services {
            warn_of_service(reader, scope, &idp, services);
        }
        idps.push(idp);
    }
    idps
}

/// A request that names an `AttributeConsumingService` which our metadata does not have may be refused.
fn warn_of_service(
    reader: &mut Reader,
    scope: &Scope<'_>,
    idp: &IdpSettings,
    services: &[AttributeService],
) {
    let Some(index) = idp.attribute_consuming_service_index else {
        return;
    };
    if services.iter().all(|service| service.index != u32::from(index)) {
        let complaint = Complaint::new(
            format!("our metadata has no AttributeConsumingService {index}"),
            format!(
                "add a [[saml_attribute]] with `service = {index}`: a strict identity provider refuses such requests"
            ),
        );
        reader.warn_at(scope, "attribute_consuming_service_index", complaint);
    }
}

fn idp(
    reader: &mut Reader,
    scope: &Scope<'_>,
    folder: &Path,
    own: Option<&PublicUrl>,
) -> Option<IdpSettings> {
    let name = reader.parsed(scope, "name", name);
    let label = reader.parsed(scope, "label", |text| not_empty(text).map(str::to_owned));
    let metadata = reader.parsed(scope, "metadata", |text| metadata_source(text, folder));
    // The other keys are read in any case: all mistakes are found at once.
    let usable = name.is_some() && metadata.is_some();
    let name = name.or_else(|| IdpName::parse("unnamed"))?;
    let mut settings = IdpSettings::new(name, metadata.unwrap_or(MetadataSource::Stored));
    settings.label = label;
    choices(reader, scope, own, &mut settings);
    about_metadata(reader, scope, folder, &mut settings);
    usable.then_some(settings)
}

/// Changes the settings of an identity provider by keys of `[[idp]]` and their values: `--set`.
pub fn set_idp(
    settings: &mut IdpSettings,
    changes: &[(String, String)],
    own: &PublicUrl,
) -> Result<(), Problems> {
    let mut reader = Reader::default();
    let source = Source::Argument("--set");
    let mut entries: Vec<Entry> = Vec::new();
    for (key, text) in changes {
        let node = match IDP.iter().find(|known| known.name == key) {
            Some(known) => environment::node(known, text, &source),
            None => Node::text(text, &source),
        };
        entries.retain(|entry| entry.key != *key);
        entries.push(Entry { key: key.clone(), source: source.clone(), node });
    }
    let path = format!("idp[{}]", settings.name);
    names::keys(&mut reader, &path, IDP, &entries);
    let scope = Scope::new(IDP, path, &entries, source);
    if scope.is_set("name") {
        let name = reader.parsed(&scope, "name", name);
        settings.name = name.unwrap_or_else(|| settings.name.clone());
    }
    if scope.is_set("label") {
        settings.label = reader.text(&scope, "label");
    }
    if scope.is_set("metadata") {
        let read = |text: &str| metadata_source(text, Path::new(""));
        let metadata = reader.parsed(&scope, "metadata", read);
        settings.metadata = metadata.unwrap_or(MetadataSource::Stored);
    }
    choices(&mut reader, &scope, Some(own), settings);
    about_metadata(&mut reader, &scope, Path::new(""), settings);
    match reader.problems.is_empty() {
        true => Ok(()),
        false => Err(Problems::new(reader.problems)),
    }
}

/// `saml.allow_private_metadata`. A gateway that people open on this machine, as the demo is, finds
/// metadata there too.
pub(in crate::config) fn reach(
    reader: &mut Reader,
    saml: &Scope<'_>,
    own: Option<&PublicUrl>,
) -> Reach {
    match reader.boolean(saml, "allow_private_metadata") {
        Some(true) => Reach::Private,
        _ if own.is_some_and(|own| is_loopback(own.host())) => Reach::Machine,
        _ => Reach::Internet,
    }
}

/// How metadata comes, by whose word, and what its changes need.
fn about_metadata(reader: &mut Reader, scope: &Scope<'_>, folder: &Path, to: &mut IdpSettings) {
    let read = |text: &str| {
        let path = folder.join(not_empty(text)?);
        let hint = "name a file with one or more certificates in PEM";
        let pem = std::fs::read(&path);
        let pem = pem.map_err(|error| format!("{} can not be read: {error}", path.display()));
        let keys = pem
            .and_then(|pem| signers(&pem).map_err(|error| format!("{} {error}", path.display())));
        keys.map_err(|error| Complaint::new(error, hint))
    };
    let keys = reader.parsed(scope, "metadata_signing_certificate", read);
    written(
        scope,
        "metadata_signing_certificate",
        &mut to.metadata_signers,
        Some(keys),
    );
    let policies = [("apply", OnChange::Apply), ("approve", OnChange::Approve)];
    let on_change = reader.choice(scope, "on_change", &policies);
    written(scope, "on_change", &mut to.on_change, on_change);
    if reader.boolean(scope, "mdq") != Some(true) {
        return;
    }
    let MetadataSource::Url(base) = &to.metadata else {
        let hint = "write the base URL of the server as metadata";
        reader.wrong_at(
            scope,
            "mdq",
            Complaint::new("there is no server to be asked", hint),
        );
        return;
    };
    match (MdqServer::new(base), &to.entity_id) {
        (Some(server), Some(entity_id)) => {
            let address = server.address(entity_id, Identifier::EntityId);
            to.metadata = MetadataSource::Url(address);
            to.way = Way::Query;
        }
        (None, _) => {
            let hint = "write an https URL without a query";
            let complaint = Complaint::new("metadata is not the base URL of a server", hint);
            reader.wrong_at(scope, "mdq", complaint);
        }
        (_, None) => {
            let complaint = Complaint::new("nobody is asked for", "write entity_id as well");
            reader.wrong_at(scope, "mdq", complaint);
        }
    }
}

/// Every key with a default: what is written replaces what is there.
fn choices(reader: &mut Reader, scope: &Scope<'_>, own: Option<&PublicUrl>, to: &mut IdpSettings) {
    let entity_id = reader.parsed(scope, "entity_id", entity_id);
    written(scope, "entity_id", &mut to.entity_id, Some(entity_id));
    flag(reader, scope, "enabled", &mut to.enabled);
    flag(reader, scope, "default", &mut to.default);
    flag(reader, scope, "show_button", &mut to.show_button);
    let domains = reader.parsed_list(scope, "email_domains", email_domain);
    written(scope, "email_domains", &mut to.email_domains, Some(domains));
    flag(
        reader,
        scope,
        "allow_idp_initiated",
        &mut to.allow_idp_initiated,
    );
    if let Some(own) = own {
        let landing = reader.parsed(scope, "landing", |text| landing(text, own));
        written(scope, "landing", &mut to.landing, landing);
    }
    let sign_requests = reader.boolean(scope, "sign_requests");
    written(
        scope,
        "sign_requests",
        &mut to.sign_requests,
        Some(sign_requests),
    );
    flag(reader, scope, "force_authn", &mut to.force_authn);
    let contexts = reader.parsed_list(scope, "authn_context", uri);
    written(
        scope,
        "authn_context",
        &mut to.authn_context,
        Some(contexts),
    );
    let format = reader.parsed(scope, "name_id_format", uri);
    written(
        scope,
        "name_id_format",
        &mut to.name_id_format,
        Some(format),
    );
    let text = |reader: &mut Reader, name: &str| {
        reader.parsed(scope, name, |text| not_empty(text).map(str::to_owned))
    };
    let qualifier = text(reader, "name_id_qualifier");
    written(
        scope,
        "name_id_qualifier",
        &mut to.name_id_qualifier,
        Some(qualifier),
    );
    flag(
        reader,
        scope,
        "name_id_allow_create",
        &mut to.name_id_allow_create,
    );
    let provider_name = text(reader, "provider_name");
    written(
        scope,
        "provider_name",
        &mut to.provider_name,
        Some(provider_name),
    );
    let idps = reader.parsed_list(scope, "scoping_idps", super::server::entity_id);
    written(scope, "scoping_idps", &mut to.scoping_idps, Some(idps));
    let number = |reader: &mut Reader, name: &str| {
        let number = reader.integer(scope, name, 0..=u32::from(u16::MAX));
        number.and_then(|number| u16::try_from(number).ok())
    };
    let count = number(reader, "scoping_proxy_count");
    written(
        scope,
        "scoping_proxy_count",
        &mut to.scoping_proxy_count,
        Some(count),
    );
    let key = "attribute_consuming_service_index";
    let index = number(reader, key);
    written(
        scope,
        key,
        &mut to.attribute_consuming_service_index,
        Some(index),
    );
    flag(reader, scope, "login_hint", &mut to.login_hint);
    let bindings = [("post", AnswerBy::Post), ("artifact", AnswerBy::Artifact)];
    let binding = reader.choice(scope, "response_binding", &bindings);
    written(scope, "response_binding", &mut to.response_binding, binding);
    let acs = reader.choice(scope, "acs", &AcsPath::ALL);
    written(scope, "acs", &mut to.acs, Some(acs));
    let overage = reader.choice(scope, "groups_overage", &GroupsOverage::ALL);
    written(scope, "groups_overage", &mut to.groups_overage, overage);
    let skew = clock_skew(reader, scope);
    written(scope, "clock_skew", &mut to.clock_skew, Some(skew));
    let suffix = reader.parsed(scope, "user_name_suffix", user_name_suffix);
    written(
        scope,
        "user_name_suffix",
        &mut to.user_name_suffix,
        Some(suffix),
    );
    flag(
        reader,
        scope,
        "allow_duplicate_attributes",
        &mut to.allow_duplicate_attributes,
    );
    flag(reader, scope, "want_encrypted", &mut to.want_encrypted);
    let sha1 = reader.moment(scope, "allow_sha1_until");
    written(
        scope,
        "allow_sha1_until",
        &mut to.allow_sha1_until,
        Some(sha1),
    );
    let tripledes = reader.moment(scope, "allow_tripledes_until");
    written(
        scope,
        "allow_tripledes_until",
        &mut to.allow_tripledes_until,
        Some(tripledes),
    );
    flag(
        reader,
        scope,
        "allow_inclusive_c14n",
        &mut to.allow_inclusive_c14n,
    );
    let key = "allow_cbc_in_unsigned_response";
    flag(reader, scope, key, &mut to.allow_cbc_in_unsigned_response);
}

fn flag(reader: &mut Reader, scope: &Scope<'_>, name: &str, to: &mut bool) {
    let value = reader.boolean(scope, name);
    written(scope, name, to, value);
}

/// Takes a value that somebody wrote, and leaves the one that is there otherwise.
fn written<T>(scope: &Scope<'_>, name: &str, to: &mut T, value: Option<T>) {
    if let Some(value) = value
        && scope.is_set(name)
    {
        *to = value;
    }
}

fn name(text: &str) -> Result<IdpName, Complaint> {
    IdpName::parse(text).ok_or_else(|| {
        Complaint::new(
            format!("\"{text}\" is not a name"),
            "use up to 64 of a-z 0-9 - _ . and begin with a letter or digit",
        )
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
    let domain = EmailDomain::parse(text).map(|domain| domain.as_str().to_owned());
    domain.ok_or_else(|| {
        Complaint::new(
            format!("\"{text}\" is not a domain"),
            "write what stands behind the @, such as example.com",
        )
    })
}

/// What a name can end with: everything that an application can be told, and that fits behind one.
pub(in crate::config) fn user_name_suffix(text: &str) -> Result<String, Complaint> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_!+".contains(&byte);
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(fine) {
        return Ok(text.to_owned());
    }
    let expected = "an end of names such as \"@partner\": letters, digits, @ . - _ ! +, at most 64";
    Err(Complaint::new("can not be the end of a name", expected))
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
