//! C14N by the recommendations' own examples, and against a second, plain way of writing it.

use proptest::prelude::*;

use super::*;
use crate::xml::{Limits, Mode};

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap()
}

/// The element that these numbers of children lead to.
fn at<'d>(document: &'d Document, path: &[usize]) -> Element<'d> {
    path.iter().fold(document.root(), |element, place| {
        element.children().nth(*place).unwrap()
    })
}

fn exclusively(element: Element<'_>, prefixes: &[&str]) -> String {
    let mut out = b"before".to_vec();
    exclusive(element, prefixes, &mut out);
    String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
}

fn inclusively(element: Element<'_>, version: Version) -> String {
    let mut out = b"before".to_vec();
    inclusive(element, version, &mut out);
    String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
}

const BOTH: [Version; 2] = [Version::V1_0, Version::V1_1];

#[test]
fn c14n_1_0_3_2_whitespace_stays() {
    let text = concat!(
        "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n",
        "      <clean>   </clean>\n      B\n      <dirty>   A   B   </dirty>\n      C\n",
        "   </mixed>\n</doc>",
    );
    let document = parse(text);
    for version in BOTH {
        assert_eq!(inclusively(document.root(), version), text);
    }
    assert_eq!(exclusively(document.root(), &[]), text);
}

/// Without the DTD, whose default attribute we can not have.
#[test]
fn c14n_1_0_3_3_start_and_end_tags() {
    let text = concat!(
        "<doc>\n   <e1   />\n   <e2   ></e2>\n",
        "   <e3   name = \"elem3\"   id=\"elem3\"   />\n",
        "   <e4   name=\"elem4\"   id=\"elem4\"   ></e4>\n",
        "   <e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\"\n",
        "      xmlns:b=\"http://www.ietf.org\"\n      xmlns:a=\"http://www.w3.org\"\n",
        "      xmlns=\"http://example.org\"/>\n",
        "   <e6 xmlns=\"\" xmlns:a=\"http://www.w3.org\">\n",
        "      <e7 xmlns=\"http://www.ietf.org\">\n",
        "         <e8 xmlns=\"\" xmlns:a=\"http://www.w3.org\">\n",
        "            <e9 xmlns=\"\" xmlns:a=\"http://www.ietf.org\"/>\n",
        "         </e8>\n      </e7>\n   </e6>\n</doc>",
    );
    let canonical = concat!(
        "<doc>\n   <e1></e1>\n   <e2></e2>\n",
        "   <e3 id=\"elem3\" name=\"elem3\"></e3>\n",
        "   <e4 id=\"elem4\" name=\"elem4\"></e4>\n",
        "   <e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" ",
        "xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" ",
        "a:attr=\"out\"></e5>\n",
        "   <e6 xmlns:a=\"http://www.w3.org\">\n",
        "      <e7 xmlns=\"http://www.ietf.org\">\n",
        "         <e8 xmlns=\"\">\n",
        "            <e9 xmlns:a=\"http://www.ietf.org\"></e9>\n",
        "         </e8>\n      </e7>\n   </e6>\n</doc>",
    );
    let document = parse(text);
    for version in BOTH {
        assert_eq!(inclusively(document.root(), version), canonical);
        // What is canonical stays as it is.
        assert_eq!(inclusively(parse(canonical).root(), version), canonical);
    }
}

/// Without CDATA and the attributes that a DTD would have typed.
#[test]
fn c14n_1_0_3_4_character_modifications() {
    let text = concat!(
        "<doc>\n   <text>First line&#x0d;&#10;Second line</text>\n",
        "   <value>&#x32;</value>\n",
        "   <compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\n",
        "   <compute expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>valid",
        "</compute>\n</doc>",
    );
    let canonical = concat!(
        "<doc>\n   <text>First line&#xD;\nSecond line</text>\n",
        "   <value>2</value>\n",
        "   <compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\n",
        "   <compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ",
        "?&quot;valid&quot;:&quot;error&quot;\">valid</compute>\n</doc>",
    );
    for version in BOTH {
        assert_eq!(inclusively(parse(text).root(), version), canonical);
    }
    assert_eq!(exclusively(parse(text).root(), &[]), canonical);
}

#[test]
fn c14n_1_0_3_6_utf_8() {
    assert_eq!(
        inclusively(parse("<doc>&#169;</doc>").root(), Version::V1_0),
        "<doc>\u{a9}</doc>"
    );
}

