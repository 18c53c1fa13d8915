use std::collections::BTreeSet;

use super::super::views::{Choose, Failure, Field, Post, SignOut, SignedOut};
use super::*;
use crate::base::{ErrorCode, IdpName, LocalPath, PublicUrl, Timestamp};

/// What each sample is filled with.
#[derive(Clone, Copy)]
enum Filling {
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

fn return_to() -> LocalPath {
    let own = PublicUrl::parse("https://app.example.com").unwrap();
    LocalPath::parse("/reports?quarter=3&sort=name", &own).unwrap()
}

fn choose(count: usize, by_email: bool, fill: Filling) -> Choose {
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
    Choose::new(idps, by_email, &return_to())
}

fn failure(code: ErrorCode) -> Failure {
    Failure::new(code, "7F3K-92QA", now()).with_action(code, &return_to())
}

/// Calls `visit` with a name for each sample page.
fn each_sample(pages: &Pages, fill: Filling, mut visit: impl FnMut(&str, Rendered)) {
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

    let mut sign_out = SignOut::new(&fill.text("Alice Example"), &return_to());
    sign_out.email = Some(fill.text("alice@example.com"));
    sign_out.idp = Some(fill.text("Example Corp"));
    visit("sign_out", pages.render(&sign_out));
    let idp = fill.text("Example Corp");
    let signed_out = SignedOut::new(Some(&idp), &return_to());
    visit("signed_out", pages.render(&signed_out));
    let signed_out = SignedOut::new(None, &return_to());
    visit("signed_out_of_nothing", pages.render(&signed_out));

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

    #[cfg(feature = "demo")]
    demo::each_sample(pages, fill, fields, &mut visit);
}

fn is_about_an_idp(code: ErrorCode) -> bool {
    use crate::base::code::Page;
    matches!(
        code.page(),
        Page::NotAuthentic | Page::NotForUs | Page::IdpSaidNo | Page::TryAgain
    )
}

#[cfg(feature = "demo")]
mod demo {
    use super::super::super::views::demo::{App, AppPage, AppUser, IdpPost, Person, PickPerson};
    use super::*;

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
        visit("demo_app_admin", pages.render(&app));
        app.page = AppPage::Other;
        visit("demo_app_other", pages.render(&app));
        app.page = AppPage::Public;
        app.path = fill.text("/public");
        app.user = None;
        app.identity.clear();
        app.claims.clear();
        visit("demo_app_public", pages.render(&app));
    }
}

fn pages() -> Pages {
    Pages::new(&PageSettings {
        folder: None,
        service_name: Some("Acme Reports".to_owned()),
        loopback: false,
    })
}

/// The page before its style, and what follows; the style in the middle.
fn cut_style(html: &str) -> (&str, &str, &str) {
    let (head, rest) = html.split_once("<style>").unwrap();
    let (style, tail) = rest.split_once("</style>").unwrap();
    (head, style, tail)
}

#[test]
fn every_page_looks_as_it_did() {
    each_sample(&pages(), Filling::Plain, |name, page| {
        let (head, _, tail) = cut_style(&page.html);
        let shown = format!(
            "{}\n\n{head}<style></style>{tail}",
            page.content_security_policy
        );
        insta::assert_snapshot!(name, shown);
    });
}

#[test]
fn no_value_becomes_markup() {
    let mut seen = 0;
    each_sample(&pages(), Filling::Hostile, |name, page| {
        let (head, _, tail) = cut_style(&page.html);
        let outside = format!("{head}{tail}");
        assert!(!outside.contains("<script>alert"), "{name}");
        assert!(!outside.contains("</style>"), "{name}");
        assert!(
            !outside.contains("49"),
            "{name}: a value was run as a template"
        );
        assert_well_formed(name, &page.html);
        seen += usize::from(outside.contains("&lt;script&gt;alert(1)"));
    });
    assert!(
        seen > 15,
        "only {seen} pages carried the hostile value at all"
    );
}

#[test]
fn every_page_is_well_formed_and_says_what_it_is() {
    each_sample(&pages(), Filling::Plain, |name, page| {
        let html = &page.html;
        assert_well_formed(name, html);
        assert!(
            html.starts_with("<!doctype html>\n<html lang=\"en\">"),
            "{name}"
        );
        for once in ["<title>", "<main", "<h1", "name=\"viewport\"", "<style>"] {
            assert_eq!(html.matches(once).count(), 1, "{name}: {once}");
        }
        assert!(
            !html.contains(" style=\""),
            "{name}: the policy forbids style attributes"
        );
        assert!(!html.contains(" onclick="), "{name}");
    });
}

