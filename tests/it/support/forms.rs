//! Forms in a page, for a person without a browser.
//!
//! Just enough HTML: start tags, their attributes and character references. Our own templates and
//! the peers' pages are all that is ever read.

/// One `<form>`.
#[derive(Debug)]
pub(crate) struct Form {
    /// Where it goes; empty is the page itself.
    pub(crate) action: String,
    /// `get` or `post`, lower case.
    pub(crate) method: String,
    /// Name and value of each `<input>` that has a name.
    pub(crate) inputs: Vec<(String, String)>,
}

impl Form {
    /// The value of this input.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let input = self.inputs.iter().find(|(input, _)| input == name);
        input.map(|(_, value)| value.as_str())
    }

    /// Fills in an input, or adds one (a pressed button, a chosen option).
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.inputs.retain(|(input, _)| input != name);
        self.inputs.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Every form of a page.
pub(crate) fn find(html: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut inside = false;
    for (name, attributes) in tags(html) {
        let attribute = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone())
        };
        match name.as_str() {
            "form" => {
                inside = true;
                forms.push(Form {
                    action: attribute("action").unwrap_or_default(),
                    method: attribute("method").unwrap_or_default().to_ascii_lowercase(),
                    inputs: Vec::new(),
                });
            }
            "/form" => inside = false,
            "input" if inside => {
                if let (Some(form), Some(name)) = (forms.last_mut(), attribute("name")) {
                    form.inputs.push((name, attribute("value").unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
    forms
}

type Tag = (String, Vec<(String, String)>);

fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = tag(after);
        found.push(tag);
        rest = after;
    }
    found
}

/// The tag at the start of the text, behind its `<`, and the text behind the tag.
fn tag(text: &str) -> (Tag, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return ((name.to_ascii_lowercase(), attributes), rest);
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c));
        // A stray `=` is nobody's name; step over it.
        let end = end.unwrap_or(rest.len()).max(1);
        let (attribute, after) = rest.split_at(end);
        let mut value = "";
        rest = after;
        if let Some(after) = rest.strip_prefix('=') {
            let quoted = ['"', '\'']
                .into_iter()
                .find_map(|quote| after.strip_prefix(quote)?.split_once(quote));
            (value, rest) = quoted.unwrap_or_else(|| {
                let end = after.find(|c: char| c.is_whitespace() || c == '>');
                after.split_at(end.unwrap_or(after.len()))
            });
        }
        attributes.push((attribute.to_ascii_lowercase(), unescape(value)));
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').and_then(|(name, after)| Some((named(name)?, after)));
        match reference {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn named(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[test]
fn inputs_are_read_as_a_browser_reads_them() {
    let forms = find(
        "<p>1 < 2</p><FORM method=POST action='/a?b=1&amp;c=2'>
         <input type=hidden name=\"x\" value=\"&#x2F;&quot;&lt;&#39;\"/><input disabled><input name=y>
         </form><input name=outside>",
    );
    assert_eq!(forms.len(), 1);
    assert_eq!(forms[0].action, "/a?b=1&c=2");
    assert_eq!(forms[0].method, "post");
    assert_eq!(forms[0].value("x"), Some("/\"<'"));
    assert_eq!(forms[0].value("y"), Some(""));
    assert_eq!(forms[0].value("outside"), None);
}
