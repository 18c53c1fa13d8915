//! No change of a message makes it say something else.
//!
//! Each message is changed in one place, in every way of the list in `mutants.rs` and in every
//! place. What comes out has to be refused, or believed to say exactly what the untouched message
//! says. This needs no knowledge of attacks: signature wrapping is a copy that was changed and a
//! move.

use samlgate::base::ErrorCode;
use samlgate::saml::Claims;

use super::effort::{LONG, either};
use super::message::{assertion_signed, believed, both_signed, response_signed};
use super::mutants::{self, Bytes, Places};
use super::source::Source;
use crate::corpus;

#[test]
fn no_changed_byte_changes_what_a_signed_response_says() {
    bytes_are_harmless(&response_signed());
}

#[test]
fn no_changed_byte_changes_what_a_signed_assertion_says() {
    bytes_are_harmless(&assertion_signed());
}

#[test]
fn no_changed_byte_changes_what_a_message_signed_twice_says() {
    bytes_are_harmless(&both_signed());
}

#[test]
fn no_changed_node_changes_what_a_signed_response_says() {
    nodes_are_harmless(&response_signed());
}

#[test]
fn no_changed_node_changes_what_a_signed_assertion_says() {
    nodes_are_harmless(&assertion_signed());
}

#[test]
fn no_changed_node_changes_what_a_message_signed_twice_says() {
    nodes_are_harmless(&both_signed());
}

#[test]
fn no_wrapping_changes_what_a_message_says() {
    for xml in [response_signed(), assertion_signed(), both_signed()] {
        let mut survey = Survey::of("wrappings", &xml, &ours, 1);
        survey.try_wrappings(&xml, either(Places::Ends, Places::All));
        survey.conclude(1_000);
    }
}

/// The corpus has vendors' styles, encryption and settings. In `make test` a few of its files are
/// looked at, and of each a part.
#[test]
fn no_change_of_an_accepted_message_of_the_corpus_changes_what_it_says() {
    let files = corpus::accepted_responses();
    assert!(files.len() >= 90, "{} files", files.len());
    let files = files.iter().step_by(either(90, 1)).collect::<Vec<_>>();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let own = files.iter().skip(worker).step_by(workers);
            scope.spawn(move || {
                for case in own {
                    let xml = String::from_utf8(corpus::response(case).unwrap()).unwrap();
                    let name = case.path.display().to_string();
                    let believed = |bytes: &[u8]| corpus::believed(case, bytes);
                    let mut survey = Survey::of(&name, &xml, &believed, either(40, 1));
                    survey.try_bytes(&xml, Bytes::OneOfEight);
                    survey.try_nodes(&xml, Places::Ends);
                    survey.try_wrappings(&xml, Places::Ends);
                    survey.conclude(either(50, 3_000));
                }
            });
        }
    });
}

fn bytes_are_harmless(xml: &str) {
    let mut survey = Survey::of("bytes", xml, &ours, 1);
    survey.try_bytes(xml, either(Bytes::OneOfEight, Bytes::All));
    survey.conclude(xml.len() * 9 / 10);
}

fn nodes_are_harmless(xml: &str) {
    let mut survey = Survey::of("nodes", xml, &ours, either(10, 1));
    survey.try_nodes(xml, either(Places::Ends, Places::All));
    survey.conclude(700);
}

fn ours(bytes: &[u8]) -> Result<Claims, ErrorCode> {
    believed(bytes).map_err(|error| error.code())
}

type Believed<'b> = dyn Fn(&[u8]) -> Result<Claims, ErrorCode> + 'b;

/// What became of the mutants of one message.
struct Survey<'s> {
    name: &'s str,
    believed: &'s Believed<'s>,
    claims: Claims,
    /// One of so many is looked at.
    every: usize,
    turn: usize,
    refused: usize,
    accepted: usize,
}

impl<'s> Survey<'s> {
    fn of(name: &'s str, xml: &str, believed: &'s Believed<'s>, every: usize) -> Self {
        let claims = believed(xml.as_bytes()).expect("the untouched message is accepted");
        Self {
            name,
            believed,
            claims,
            every,
            turn: 0,
            refused: 0,
            accepted: 0,
        }
    }

    fn try_bytes(&mut self, xml: &str, which: Bytes) {
        mutants::bytes(xml, which, &mut |how, bytes| self.look(how, bytes));
    }

    fn try_nodes(&mut self, xml: &str, places: Places) {
        let source = Source::read(xml);
        mutants::nodes(&source, places, &mut |how, text| {
            self.look(how, text.as_bytes())
        });
    }

    fn try_wrappings(&mut self, xml: &str, places: Places) {
        let source = Source::read(xml);
        mutants::wrappings(&source, places, &mut |how, text| {
            self.look(how, text.as_bytes())
        });
    }

    fn look(&mut self, how: &str, bytes: &[u8]) {
        self.turn += 1;
        if !self.turn.is_multiple_of(self.every) {
            return;
        }
        match (self.believed)(bytes) {
            Err(_) => self.refused += 1,
            Ok(claims) => {
                self.accepted += 1;
                let text = String::from_utf8_lossy(bytes);
                assert_eq!(claims, self.claims, "{}, {how}:\n{text}", self.name);
            }
        }
    }

    /// `least` keeps the mutations honest: a list that is empty by mistake proves nothing.
    fn conclude(self, least: usize) {
        let Self { name, refused, accepted, .. } = self;
        assert!(
            refused + accepted >= least,
            "{name}: {refused} and {accepted} were tried"
        );
        if *LONG {
            eprintln!("{name}: {refused} refused, {accepted} accepted with the same claims");
        }
    }
}
