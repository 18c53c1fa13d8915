//! Writing XML: what we send.
//!
//! In: names from our own code, values from anywhere. Out: a document that every reader reads
//! the same way. Values can not leave their place: all markup in them is escaped, white space in
//! attributes survives normalisation, and a character that XML has no way to write becomes U+FFFD.

use std::borrow::Cow;

use super::chars::is_char;

/// Builds a document, tag by tag.
///
/// ```
/// use samlgate::xml::Writer;
/// let mut w = Writer::new();
/// w.start("a").attr("href", "\"&\"").start("b").text("1 < 2").end().end();
/// assert_eq!(w.finish(), r#"<a href="&quot;&amp;&quot;"><b>1 &lt; 2</b></a>"#);
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    open: Vec<String>,
    in_tag: bool,
}

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins an element; attributes may follow. Declaring its prefix is the caller's part.
    pub fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push(name.to_owned());
        self.in_tag = true;
        self
    }

    /// An attribute or namespace declaration of the element just begun.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(self.in_tag, "attributes stand in a start tag");
        if self.in_tag {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.out.push_str(&escape_attribute(value));
            self.out.push('"');
        }
        self
    }

    /// The same when there is a value; nothing otherwise.
    pub fn attr_opt(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.attr(name, value);
        }
        self
    }

    /// Text inside the current element.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.close_tag();
        self.out.push_str(&escape_text(text));
        self
    }

    /// Ends the current element; one without content becomes `<a/>`.
    pub fn end(&mut self) -> &mut Self {
        debug_assert!(!self.open.is_empty(), "each end has its start");
        if let Some(name) = self.open.pop() {
            if self.in_tag {
                self.out.push_str("/>");
                self.in_tag = false;
            } else {
                self.out.push_str("</");
                self.out.push_str(&name);
                self.out.push('>');
            }
        }
        self
    }

    /// A whole element that holds text alone, and no attributes.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.start(name).text(text).end()
    }

    /// The document; elements that are still open are ended.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.out.push('>');
            self.in_tag = false;
        }
    }
}

/// For text between tags.
pub fn escape_text(text: &str) -> Cow<'_, str> {
    escape(text, |char| match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// For an attribute's value between double quotes; `>` may stand there (XML 1.0, 2.3).
pub fn escape_attribute(value: &str) -> Cow<'_, str> {
    escape(value, |char| match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

fn escape(text: &str, escaped: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    if text.chars().all(|char| is_char(char) && escaped(char).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    for char in text.chars() {
        match escaped(char) {
            Some(reference) => out.push_str(reference),
            None if is_char(char) => out.push(char),
            None => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Document, Limits, Mode};

    #[test]
    fn whatever_is_written_is_read_back() {
        let value = "\t a\r\nb <&>\"' ]]> \u{1f600}é ";
        let mut writer = Writer::new();
        writer.start("a").attr("b", value).text(value);
        let text = writer.finish();
        let document = Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        assert_eq!(document.root().attribute("b"), Some(value));
        assert_eq!(document.root().text().unwrap(), value);
    }

    #[test]
    fn what_xml_can_not_write_is_replaced() {
        assert_eq!(escape_text("a\u{0}b\u{ffff}"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn elements_left_open_are_ended() {
        let mut writer = Writer::new();
        writer
            .start("a")
            .attr_opt("b", None)
            .attr_opt("c", Some("d"))
            .leaf("e", "f")
            .start("g");
        assert_eq!(writer.finish(), r#"<a c="d"><e>f</e><g/></a>"#);
    }
}
