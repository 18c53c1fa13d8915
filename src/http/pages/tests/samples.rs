//! One of each page, filled with the usual people or with markup.

use crate::base::code::Page;
use crate::base::{ErrorCode, IdpName, PublicUrl, ReturnTo, Timestamp};
use crate::http::pages::{Pages, Rendered};
use crate::http::views::{
    Choose, Failure, Field, FormKept, Post, SendForm, Shown, SignOut, SignedOut, There,
};
use crate::saml::status::StatusCode::{
    AuthnFailed, NoAuthnContext, NoAvailableIdp, NoPassive, RequestDenied,
};

/// What each sample is filled with.
#[derive(Clone, Copy)]
pub(super) enum Filling {
    /// Alice, Bob and Example Corp.
    Plain,
    /// Markup in every value that can carry it.
    Hostile,
}

const HOSTILE: &str = "\"'><script>alert(1)</script>&amp;</style>{{ 7*7 }}";

impl Filling {
    fn text(self, plain: &str) -> String {
        match self {
            Self::Plain => plain.to_owned(),
            Self::Hostile => HOSTILE.to_owned(),
        }
    }
}

fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T09:30:00Z").unwrap()
}

pub(super) fn return_to() -> ReturnTo {
    let own = PublicUrl::parse("https://app.example.com").unwrap();
    ReturnTo::parse("/reports?quarter=3&sort=name", &own, |_| false).unwrap()
}

pub(super) fn choose(count: usize, by_email: bool, fill: Filling) -> Choose {
    const LABELS: [&str; 12] = [
        "Example Corp",
        "Contoso Login",
        "University of Northumbria at Newcastle",
        "Blue Yonder Airlines",
        "Fabrikam",
        "Ärztekammer Nordrhein",
        "Litware",
        "Northwind Traders",
        "Proseware",
        "Tailspin Toys",
        "Wide World Importers",
        "Zentralinstitut für Informationsverarbeitung und Verwaltung",
    ];
    let labels: Vec<String> = LABELS.iter().take(count).map(|label| fill.text(label)).collect();
    let names: Vec<IdpName> = (0..count)
        .map(|place| IdpName::parse(&format!("idp-{place}")).unwrap())
        .collect();
    let idps = names.iter().zip(labels.iter().map(String::as_str));
    Choose::new(idps, by_email, &return_to(), &[])
}

pub(super) fn failure(code: ErrorCode) -> Failure {
    Failure::new(code, "7F3K-92QA", now()).with_action(code, &return_to())
}