/// Exclusive C14N, 2.1: two envelopes around one element, and what becomes of it.
#[test]
fn exclusive_c14n_2_1_the_envelope_is_another() {
    let alone = "<n1:elem1 xmlns:n1=\"http://b.example\">\n    content\n  </n1:elem1>";
    let text = concat!(
        "<n0:pdu xmlns:n0='http://a.example'>\n  <n1:elem1 xmlns:n1='http://b.example'>\n",
        "    content\n  </n1:elem1>\n</n0:pdu>",
    );
    let document = parse(text);
    let apex = at(&document, &[0]);
    let with_n0 = alone.replace("<n1:elem1 ", "<n1:elem1 xmlns:n0=\"http://a.example\" ");
    assert_eq!(inclusively(apex, Version::V1_0), with_n0);
    assert_eq!(exclusively(apex, &[]), alone);
}

/// Exclusive C14N, 2.2, both documents and both ways.
#[test]
fn exclusive_c14n_2_2_general_problems_with_reenveloping() {
    let first = parse(concat!(
        "<n0:local xmlns:n0=\"foo:bar\"\n          xmlns:n3=\"ftp://example.org\">\n",
        "  <n1:elem2 xmlns:n1=\"http://example.net\"\n            xml:lang=\"en\">\n",
        "    <n3:stuff xmlns:n3=\"ftp://example.org\"/>\n  </n1:elem2>\n</n0:local>",
    ));
    let second = parse(concat!(
        "<n2:pdu xmlns:n1=\"http://example.com\"\n        xmlns:n2=\"http://foo.example\"\n",
        "        xml:lang=\"fr\"\n        xml:space=\"retain\">\n",
        "  <n1:elem2 xmlns:n1=\"http://example.net\"\n            xml:lang=\"en\">\n",
        "    <n3:stuff xmlns:n3=\"ftp://example.org\"/>\n  </n1:elem2>\n</n2:pdu>",
    ));
    let exclusive = concat!(
        "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\">\n",
        "    <n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff>\n  </n1:elem2>",
    );
    for version in BOTH {
        assert_eq!(
            inclusively(at(&first, &[0]), version),
            concat!(
                "<n1:elem2 xmlns:n0=\"foo:bar\" xmlns:n1=\"http://example.net\" ",
                "xmlns:n3=\"ftp://example.org\" xml:lang=\"en\">\n",
                "    <n3:stuff></n3:stuff>\n  </n1:elem2>",
            )
        );
        assert_eq!(
            inclusively(at(&second, &[0]), version),
            concat!(
                "<n1:elem2 xmlns:n1=\"http://example.net\" xmlns:n2=\"http://foo.example\" ",
                "xml:lang=\"en\" xml:space=\"retain\">\n",
                "    <n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff>\n  </n1:elem2>",
            )
        );
    }
    assert_eq!(exclusively(at(&first, &[0]), &[]), exclusive);
    assert_eq!(exclusively(at(&second, &[0]), &[]), exclusive);
}

/// C14N 1.1, 2.4 and the appendix of its reasons: what 1.0 does to `xml:id` was the mistake.
#[test]
fn c14n_1_1_does_not_hand_xml_id_down() {
    let text = "<a xml:id='outer' xml:lang='en' xml:x='y'><b><c/></b></a>";
    let document = parse(text);
    assert_eq!(
        inclusively(at(&document, &[0]), Version::V1_0),
        "<b xml:id=\"outer\" xml:lang=\"en\" xml:x=\"y\"><c></c></b>"
    );
    assert_eq!(
        inclusively(at(&document, &[0, 0]), Version::V1_1),
        "<c xml:lang=\"en\"></c>"
    );
    // Its own are its own.
    let document = parse("<a xml:id='outer'><b xml:id='inner' xml:base='urn:b'/></a>");
    for version in BOTH {
        assert_eq!(
            inclusively(at(&document, &[0]), version),
            "<b xml:base=\"urn:b\" xml:id=\"inner\"></b>"
        );
    }
    assert!(!inherits_base(at(&document, &[0])));
}

