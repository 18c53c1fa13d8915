//! Comma-separated values (RFC 4180), as spreadsheets read and write them.

use std::fmt::Write as _;

/// A line of a table. A cell in quotes may go over several lines of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// On which line of the file it begins, from 1.
    pub(super) number: usize,
    /// Its cells.
    pub(super) cells: Vec<String>,
}

/// What can not be read, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CsvError {
    pub(super) line: usize,
    pub(super) what: &'static str,
}

/// Reads a table; lines without anything on them are left out, and so is a byte order mark.
pub(super) fn read(text: &str) -> Result<Vec<Line>, CsvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text.chars().peekable(), line: 1 };
    let mut lines = Vec::new();
    while let Some(line) = reader.line()? {
        if line.cells != [""] {
            lines.push(line);
        }
    }
    Ok(lines)
}

struct Reader<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
}

impl Reader<'_> {
    fn line(&mut self) -> Result<Option<Line>, CsvError> {
        if self.rest.peek().is_none() {
            return Ok(None);
        }
        let number = self.line;
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            match self.rest.next() {
                Some(',') => {}
                Some('\r') => {
                    self.rest.next_if_eq(&'\n');
                    break;
                }
                _ => break,
            }
        }
        self.line = self.line.saturating_add(1);
        Ok(Some(Line { number, cells }))
    }

    /// Up to what ends it.
    fn cell(&mut self) -> Result<String, CsvError> {
        let mut cell = String::new();
        if self.rest.next_if_eq(&'"').is_none() {
            while let Some(character) = self.rest.next_if(|c| !matches!(c, ',' | '\r' | '\n')) {
                if character == '"' {
                    return Err(
                        self.wrong("a quotation mark inside a cell that has none around it")
                    );
                }
                cell.push(character);
            }
            return Ok(cell);
        }
        let began = self.line;
        loop {
            match self.rest.next() {
                None => {
                    let what = "a quotation mark that nothing closes";
                    return Err(CsvError { line: began, what });
                }
                Some('"') if self.rest.next_if_eq(&'"').is_some() => cell.push('"'),
                Some('"') => break,
                Some(character) => {
                    if character == '\n' {
                        self.line = self.line.saturating_add(1);
                    }
                    cell.push(character);
                }
            }
        }
        match self.rest.peek() {
            None | Some(',' | '\r' | '\n') => Ok(cell),
            Some(_) => Err(self.wrong("something behind a closing quotation mark")),
        }
    }

    const fn wrong(&self, what: &'static str) -> CsvError {
        CsvError { line: self.line, what }
    }
}

/// Adds a line, with quotes where they are needed.
pub(super) fn write<'c>(out: &mut String, cells: impl IntoIterator<Item = &'c str>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match cell.contains([',', '"', '\r', '\n']) {
            true => {
                // Writing to a text can not go wrong.
                let _ = write!(out, "\"{}\"", cell.replace('"', "\"\""));
            }
            false => out.push_str(cell),
        }
    }
    out.push_str("\r\n");
}

/// A value as a cell that no spreadsheet takes for a formula: with an apostrophe before it.
pub(super) fn disarmed(value: &str) -> String {
    match value.starts_with(ARMED) || is_disarmed(value) {
        true => format!("'{value}"),
        false => value.to_owned(),
    }
}

/// The value of such a cell.
pub(super) fn armed(cell: &str) -> &str {
    match is_disarmed(cell) {
        true => cell.strip_prefix('\'').unwrap_or(cell),
        false => cell,
    }
}

/// Whether it would be taken for something disarmed: apostrophes, and then what begins a formula.
fn is_disarmed(text: &str) -> bool {
    text.starts_with('\'') && text.trim_start_matches('\'').starts_with(ARMED)
}

/// What begins a formula.
const ARMED: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        read(text).unwrap().into_iter().map(|line| line.cells).collect()
    }

    #[test]
    fn cells_may_hold_commas_quotes_and_lines() {
        let text = "\u{feff}a,b\r\n\"x, \"\"y\"\"\",\"two\r\nlines\"\n\r\nlast,\n";
        let read = read(text).unwrap();
        let lines: Vec<usize> = read.iter().map(|line| line.number).collect();
        assert_eq!(lines, [1, 2, 5]);
        assert_eq!(
            cells(text),
            [
                vec!["a", "b"],
                vec!["x, \"y\"", "two\r\nlines"],
                vec!["last", ""]
            ]
        );
        assert!(cells("").is_empty());
        assert_eq!(cells("\"\""), Vec::<Vec<String>>::new());
        assert_eq!(cells("a"), [["a"]]);
    }

    #[test]
    fn what_is_no_table_is_said_with_its_line() {
        for (text, line) in [
            ("a\nb\"c", 2),
            ("a\n\"b\nc", 2),
            ("\"a\"b", 1),
            ("\"a\nb\"c", 2),
        ] {
            assert_eq!(read(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let row = ["", "a,b", "\"", "x\r\ny", "plain", " "];
        let mut text = String::new();
        write(&mut text, row);
        assert_eq!(cells(&text), [row]);
        assert!(text.ends_with("\r\n"));
    }

    #[test]
    fn formulas_are_disarmed_and_armed_again() {
        for value in [
            "=1+1", "+49 30", "-1", "@x", "\t=1", "'=1", "''+1", "'tis", "plain", "",
        ] {
            let cell = disarmed(value);
            assert!(!cell.starts_with(ARMED), "{cell}");
            assert_eq!(armed(&cell), value);
        }
        assert_eq!(disarmed("'tis"), "'tis");
    }
}