#[test]
fn a_page_loads_nothing_from_elsewhere() {
    each_sample(&pages(), Filling::Plain, |name, page| {
        let (_, style, _) = cut_style(&page.html);
        assert!(
            !style.contains("url(") && !style.contains("@import"),
            "{name}"
        );
        for tag in tags(&page.html) {
            let loads = ["src", "srcset", "poster", "data", "background"];
            for (attribute, value) in &tag.attributes {
                assert!(!loads.contains(&attribute.as_str()), "{name}: {tag:?}");
                let link = tag.name == "link" && attribute == "href";
                assert!(!link || value.starts_with("data:"), "{name}: {tag:?}");
            }
            assert!(
                !["iframe", "img", "object", "embed"].contains(&tag.name.as_str()),
                "{name}"
            );
        }
    });
}

#[test]
fn the_policy_allows_this_style_and_this_script_alone() {
    each_sample(&pages(), Filling::Plain, |name, page| {
        let (_, style, tail) = cut_style(&page.html);
        let policy = &page.content_security_policy;
        assert!(policy.starts_with("default-src 'none'; "), "{name}");
        assert!(
            policy.contains(&format!("style-src {}", source_hash(style))),
            "{name}"
        );
        assert!(
            policy.ends_with("base-uri 'none'; frame-ancestors 'none'"),
            "{name}"
        );
        match tail.split_once("<script>") {
            None => assert!(!policy.contains("script-src"), "{name}"),
            Some((_, rest)) => {
                let (script, _) = rest.split_once("</script>").unwrap();
                assert!(
                    policy.contains(&format!("script-src {}", source_hash(script))),
                    "{name}"
                );
            }
        }
        assert_eq!(
            page.html.contains("<form"),
            !policy.contains("form-action 'none'"),
            "{name}"
        );
        assert!(!policy.contains("unsafe"), "{name}");
    });
}

#[test]
fn an_address_that_is_none_does_not_enter_the_policy() {
    let action = |action: &str| {
        let view = Post {
            label: "Example Corp".to_owned(),
            action: action.to_owned(),
            fields: Vec::new(),
        };
        pages().render(&view).content_security_policy
    };
    assert!(
        action("https://idp.example.com/sso")
            .contains("form-action https://idp.example.com https:;")
    );
    for hostile in ["javascript:alert(1)", "x; script-src *", "data:text/html,x"] {
        assert!(action(hostile).contains("form-action 'none';"), "{hostile}");
    }
}

#[test]
fn pages_that_say_the_same_are_the_same() {
    // Signature, structure and decryption: STYLE of the table, kept in the rendered page.
    let html = |code| pages().render(&failure(code)).html;
    assert_eq!(html(ErrorCode::SigInvalid), html(ErrorCode::EncFailed));
    assert_eq!(html(ErrorCode::SigInvalid), html(ErrorCode::XmlDtd));
}

#[test]
fn no_page_shows_its_code() {
    for code in ErrorCode::ALL.iter().copied() {
        let html = pages().render(&failure(code)).html;
        let (head, _, tail) = cut_style(&html);
        let text = format!("{head}{tail}");
        assert!(
            code == ErrorCode::Internal || !text.contains(code.as_str()),
            "{code}"
        );
        assert!(text.contains("7F3K-92QA"), "{code}");
        assert!(text.contains("21 November 2026, 09:30:00 UTC"), "{code}");
        assert!(!text.contains(code.remedy()), "{code}");
    }
}

#[test]
fn an_operators_template_takes_the_place_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sso")).unwrap();
    let own = "{% extends \"base.html\" %}{% block main %}<h1>Bye {{ idp }}</h1>{% include \"own.html\" %}{% endblock %}";
    fs::write(folder.path().join("sso/signed_out.html"), own).unwrap();
    fs::write(folder.path().join("own.html"), "<p>Ours</p>").unwrap();
    fs::write(
        folder.path().join("brand.css"),
        ":root { --accent: #a0f }\r\n",
    )
    .unwrap();
    fs::write(folder.path().join("README.md"), "not a template").unwrap();
    let pages = in_folder(folder.path());
    assert!(pages.problems().is_empty(), "{:?}", pages.problems());

    let page = pages.render(&SignedOut::new(Some("<Example>"), &return_to()));
    assert!(
        page.html.contains("<h1>Bye &lt;Example&gt;</h1><p>Ours</p>"),
        "{}",
        page.html
    );
    let (_, style, _) = cut_style(&page.html);
    assert!(style.ends_with(":root { --accent: #a0f }\n"));
    assert!(page.content_security_policy.contains(&source_hash(style)));
    // The others stay.
    let page = pages.render(&choose(3, false, Filling::Plain));
    assert!(page.html.contains("Example Corp"));
}

