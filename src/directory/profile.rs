//! What we know about a person.

use serde::{Deserialize, Serialize};

/// The person's attributes under our names, whichever names the identity provider used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// E-mail address, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Job title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Employee number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_number: Option<String>,
    /// The manager, as the identity provider names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Groups at the identity provider, in its order, each once.
    pub groups: Vec<String>,
}

impl Profile {
    /// Each attribute as it is here, else as it is in the other one. Groups are those of here.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let pick = |of: fn(&Self) -> &Option<String>| {
            of(self).as_ref().or_else(|| of(other).as_ref()).cloned()
        };
        Self {
            email: pick(|profile| &profile.email),
            first_name: pick(|profile| &profile.first_name),
            last_name: pick(|profile| &profile.last_name),
            display_name: pick(|profile| &profile.display_name),
            department: pick(|profile| &profile.department),
            title: pick(|profile| &profile.title),
            employee_number: pick(|profile| &profile.employee_number),
            manager: pick(|profile| &profile.manager),
            groups: self.groups.clone(),
        }
    }

    /// The name to show: display name, else first and last name, else the e-mail address.
    pub fn name(&self) -> Option<String> {
        let full = || match (&self.first_name, &self.last_name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        self.display_name.clone().or_else(full).or_else(|| self.email.clone())
    }
}
