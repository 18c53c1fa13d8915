//! The table of error codes, as people have it in their runbooks.
//!
//! A changed line is a changed promise; a new one belongs into CHANGELOG.md. `docs/errors.md` is the
//! same table for people to read.

use std::fmt::Write as _;
use std::path::Path;

use samlgate::base::ErrorCode;

#[test]
fn codes_statuses_pages_and_sentences_stay_as_they_are() {
    let mut table = String::new();
    for code in ErrorCode::ALL {
        let (name, status, page) = (code.as_str(), code.status(), code.page().slug());
        writeln!(table, "{name:24} {status} {page:13} {}", code.public()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_page_of_error_codes_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the mark of the tables");
    let (_, after) = rest.split_once(END).expect("the mark of their end");
    let wanted = format!("{before}{BEGIN}{}\n{END}{after}", tables());
    if page != wanted {
        std::fs::write(path.with_extension("md.new"), wanted).unwrap();
        panic!("docs/errors.md is out of date: look at docs/errors.md.new, and move it there");
    }
}

/// A heading and a table for each family of codes, in the order of the one table.
fn tables() -> String {
    let mut families: Vec<&str> = Vec::new();
    for code in ErrorCode::ALL {
        if !families.contains(&family(*code)) {
            families.push(family(*code));
        }
    }
    let mut text = String::new();
    for name in families {
        let about = about(name);
        write!(text, "\n## `{name}`: {about}\n\n").unwrap();
        text.push_str("| code | status | page | the person reads | who changes what |\n");
        text.push_str("|---|---|---|---|---|\n");
        for code in ErrorCode::ALL.iter().filter(|code| family(**code) == name) {
            let (status, page) = (code.status(), code.page().slug());
            let (public, remedy) = (code.public(), code.remedy());
            writeln!(
                text,
                "| `{code}` | {status} | `{page}` | {public} | {remedy} |"
            )
            .unwrap();
        }
    }
    text
}

fn family(code: ErrorCode) -> &'static str {
    let text = code.as_str();
    text.split_once('.').map_or(text, |(family, _)| family)
}

fn about(family: &str) -> &'static str {
    match family {
        "binding" => "how the message travelled",
        "xml" => "the message as XML",
        "proto" => "what the message says about itself",
        "sig" => "signatures",
        "enc" => "encryption",
        "idp" => "the identity provider",
        "time" => "clocks and lifetimes",
        "subject" => "whom the assertion is about, and for whom it is",
        "authn" => "how the person signed in",
        "value" => "values of attributes and identifiers",
        "groups" => "groups that a person is in",
        "user" => "the person here",
        "session" => "sessions",
        "store" => "the database",
        "form" => "forms that are kept over a login",
        "access" => "who may go where",
        "authz" => "what other proxies ask",
        "proxy" => "the way to the application",
        "http" => "the gateway's own pages",
        "md" => "metadata of identity providers",
        "config" => "the configuration",
        "internal" => "the gateway itself",
        other => panic!("say what the family {other} is about"),
    }
}

const BEGIN: &str = "<!-- codes -->\n";
const END: &str = "<!-- end of codes -->\n";