#[test]
fn a_broken_template_is_replaced_by_ours() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sso")).unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("sso/signed_out.html", b"{% if %}");
    write("sso/sign_out.html", b"{{ no_such_field }}");
    write("sso/post.html", b"\xff\xfe");
    write("style.css", b"a { } </STYLE><script>");
    write("styles.css", b"a { }");
    write("error.html", b"{% extends \"missing.html\" %}");
    let pages = in_folder(folder.path());
    let problems: BTreeSet<String> = pages
        .problems()
        .iter()
        .map(|problem| {
            let name = problem.path.file_name().unwrap().to_string_lossy().into_owned();
            let reason = match problem.reason {
                Refusal::Unreadable(_) => "unreadable",
                Refusal::Syntax(_) => "syntax",
                Refusal::EndsStyle => "ends style",
                Refusal::UnknownStyle => "unknown style",
            };
            format!("{name}: {reason}")
        })
        .collect();
    let expected = [
        "post.html: unreadable",
        "signed_out.html: syntax",
        "style.css: ends style",
        "styles.css: unknown style",
    ];
    assert_eq!(problems, expected.map(str::to_owned).into());

    // These two compile; that they fail shows only when a page is made.
    let ours = Pages::new(&PageSettings::default());
    let view = SignOut::new("Alice", &return_to());
    assert_eq!(pages.render(&view), ours.render(&view));
    let view = failure(ErrorCode::TimeExpired);
    assert_eq!(pages.render(&view), ours.render(&view));
    let view = SignedOut::new(None, &return_to());
    assert_eq!(pages.render(&view), ours.render(&view));
}

#[test]
fn a_folder_that_is_not_there_is_a_problem_and_not_a_stop() {
    let pages = in_folder(Path::new("/no/such/folder"));
    assert!(matches!(pages.problems()[0].reason, Refusal::Unreadable(_)));
    assert!(pages.render(&choose(1, false, Filling::Plain)).html.contains("Example Corp"));
}

fn in_folder(folder: &Path) -> Pages {
    Pages::new(&PageSettings { folder: Some(folder.to_owned()), ..PageSettings::default() })
}

#[derive(Debug)]
struct Tag {
    name: String,
    closes: bool,
    empty: bool,
    attributes: Vec<(String, String)>,
}

/// A small strict reader: every attribute quoted, no stray `<`.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|(_, letter)| {
                quoted ^= *letter == '"';
                *letter == '>' && !quoted
            })
            .map(|(at, _)| at)
            .expect("a tag that never ends");
        let inside = &rest[..end];
        rest = &rest[end + 1..];
        let closes = inside.starts_with('/');
        let empty = inside.ends_with('/') && !closes;
        let inside = inside.trim_matches('/');
        let (name, mut text) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
        let mut attributes = Vec::new();
        while !text.trim().is_empty() {
            text = text.trim_start();
            let end = text.find(['=', ' ']).unwrap_or(text.len());
            let (attribute, after) = text.split_at(end);
            let value = match after.strip_prefix("=\"") {
                Some(value) => {
                    let (value, after) = value.split_once('"').unwrap();
                    text = after;
                    value
                }
                None => {
                    assert!(!after.starts_with('='), "unquoted: {inside}");
                    text = after;
                    ""
                }
            };
            attributes.push((attribute.to_owned(), value.to_owned()));
        }
        if name == "style" && !closes {
            rest = &rest[rest.find("</style>").unwrap()..];
        }
        tags.push(Tag { name: name.to_owned(), closes, empty, attributes });
    }
    tags
}

/// Tags are balanced, ids stand once, labels and descriptions point to something.
fn assert_well_formed(page: &str, html: &str) {
    const VOID: [&str; 3] = ["meta", "link", "input"];
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    for tag in tags(html) {
        let named: BTreeSet<&String> = tag.attributes.iter().map(|(name, _)| name).collect();
        assert_eq!(
            named.len(),
            tag.attributes.len(),
            "{page}: twice the same in {tag:?}"
        );
        for (name, value) in &tag.attributes {
            match name.as_str() {
                "id" => assert!(ids.insert(value.clone()), "{page}: id {value} again"),
                "for" | "aria-labelledby" | "aria-describedby" => {
                    wanted.insert(value.clone());
                }
                _ => {}
            }
        }
        if tag.closes {
            assert_eq!(open.pop().as_ref(), Some(&tag.name), "{page}");
        } else if !tag.empty && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name);
        }
    }
    assert!(open.is_empty(), "{page}: {open:?}");
    assert!(wanted.is_subset(&ids), "{page}: {wanted:?} of {ids:?}");
}
