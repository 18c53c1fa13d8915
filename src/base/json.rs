//! JSON where there is much of it: byte for byte what `serde_json` writes.
//!
//! In: whatever `serde` can serialise. Out: text. `serde_json` looks at each character by itself.
//! Few texts have any that needs more than to be copied, and here that is found out for many bytes
//! at a time.

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::Error;

/// A value as JSON.
///
/// ```
/// use samlgate::base::json;
/// assert_eq!(json::to_string(&("alice", [1, 2], None::<bool>)).unwrap(), r#"["alice",[1,2],null]"#);
/// ```
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let mut out = Vec::with_capacity(256);
    value.serialize(Writer(&mut out))?;
    String::from_utf8(out).map_err(Error::custom)
}

/// Adds a text.
pub fn string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.reserve(text.len().saturating_add(2));
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to a Vec can not fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Whether nothing needs an escape: no quote, no backslash, nothing below the space. Eight bytes at
/// a time, as most texts are too short for more.
fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    // Some of its bytes may have been looked at before.
    let last = text.last_chunk::<8>().copied().unwrap_or_else(|| {
        let mut last = [b' '; 8];
        last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        last
    });
    let special = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        // Its highest bit is set in a byte that is less than so much, and was less than 128: in the
        // lowest such byte at least.
        let less = |word: u64, than: u8| word.wrapping_sub(EACH * u64::from(than)) & !word;
        let is = |byte: u8| less(word ^ (EACH * u64::from(byte)), 1);
        (less(word, b' ') | is(b'"') | is(b'\\')) & (EACH << 7)
    };
    // To the end in any case: a way out in the middle would be asked for each time.
    words.iter().fold(special(&last), |found, word| found | special(word)) == 0
}

/// A one in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Adds a number.
pub fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut begin = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        begin = place;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(begin..).unwrap_or_default());
}

/// Adds a number that may be negative.
pub fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    number(out, value.unsigned_abs());
}

/// Adds one value.
struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    fn word(self, word: &str) -> Result<(), Error> {
        self.0.extend_from_slice(word.as_bytes());
        Ok(())
    }

    fn begin(self, begin: &[u8], end: &'static [u8]) -> Result<Several<'a>, Error> {
        self.0.extend_from_slice(begin);
        Ok(Several { out: self.0, some: false, end })
    }

    /// `{"variant":` and what follows.
    fn variant(self, variant: &str, begin: u8, end: &'static [u8]) -> Result<Several<'a>, Error> {
        self.0.push(b'{');
        string(self.0, variant);
        self.begin(&[b':', begin], end)
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Several<'a>;
    type SerializeTuple = Several<'a>;
    type SerializeTupleStruct = Several<'a>;
    type SerializeTupleVariant = Several<'a>;
    type SerializeMap = Several<'a>;
    type SerializeStruct = Several<'a>;
    type SerializeStructVariant = Several<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.word(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        integer(self.0, value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        number(self.0, value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        string(self.0, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut object = self.begin(b"{", b"}")?;
        object.member(variant, value)?;
        object.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Several<'a>, Error> {
        self.begin(b"[", b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Several<'a>, Error> {
        self.begin(b"[", b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Several<'a>, Error> {
        self.begin(b"[", b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Several<'a>, Error> {
        self.variant(variant, b'[', b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Several<'a>, Error> {
        self.begin(b"{", b"}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Several<'a>, Error> {
        self.begin(b"{", b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Several<'a>, Error> {
        self.variant(variant, b'{', b"}}")
    }
}

/// A list or an object that is being written.
struct Several<'a> {
    out: &'a mut Vec<u8>,
    some: bool,
    end: &'static [u8],
}

impl Several<'_> {
    fn comma(&mut self) {
        if self.some {
            self.out.push(b',');
        }
        self.some = true;
    }

    fn one<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.comma();
        value.serialize(Writer(self.out))
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        self.comma();
        string(self.out, key);
        self.out.push(b':');
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.end);
        Ok(())
    }
}

macro_rules! lists {
    ($($kind:ident $add:ident),*) => {
        $(impl ser::$kind for Several<'_> {
            type Ok = ();
            type Error = Error;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.one(value)
            }

            fn end(self) -> Result<(), Error> {
                Several::end(self)
            }
        })*
    };
}

lists!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! objects {
    ($($kind:ident),*) => {
        $(impl ser::$kind for Several<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.member(key, value)
            }

            fn end(self) -> Result<(), Error> {
                Several::end(self)
            }
        })*
    };
}

objects!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Several<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.comma();
        let begin = self.out.len();
        key.serialize(Writer(self.out))?;
        match self.out.get(begin) {
            Some(b'"') => Ok(()),
            _ => Err(Error::custom("a key that is no text")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Error> {
        Several::end(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Serialize, Serializer};
    use serde_json::json;

    use super::{is_plain, to_string};

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Name<'a>(&'a str);

    struct Bytes<'a>(&'a [u8]);

    impl Serialize for Bytes<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    #[derive(Serialize)]
    struct Whole<'a> {
        text: &'a str,
        none: Option<u8>,
        some: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
        unit: Unit,
        pair: (bool, char),
        kinds: Vec<Kind>,
    }

    #[derive(Serialize)]
    enum Kind {
        Plain,
        One(f64),
        Two(u8, i8),
        Named { a: u16, b: f32 },
    }

    fn same<T: Serialize + ?Sized>(value: &T) {
        assert_eq!(
            to_string(value).unwrap(),
            serde_json::to_string(value).unwrap()
        );
    }

    #[test]
    fn everything_is_what_serde_json_writes() {
        for text in ["", "alice", "a\"b", "\\", "Zoë\n\u{1}\u{7f}\u{2028}", "\t"] {
            same(text);
        }
        for value in [0, 7, -1, 10, 1_795_253_400_000_456, i64::MAX, i64::MIN] {
            same(&value);
        }
        for (byte, around) in (0..=127).flat_map(|byte| [(byte, "a"), (byte, "b")]) {
            for place in 0..17 {
                let mut text = [around; 17].concat();
                text.replace_range(place..=place, char::from(byte).encode_utf8(&mut [0]));
                same(&text);
                same(text.get(..=place).unwrap());
                same(&format!("é{text}"));
            }
        }
        same(&[0, 10, u64::MAX]);
        same(&(1_u16, 2_u32, -3_i16, -4_i32));
        same(&Name("alice"));
        same(&Bytes(b"a\"b"));
        same(&[0.1, -0.0, 1e300, f64::NAN]);
        same(&Whole {
            text: "x",
            none: None,
            some: Some(-5),
            skipped: None,
            unit: Unit,
            pair: (true, '"'),
            kinds: vec![
                Kind::Plain,
                Kind::One(1.5),
                Kind::Two(1, -1),
                Kind::Named { a: 1, b: 0.5 },
            ],
        });
        same(&json!({ "z": 1, "a": ["\u{2028}", null, {}, [], -1, 1.5, true] }));
        same(&());
    }

    #[test]
    fn a_text_is_copied_where_no_byte_of_it_needs_an_escape() {
        for byte in 0..=u8::MAX {
            let special = byte < b' ' || byte == b'"' || byte == b'\\';
            for place in 0..17 {
                let mut text = [b'a'; 17];
                text[place] = byte;
                assert_eq!(is_plain(&text), !special, "{byte} at {place}");
                assert_eq!(is_plain(&text[..=place]), !special, "{byte} behind {place}");
            }
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_an_error() {
        assert!(to_string(&BTreeMap::from([(vec![1], 1)])).is_err());
    }
}
