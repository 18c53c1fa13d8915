//! One gateway, and a connection with a token for each story.
//!
//! Tokens are made as an administrator makes them, by `samlgate scim token create`. A story in which
//! people sign in has an identity provider of its own, to which its connection belongs.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use http::Method;

use super::fill::{Variable, Variables};
use super::play::{People, Scene};
use super::story::{Act, Settings, Story};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};

/// Nobody listens there; no story comes as far.
const NOWHERE: &str = "http://127.0.0.1:9";

/// How many requests a token may make.
const RATE: &str = "scim = \"off\"";

/// A gateway that many clients provision.
pub(super) struct Tenants {
    gateway: Gateway,
    idps: BTreeMap<String, TestIdp>,
}

impl Tenants {
    /// A gateway with an identity provider for each story that needs one; on this database, or on
    /// one of its own.
    pub(super) async fn start(stories: &[(String, Story)], database: Option<&str>) -> Self {
        let signs_in =
            |story: &Story| story.steps.iter().any(|step| matches!(step.act, Act::SignIn(_)));
        let named = stories.iter().filter(|(_, story)| signs_in(story));
        let mut names: Vec<String> = named.map(|(name, _)| name.clone()).collect();
        // At least two, so that no connection belongs to the only one.
        names.extend(["one", "two"].map(str::to_owned));
        // Nobody is slowed down here: a tool makes a thousand requests.
        let mut setup = Setup::http().quick_key().route(NOWHERE, "").set("limits", RATE);
        if let Some(database) = database {
            setup = setup.database_url(database);
        }
        let mut idps = BTreeMap::new();
        for name in names {
            let idp = TestIdp::new(&name);
            setup = setup.idp(&name, &idp.metadata_file(), "allow_idp_initiated = true");
            idps.insert(name, idp);
        }
        Self { gateway: setup.start().await, idps }
    }

    /// What the server is called.
    pub(super) fn base(&self) -> String {
        self.gateway.url("/scim/v2")
    }

    /// Where a story is told.
    pub(super) async fn scene<'t>(&'t self, name: &str, story: &Story) -> Scene<Browsers<'t>> {
        let idp = self.idps.get(name);
        let mut known = Variables::new();
        let mut know = |name: String, value: String| known.insert(name, Variable::Value(value));
        know("base".to_owned(), self.base());
        know("connection".to_owned(), name.to_owned());
        let token = self.token(name, story.settings, idp.map(|_| name)).await;
        know("token".to_owned(), token);
        for (other, settings) in &story.others {
            let token = self.token(&format!("{name}-{other}"), *settings, None).await;
            know(format!("{other}.token"), token);
        }
        Scene {
            origin: self.gateway.url(""),
            known,
            people: Browsers { tenants: self, idp, visitors: BTreeMap::new() },
        }
    }

    /// A new connection and its token.
    pub(super) async fn token(&self, name: &str, settings: Settings, idp: Option<&str>) -> String {
        let mut arguments = vec!["scim", "token", "create", name];
        if let Some(idp) = idp {
            arguments.extend(["--idp", idp]);
        }
        if settings.strict {
            arguments.push("--strict");
        }
        if settings.ignore_unknown_members {
            arguments.extend(["--unknown-members", "ignore"]);
        }
        let output = run(self.gateway.command(&arguments)).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        if let Some(people) = settings.guard_people {
            let people = people.to_string();
            let set = ["scim", "connection", "set", name, "--guard-people", &people];
            let set = run(self.gateway.command(&set)).await;
            assert!(set.status.success(), "{set:?}");
        }
        // The secret, and nothing else, so that it can be piped.
        let secret = String::from_utf8(output.stdout).unwrap();
        let secret = secret.trim_end().to_owned();
        assert!(
            !secret.is_empty() && !secret.contains(char::is_whitespace),
            "no secret: {secret:?} {said}"
        );
        secret
    }
}

/// Runs a program to its end.
pub(super) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// The browsers of a story's people.
pub(super) struct Browsers<'t> {
    tenants: &'t Tenants,
    idp: Option<&'t TestIdp>,
    visitors: BTreeMap<String, Visitor>,
}

impl People for Browsers<'_> {
    async fn sign_in(&mut self, name: &str) -> Answer {
        let idp = self.idp.expect("a story in which people sign in has an identity provider");
        let gateway = &self.tenants.gateway;
        let mut response = idp.unsolicited(&gateway.url(""));
        let name_id = &mut response.assertions[0].name_id;
        *name_id = name_id.take().map(|xml| xml.replace("alice@example.com", name));
        let xml = idp.write(&response);
        let ask = idp::post(&gateway.url("/saml/acs"), &idp::fields(xml, None));
        // Whoever signs in begins anew.
        let mut visitor = gateway.visitor();
        let answer = visitor.send(ask).await;
        self.visitors.insert(name.to_owned(), visitor);
        answer
    }

    async fn visit(&mut self, name: &str) -> Answer {
        let ask = Ask::new(Method::GET, &self.tenants.gateway.url("/.samlgate/user"));
        let visitor = self.visitors.get_mut(name).expect("who visits has signed in before");
        visitor.send(ask).await
    }

    fn is_in(&self, name: &str) -> bool {
        let gateway = &self.tenants.gateway;
        let visitor = self.visitors.get(name);
        visitor.is_some_and(|it| it.cookie(&gateway.url("/"), gateway.session_cookie()).is_some())
    }
}
