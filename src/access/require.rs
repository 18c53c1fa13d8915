//! `require`: what a signed-in person must bring to enter a route.

use http::Method;

use crate::access::gate::Missing;
use crate::base::{IdpName, RoleName};
use crate::identity::Identity;

/// What a route asks of a signed-in person; nothing at all lets any signed-in person in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// One of these is enough …
    pub any: Vec<Condition>,
    /// … and each of these is needed.
    pub all: Vec<Condition>,
    /// In addition, the method must be one of these; empty allows all. GET includes HEAD.
    pub methods: Vec<Method>,
}

/// One thing about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Has this role.
    Role(RoleName),
    /// Is in this group.
    Group(String),
    /// Has any of these values of an attribute: its Name, or a key of `[attributes]`.
    Attribute {
        /// Which attribute.
        name: String,
        /// Any of these.
        values: Vec<String>,
    },
    /// Signed in at any of these identity providers.
    Idp(Vec<IdpName>),
    /// Signed in in any of these ways (AuthnContextClassRef).
    AuthnContext(Vec<String>),
}

/// What of a session the decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    identity: &'a Identity,
}

impl<'a> Visitor<'a> {
    /// A signed-in person.
    pub const fn of(identity: &'a Identity) -> Self {
        Self { identity }
    }

    fn meets(&self, condition: &Condition) -> bool {
        let identity = self.identity;
        match condition {
            Condition::Role(role) => identity.roles.contains(role),
            Condition::Group(group) => identity.profile.groups.contains(group),
            Condition::Attribute { name, values } => identity
                .values(name)
                .iter()
                .any(|sent| values.iter().any(|value| value == sent)),
            Condition::Idp(names) => names.contains(&identity.idp),
            Condition::AuthnContext(classes) => {
                let class = identity.authn_context.as_deref();
                class.is_some_and(|class| classes.iter().any(|wanted| wanted == class))
            }
        }
    }
}

impl Require {
    /// Whether anything is asked at all.
    pub const fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.methods.is_empty()
    }

    /// Whether `visitor` may make a request with `method`; else what is missing.
    pub fn admits(&self, method: &Method, visitor: &Visitor<'_>) -> Result<(), Missing> {
        let enough = self.any.is_empty() || self.any.iter().any(|one| visitor.meets(one));
        let every = self.all.iter().all(|one| visitor.meets(one));
        if !enough || !every {
            let lacks = |one: &&Condition| !visitor.meets(one);
            return Err(Missing {
                any: if enough { Vec::new() } else { self.any.clone() },
                all: self.all.iter().filter(lacks).cloned().collect(),
                methods: Vec::new(),
            });
        }
        match self.allows(method) {
            true => Ok(()),
            false => Err(Missing { methods: self.methods.clone(), ..Missing::default() }),
        }
    }

    fn allows(&self, method: &Method) -> bool {
        // RFC 9110, 9.3.2: HEAD is GET without the content.
        let get = || *method == Method::HEAD && self.methods.contains(&Method::GET);
        self.methods.is_empty() || self.methods.contains(method) || get()
    }
}