#[test]
fn an_xml_base_around_an_element_is_noticed() {
    let document = parse("<a xml:base='urn:b'><b base='x'><c><d/></c></b></a>");
    assert!(!inherits_base(document.root()));
    assert!(inherits_base(at(&document, &[0])));
    assert!(inherits_base(at(&document, &[0, 0, 0]).narrowed(None)));
    let document = parse("<a base='urn:b'><b xml:base='x'/></a>");
    assert!(!inherits_base(at(&document, &[0])));
    // 1.0 hands it down like the others.
    let document = parse("<a xml:base='urn:b'><b/></a>");
    assert_eq!(
        inclusively(at(&document, &[0]), Version::V1_0),
        "<b xml:base=\"urn:b\"></b>"
    );
}

#[test]
fn the_nearest_declaration_and_attribute_count() {
    let text = concat!(
        "<a xmlns='urn:1' xmlns:p='urn:1' xml:lang='en' xml:space='default'>",
        "<b xmlns='urn:2' xmlns:p='urn:2' xml:lang='fr'><c xml:space='preserve'><p:d/></c></b></a>",
    );
    let document = parse(text);
    for version in BOTH {
        assert_eq!(
            inclusively(at(&document, &[0, 0]), version),
            "<c xmlns=\"urn:2\" xmlns:p=\"urn:2\" xml:lang=\"fr\" xml:space=\"preserve\"><p:d></p:d></c>"
        );
    }
    // `xmlns=""` hides the outer one, and is itself nothing to write at the top.
    let document = parse("<a xmlns='urn:1' xmlns:q='urn:q'><b xmlns=''><c xmlns='urn:1'/></b></a>");
    for version in BOTH {
        assert_eq!(
            inclusively(at(&document, &[0]), version),
            "<b xmlns:q=\"urn:q\"><c xmlns=\"urn:1\"></c></b>"
        );
        assert_eq!(
            inclusively(document.root(), version),
            "<a xmlns=\"urn:1\" xmlns:q=\"urn:q\"><b xmlns=\"\"><c xmlns=\"urn:1\"></c></b></a>"
        );
    }
}

#[test]
fn what_is_hidden_is_not_written_and_what_is_around_is_inherited() {
    let text = "<r xmlns:p='urn:p' xml:lang='en'><a><s/>t<b/></a></r>";
    let document = parse(text);
    let apex = at(&document, &[0]);
    let view = apex.narrowed(apex.child("", "s"));
    assert_eq!(exclusively(view, &[]), "<a>t<b></b></a>");
    for version in BOTH {
        assert_eq!(
            inclusively(view, version),
            "<a xmlns:p=\"urn:p\" xml:lang=\"en\">t<b></b></a>"
        );
    }
}

#[test]
fn inclusive_c14n_writes_what_is_in_scope_once() {
    // Exclusive C14N writes such names at each sibling, which the reader's budget bounds.
    let name = "x".repeat(200);
    let declared = (0..10).map(|n| format!(" xmlns:p{n}=\"urn:{n}{name}\"")).collect::<String>();
    let used = (0..10).map(|n| format!(" p{n}:a=\"value-x\"")).collect::<String>();
    let siblings = format!("<b{used}></b>").repeat(400);
    let document = parse(&format!("<r{declared}><a>{siblings}</a></r>"));
    for version in BOTH {
        assert_eq!(
            inclusively(at(&document, &[0]), version),
            format!("<a{declared}>{siblings}</a>")
        );
    }
    assert!(exclusively(at(&document, &[0]), &[]).len() > 400 * 10 * name.len());
}

#[test]
fn texts_around_a_comment_are_escaped_each() {
    let text = "<a>1&#65;<!-- -->&#13;<!-- --> &gt;<b/></a>";
    let document = Document::parse(text.as_bytes(), Mode::Metadata, &Limits::metadata()).unwrap();
    assert_eq!(
        exclusively(document.root(), &[]),
        "<a>1A&#xD; &gt;<b></b></a>"
    );
}

