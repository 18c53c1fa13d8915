//! `[saml]`, `[[saml_contact]]` and `[[saml_attribute]]`: our keys, and what our metadata says.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::base::{PublicUrl, Secret};
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::config::settings::KeyConfig;
use crate::keys::{Policy, Use};
use crate::saml::metadata::SpDescription;
use crate::saml::metadata::description::{
    AttributeService, Contact, Localised, Logo, Organization, RequestedAttribute, Ui,
};
use crate::store::keys::{GivenKeys, KeySettings};

/// Where our keys are, and when they are replaced.
pub(in crate::config) fn keys(
    reader: &mut Reader,
    scope: &Scope<'_>,
    public_url: Option<&PublicUrl>,
) -> Option<KeyConfig> {
    let folder = reader.parsed(scope, "keys", |text| {
        let path = PathBuf::from(not_empty(text)?);
        match path.exists() && !path.is_dir() {
            true => Err(Complaint::new(
                format!("{text} is not a folder"),
                "name a folder",
            )),
            false => Ok(path),
        }
    });
    let mut given = |name| {
        reader.parsed(scope, name, |text| match text.contains("PRIVATE KEY-----") {
            true => Ok(Secret::new(text.to_owned())),
            // Not a word of it: it may be a key after all.
            false => Err(Complaint::new(
                "is no private key in PEM",
                "it begins with -----BEGIN PRIVATE KEY-----; a file is named by the variable with _FILE",
            )),
        })
    };
    let given = GivenKeys {
        signing: given("signing_key"),
        encryption: given("encryption_key"),
        jwt: given("jwt_key"),
    };
    let is_auto = reader.choice(scope, "rotate_keys", &[("manual", false), ("auto", true)]);
    let before = reader.span(scope, "rotate_before");
    let publish_for = reader.span(scope, "publish_for");
    let retire_after = reader.span(scope, "retire_after");
    let policy = Policy {
        rotate_before: before?,
        publish_for: publish_for?,
        retire_after: retire_after?,
    };
    let is_auto = is_auto?;
    if is_auto && policy.publish_for >= policy.rotate_before {
        let hint = "publish for less long, or begin earlier";
        let complaint = Complaint::new(
            "is not before the end of the certificate (rotate_before)",
            hint,
        );
        reader.wrong_at(scope, "publish_for", complaint);
        return None;
    }
    for usage in [Use::Signing, Use::Encryption] {
        if is_auto && given.of(usage).is_some() {
            let name = format!("{}_key", usage.as_str());
            let complaint = Complaint::new(
                "is given here, so that rotate_keys = \"auto\" can not replace it",
                "replace it by hand, or leave it to the folder of keys",
            );
            reader.warn_at(scope, &name, complaint);
        }
    }
    let settings = KeySettings {
        folder: folder?,
        common_name: public_url?.host().to_owned(),
        given,
    };
    Some(KeyConfig { settings, policy: is_auto.then_some(policy) })
}

