//! What was looked at, in order: the protocol of one decision.
//!
//! In: the code that decides says what it has found to be right, as it goes. Out: a list, for
//! whoever asked for one. Where nobody did, a line costs one comparison and makes no text.
//!
//! A line has a name that begins with the part of the message it is about. Whoever goes into a
//! part says so once ([`Checks::within`]), and the rules in there have short names:
//!
//! ```
//! use samlgate::base::{Checks, ErrorCode, Outcome, Refusal};
//! # #[derive(Debug)]
//! # struct Wrong;
//! # impl Refusal for Wrong {
//! #     fn code(&self) -> ErrorCode { ErrorCode::SigDigest }
//! # }
//! fn verify(checks: &mut Checks) -> Result<(), Wrong> {
//!     checks.pass_with("signature.algorithm", || "RSA-SHA256".to_owned());
//!     Err(Wrong)
//! }
//! let mut checks = Checks::on();
//! checks.within("assertion", verify).unwrap_err();
//! let names = checks.lines().iter().map(|line| (line.name.as_str(), line.outcome));
//! assert!(names.eq([
//!     ("assertion.signature.algorithm", Outcome::Pass),
//!     ("assertion.signature.digest", Outcome::Fail), // written by `within`, from the error
//! ]));
//! ```

use std::borrow::Cow;

use super::ErrorCode;

/// The lines of one decision, if anybody wants to read them.
#[derive(Debug, Default)]
pub struct Checks(Option<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<Check>,
    /// `assertion.`: what the names of new lines begin with.
    place: String,
}

/// One rule, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The stable name of the rule: `response.destination`, `assertion.signature.digest`.
    pub name: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// The code of the refusal, where it does not.
    pub code: Option<ErrorCode>,
    /// What was expected, what was found, and why nobody looked.
    pub values: Values,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not, and that was the end.
    Fail,
    /// Nobody looked.
    Skip,
}

impl Outcome {
    /// `pass`, `fail`, `skip`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// The two sides of a comparison, as far as they are worth reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// What it should be.
    pub expected: Option<String>,
    /// What it is; for a rule that nobody looked at: why.
    pub found: Option<String>,
}

impl Values {
    /// Both sides.
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), found: Some(found.into()) }
    }

    /// What the message says, where there is nothing that it should say.
    pub fn found(found: impl Into<String>) -> Self {
        Self { expected: None, found: Some(found.into()) }
    }
}

/// An error by which a decision ends, as far as its protocol needs to know it.
pub trait Refusal {
    /// The stable code.
    fn code(&self) -> ErrorCode;

    /// The name of the rule within its part of the message. Without a better one it follows from
    /// the code: `sig.digest` is the rule `signature.digest`, `enc.failed` is `encryption.failed`.
    fn rule(&self) -> Cow<'static, str> {
        let code = self.code().as_str();
        match code.split_once('.') {
            Some(("sig", rule)) => format!("signature.{rule}").into(),
            Some(("enc", rule)) => format!("encryption.{rule}").into(),
            _ => code.into(),
        }
    }

    /// What was expected, what was found.
    fn values(&self) -> Values {
        Values::default()
    }
}

