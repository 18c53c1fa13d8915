//! What the program says: messages to standard error, data to standard output.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use crate::config::{Problem, Problems};

/// Whether standard error is a terminal that shows colours.
pub fn is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Something went wrong.
pub fn error(message: &str) {
    say("error", "31", message);
}

/// Something looks wrong.
pub fn warning(message: &str) {
    say("warning", "33", message);
}

/// What to do about the message before.
pub fn hint(message: &str) {
    say("  hint", "36", message);
}

/// Something worth knowing.
pub fn note(message: &str) {
    say("note", "36", message);
}

/// How far something is, in the place of what was said of it before; nothing takes it away.
pub fn progress(message: &str) {
    let mut stderr = io::stderr().lock();
    // Nobody is left to tell when standard error is closed.
    let _ = write!(stderr, "\r\x1b[K{}", clean(message)).and_then(|()| stderr.flush());
}

/// Every mistake of a configuration.
pub fn problems(problems: &Problems) {
    all_problems(problems.iter());
}

/// Every one of these, and how many they are.
pub(super) fn all_problems<'p>(problems: impl IntoIterator<Item = &'p Problem>) {
    let mut count = 0_usize;
    for problem in problems {
        one(error, problem);
        count = count.saturating_add(1);
    }
    let things = if count == 1 { "mistake" } else { "mistakes" };
    error(&format!("{count} {things} in the configuration"));
}

/// Every warning about a configuration.
pub fn warnings(warnings: &[Problem]) {
    for problem in warnings {
        one(warning, problem);
    }
}

fn one(say: fn(&str), problem: &Problem) {
    say(&format!("{problem} ({})", problem.code));
    if let Some(text) = &problem.hint {
        hint(text);
    }
}

fn say(word: &str, colour: &str, message: &str) {
    let coloured = is_terminal();
    let mut stderr = io::stderr().lock();
    let message = clean(message);
    // Nobody is left to tell when standard error is closed.
    let _ = match coloured {
        true => writeln!(stderr, "\x1b[1;{colour}m{word}:\x1b[0m {message}"),
        false => writeln!(stderr, "{word}: {message}"),
    };
}

/// Text without the control characters by which a file or a server could write anything at all
/// on somebody's terminal.
pub(super) fn clean(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' => '\n',
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    text.chars().map(shown).collect()
}

/// Writes data as it stands.
pub fn data(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // `samlgate config show | head` is no mistake.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(cause) => {
            error(&format!("standard output can not be written: {cause}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a JSON document.
pub fn json(value: &serde_json::Value) -> ExitCode {
    data(&format!("{value:#}\n"))
}

/// A table for people: columns in line, no frame.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a head.
    pub fn new(head: &[&str]) -> Self {
        Self {
            rows: vec![head.iter().map(|word| (*word).to_owned()).collect()],
        }
    }

    /// A table without a head.
    pub const fn plain() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows
            .push(cells.into_iter().map(|cell| clean(&cell.into()).replace('\n', " ")).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let widths = (0..columns)
            .map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0));
        let widths = widths.collect::<Vec<_>>();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_line() {
        let mut table = Table::new(&["NAME", "LABEL"]);
        table.row(["corp", "Example\nCorp"]);
        table.row(["a-longer-name", ""]);
        assert_eq!(
            table.to_string(),
            "NAME           LABEL\ncorp           Example Corp\na-longer-name\n"
        );
    }

    #[test]
    fn nobody_can_write_escape_sequences_on_a_terminal() {
        assert_eq!(clean("a\x1b[31mb\u{9b}c\n"), "a\u{fffd}[31mb\u{fffd}c\n");
    }
}
