//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;

use crate::base::ErrorCode;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the configuration file, at this line (from 1).
    File {
        /// The file as it was named.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// In this environment variable.
    Environment(String),
    /// In this argument of a command: `--set`.
    Argument(&'static str),
    /// Nowhere: the default of the key.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment(name) => f.write_str(name),
            Self::Argument(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `config.syntax`, `config.key` or `config.value`.
    pub code: ErrorCode,
    /// The key: `server.public_url`, `idp[corp].metadata`. Empty for the file as a whole.
    pub path: String,
    /// Where it stands.
    pub source: Source,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source != Source::Default {
            write!(f, "{}: ", self.source)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Every mistake at once; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// In the order of the file; what the environment says comes last.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| match problem.source {
            Source::File { line, .. } => line,
            _ => usize::MAX,
        });
        Self(problems)
    }

    /// One that belongs to no key.
    pub(super) fn one(code: ErrorCode, message: String, hint: &str) -> Self {
        let (path, hint) = (String::new(), Some(hint.to_owned()));
        Self(vec![Problem {
            code,
            path,
            source: Source::Default,
            message,
            hint,
        }])
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}
