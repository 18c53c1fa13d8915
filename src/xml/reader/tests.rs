//! The parts of the reader by themselves, and what it finds out on the way for others.

use super::leaf::equal;
use super::tag::stands_before;
use super::*;
use crate::base::Refusal;
use crate::xml::c14n;

fn parse(text: &str) -> Result<Document, XmlError> {
    Document::parse(text.as_bytes(), Mode::Message, &Limits::default())
}

fn refused(text: &str) -> &'static str {
    parse(text).map_or_else(|error| error.code().as_str(), |_| "accepted")
}

fn canonical(document: &Document) -> String {
    let mut out = Vec::new();
    c14n::exclusive(document.root(), &[], &mut out);
    String::from_utf8(out).unwrap()
}

/// What is known of each element, in their order: `c` for canonical, `a` for the same again, its tag is
/// `p` for plain, or `o` for other.
fn forms(text: &str) -> String {
    let form = |data: &ElementData| match data.form {
        Form::Canonical => 'c',
        Form::Again => 'a',
        Form::Plain => 'p',
        Form::Other => 'o',
    };
    parse(text).unwrap().elements.iter().map(form).collect()
}

#[test]
fn what_stands_as_c14n_writes_it_is_known() {
    for (text, expected) in [
        ("<r>x</r>", "c"),
        ("<r></r>", "c"),
        ("<r><a>1</a> <b c=\"1\" d=\"2\">2<e></e>\n</b></r>", "cccc"),
        ("<r><a>&amp;1&lt;2&gt;</a>&#xD;</r>", "cc"),
        ("<r><a>1</a><a></a><a> </a><b>1</b><b>2</b></r>", "ccaaca"),
        ("<r><a></a><a></a><a>1</a></r>", "ccaa"),
        ("<r><a>1</a><a b=\"1\">1</a><a>1</a></r>", "cccc"),
        ("<r><a>1</a><a>&amp;</a><a>2</a></r>", "cccc"),
        ("<r><a><b>1</b><b>2</b></a><a><b>1</b></a></r>", "cccacc"),
    ] {
        assert_eq!(forms(text), expected, "{text}");
        assert_eq!(canonical(&parse(text).unwrap()), text);
    }
}

#[test]
fn what_stands_in_another_way_is_known_as_well() {
    for (text, expected) in [
        ("<r><a/></r>", "pp"),
        ("<r><a>1</a ></r>", "pp"),
        ("<r><a ></a></r>", "po"),
        ("<r><a ><b>1</b></a></r>", "poc"),
        ("<r><a b='1'>1</a></r>", "po"),
        ("<r><a  b=\"1\">1</a></r>", "po"),
        ("<r><a b=\"1\" >1</a></r>", "po"),
        ("<r><a b=\"&lt;\">1</a></r>", "po"),
        ("<r><a b=\"1\t2\">1</a></r>", "po"),
        ("<r><a c=\"1\" b=\"2\">1</a></r>", "po"),
        ("<r><a b=\"1\" xml:lang=\"en\">1</a></r>", "po"),
        ("<r><a xmlns=\"\">1</a></r>", "po"),
        ("<r><a>></a></r>", "pp"),
        ("<r><a>&quot;</a></r>", "pp"),
        ("<r><a>&#38;</a></r>", "pp"),
        ("<r><a>&amp;&#38;</a></r>", "pp"),
        ("<r><a>1</a>\r\n</r>", "pc"),
        ("<r><a>1\r</a><a>2</a></r>", "ppc"),
        ("<r><!-- --><a>1</a></r>", "pc"),
        ("<r><a>1</a><a>2</a >3</r>", "pcp"),
        // Another prefix than that of the element around, which may not be written yet.
        ("<r xmlns:p=\"urn:p\"><s><p:a>1</p:a></s></r>", "opc"),
        (
            "<r xmlns:p=\"urn:p\"><s><p:a><p:b>1</p:b></p:a></s></r>",
            "opcc",
        ),
        (
            "<p:r xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><p:s><q:a>1</q:a></p:s></p:r>",
            "opc",
        ),
        (
            "<p:r xmlns:p=\"urn:p\"><p:s><p:a>1</p:a><p:a>2</p:a></p:s></p:r>",
            "occa",
        ),
        (
            "<p:r xmlns:p=\"urn:p\"><p:s><p:a>1</p:a></p:s><p:s><p:a>2</p:a></p:s></p:r>",
            "occcc",
        ),
        ("<p:r xmlns:p=\"urn:p\"><p:s><a>1</a></p:s></p:r>", "opc"),
    ] {
        assert_eq!(forms(text), expected, "{text}");
        let once = canonical(&parse(text).unwrap());
        assert_eq!(canonical(&parse(&once).unwrap()), once);
    }
}