#[test]
fn a_tag_that_is_nearly_canonical_is_written_out() {
    let canonical = "<r xmlns:p=\"urn:p\" p:r=\"\"><a b=\"1\" c=\"2\" p:d=\"3\">t</a></r>";
    assert_eq!(exclusively(parse(canonical).root(), &[]), canonical);
    for (from, to) in [
        ("<a b", "<a  b"),
        ("<a b", "<a\nb"),
        ("<a b", "<a\tb"),
        ("b=\"1\"", "b='1'"),
        ("b=\"1\"", "b =\"1\""),
        ("b=\"1\"", "b= \"1\""),
        ("b=\"1\"", "b=\"&#49;\""),
        ("\"1\" c", "\"1\"  c"),
        ("\"1\" c", "\"1\"\r\nc"),
        ("\"3\">", "\"3\" >"),
        ("\"3\">", "\"3\"\n>"),
        ("</a>", "</a >"),
        ("</a>", "</a\n>"),
        ("<a b=\"1\" c=\"2\"", "<a c=\"2\" b=\"1\""),
        (
            "<a b=\"1\" c=\"2\" p:d=\"3\"",
            "<a p:d=\"3\" b=\"1\" c=\"2\"",
        ),
        ("<a b", "<a xmlns:q=\"urn:q\" b"),
        ("<a b", "<a xmlns:p=\"urn:p\" b"),
        (">t<", ">&#116;<"),
    ] {
        assert!(canonical.contains(from));
        let text = canonical.replacen(from, to, 1);
        assert_eq!(exclusively(parse(&text).root(), &[]), canonical, "{text}");
    }
    let text = "<r><a b='\"' c='>'>></a><a/><a></a></r>";
    assert_eq!(
        exclusively(parse(text).root(), &[]),
        "<r><a b=\"&quot;\" c=\">\">&gt;</a><a></a><a></a></r>"
    );
}

#[test]
fn white_space_before_the_only_attribute_is_one_space() {
    let canonical = "<r><a b=\"1\"><c></c></a></r>";
    assert_eq!(exclusively(parse(canonical).root(), &[]), canonical);
    for start in [
        "<a  b=\"1\">",
        "<a\tb=\"1\">",
        "<a b=\"1\" >",
        "<a b=\"&#49;\">",
    ] {
        let text = format!("<r>{start}<c/></a></r>");
        let document = parse(&text);
        assert_eq!(exclusively(document.root(), &[]), canonical, "{text}");
        for version in BOTH {
            assert_eq!(inclusively(document.root(), version), canonical, "{text}");
        }
    }
}

#[test]
fn a_listed_prefix_that_nobody_declares_changes_nothing() {
    let text = "<a xmlns=\"urn:d\"><b xmlns:z=\"urn:z\" z:c=\"\"></b></a>";
    let document = parse(text);
    for list in [&["missing"][..], &["missing", "#default"], &[]] {
        assert_eq!(exclusively(document.root(), list), text, "{list:?}");
    }
    let text = "<p:a xmlns:p=\"urn:p\"><p:b xmlns:z=\"urn:z\" z:c=\"\"></p:b></p:a>";
    let document = parse(text);
    assert_eq!(exclusively(document.root(), &["missing", "#default"]), text);
}

/// Elements without prefixes can be taken over whole, with all that is in them; and only those that
/// would be written as they stand.
#[test]
fn an_element_that_is_nearly_canonical_is_written_out() {
    let canonical = "<r><e><a b=\"1\" c=\"x y\"><x></x>t</a></e><z></z></r>";
    let written = |text: &str| {
        let document = Document::parse(text.as_bytes(), Mode::Metadata, &Limits::metadata());
        let document = document.unwrap();
        for version in BOTH {
            let inclusively = inclusively(document.root(), version);
            assert_eq!(inclusively, exclusively(document.root(), &[]), "{text}");
        }
        exclusively(document.root(), &[])
    };
    assert_eq!(written(canonical), canonical);
    for (from, to) in [
        ("<a b", "<a  b"),
        ("<a b", "<a\nb"),
        ("<a b", "<a\tb"),
        ("\"1\" c", "\"1\"\tc"),
        ("\"1\"", "'1'"),
        ("\"x y\"", "'x y'"),
        ("\"1\"", "\"&#49;\""),
        ("\"x y\"", "\"x\ty\""),
        ("\"x y\"", "\"x\ny\""),
        ("b=\"1\" c=\"x y\"", "c=\"x y\" b=\"1\""),
        ("b=\"1\"", "b= \"1\""),
        ("b=\"1\"", "b =\"1\""),
        ("y\">", "y\" >"),
        ("y\">", "y\"\n>"),
        ("</a>", "</a >"),
        ("</a>", "</a\n>"),
        ("</e>", "</e\t>"),
        ("<e>", "<e >"),
        ("<x></x>", "<x/>"),
        ("<x></x>", "<x />"),
        ("<x></x>", "<x></x >"),
        ("<z></z>", "<z/>"),
        ("</x>t", "</x>&#116;"),
        ("</x>t", "</x><!-- -->t"),
        ("</x>t", "</x>t<!-- -->"),
        ("<e>", "<e><!---->"),
    ] {
        assert!(canonical.contains(from));
        let text = canonical.replacen(from, to, 1);
        assert_eq!(written(&text), canonical, "{text}");
    }
    for (from, to, expected) in [
        (">t<", ">&gt;<", ">&gt;<"),
        (">t<", ">><", ">&gt;<"),
        (">t<", ">&#13;<", ">&#xD;<"),
        (">t<", ">\r\n<", ">\n<"),
        ("\"1\"", "'\"'", "\"&quot;\""),
        ("\"1\"", "\"&lt;\"", "\"&lt;\""),
        ("\"1\"", "\">\"", "\">\""),
        ("\"1\"", "\"'\"", "\"'\""),
    ] {
        let text = canonical.replacen(from, to, 1);
        assert_eq!(
            written(&text),
            canonical.replacen(from, expected, 1),
            "{text}"
        );
    }
}

