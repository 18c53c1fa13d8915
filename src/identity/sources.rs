//! Two sources say who somebody is: the assertion at sign-in, and provisioning.
//!
//! In: both. Out: one profile, and for each value which of them it came from.

use crate::directory::{Profile, Standing};
use crate::identity::Target;
use crate::scim::Document;
use crate::scim::schema::ENTERPRISE;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Provisioning.
    Scim,
    /// The assertion.
    Saml,
}

impl Source {
    /// `scim`, `saml`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Saml => "saml",
        }
    }
}

/// What holds of somebody: of each attribute what `first` says, else what the other one says.
///
/// Groups are those of both, but who is in a group that is provisioned is said by provisioning
/// alone: a membership that was taken away must not live on in an assertion.
pub fn merged(asserted: &Profile, standing: &Standing, first: Source) -> Profile {
    let provisioned = standing.document.as_ref().map(profile).unwrap_or_default();
    let (first, second) = match first {
        Source::Scim => (&provisioned, asserted),
        Source::Saml => (asserted, &provisioned),
    };
    Profile { groups: groups(asserted, standing), ..first.over(second) }
}

fn groups(asserted: &Profile, standing: &Standing) -> Vec<String> {
    let mut groups = standing.groups.clone();
    for group in &asserted.groups {
        if !standing.provisioned.contains(group) && !groups.contains(group) {
            groups.push(group.clone());
        }
    }
    groups
}

/// The attributes that [`merged`] gives a value, each with who said it. Groups are left out, since
/// both say some.
pub fn sources(
    asserted: &Profile,
    standing: &Standing,
    first: Source,
) -> Vec<(Target, String, Source)> {
    let merged = merged(asserted, standing, first);
    let provisioned = standing.document.as_ref().map(profile).unwrap_or_default();
    let mut sources = Vec::new();
    for (target, _) in Target::ALL.iter().filter(|(target, _)| *target != Target::Groups) {
        for value in target.of_profile(&merged) {
            let says = |profile: &Profile| target.of_profile(profile).contains(&value);
            let source = match (says(&provisioned), says(asserted)) {
                (true, true) => first,
                (true, false) => Source::Scim,
                (false, _) => Source::Saml,
            };
            sources.push((*target, value.to_owned(), source));
        }
    }
    sources
}

/// What a document says under our names; groups are not in it.
pub fn profile(document: &Document) -> Profile {
    let one = |name: &str| document.texts(name).first().map(|text| (*text).to_owned());
    let enterprise = |name: &str| one(&format!("{ENTERPRISE}:{name}"));
    Profile {
        email: document.email().map(str::to_owned),
        first_name: one("name.givenName"),
        last_name: one("name.familyName"),
        display_name: one("displayName").or_else(|| one("name.formatted")),
        department: enterprise("department"),
        title: one("title"),
        employee_number: enterprise("employeeNumber"),
        manager: enterprise("manager.displayName").or_else(|| enterprise("manager")),
        groups: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(json: &str) -> Standing {
        Standing {
            may_enter: true,
            document: Some(Document::stored(json).unwrap()),
            groups: vec!["IT".to_owned()],
            provisioned: vec!["IT".to_owned(), "Board".to_owned()],
            ..Standing::default()
        }
    }

    const ANN: &str = r#"{"displayName":"Ann S","title":"Head",
        "emails":[{"value":"a@home.example","type":"home"},{"value":"a@work.example","type":"work"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            {"department":"IT","manager":{"value":"26","displayName":"Bob"}}}"#;

    fn asserted() -> Profile {
        Profile {
            display_name: Some("Ann A".to_owned()),
            department: Some("Sales".to_owned()),
            first_name: Some("Ann".to_owned()),
            groups: ["Staff", "Board", "IT"].map(str::to_owned).to_vec(),
            ..Profile::default()
        }
    }

    #[test]
    fn the_first_source_wins_and_the_second_fills_in() {
        let both = |first| merged(&asserted(), &standing(ANN), first);
        let scim = both(Source::Scim);
        assert_eq!(scim.display_name.as_deref(), Some("Ann S"));
        assert_eq!(scim.department.as_deref(), Some("IT"));
        assert_eq!(scim.first_name.as_deref(), Some("Ann"));
        assert_eq!(scim.email.as_deref(), Some("a@work.example"));
        assert_eq!(scim.manager.as_deref(), Some("Bob"));
        let saml = both(Source::Saml);
        assert_eq!(saml.display_name.as_deref(), Some("Ann A"));
        assert_eq!(saml.department.as_deref(), Some("Sales"));
        assert_eq!(saml.title.as_deref(), Some("Head"));
    }

    #[test]
    fn who_is_in_a_provisioned_group_is_said_by_provisioning_alone() {
        let merged = merged(&asserted(), &standing(ANN), Source::Saml);
        assert_eq!(merged.groups, ["IT", "Staff"]);
    }

    #[test]
    fn each_value_knows_where_it_came_from() {
        let sources = sources(&asserted(), &standing(ANN), Source::Scim);
        let of = |target| sources.iter().find(|(of, ..)| *of == target).map(|found| found.2);
        assert_eq!(of(Target::Department), Some(Source::Scim));
        assert_eq!(of(Target::FirstName), Some(Source::Saml));
        assert_eq!(of(Target::LastName), None);
    }

    #[test]
    fn the_primary_address_goes_before_that_of_work() {
        let document = Document::stored(
            r#"{"emails":[{"value":"w","type":"work"},{"value":"p","primary":true}]}"#,
        );
        assert_eq!(profile(&document.unwrap()).email.as_deref(), Some("p"));
        let first = Document::stored(r#"{"emails":[{"value":"x"},{"value":"y"}]}"#);
        assert_eq!(profile(&first.unwrap()).email.as_deref(), Some("x"));
    }
}
