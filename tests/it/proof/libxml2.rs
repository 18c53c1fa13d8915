//! libxml2 in a process of its own: see `libxml2.py`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running libxml2. It ends when its input does, so with us.
pub(crate) struct Libxml2 {
    #[expect(dead_code, reason = "ends with us")]
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Which canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Exclusive,
    V1_0,
    V1_1,
}

/// What is canonicalised: elements by their number in document order, from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'p> {
    pub(crate) apex: usize,
    /// A child of the apex that is left out; 0 for none.
    pub(crate) hidden: usize,
    pub(crate) prefixes: &'p [&'p str],
}

impl Part<'_> {
    /// All of it.
    pub(crate) const WHOLE: Self = Self { apex: 1, hidden: 0, prefixes: &[] };
}

/// Why libxml2 does not canonicalise: it reads the document, but some namespace name is not a URI
/// by RFC 3986. We ask for a scheme and visible ASCII, and compare names as they are.
pub(crate) const NAMESPACE_NAME: &str = "namespace name";

impl Libxml2 {
    pub(crate) fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/proof/libxml2.py");
        let mut process = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs (scripts/install-packages.sh test)");
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, questions, answers }
    }

    /// The canonical bytes of a part of a document; `Err` when libxml2 does not take it.
    pub(crate) fn canonical(
        &mut self,
        document: &[u8],
        method: Method,
        part: Part<'_>,
    ) -> Result<String, String> {
        let method = match method {
            Method::Exclusive => "exclusive",
            Method::V1_0 => "1.0",
            Method::V1_1 => "1.1",
        };
        let prefixes = match part.prefixes {
            [] => "-".to_owned(),
            prefixes => prefixes.join(","),
        };
        let (apex, hidden, length) = (part.apex, part.hidden, document.len());
        let question = format!("{method} {apex} {hidden} {prefixes} {length}\n");
        self.questions.write_all(question.as_bytes()).unwrap();
        self.questions.write_all(document).unwrap();

        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let (verdict, length) = line.trim().split_once(' ').expect("libxml2.py answers");
        let mut data = vec![0; length.parse().unwrap()];
        self.answers.read_exact(&mut data).unwrap();
        let data = String::from_utf8(data).unwrap();
        if verdict == "ok" { Ok(data) } else { Err(data) }
    }
}
