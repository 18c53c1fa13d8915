//! The sample people.

use crate::http::views::demo::Person as Card;

/// Somebody to sign in as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) user: &'static str,
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) title: &'static str,
    pub(super) department: &'static str,
    pub(super) employee_number: &'static str,
    pub(super) manager: &'static str,
    pub(super) groups: &'static [&'static str],
    /// What the demo's configuration grants for them.
    pub(super) roles: &'static [&'static str],
    pub(super) note: Option<&'static str>,
}

/// Everybody.
pub(super) const PEOPLE: &[Person] = &[
    Person {
        user: "alice",
        first_name: "Alice",
        last_name: "Example",
        title: "IT manager",
        department: "IT",
        employee_number: "1001",
        manager: "carol@example.com",
        groups: &["Staff", "IT Managers"],
        roles: &["it-manager", "reader"],
        note: None,
    },
    Person {
        user: "bob",
        first_name: "Bob",
        last_name: "Beispiel",
        title: "Sales representative",
        department: "Sales",
        employee_number: "1002",
        manager: "alice@example.com",
        groups: &["Staff"],
        roles: &["reader"],
        note: Some("Lacks the role for /admin: the gateway says so."),
    },
    Person {
        user: "carol",
        first_name: "Carol",
        last_name: "Esempio",
        title: "Head of finance",
        department: "Finance",
        employee_number: "1003",
        manager: "",
        groups: &["Staff"],
        roles: &["finance", "reader"],
        note: Some("Has a role by her department, not by a group."),
    },
    Person {
        user: "dave",
        first_name: "Dávid",
        last_name: "Példa",
        title: "Contractor",
        department: "External",
        employee_number: "9004",
        manager: "bob@example.com",
        groups: &[],
        roles: &[],
        note: Some("Is in no group, and has letters that headers can not carry as they are."),
    },
];

impl Person {
    pub(super) fn find(user: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.user == user)
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    pub(super) fn email(&self) -> String {
        format!("{}@example.com", self.user)
    }

    pub(super) fn card(&self) -> Card {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let initial = |name: &str| name.chars().next();
        Card {
            value: self.user.to_owned(),
            name: self.name(),
            initials: [self.first_name, self.last_name].into_iter().filter_map(initial).collect(),
            title: self.title.to_owned(),
            department: self.department.to_owned(),
            email: self.email(),
            groups: owned(self.groups),
            roles: owned(self.roles),
            note: self.note.map(ToOwned::to_owned),
        }
    }
}