/// Calls `visit` with a name for each sample page.
pub(super) fn each_sample(pages: &Pages, fill: Filling, mut visit: impl FnMut(&str, Rendered)) {
    for (count, by_email) in [
        (0, false),
        (0, true),
        (1, false),
        (3, true),
        (3, false),
        (12, true),
    ] {
        let by = if by_email { "_by_email" } else { "" };
        let view = choose(count, by_email, fill);
        visit(&format!("choose_{count}{by}"), pages.render(&view));
    }
    for (name, typed, found, first, last) in [
        ("choose_many", "", 10_000, 21, 32),
        ("choose_found", "Ärztekammer", 12, 1, 12),
        ("choose_nothing_found", "Nowhere", 0, 1, 0),
    ] {
        let typed = if typed.is_empty() {
            String::new()
        } else {
            fill.text(typed)
        };
        let shown = Shown { query: &typed, total: 10_000, found, first, last };
        let to = return_to().to_string();
        let view = choose(last.min(12), false, fill).searched(&shown, &[("rd", &to)]);
        visit(name, pages.render(&view));
    }
    let unmatched = choose(3, true, fill).unmatched(&fill.text("carol@elsewhere.example"));
    visit("choose_unmatched", pages.render(&unmatched));

    let fields = vec![
        Field::new("SAMLRequest", fill.text("PHNhbWxwOkF1dGhuUmVxdWVzdC8+")),
        Field::new("RelayState", fill.text("fT9nRWxheVN0YXRl")),
    ];
    let post = Post {
        label: fill.text("Example Corp"),
        action: fill.text("https://idp.example.com/sso?tenant=1"),
        fields: fields.clone(),
    };
    visit("post", pages.render(&post));

    let sign_in = "https://app.example.com/.samlgate/sign_in?rd=/.samlgate/form%3Fform%3Dx";
    visit(
        "form_kept",
        pages.render(&FormKept::new(fill.text(sign_in))),
    );
    let send_form = SendForm {
        name: fill.text("Alice Example"),
        action: fill.text("https://app.example.com/leave?step=2"),
        fields: vec![Field::new("samlgate-form", fill.text("fT9nRWxheVN0YXRl"))],
    };
    visit("send_form", pages.render(&send_form));

    let mut sign_out = SignOut::new(&fill.text("Alice Example"), &return_to());
    sign_out.email = Some(fill.text("alice@example.com"));
    sign_out.idp = Some(fill.text("Example Corp"));
    visit("sign_out", pages.render(&sign_out));
    let idp = fill.text("Example Corp");
    let signed_out = SignedOut::new(Some(&idp), &return_to());
    visit("signed_out", pages.render(&signed_out));
    for (name, there) in [
        ("everywhere", There::Ended),
        ("partly", There::Partly),
        ("here", There::GoesOn),
        ("unconfirmed", There::Unknown),
        ("by_idp", There::WantsIt),
    ] {
        let mut signed_out = SignedOut::new(Some(&idp), &return_to()).there(there);
        if there == There::GoesOn {
            signed_out.onward = Some(fill.text("/goodbye"));
        }
        visit(&format!("signed_out_{name}"), pages.render(&signed_out));
    }
    let signed_out = SignedOut::new(None, &return_to());
    visit("signed_out_of_nothing", pages.render(&signed_out));
    for (name, code) in [
        ("damaged", ErrorCode::BindingQuery),
        ("forged", ErrorCode::SigInvalid),
        ("elsewhere", ErrorCode::ProtoDestination),
        ("late", ErrorCode::TimeExpired),
    ] {
        let view = Failure::of_logout(code, "7F3K-92QA", now());
        visit(&format!("error_logout_{name}"), pages.render(&view));
    }

    for (name, code) in [
        ("bad_request", ErrorCode::ProxyRequest),
        ("bad_request_of_sign_in", ErrorCode::BindingBase64),
        ("not_authentic", ErrorCode::SigInvalid),
        ("not_for_us", ErrorCode::ProtoAudience),
        ("idp_said_no", ErrorCode::IdpStatus),
        ("try_again", ErrorCode::TimeExpired),
        ("not_found", ErrorCode::HttpNotFound),
        ("no_application", ErrorCode::ProxyHost),
        ("unavailable", ErrorCode::ProxyUpstream),
        ("internal", ErrorCode::Internal),
        ("session_ended", ErrorCode::SessionEnded),
        ("session_loop", ErrorCode::SessionLoop),
        ("session_handover", ErrorCode::SessionHandover),
        ("form_gone", ErrorCode::FormGone),
        ("user_disabled", ErrorCode::UserDisabled),
    ] {
        let mut view = failure(code);
        if is_about_an_idp(code) {
            view = view.from_idp(&fill.text("Contoso Login"));
        }
        visit(&format!("error_{name}"), pages.render(&view));
    }
    let (user, role, group) = (
        fill.text("bob@example.com"),
        fill.text("it-manager"),
        fill.text("IT Managers"),
    );
    let forbidden = failure(ErrorCode::AccessRole).missing(&user, &[&role, "auditor"], &[&group]);
    visit("error_forbidden", pages.render(&forbidden));
    let form = Failure::form_not_sent("7F3K-92QA", &return_to(), now());
    visit("error_form_not_sent", pages.render(&form));
    let form = Failure::form_needs_more("7F3K-92QA", crate::http::links::START.to_owned(), now());
    visit("error_form_needs_more", pages.render(&form));
    for kind in [
        AuthnFailed,
        NoAuthnContext,
        NoAvailableIdp,
        NoPassive,
        RequestDenied,
    ] {
        let said = failure(ErrorCode::IdpStatus).said(kind).from_idp(&user);
        visit(
            &format!("error_said_{}", kind.as_str()),
            pages.render(&said),
        );
    }

    #[cfg(feature = "demo")]
    demo::each_sample(pages, fill, fields, &mut visit);
}

fn is_about_an_idp(code: ErrorCode) -> bool {
    matches!(
        code.page(),
        Page::NotAuthentic | Page::NotForUs | Page::IdpSaidNo | Page::TryAgain
    )
}

#[cfg(feature = "demo")]
mod demo {
    use crate::http::pages::{Pages, Rendered};
    use crate::http::views::Field;
    use crate::http::views::demo::{App, AppPage, AppUser, IdpPost, Person, PickPerson};