/// How many lines there were, to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Checks {
    /// Nobody reads them: what the gateway itself uses.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Keeps every line.
    pub const fn on() -> Self {
        Self(Some(Kept { lines: Vec::new(), place: String::new() }))
    }

    /// This rule holds.
    #[inline]
    pub fn pass(&mut self, name: &str) {
        self.line(name, Outcome::Pass, None, Values::default);
    }

    /// This rule holds, for this value. `found` is called only if the line is kept.
    #[inline]
    pub fn pass_with(&mut self, name: &str, found: impl FnOnce() -> String) {
        self.line(name, Outcome::Pass, None, || Values::found(found()));
    }

    /// This rule holds: what was found is what was expected.
    #[inline]
    pub fn pass_as(&mut self, name: &str, values: impl FnOnce() -> Values) {
        self.line(name, Outcome::Pass, None, values);
    }

    /// Nobody looks at this rule here; why.
    #[inline]
    pub fn skip(&mut self, name: &str, why: &str) {
        self.line(name, Outcome::Skip, None, || Values::found(why));
    }

    /// This rule does not hold. Written once: an error that passes by here again is known already.
    pub fn refused(&mut self, error: &impl Refusal) {
        let Some(kept) = &self.0 else {
            return;
        };
        if kept.lines.last().is_none_or(|line| line.outcome != Outcome::Fail) {
            let (rule, code) = (error.rule(), Some(error.code()));
            self.line(&rule, Outcome::Fail, code, || error.values());
        }
    }

    /// Goes into a part of the message: `within("assertion", …)`. A refusal in there is a line in
    /// that part.
    #[inline]
    pub fn within<T, E: Refusal>(
        &mut self,
        place: &'static str,
        decide: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let outer = self.0.as_mut().map_or(0, |kept| {
            let outer = kept.place.len();
            kept.place.push_str(place);
            kept.place.push('.');
            outer
        });
        let result = decide(self);
        if let Err(error) = &result {
            self.refused(error);
        }
        if let Some(kept) = &mut self.0 {
            kept.place.truncate(outer);
        }
        result
    }

    /// Where we are: for a decision that tries one thing after another.
    pub fn mark(&self) -> Mark {
        Mark(self.lines().len())
    }

    /// Forgets what was written since.
    pub fn back_to(&mut self, mark: Mark) {
        if let Some(kept) = &mut self.0 {
            kept.lines.truncate(mark.0);
        }
    }

    /// The lines so far; none when they are not kept.
    pub fn lines(&self) -> &[Check] {
        self.0.as_ref().map_or(&[], |kept| &kept.lines)
    }

    /// The lines, to keep.
    pub fn into_lines(self) -> Vec<Check> {
        self.0.map(|kept| kept.lines).unwrap_or_default()
    }

    // Nearly always nobody asked: that is one comparison where the rule is, and no call.
    #[inline]
    fn line(
        &mut self,
        name: &str,
        outcome: Outcome,
        code: Option<ErrorCode>,
        values: impl FnOnce() -> Values,
    ) {
        if let Some(kept) = &mut self.0 {
            kept.keep(name, outcome, code, values());
        }
    }
}

impl Kept {
    #[cold]
    fn keep(&mut self, name: &str, outcome: Outcome, code: Option<ErrorCode>, values: Values) {
        let name = format!("{}{name}", self.place);
        self.lines.push(Check { name, outcome, code, values });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Late;

    impl Refusal for Late {
        fn code(&self) -> ErrorCode {
            ErrorCode::TimeExpired
        }

        fn values(&self) -> Values {
            Values::new("later", "now")
        }
    }

    #[test]
    fn a_refusal_is_written_once_in_the_innermost_part() {
        let mut checks = Checks::on();
        let result: Result<(), Late> = checks.within("response", |checks| {
            checks.pass("root");
            checks.within("assertion", |_| Err(Late))
        });
        assert!(result.is_err());
        checks.refused(&Late);
        let lines = checks.into_lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].name, "response.root");
        assert_eq!(lines[1].name, "response.assertion.time.expired");
        assert_eq!(lines[1].code, Some(ErrorCode::TimeExpired));
        assert_eq!(lines[1].values, Values::new("later", "now"));
    }

    #[test]
    fn what_nobody_reads_is_never_put_into_words() {
        let mut checks = Checks::off();
        checks.pass_with("a", || panic!("nobody asked"));
        checks.pass_as("b", || panic!("nobody asked"));
        let _ = checks.within("c", |checks| {
            checks.skip("d", "why");
            Err::<(), _>(Late)
        });
        assert!(checks.lines().is_empty());
    }

    #[test]
    fn going_back_forgets_lines() {
        let mut checks = Checks::on();
        checks.pass("first");
        let mark = checks.mark();
        checks.pass("second");
        checks.back_to(mark);
        assert_eq!(checks.lines().len(), 1);
    }
}