#[test]
fn an_id_is_looked_at_each_time_that_an_element_comes_again() {
    let list = |ids: [&str; 3]| {
        let elements = ids.map(|id| format!("<a ID=\"{id}\">x</a>"));
        refused(&format!("<r>{}</r>", elements.concat()))
    };
    assert_eq!(list(["a", "b", "c"]), "accepted");
    assert_eq!(list(["a", "b", "b"]), "xml.id");
    assert_eq!(list(["a", "a", "b"]), "xml.id");
    assert_eq!(list(["a", "b", "1"]), "xml.id");
    // An attribute in a namespace is none.
    assert_eq!(
        refused("<r xmlns:p='urn:p' p:ID='1' ID='a'><a p:ID='1'/></r>"),
        "accepted"
    );
}

#[test]
fn a_name_that_another_begins_with_is_another_name() {
    let names = |text: &str| {
        let document = parse(text).unwrap();
        let names = document.root().descendants().map(|one| (one.prefix(), one.local_name()));
        names
            .map(|(prefix, local)| format!("{prefix}/{local}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("<r><a>1</a><ab>2</ab><a>3</a></r>"), "/a /ab /a");
    assert_eq!(names("<r><a/><a.b/><a\n/></r>"), "/a /a.b /a");
    assert_eq!(
        names("<r xmlns:a='urn:a'><a>1</a><a:b>2</a:b></r>"),
        "/a a/b"
    );
    assert_eq!(
        names("<r><s><a>1</a></s><s><aé>2</aé></s></r>"),
        "/s /a /s /aé"
    );
}

#[test]
fn names_are_equal_where_each_byte_is() {
    for length in 0..140 {
        let name = vec![b'a'; length];
        assert!(equal(&name, &name.clone()), "{length}");
        for place in 0..length {
            let mut other = name.clone();
            other[place] = b'b';
            assert!(!equal(&name, &other), "{place} of {length}");
        }
    }
}

#[test]
fn names_are_in_order_as_their_bytes_are() {
    let names = ["a", "B", "aa", "ab", "b", "ID", "I", "Id", "é", "_"].map(str::as_bytes);
    for last in names {
        assert!(stands_before(b"", last));
        for next in names {
            assert_eq!(stands_before(last, next), last < next, "{last:?} {next:?}");
        }
    }
}

#[test]
fn a_name_may_go_on_in_any_script() {
    for (prefix, local) in [
        ("", "aé"),
        ("", "éa"),
        ("a", "éb"),
        ("aé", "b"),
        ("é", "é"),
        ("é1", "a-é."),
    ] {
        let colon = if prefix.is_empty() { "" } else { ":" };
        let name = format!("{prefix}{colon}{local}");
        let text =
            format!("<{name} xmlns{colon}{prefix}='urn:x' {name}='1'><{name}>x</{name}></{name}>");
        let document = parse(&text).unwrap();
        let root = document.root();
        for element in [root, root.children().next().unwrap()] {
            assert_eq!((element.prefix(), element.local_name()), (prefix, local));
            assert!(element.is("urn:x", local));
        }
        let namespace = if prefix.is_empty() { "" } else { "urn:x" };
        assert_eq!(root.attribute_ns(namespace, local), Some("1"));
    }
    for text in [
        "<·a/>",
        "<a:·b xmlns:a='urn:a'/>",
        "<a ·b='1'/>",
        "<aé×/>",
        "<a é:='1'/>",
    ] {
        assert_eq!(refused(text), "xml.syntax", "{text}");
    }
}

#[test]
fn every_character_that_xml_has_may_stand_in_a_text_and_no_other() {
    for code in (0..0x100).chain(0xd7f0..0xe010).chain(0xefb0..0xf0c0).chain(0xfeff..0x1_0010) {
        let Some(char) = char::from_u32(code).filter(|char| !"<&>\r".contains(*char)) else {
            continue;
        };
        let text = format!("<a b='.'>{char}</a>");
        let read = parse(&text).map(|document| document.root().text().unwrap().into_owned());
        if crate::xml::chars::is_char(char) {
            assert_eq!(read.unwrap(), char.to_string(), "{code:x}");
        } else {
            assert_eq!(
                read.err().unwrap().code().as_str(),
                "xml.syntax",
                "{code:x}"
            );
        }
    }
}

#[test]
fn white_space_in_a_value_is_spaces() {
    for (value, expected) in [
        ("\t", " "),
        ("\n", " "),
        ("\r", " "),
        ("\r\n", " "),
        ("1\t2", "1 2"),
        (" \n1", "  1"),
        ("é\t", "é "),
    ] {
        for quote in ["\"", "'"] {
            let text = format!("<a b={quote}{value}{quote} c={quote}1{quote}/>");
            let document = parse(&text).unwrap();
            assert_eq!(document.root().attribute("b"), Some(expected), "{value:?}");
            assert_eq!(document.root().attribute("c"), Some("1"), "{value:?}");
        }
    }
}

#[test]
fn references_are_the_characters_that_they_name() {
    let text = "<a b='&#x41;&#65;&amp;'>&lt;&gt;&quot;&apos;&amp;&#x1F600;&#xe9;</a>";
    let document = parse(text).unwrap();
    assert_eq!(document.root().attribute("b"), Some("AA&"));
    assert_eq!(document.root().text().unwrap(), "<>\"'&\u{1f600}é");
}

#[test]
fn a_text_that_comments_split_is_one_text() {
    let parse =
        |text: &str| Document::parse(text.as_bytes(), Mode::Metadata, &Limits::metadata()).unwrap();
    for (text, expected) in [
        ("<a>1<!-- -->2<!-- -->3</a>", "<a>123</a>"),
        ("<a>&amp;<!-- -->&lt;<!-- -->3</a>", "<a>&amp;&lt;3</a>"),
        (
            "<a>1<!-- -->&lt;<b>&amp;</b>2<!-- -->3<b/>4<!-- -->&amp;</a>",
            "<a>1&lt;<b>&amp;</b>23<b></b>4&amp;</a>",
        ),
        (
            "<a><b>&amp;<!-- --></b><b>x</b><!-- -->y&amp;<!-- --></a>",
            "<a><b>&amp;</b><b>x</b>y&amp;</a>",
        ),
    ] {
        assert_eq!(canonical(&parse(text)), expected, "{text}");
    }
}

#[test]
fn a_refusal_quotes_no_more_of_a_message_than_fits_a_line() {
    let found = |text: &str| parse(text).err().unwrap().values().found.unwrap();
    let long = "é".repeat(100);
    let short = "é".repeat(80);
    let id = found(&format!("<a ID='-{long}'/>"));
    assert!(id.contains(&"é".repeat(79)) && !id.contains(&short), "{id}");
    let prefix = found(&format!("<{long}:a/>"));
    assert!(
        prefix.contains(&short) && !prefix.contains(&format!("{short}é")),
        "{prefix}"
    );
}

#[test]
fn what_comes_again_is_paid_for_again() {
    // Elements for the size of the document.
    let many = |count: usize| {
        let text = "x".repeat(3200 - "<r></r>".len() - count * "<a></a>".len());
        refused(&format!("<r>{}{text}</r>", "<a></a>".repeat(count)))
    };
    assert_eq!(many(131), "accepted");
    assert_eq!(many(132), "xml.limit");
    // Names of namespaces, as canonical bytes may have them.
    let limits = Limits { bytes: 10_000, ..Limits::default() };
    let named = |count: usize| {
        let namespace = format!("urn:{}", "x".repeat(246));
        let leaf = format!("<p:a>{}</p:a>", "x".repeat(40));
        let text = format!("<p:r xmlns:p='{namespace}'>{}</p:r>", leaf.repeat(count));
        Document::parse(text.as_bytes(), Mode::Message, &limits).map(|_| ())
    };
    assert!(named(159).is_ok());
    assert_eq!(named(160).unwrap_err().code().as_str(), "xml.limit");
}

#[test]
fn elements_of_a_list_are_told_apart_by_each_byte_of_their_tags() {
    for length in 1..70 {
        let name = "a".repeat(length);
        for place in 0..length {
            let mut other = name.clone();
            other.replace_range(place..=place, "b");
            let [one, two] = [&name, &other].map(|name| format!("<{name}>1</{name}>"));
            let document = parse(&format!("<r>{one}{one}{two}{two}{one}</r>")).unwrap();
            let found = document.root().children().map(Element::local_name);
            let expected = [&name, &name, &other, &other, &name];
            assert!(found.eq(expected), "{place} of {length}");
            for wrong in [
                format!("<{name}>2</{other}>"),
                format!("<{other}>2</{name}>"),
            ] {
                for before in [one.clone(), one.repeat(2)] {
                    let text = format!("<r>{before}{wrong}{one}</r>");
                    assert_eq!(refused(&text), "xml.syntax", "{place} of {length}");
                }
            }
        }
    }
}
