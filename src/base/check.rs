//! What was looked at, in order: the protocol of one decision.
//!
//! In: the code that decides says what it has found to be right, as it goes. Out: a list, for
//! whoever asked for one. Where nobody did, a line costs one comparison and makes no text.

/// The lines of one decision, if anybody wants to read them.
#[derive(Debug, Default)]
pub struct Checks(Option<Vec<Check>>);

/// One rule that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The stable name of the rule: `response.destination`, `assertion.signature.digest`.
    pub name: &'static str,
    /// What the message says there, when that is worth reading.
    pub found: Option<String>,
}

impl Checks {
    /// Nobody reads them: what the gateway itself uses.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Keeps every line.
    pub const fn on() -> Self {
        Self(Some(Vec::new()))
    }

    /// This rule holds.
    pub fn pass(&mut self, name: &'static str) {
        if let Some(kept) = &mut self.0 {
            kept.push(Check { name, found: None });
        }
    }

    /// This rule holds, for this value. `found` is called only if the line is kept.
    pub fn pass_with(&mut self, name: &'static str, found: impl FnOnce() -> String) {
        if let Some(kept) = &mut self.0 {
            kept.push(Check { name, found: Some(found()) });
        }
    }

    /// The lines so far; none when they are not kept.
    pub fn lines(&self) -> &[Check] {
        self.0.as_deref().unwrap_or_default()
    }
}
