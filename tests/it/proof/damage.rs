//! Bytes that were a message once.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// In a failure's report it is text.
#[derive(Clone)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string())
    }
}

/// The text with one to three pieces cut out, doubled, or replaced by something that means
/// something to some reader.
pub(crate) fn damaged(text: String) -> impl Strategy<Value = Bytes> {
    let piece = select(vec![
        "",
        "x",
        " ",
        "\r\n",
        "\t",
        "<",
        ">",
        "/>",
        "</",
        "\"",
        "'",
        "=",
        "&",
        ";",
        "&amp;",
        "&lt;x",
        "&#13;",
        "&#x0;",
        "&#xe9;",
        "&eacute;",
        "<!--x-->",
        "<!--",
        "<?x y?>",
        "<![CDATA[x]]>",
        "]]>",
        "<!DOCTYPE x>",
        "<x/>",
        "<x>y</x>",
        " xmlns='urn:x'",
        " xmlns=''",
        " xmlns:ds='urn:x'",
        " xml:lang='en'",
        " x='1'",
        " ID='_a'",
        "xmlns",
        "xml",
        ":",
        "\u{0}",
        "\u{b}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "é",
        "\u{1f600}",
    ]);
    let piece = prop_oneof![9 => piece.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..3)];
    let cut = prop_oneof![3 => Just(0_usize), 2 => 1_usize..4, 1 => 4_usize..200];
    let damage = (any::<Index>(), cut, piece);
    vec(damage, 1..4).prop_map(move |damages| {
        let mut bytes = text.clone().into_bytes();
        for (place, cut, piece) in damages {
            let start = place.index(bytes.len() + 1);
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, piece);
        }
        Bytes(bytes)
    })
}