#[test]
fn a_namespace_is_written_where_the_output_does_not_have_it_yet() {
    for (text, expected) in [
        // Declared around and used below: written at each that uses it, without its own below it.
        (
            "<r xmlns:p=\"urn:p\"><p:a><p:b></p:b><c></c></p:a><p:a></p:a></r>",
            "<r><p:a xmlns:p=\"urn:p\"><p:b></p:b><c></c></p:a><p:a xmlns:p=\"urn:p\"></p:a></r>",
        ),
        // What is around could be taken over whole, but for the one below.
        (
            "<r xmlns:p=\"urn:p\"><a><p:b></p:b></a></r>",
            "<r><a><p:b xmlns:p=\"urn:p\"></p:b></a></r>",
        ),
        (
            "<p:r xmlns=\"urn:d\" xmlns:p=\"urn:p\"><p:a><b></b></p:a></p:r>",
            "<p:r xmlns:p=\"urn:p\"><p:a><b xmlns=\"urn:d\"></b></p:a></p:r>",
        ),
        // By an attribute.
        (
            "<r xmlns:p=\"urn:p\"><a p:b=\"1\"><c p:d=\"2\"></c></a><c p:d=\"2\"></c></r>",
            concat!(
                "<r><a xmlns:p=\"urn:p\" p:b=\"1\"><c p:d=\"2\"></c></a>",
                "<c xmlns:p=\"urn:p\" p:d=\"2\"></c></r>",
            ),
        ),
        // The element has it and its attribute another one, and the other way round.
        (
            "<r xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><p:a><p:c q:d=\"2\"></p:c></p:a></r>",
            "<r><p:a xmlns:p=\"urn:p\"><p:c xmlns:q=\"urn:q\" q:d=\"2\"></p:c></p:a></r>",
        ),
        (
            "<r xmlns:p=\"urn:p\"><a p:b=\"1\"><p:c><d></d></p:c></a><p:c xml:lang=\"en\"></p:c></r>",
            concat!(
                "<r><a xmlns:p=\"urn:p\" p:b=\"1\"><p:c><d></d></p:c></a>",
                "<p:c xmlns:p=\"urn:p\" xml:lang=\"en\"></p:c></r>",
            ),
        ),
    ] {
        assert_eq!(exclusively(parse(text).root(), &[]), expected, "{text}");
        assert_eq!(inclusively(parse(text).root(), Version::V1_0), text);
    }
}

#[test]
fn single_quotes_become_double_ones() {
    let document = parse("<r><e><a b='1'>t</a></e></r>");
    let expected = "<r><e><a b=\"1\">t</a></e></r>";
    assert_eq!(exclusively(document.root(), &[]), expected);
    assert_eq!(inclusively(document.root(), Version::V1_0), expected);
}

#[test]
fn a_tab_or_line_end_in_a_tag_becomes_a_space() {
    for (start, end) in [("<a\tb=\"1\">", "</a>"), ("<a\nb=\"1\"\tc=\"2\">", "</a>")] {
        let text = format!("<r><e>{start}t{end}</e></r>");
        let expected = text.replace(['\t', '\n'], " ");
        assert_eq!(exclusively(parse(&text).root(), &[]), expected);
        assert_eq!(inclusively(parse(&text).root(), Version::V1_0), expected);
    }
}

