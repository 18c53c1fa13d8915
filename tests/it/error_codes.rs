//! The table of error codes, as people have it in their runbooks.
//!
//! A changed line is a changed promise; a new one belongs into CHANGELOG.md.

use std::fmt::Write as _;

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
