use std::collections::BTreeSet;

use super::super::views::{Field, Post, SignOut, SignedOut};
use super::*;
use crate::base::ErrorCode;
use crate::saml::status::StatusCode;
use html::{assert_well_formed, tags};
use samples::{Filling, choose, each_sample, failure, return_to};

mod html;
mod samples;

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
        let (head, style, tail) = cut_style(&page.html);
        // A change of the style alone is seen by looking at the pages, not at forty hashes.
        let policy = page.content_security_policy.replace(&source_hash(style), "(style)");
        let shown = format!("{policy}\n\n{head}<style></style>{tail}");
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
fn values_are_escaped_as_html_asks_and_no_further() {
    let view = Post {
        label: "a&&b<c>\"d'é/".to_owned(),
        action: "https://idp.example.com/sso?a=1&b=2".to_owned(),
        fields: vec![Field::new("SAMLRequest", "PHN+bWw/Lz4=")],
    };
    let html = pages().render(&view).html;
    assert!(html.contains("<h1>Continue to a&amp;&amp;b&lt;c&gt;&quot;d&#39;é/</h1>"));
    assert!(html.contains("action=\"https://idp.example.com/sso?a=1&amp;b=2\""));
    assert!(html.contains("value=\"PHN+bWw/Lz4=\""));
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
fn whoever_may_try_again_is_told_so_once() {
    for kind in StatusCode::ALL {
        let view = failure(ErrorCode::IdpStatus).said(*kind);
        let text = format!("{} {}", view.sentence, view.advice);
        let sentences: Vec<&str> = text.split_inclusive(". ").map(str::trim).collect();
        let different: BTreeSet<&&str> = sentences.iter().collect();
        assert_eq!(different.len(), sentences.len(), "{text}");
        let advised = text.to_lowercase().matches("try again").count();
        assert!(advised <= 1, "{text}");
    }
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