#[test]
fn a_text_whose_references_are_those_of_c14n_stands_as_it_is() {
    for text in [
        "<r><e>a &amp; b&lt;&gt;&#xD;</e><e>c</e></r>",
        "<r><e>&#13;&#38;&#x3e;</e></r>",
    ] {
        let expected = text
            .replace("&#13;", "&#xD;")
            .replace("&#38;", "&amp;")
            .replace("&#x3e;", "&gt;");
        assert_eq!(exclusively(parse(text).root(), &[]), expected);
        assert_eq!(inclusively(parse(text).root(), Version::V1_0), expected);
    }
}

/// The recommendations written down as plainly as can be: recursive, with maps, and without any
/// knowledge of the source.
mod plainly {
    use std::collections::BTreeMap;

    use crate::xml::tree::{ElementData, wide};
    use crate::xml::{Document, Element, c14n::Version, ns};

    type Namespaces<'d> = BTreeMap<&'d str, &'d str>;

    pub(super) fn exclusive(element: Element<'_>, list: &[&str]) -> String {
        let choose = |document: &Document, data: &ElementData| -> Vec<String> {
            let mut prefixes = vec![document.str(data.name.prefix()).to_owned()];
            let own = document.attributes_of(data).iter();
            let used = own.map(|attribute| document.str(attribute.name.prefix()).to_owned());
            prefixes.extend(used.filter(|prefix| !prefix.is_empty()));
            prefixes.extend(list.iter().map(|prefix| prefix.replace("#default", "")));
            prefixes
        };
        let mut out = String::new();
        write(
            element,
            element.subtree().start,
            None,
            &Namespaces::new(),
            &choose,
            &mut out,
        );
        out
    }

    pub(super) fn inclusive(element: Element<'_>, version: Version) -> String {
        let choose = |document: &Document, data: &ElementData| -> Vec<String> {
            in_scope(document, data)
                .into_keys()
                .map(str::to_owned)
                .chain([String::new()])
                .collect()
        };
        let mut out = String::new();
        write(
            element,
            element.subtree().start,
            Some(version),
            &Namespaces::new(),
            &choose,
            &mut out,
        );
        out
    }

    fn in_scope<'d>(document: &'d Document, data: &ElementData) -> Namespaces<'d> {
        let mut all = Namespaces::new();
        let mut scope = data.scope;
        while let Some(binding) = document.bindings.get(wide(scope)) {
            all.entry(document.str(binding.prefix))
                .or_insert_with(|| document.str(binding.namespace));
            scope = binding.outer;
        }
        all
    }

    fn write(
        view: Element<'_>,
        id: usize,
        inherits: Option<Version>,
        rendered: &Namespaces<'_>,
        choose: &dyn Fn(&Document, &ElementData) -> Vec<String>,
        out: &mut String,
    ) {
        let document = view.document();
        let data = &document.elements[id];
        let name = match document.str(data.name.prefix()) {
            "" => document.str(data.name.local()).to_owned(),
            prefix => format!("{prefix}:{}", document.str(data.name.local())),
        };
        out.push_str(&format!("<{name}"));
        let scope = in_scope(document, data);
        let mut now = rendered.clone();
        let mut declared = Namespaces::new();
        for prefix in choose(document, data) {
            if prefix == "xml" {
                continue;
            }
            match (
                scope.get_key_value(prefix.as_str()),
                rendered.get(prefix.as_str()),
            ) {
                (Some((prefix, namespace)), known) if known.unwrap_or(&"") != namespace => {
                    declared.insert(prefix, namespace);
                }
                (None, Some(known)) if prefix.is_empty() && !known.is_empty() => {
                    declared.insert("", "");
                }
                _ => {}
            }
        }
        for (prefix, namespace) in declared {
            let colon = if prefix.is_empty() { "" } else { ":" };
            out.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", value(namespace)));
            now.insert(prefix, namespace);
        }
        let mut attributes = BTreeMap::new();
        let mut from = Some(data);
        let mut own = true;
        while let Some(element) = from {
            for attribute in document.attributes_of(element) {
                let namespace = document.namespace(attribute.namespace);
                let local = document.str(attribute.name.local());
                let handed_down = namespace == ns::XML
                    && match inherits {
                        None => false,
                        Some(Version::V1_0) => true,
                        Some(Version::V1_1) => local == "lang" || local == "space",
                    };
                if own || handed_down {
                    attributes.entry((namespace, local)).or_insert(attribute);
                }
            }
            own = false;
            from = document.parent_of(element);
        }
        for ((_, local), attribute) in attributes {
            let colon = if attribute.name.prefix().is_empty() {
                ""
            } else {
                ":"
            };
            let prefix = document.str(attribute.name.prefix());
            let value = value(document.str(attribute.value));
            out.push_str(&format!(" {prefix}{colon}{local}=\"{value}\""));
        }
        out.push('>');
        out.push_str(&text(document.str(data.text)));
        let mut next = id + 1;
        while next < wide(data.end) {
            let child = &document.elements[next];
            if view.hidden() != Some(next) {
                write(view, next, None, &now, choose, out);
            }
            out.push_str(&text(document.str(child.tail)));
            next = wide(child.end);
        }
        out.push_str(&format!("</{name}>"));
    }

    fn text(text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('>', "&gt;").replace('\r', "&#xD;")
    }

    fn value(text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        text.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;")
    }
}

