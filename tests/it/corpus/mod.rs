//! Every message in `tests/corpus/saml`: accepted as the person that it says, or refused with the
//! code that it says.
//!
//! A new message is a new file; see `tests/corpus/README.md`. `scripts/core-crate.sh` runs the same
//! tests without the rest of the gateway.

mod case;
mod logout;
mod play;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::ErrorCode;

pub(crate) use case::{Case, Expect, Form, Kind};
pub(crate) use play::{ReadOne, reader};
pub(crate) use play::{believed, folder, response};

#[test]
fn every_message_of_the_corpus_gets_the_verdict_that_it_says() {
    let mut complaints = Vec::new();
    let mut played = 0_usize;
    for (path, read) in files() {
        let complaint = match read {
            Ok(case) => {
                played += 1;
                play::complaint(&case)
            }
            Err(fault) => Some(fault),
        };
        complaints.extend(complaint.map(|text| format!("{}: {text}", path.display())));
    }
    assert!(played > 0, "there are no cases");
    assert!(
        complaints.is_empty(),
        "{} of {played} cases:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn every_row_has_a_case_and_every_case_a_row() {
    let mut listed = BTreeSet::new();
    for (row, title) in rows() {
        assert!(!row.is_empty() && !title.is_empty(), "ROWS: {row} {title}");
        assert!(listed.insert(row.clone()), "ROWS: {row} stands twice");
    }
    let cases: BTreeSet<_> = cases().into_iter().flat_map(|case| case.rows).collect();
    let without_case: Vec<_> = listed.difference(&cases).collect();
    let without_row: Vec<_> = cases.difference(&listed).collect();
    assert!(without_case.is_empty(), "no case for {without_case:?}");
    assert!(without_row.is_empty(), "not in ROWS: {without_row:?}");
}

#[test]
fn the_corpus_is_as_large_as_it_was_promised() {
    let cases = cases();
    let accepted = cases.iter().filter(|case| matches!(case.expect, Expect::Accept(_))).count();
    let refused = cases.len() - accepted;
    assert!(
        accepted >= 90 && refused >= 200,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let path = folder().join("valid/plain-both-signed.case");
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let complaint = |from: &str, to: &str| {
        let bent = text.replacen(from, to, 1);
        assert!(from.is_empty() || bent != text, "{from:?} is not there");
        Case::read(&path, bent.as_bytes()).map(|case| play::complaint(&case))
    };
    assert_eq!(complaint("", ""), Ok(None));
    for (from, to) in [
        (
            "expect: accept\nname_id: alice@example.com\n",
            "expect: accept\n",
        ),
        ("name_id: alice", "name_id: carol"),
        (
            "format: urn:oasis:names:tc:SAML:1.1",
            "format: urn:oasis:names:tc:SAML:2.0",
        ),
        ("session_index: _session", "session_index: _other"),
        (
            "session_index: _session",
            "session_index: _session\nattribute: a = b",
        ),
        ("in_response_to: _request", "in_response_to: _another"),
        ("idp: corp", "idp: other"),
        ("T12:00:00Z", "T13:00:00Z"),
        ("<saml:NameID", "<saml:NameID "),
    ] {
        let noticed = complaint(from, to).unwrap();
        // White space inside of a tag is not content.
        assert_eq!(
            noticed.is_some(),
            to != "<saml:NameID ",
            "{to:?}: {noticed:?}"
        );
    }
    let mut refused = text.replace("expect: accept", "expect: refuse sig.digest");
    let identity = refused.find("name_id:").unwrap()..refused.find("\n---").unwrap() + 1;
    refused.replace_range(identity, "");
    let case = Case::read(&path, refused.as_bytes()).unwrap();
    assert!(
        play::complaint(&case).is_some(),
        "an acceptance is not a refusal"
    );
    let broken = refused.replace("alice@", "carol@");
    let case = Case::read(&path, broken.as_bytes()).unwrap();
    assert_eq!(play::complaint(&case), None);
    let other_code = broken.replace("refuse sig.digest", "refuse sig.invalid");
    let case = Case::read(&path, other_code.as_bytes()).unwrap();
    assert!(
        play::complaint(&case).is_some(),
        "another code is not the code"
    );
}

#[test]
fn what_is_measured_gives_the_same_verdict() {
    let path = folder().join("valid/plain-both-signed.case");
    let case = Case::read(&path, &std::fs::read(&path).unwrap()).unwrap();
    let read = reader(&case).unwrap();
    assert_eq!(read(STANDARD.encode(&case.body).as_bytes()), Ok(()));
    let changed = String::from_utf8(case.body.clone()).unwrap().replace("alice@", "carol@");
    let verdict = read(STANDARD.encode(changed).as_bytes());
    assert_eq!(verdict, Err(ErrorCode::SigDigest));
}

#[test]
fn a_header_that_is_not_understood_is_an_error() {
    let path = folder().join("valid/plain-both-signed.case");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("kind: response", "kind: respone"),
        ("\nsigned: both", "\nsinned: both"),
        ("expect: accept", "expect: accept sig.digest"),
        ("expect: accept", "expect: refuse sig.digests"),
        ("title: ", "title: one\ntitle: "),
        ("in_response_to: _request\n", ""),
        ("T12:00:00Z", " noon"),
        ("\n---\n", "\n--\n"),
    ] {
        let bent = text.replacen(from, to, 1);
        assert_ne!(bent, text, "{from:?} is not there");
        assert!(Case::read(&path, bent.as_bytes()).is_err(), "{to:?}");
    }
}

#[test]
fn the_same_message_gets_the_same_verdict_as_xml_and_in_base64() {
    let mut complaints = Vec::new();
    for case in cases() {
        if case.kind != Kind::Response || case.form != Form::Xml || case.body.is_empty() {
            continue;
        }
        let mut posted = Case {
            body: play::as_base64(&case.body),
            form: Form::Base64,
            ..case
        };
        // A form has a limit of its own, which comes before all others.
        if let Expect::Refuse(codes) = &mut posted.expect {
            codes.push(ErrorCode::BindingSize);
        }
        let complaint = play::complaint(&posted);
        complaints.extend(complaint.map(|text| format!("{}: {text}", posted.path.display())));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The list of rows, with what they are.
pub(crate) fn rows() -> Vec<(String, String)> {
    let list = std::fs::read_to_string(folder().join("ROWS")).unwrap();
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let (row, title) = line.split_once("  ").unwrap_or_default();
        (row.to_owned(), title.to_owned())
    };
    lines.map(row).collect()
}

/// All that can be read; the others are complained about elsewhere.
pub(crate) fn cases() -> Vec<Case> {
    files().into_iter().filter_map(|(_, case)| case.ok()).collect()
}

/// The Responses that are accepted.
pub(crate) fn accepted_responses() -> Vec<Case> {
    let mut cases = cases();
    cases.retain(|case| case.kind == Kind::Response && matches!(case.expect, Expect::Accept(_)));
    cases
}

/// All files, with their paths below the folder.
fn files() -> Vec<(PathBuf, Result<Case, String>)> {
    let root = folder();
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let short = path.strip_prefix(&root).unwrap().to_owned();
            let case = Case::read(&short, &std::fs::read(&path).unwrap());
            (short, case)
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "case") {
            found.push(path);
        }
    }
}