/// What our metadata says about us.
pub(in crate::config) fn description(
    reader: &mut Reader,
    scope: &Scope<'_>,
    contacts: &[Scope<'_>],
    attributes: &[Scope<'_>],
) -> Option<SpDescription> {
    const DAY: Duration = Duration::from_secs(86_400);
    let cache = reader.span(scope, "metadata_cache");
    let valid_for = reader.duration(scope, "metadata_valid_for");
    if valid_for.is_some_and(|span| span < DAY) {
        let complaint = Complaint::new(
            "is too short",
            "identity providers come once a day: write 1d or more",
        );
        reader.wrong_at(scope, "metadata_valid_for", complaint);
    }
    let organization = match reader.inner(scope, "organization") {
        Some(inner) => Some(Organization {
            name: texts(reader, &inner, "name", &any)?,
            display_name: texts(reader, &inner, "display_name", &any)?,
            url: texts(reader, &inner, "url", &address)?,
        }),
        None => None,
    };
    let ui = match reader.inner(scope, "ui") {
        Some(inner) => ui(reader, &inner)?,
        None => Ui::default(),
    };
    // The schema wants each set of attributes to have a name.
    let name = match ui.display_name.as_slice() {
        [] => vec![Localised { lang: "en".to_owned(), text: "samlgate".to_owned() }],
        names => names.to_vec(),
    };
    let mut people = Vec::new();
    for scope in contacts {
        people.push(contact(reader, scope)?);
    }
    Some(SpDescription {
        cache: cache?,
        valid_for,
        organization,
        contacts: people,
        ui,
        attributes: services(reader, attributes, &name)?,
        ..SpDescription::default()
    })
}

fn ui(reader: &mut Reader, scope: &Scope<'_>) -> Option<Ui> {
    let optional = |reader: &mut Reader, name, check: &Check| match scope.is_set(name) {
        true => texts(reader, scope, name, check),
        false => {
            // For `config show`.
            reader.text_by_name(scope, name);
            Some(Vec::new())
        }
    };
    let logo = reader.parsed(scope, "logo", |text| {
        address(text).map(|()| text.to_owned())
    });
    let width = reader.integer(scope, "logo_width", 1..=10_000);
    let height = reader.integer(scope, "logo_height", 1..=10_000);
    let logo = match logo {
        Some(url) => Some(Logo { url, width: width?, height: height? }),
        None => None,
    };
    Some(Ui {
        display_name: optional(reader, "display_name", &any)?,
        description: optional(reader, "description", &any)?,
        information_url: optional(reader, "information_url", &address)?,
        privacy_statement_url: optional(reader, "privacy_statement_url", &address)?,
        logo,
    })
}

fn contact(reader: &mut Reader, scope: &Scope<'_>) -> Option<Contact> {
    let kinds = [
        "technical",
        "support",
        "administrative",
        "billing",
        "security",
        "other",
    ];
    let kind = reader.choice(scope, "type", &kinds.map(|kind| (kind, kind)));
    let mut text = |name| reader.parsed(scope, name, |text| not_empty(text).map(str::to_owned));
    let (given_name, surname) = (text("given_name"), text("surname"));
    let (company, telephone) = (text("company"), text("telephone"));
    let emails = reader.parsed_list(scope, "email", |text| {
        let text = not_empty(text)?;
        match text.contains('@') && !text.contains(|c: char| c.is_whitespace() || c == ':') {
            true => Ok(text.to_owned()),
            false => Err(Complaint::new(
                format!("\"{text}\" is not an e-mail address"),
                "write it as it@example.com, without mailto:",
            )),
        }
    });
    Some(Contact {
        kind: kind?.to_owned(),
        company,
        given_name,
        surname,
        emails,
        telephone,
    })
}

fn services(
    reader: &mut Reader,
    scopes: &[Scope<'_>],
    name_of_service: &[Localised],
) -> Option<Vec<AttributeService>> {
    let mut services: Vec<AttributeService> = Vec::new();
    for scope in scopes {
        let name = reader.parsed(scope, "name", |text| not_empty(text).map(str::to_owned));
        let friendly_name = reader.text(scope, "friendly_name");
        let required = reader.boolean(scope, "required");
        let values = reader.texts(scope, "values");
        // An unsignedShort of the schema.
        let index = reader.integer(scope, "service", 0..=65_535)?;
        let attribute =
            RequestedAttribute { name: name?, friendly_name, required: required?, values };
        match services.iter_mut().find(|service| service.index == index) {
            Some(service) => service.attributes.push(attribute),
            None => services.push(AttributeService {
                index,
                name: name_of_service.to_vec(),
                attributes: vec![attribute],
            }),
        }
    }
    services.sort_by_key(|service| service.index);
    Some(services)
}

type Check = dyn Fn(&str) -> Result<(), Complaint>;

/// Texts by language; at least one.
fn texts(
    reader: &mut Reader,
    scope: &Scope<'_>,
    name: &str,
    check: &Check,
) -> Option<Vec<Localised>> {
    let before = reader.problems.len();
    let mut texts = Vec::new();
    for (lang, text, source) in reader.text_by_name(scope, name) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_language = (2..=35).contains(&lang.len()) && lang.chars().all(plain);
        let complaint = match (is_language, check(&text)) {
            (true, Ok(())) => {
                texts.push(Localised { lang, text });
                continue;
            }
            (false, _) => Complaint::new(
                format!("\"{lang}\" is not a language"),
                "write en, de or pt-BR",
            ),
            (_, Err(complaint)) => complaint,
        };
        reader.wrong(format!("{}.{lang}", scope.path(name)), source, complaint);
    }
    if texts.is_empty() && reader.problems.len() == before {
        let complaint = Complaint::new("says nothing", "write for example { en = \"…\" }");
        reader.wrong_at(scope, name, complaint);
    }
    (!texts.is_empty()).then_some(texts)
}

fn any(text: &str) -> Result<(), Complaint> {
    not_empty(text).map(|_| ())
}

fn address(text: &str) -> Result<(), Complaint> {
    let is_web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    match is_web {
        true => Ok(()),
        false => Err(Complaint::new(
            format!("\"{text}\" is not an address"),
            "write one such as https://www.example.com",
        )),
    }
}
