//! A `.http` file: who asks what, and what has to come of it.
//!
//! In: the text of a file. Out: a [`Story`], its variables not filled in yet. Whatever is not
//! understood is an error: a typing mistake in a story must not make it prove less.

use std::ops::RangeInclusive;

use super::check::Check;

/// What happens to one connection, or to two of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    /// How its own connection is set up.
    pub(super) settings: Settings,
    /// Connections beside it, by name.
    pub(super) others: Vec<(String, Settings)>,
    pub(super) steps: Vec<Step>,
}

/// Options of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    /// Unknown attributes are refused.
    pub(super) strict: bool,
    /// Unknown members of groups are left out, not refused.
    pub(super) ignore_unknown_members: bool,
    /// So many may be deactivated at once in any case.
    pub(super) guard_people: Option<u32>,
}

/// A request, or several alike.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Where it begins.
    pub(super) line: usize,
    /// Whose token it carries; empty: that of the story's own connection.
    pub(super) who: String,
    pub(super) times: Times,
    pub(super) act: Act,
    pub(super) expect: Expect,
    pub(super) checks: Vec<(usize, Check)>,
}

/// How often a step is taken.
#[derive(Clone, Debug)]
pub(super) enum Times {
    Once,
    /// One after the other, with `{n}` in its place.
    Repeat(RangeInclusive<u32>),
    /// All at the same time, with `{n}` in its place.
    Parallel(RangeInclusive<u32>),
    /// Once for each row, with the names of the columns in their places.
    Each(Vec<String>, Vec<Vec<String>>),
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Request {
        method: String,
        target: String,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// A person comes with an assertion of the connection's identity provider.
    SignIn(String),
    /// A person who has come asks who they are.
    Visit(String),
}

/// What comes of it.
#[derive(Clone, Debug)]
pub(super) enum Expect {
    /// One of these statuses.
    Status(Vec<u16>),
    /// Of several at the same time: so many of each.
    Counts(Vec<(Vec<u16>, usize)>),
    /// The person is in.
    In,
    /// The person is not let in, or is no longer.
    Out,
}

impl Story {
    /// How many checks it makes: one for each request with its answer, and for each row of a table.
    /// Whatever is repeated counts once.
    pub(super) fn checks(&self) -> usize {
        let of = |step: &Step| match &step.times {
            Times::Each(_, rows) => rows.len(),
            _ => 1,
        };
        self.steps.iter().map(of).sum()
    }

    /// Reads a file; `given` finds the file that it begins with.
    pub(super) fn read(
        text: &str,
        given: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let mut lines = Lines { lines: text.lines().collect(), next: 0 };
        if !text.starts_with("# ") {
            return Err("its first line does not say what it proves".to_owned());
        }
        let mut story = Self::default();
        while let Some(line) = lines.take() {
            let at = lines.next;
            story
                .take(line, &mut lines, given)
                .map_err(|complaint| format!("line {at}: {complaint}"))?;
        }
        if story.steps.is_empty() {
            return Err("nothing happens in it".to_owned());
        }
        Ok(story)
    }