    use super::Filling;

    fn person(fill: Filling, name: &str, title: &str, department: &str, groups: &[&str]) -> Person {
        let user_name = name.split(' ').next().unwrap_or(name).to_lowercase();
        Person {
            value: fill.text(&user_name),
            name: fill.text(name),
            initials: fill
                .text(&name.split(' ').filter_map(|word| word.chars().next()).collect::<String>()),
            title: fill.text(title),
            department: fill.text(department),
            email: fill.text(&format!("{user_name}@example.com")),
            groups: groups.iter().map(|group| fill.text(group)).collect(),
            roles: groups
                .iter()
                .filter(|group| **group == "IT Managers")
                .map(|_| fill.text("it-manager"))
                .collect(),
            note: None,
        }
    }

    pub(super) fn each_sample(
        pages: &Pages,
        fill: Filling,
        fields: Vec<Field>,
        visit: &mut impl FnMut(&str, Rendered),
    ) {
        let mut people = vec![
            person(
                fill,
                "Alice Example",
                "IT manager",
                "IT",
                &["IT Managers", "Staff"],
            ),
            person(
                fill,
                "Bob Example",
                "Accountant",
                "Finance",
                &["Finance", "Staff"],
            ),
            person(fill, "Carol Example", "Consultant", "", &[]),
        ];
        people[2].note = Some(fill.text("In no group: signed in, and let in almost nowhere."));
        let mut pick = PickPerson {
            application: fill.text("Acme Reports"),
            sp_entity_id: fill.text("http://127.0.0.1:8080/saml/metadata"),
            idp_initiated: false,
            action: "/sso/answer".to_owned(),
            fields: fields.clone(),
            people,
        };
        visit("demo_idp", pages.render(&pick));
        pick.idp_initiated = true;
        visit("demo_idp_initiated", pages.render(&pick));
        let mut post = IdpPost {
            person: Some(fill.text("Alice Example")),
            label: fill.text("Acme Reports"),
            action: fill.text("http://127.0.0.1:8080/saml/acs"),
            fields,
        };
        visit("demo_idp_post", pages.render(&post));
        post.person = None;
        visit("demo_idp_cancelled", pages.render(&post));

        let field =
            |name: &str, value: &str| Field { name: fill.text(name), value: fill.text(value) };
        let mut app = App {
            page: AppPage::Home,
            path: fill.text("/"),
            user: Some(AppUser {
                name: fill.text("Alice Example"),
                email: fill.text("alice@example.com"),
                roles: vec![fill.text("it-manager")],
            }),
            identity: vec![
                field("Remote-User", "alice"),
                field("Remote-Email", "alice@example.com"),
                field("Remote-Name", "Alice Example"),
                field("Remote-Groups", "IT Managers,Staff"),
            ],
            claims: vec![
                field("iss", "\"http://127.0.0.1:8080\""),
                field("sub", "\"6f0c3c1e-9a57-4f0e-8b5c-0c4b1f6d2a11\""),
                field("name", "\"Alice Example\""),
                field("email", "\"alice@example.com\""),
                field("groups", "[\"IT Managers\",\"Staff\"]"),
                field("roles", "[\"it-manager\"]"),
                field("exp", "1795253700"),
                field("idp", "\"http://127.0.0.1:8081/metadata\""),
            ],
            claims_verified: true,
            headers: vec![
                field("host", "127.0.0.1:8080"),
                field("accept", "text/html,application/xhtml+xml"),
                field("remote-user", "alice"),
                field("x-forwarded-proto", "http"),
                field("x-auth-request-user", ""),
                field(
                    "x-samlgate-jwt-assertion",
                    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjgwODAifQ.c2lnbmF0dXJl",
                ),
            ],
            sign_out: "/.samlgate/sign_out?rd=/".to_owned(),
        };
        visit("demo_app", pages.render(&app));
        app.page = AppPage::Reports;
        app.path = fill.text("/reports?quarter=3");
        visit("demo_app_reports", pages.render(&app));
        app.page = AppPage::Admin;
        app.path = fill.text("/admin");
        visit("demo_app_admin", pages.render(&app));
        app.page = AppPage::Other;
        app.path = fill.text("/no/such/page");
        visit("demo_app_other", pages.render(&app));
        app.page = AppPage::Public;
        app.path = fill.text("/public");
        app.user = None;
        app.identity.clear();
        app.claims.clear();
        visit("demo_app_public", pages.render(&app));
    }
}
