//! `samlgate idp values`: what to enter at the identity provider, in its own words.
//!
//! Every product calls the same two or three values by other names. Nobody should have to know
//! that an "Audience URI", an "Identifier" and a "relying party trust identifier" are one thing.

mod guides;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::output::{self, Table};
use super::{ConfigFile, load};
use crate::saml::ServiceProvider;

/// Arguments of `idp values`.
#[derive(Args, Debug)]
pub struct ValuesArgs {
    /// Whose product the identity provider is.
    #[arg(long, value_enum, default_value_t = Vendor::Generic)]
    vendor: Vendor,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// The products whose words we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "clap would print it beside each name, and the name says it"
)]
pub enum Vendor {
    Okta,
    Entra,
    Google,
    #[value(name = "jumpcloud")]
    JumpCloud,
    Adfs,
    Keycloak,
    #[value(name = "onelogin")]
    OneLogin,
    Ping,
    Auth0,
    Shibboleth,
    Generic,
}

/// What one product asks for.
struct Guide {
    /// `Okta`
    title: &'static str,
    /// Where the form is.
    place: &'static str,
    fields: &'static [(&'static str, Answer)],
    /// Attribute Name → what it means to us, and what it is filled with.
    attributes: &'static [(&'static str, &'static str, &'static str)],
    /// Where its metadata is, and how to import it.
    import: &'static str,
    notes: &'static [&'static str],
    /// The page with every step.
    page: Option<&'static str>,
}

/// What to enter.
enum Answer {
    AcsUrl,
    SloUrl,
    EntityId,
    MetadataUrl,
    PublicUrl,
    /// The ACS URL as a regular expression.
    AcsPattern,
    /// An entityID for an identity provider that lets its admin choose one.
    OwnEntityId,
    /// The JSON of Auth0's add-on.
    Auth0Settings,
    /// Always the same.
    Text(&'static str),
}

impl Answer {
    fn fill(&self, sp: &ServiceProvider) -> String {
        match self {
            Self::AcsUrl => sp.acs_url(),
            Self::SloUrl => sp.slo_url(),
            Self::EntityId => sp.entity_id.clone(),
            Self::MetadataUrl => sp.metadata_url(),
            Self::PublicUrl => sp.public_url.to_string(),
            Self::AcsPattern => {
                format!("^{}$", sp.acs_url().replace('.', "\\.").replace('/', "\\/"))
            }
            Self::OwnEntityId => format!("urn:jumpcloud:{}", sp.public_url.host()),
            Self::Auth0Settings => json!({
                "audience": sp.entity_id,
                "recipient": sp.acs_url(),
                "destination": sp.acs_url(),
                "signatureAlgorithm": "rsa-sha256",
                "digestAlgorithm": "sha256",
                "logout": { "callback": sp.slo_url(), "slo_enabled": true },
            })
            .to_string(),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

/// Prints a table, or JSON.
pub(super) fn run(args: &ValuesArgs) -> ExitCode {
    let loaded = match load(&args.file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let (sp, guide) = (&loaded.config.sp, guides::guide(args.vendor));
    if args.json {
        let name = args.vendor.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        return output::json(&as_json(name, guide, sp));
    }
    output::data(&as_text(guide, sp))
}

fn as_text(guide: &Guide, sp: &ServiceProvider) -> String {
    let mut text = format!("{}: {}\n\n", guide.title, guide.place);
    let mut table = Table::new(&["FIELD", "VALUE"]);
    for (name, answer) in guide.fields {
        table.row([(*name).to_owned(), answer.fill(sp)]);
    }
    text.push_str(&format!("{table}\n"));
    let mut table = Table::new(&["ATTRIBUTE", "MEANS", "FILL IT WITH"]);
    for (name, meaning, source) in guide.attributes {
        table.row([*name, *meaning, *source]);
    }
    text.push_str(&format!("{table}\n{}\n", guide.import));
    for note in guide.notes {
        text.push_str(&format!("{note}\n"));
    }
    if let Some(page) = guide.page {
        text.push_str(&format!("Every step: {page}\n"));
    }
    text
}

fn as_json(vendor: &str, guide: &Guide, sp: &ServiceProvider) -> Value {
    let fields = guide
        .fields
        .iter()
        .map(|(name, answer)| json!({ "name": name, "value": answer.fill(sp) }));
    let attributes = guide.attributes.iter().map(
        |(name, meaning, source)| json!({ "name": name, "meaning": meaning, "source": source }),
    );
    json!({
        "vendor": vendor,
        "title": guide.title,
        "place": guide.place,
        "entity_id": sp.entity_id,
        "acs_url": sp.acs_url(),
        "slo_url": sp.slo_url(),
        "metadata_url": sp.metadata_url(),
        "fields": fields.collect::<Value>(),
        "attributes": attributes.collect::<Value>(),
        "import": guide.import,
        "notes": guide.notes,
        "page": guide.page,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::PublicUrl;

    fn sp() -> ServiceProvider {
        let public_url = PublicUrl::parse("https://app.example.com").unwrap();
        let entity_id = public_url.join("/saml/metadata");
        ServiceProvider {
            public_url,
            entity_id,
            clock_skew: Duration::from_secs(180),
            other_acs: None,
        }
    }

    #[test]
    fn every_vendor_is_told_its_values_in_its_own_words() {
        let texts = Vendor::value_variants()
            .iter()
            .map(|vendor| as_text(guides::guide(*vendor), &sp()));
        insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n----\n\n"));
    }

    #[test]
    fn every_vendor_is_told_the_entity_id_and_where_to_post_or_our_metadata() {
        for vendor in Vendor::value_variants() {
            let json = as_json("x", guides::guide(*vendor), &sp()).to_string();
            assert!(
                json.matches("https://app.example.com/saml/acs").count() > 1,
                "{vendor:?}"
            );
            assert!(
                json.matches("https://app.example.com/saml/metadata").count() > 2,
                "{vendor:?}"
            );
        }
    }

    #[test]
    fn every_page_that_is_named_exists_and_uses_the_names_of_the_fields() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for vendor in Vendor::value_variants() {
            let guide = guides::guide(*vendor);
            let Some(page) = guide.page else {
                continue;
            };
            let text = std::fs::read_to_string(root.join(page)).unwrap();
            for (name, _) in guide.fields {
                assert!(text.contains(name), "{page} does not mention {name}");
            }
            for (name, _, _) in guide.attributes {
                assert!(text.contains(name), "{page} does not mention {name}");
            }
        }
    }
}