    fn take(
        &mut self,
        line: &str,
        lines: &mut Lines<'_>,
        given: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" => {}
            "set" => self.settings.set(rest)?,
            "also" => {
                let (name, setting) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut settings = Settings::default();
                if !setting.is_empty() {
                    settings.set(setting)?;
                }
                self.others.push((name.to_owned(), settings));
            }
            "given" => {
                let story = Self::read(&given(rest)?, given)
                    .map_err(|complaint| format!("given {rest}: {complaint}"))?;
                self.steps.extend(story.steps);
            }
            "repeat" => self.step(Times::Repeat(range(rest)?), lines)?,
            "parallel" => self.step(Times::Parallel(range(rest)?), lines)?,
            "each" => {
                let columns = cells(rest);
                let mut rows = Vec::new();
                while let Some(row) = lines.peek().filter(|line| line.starts_with("  ")) {
                    let row = cells(row.trim());
                    if row.len() != columns.len() {
                        return Err(format!("{} cells: {row:?}", row.len()));
                    }
                    rows.push(row);
                    lines.take();
                }
                if rows.is_empty() {
                    return Err("each of what?".to_owned());
                }
                self.step(Times::Each(columns, rows), lines)?;
            }
            _ => {
                lines.next -= 1;
                self.step(Times::Once, lines)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, times: Times, lines: &mut Lines<'_>) -> Result<(), String> {
        let line = lines.next + 1;
        let mut words = lines.take().ok_or("no request follows")?;
        let mut who = "";
        if let Some(rest) = words.strip_prefix('@') {
            (who, words) = rest.split_once(' ').ok_or("no request follows")?;
        }
        let (method, target) = words.split_once(' ').ok_or("no request")?;
        let act = match method {
            "SIGN-IN" => Act::SignIn(target.to_owned()),
            "VISIT" => Act::Visit(target.to_owned()),
            _ if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                return Err(format!("{words:?} is not understood"));
            }
            _ => request(method, target, lines)?,
        };
        let expected = lines.take().and_then(|line| line.strip_prefix("=> "));
        let expect = Expect::read(expected.ok_or("no line begins with =>")?)?;
        if matches!(expect, Expect::Counts(_)) != matches!(times, Times::Parallel(_)) {
            return Err("how many of each is for parallel requests".to_owned());
        }
        let mut checks = Vec::new();
        while let Some(line) = lines.peek().filter(|line| !line.is_empty()) {
            lines.take();
            if !line.starts_with('#') {
                checks.push((lines.next, Check::read(line)?));
            }
        }
        let who = who.to_owned();
        self.steps.push(Step { line, who, times, act, expect, checks });
        Ok(())
    }
}

/// The headers and the body that follow a request line, up to `=>`.
fn request(method: &str, target: &str, lines: &mut Lines<'_>) -> Result<Act, String> {
    let mut headers = Vec::new();
    let mut body = Vec::new();
    let mut in_body = false;
    while let Some(line) = lines.peek().filter(|line| !line.starts_with("=>")) {
        lines.take();
        if in_body {
            body.push(line);
        } else if line.is_empty() {
            in_body = true;
        } else {
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("{line:?} is no header"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    Ok(Act::Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: body.join("\n").trim().to_owned(),
    })
}

impl Settings {
    fn set(&mut self, line: &str) -> Result<(), String> {
        match line {
            "strict = true" => self.strict = true,
            "unknown_members = ignore" => self.ignore_unknown_members = true,
            _ => {
                let people = line.strip_prefix("guard_people = ").and_then(|it| it.parse().ok());
                let people = people.ok_or_else(|| format!("{line:?} is no setting"))?;
                self.guard_people = Some(people);
            }
        }
        Ok(())
    }
}

impl Expect {
    fn read(text: &str) -> Result<Self, String> {
        let status = |text: &str| text.parse().map_err(|_| format!("{text:?} is no status"));
        let statuses = |text: &str| text.split('|').map(status).collect::<Result<Vec<u16>, _>>();
        match text {
            "in" => return Ok(Self::In),
            "out" => return Ok(Self::Out),
            _ if !text.contains(" x") => return statuses(text).map(Self::Status),
            _ => {}
        }
        let count = |text: &str| -> Result<_, String> {
            let (one_of, times) = text.split_once(" x").ok_or("how often?")?;
            let times = times.parse().map_err(|_| format!("{times:?} times?"))?;
            Ok((statuses(one_of)?, times))
        };
        text.split(", ").map(count).collect::<Result<_, _>>().map(Self::Counts)
    }
}

fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (first, last) = text.split_once("..").ok_or("no range")?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text:?} is no number"));
    Ok(number(first)?..=number(last)?)
}

fn cells(text: &str) -> Vec<String> {
    text.split(" | ").map(|cell| cell.trim().to_owned()).collect()
}

/// Lines, one after the other.
struct Lines<'t> {
    lines: Vec<&'t str>,
    next: usize,
}

impl<'t> Lines<'t> {
    fn peek(&self) -> Option<&'t str> {
        self.lines.get(self.next).copied()
    }

    fn take(&mut self) -> Option<&'t str> {
        let line = self.peek()?;
        self.next += 1;
        Some(line.trim_end())
    }
}
