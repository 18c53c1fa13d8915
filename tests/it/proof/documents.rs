//! Random documents with everything that canonicalisation has a rule for.
//!
//! A document is generated as a plan and then written with the namespaces in mind, so that nearly
//! all of them are well-formed: prefixes are chosen among those in scope, and no attribute occurs
//! twice. `&` in a namespace name is left out: libxml2 writes it as `&#38;` where Canonical XML
//! 2.3 says `&amp;`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A random document.
pub(crate) fn document() -> impl Strategy<Value = String> {
    element().prop_map(|root| root.to_xml())
}

/// A random `PrefixList`: prefixes that exist, one that does not, and the default.
pub(crate) fn prefix_list() -> impl Strategy<Value = Vec<&'static str>> {
    let prefix = select(vec!["#default", "p", "q", "é", "名", "xml", "nowhere"]);
    prop_oneof![2 => Just(Vec::new()), 3 => vec(prefix, 1..5)]
}

const PREFIXES: &[&str] = &["", "", "p", "q", "é", "名", "p-1.x"];
const NAMESPACES: &[&str] = &[
    "urn:a",
    "urn:b",
    "urn:A",
    "urn:aa",
    "http://example.com/a?b=c#d",
    "http://www.w3.org/2001/XMLSchema",
];
const NAMES: &[&str] = &["a", "b", "B", "a-b", "a.b", "_", "é", "名前", "\u{10000}x"];

#[derive(Clone, Debug)]
struct Plan {
    name: &'static str,
    /// Which of the prefixes in scope.
    prefix: usize,
    /// Prefix and namespace name; the empty name undeclares the default and nothing else.
    declared: Vec<(&'static str, &'static str)>,
    /// Which of the prefixes in scope, name, value.
    attributes: Vec<(usize, &'static str, String)>,
    xml_attributes: Vec<&'static str>,
    quote: char,
    space: &'static str,
    content: Vec<Content>,
}

#[derive(Clone, Debug)]
enum Content {
    Text(&'static str),
    Element(Plan),
}

fn element() -> impl Strategy<Value = Plan> {
    tag(Just(Vec::new()).boxed()).prop_recursive(5, 40, 4, |inner| {
        let child = prop_oneof![2 => text(), 3 => inner.prop_map(Content::Element)];
        tag(vec(child, 0..5).boxed())
    })
}

fn tag(content: BoxedStrategy<Vec<Content>>) -> BoxedStrategy<Plan> {
    let namespace = prop_oneof![1 => Just(""), 5 => select(NAMESPACES)];
    let declared = vec((select(PREFIXES), namespace), 0..4);
    let attributes = vec((any::<usize>(), select(NAMES), value()), 0..4);
    let xml_attribute = select(vec![
        " xml:lang='en'",
        " xml:space=\"preserve\"",
        " xml:id='i'",
        " xml:base='http://example.com/'",
    ]);
    let xml_attributes = prop_oneof![3 => Just(Vec::new()), 1 => vec(xml_attribute, 1)];
    (
        (select(NAMES), any::<usize>(), declared),
        (attributes, xml_attributes),
        select(vec!['\'', '"']),
        select(vec![" ", "  ", "\n", "\t\r\n "]),
        content,
    )
        .prop_map(
            |((name, prefix, declared), (attributes, xml_attributes), quote, space, content)| {
                Plan {
                    name,
                    prefix,
                    declared,
                    attributes,
                    xml_attributes,
                    quote,
                    space,
                    content,
                }
            },
        )
        .boxed()
}

fn text() -> impl Strategy<Value = Content> {
    select(vec![
        "x",
        " ",
        "\n",
        "\t",
        "\r",
        "\r\n",
        "&#13;",
        "&#xD;&#10;",
        "&amp;",
        "&lt;&gt;",
        "&quot;&apos;",
        "\"'>",
        "]]&gt;",
        "&#x26;lt;",
        "&#60;&#62;",
        "&#9;",
        "é\u{301}",
        "\u{85}\u{2028}\u{a0}",
        "&#x1F600;\u{1f600}",
        "&#xfffd;\u{7f}",
    ])
    .prop_map(Content::Text)
}

fn value() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "x",
        "  ",
        "\n",
        "\t",
        "\r",
        "\r\n",
        "&#13;",
        "&#10;&#9;",
        "&amp;",
        "&lt;&gt;",
        ">",
        "&quot;",
        "&apos;",
        "&#x22;&#39;",
        "&#38;#38;",
        "é\u{85}",
        "\u{1f600}",
    ]);
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Prefixes and what they stand for, the innermost last.
type Scope = Vec<(&'static str, &'static str)>;

impl Plan {
    fn to_xml(&self) -> String {
        let mut out = String::new();
        self.write(&mut Vec::new(), &mut out);
        out
    }

    fn write(&self, scope: &mut Scope, out: &mut String) {
        let outer = scope.len();
        let declarations = self.declare(scope);
        let visible = visible(scope);
        let (prefix, _) = visible[self.prefix % visible.len()];
        let name = qualified(prefix, self.name);
        out.push_str(&format!("<{name}{declarations}"));
        self.write_attributes(&visible, out);
        if self.content.is_empty() && self.quote == '"' {
            out.push_str("/>");
        } else {
            out.push('>');
            for content in &self.content {
                match content {
                    Content::Text(text) => out.push_str(text),
                    Content::Element(element) => element.write(scope, out),
                }
            }
            let space = if self.space == " " { "" } else { self.space };
            out.push_str(&format!("</{name}{space}>"));
        }
        scope.truncate(outer);
    }

    fn declare(&self, scope: &mut Scope) -> String {
        let outer = scope.len();
        let mut out = String::new();
        for (prefix, namespace) in &self.declared {
            let twice = scope[outer..].iter().any(|(other, _)| other == prefix);
            if twice || (namespace.is_empty() && !prefix.is_empty()) {
                continue;
            }
            scope.push((prefix, namespace));
            let name = if prefix.is_empty() {
                "xmlns".to_owned()
            } else {
                format!("xmlns:{prefix}")
            };
            out.push_str(&format!(
                "{}{name}={q}{namespace}{q}",
                self.space,
                q = self.quote
            ));
        }
        out
    }

    fn write_attributes(&self, visible: &Scope, out: &mut String) {
        let mut written = Vec::new();
        for (prefix, name, value) in &self.attributes {
            // The default namespace is not for attributes: there the first one is "none".
            let (prefix, namespace) = match prefix % visible.len() {
                0 => ("", ""),
                at => visible[at],
            };
            if written.contains(&(namespace, *name)) {
                continue;
            }
            written.push((namespace, name));
            let name = qualified(prefix, name);
            out.push_str(&format!(
                "{}{name}={q}{value}{q}",
                self.space,
                q = self.quote
            ));
        }
        out.push_str(&self.xml_attributes.concat());
    }
}

/// What each prefix means here: the default first, whether declared or not.
fn visible(scope: &Scope) -> Scope {
    let mut visible: Scope = vec![("", "")];
    for (prefix, namespace) in scope {
        match visible.iter_mut().find(|(other, _)| other == prefix) {
            Some(entry) => entry.1 = namespace,
            None => visible.push((prefix, namespace)),
        }
    }
    visible
}

fn qualified(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}:{name}")
    }
}