/// Documents that are canonical in most places, and not in some.
fn documents() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "p:a", "q:b", "é", "p:a", "a"]);
    let text = prop::sample::select(vec![
        "",
        "x",
        " \n",
        "&amp;&lt;",
        "&#13;é",
        "\r\n",
        ">\"'",
        "&#65;",
        "text",
        "&#62;",
    ]);
    let space = prop::sample::select(vec![" ", " ", " ", " ", "  ", "\n", "\r\n\t"]);
    let attribute = prop::sample::select(vec![
        "a=\"1\"",
        "b=\"2\"",
        "x=\"\"",
        "p:x=\"&#9;'\"",
        "q:x=\"3\"",
        "p:a=\"1\"",
        "c='\"'",
        "d = \"4\"",
        "e=\"&quot;\"",
        "xml:lang=\"en\"",
        "xml:space=\"preserve\"",
        "xml:id=\"i\"",
        "xml:base=\"urn:b\"",
        "f=\"é>\"",
        "g='5'",
        "xmlns=\"urn:1\"",
        "xmlns=\"\"",
        "xmlns:p=\"urn:2\"",
        "xmlns:p=\"urn:1\"",
        "xmlns:q=\"urn:q\"",
        "xmlns:unused=\"urn:u\"",
    ]);
    let attributes = prop::collection::vec((space, attribute), 0..4);
    let ending = prop::sample::select(vec!["", "", "", "", " ", "\n"]);
    let leaf = text.clone().prop_map(str::to_owned);
    let inner = leaf.prop_recursive(6, 60, 4, move |inner| {
        let children = prop::collection::vec(inner, 0..4);
        (
            name.clone(),
            attributes.clone(),
            text.clone(),
            children,
            ending.clone(),
            ending.clone(),
        )
            .prop_map(|(name, attributes, text, children, ending, end)| {
                let attributes = attributes
                    .into_iter()
                    .map(|(space, attribute)| format!("{space}{attribute}"))
                    .collect::<String>();
                let children = children.concat();
                if children.is_empty() && !ending.is_empty() {
                    format!("{text}<{name}{attributes}{ending}/>")
                } else {
                    format!("{text}<{name}{attributes}{ending}>{children}</{name}{end}>")
                }
            })
    });
    inner.prop_map(|inner| {
        format!("<r xmlns:p=\"urn:1\" xmlns:q=\"urn:q\" xml:lang=\"fr\" xml:id=\"r\">{inner}</r>")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_short_way_writes_what_the_plain_way_writes(
        text in documents(),
        list in prop::sample::subsequence(vec!["p", "q", "#default", "xml", "nope"], 0..4),
        apex in 0_usize..8,
        hidden in 0_usize..6,
    ) {
        // An attribute twice, for instance; those are refused, rightly.
        if let Ok(document) = Document::parse(text.as_bytes(), Mode::Message, &Limits::default()) {
            let all = std::iter::once(document.root()).chain(document.root().descendants());
            let apex = all.clone().nth(apex).unwrap_or_else(|| document.root());
            let view = apex.narrowed(apex.children().nth(hidden));
            prop_assert_eq!(exclusively(view, &list), plainly::exclusive(view, &list), "{}", text);
            for version in BOTH {
                prop_assert_eq!(
                    inclusively(view, version),
                    plainly::inclusive(view, version),
                    "{}",
                    text
                );
            }
        }
    }
}
