//! A list of texts in one piece of memory.
//!
//! People are in hundreds of groups, and each is a value of one attribute. A `String` of its own
//! for each costs more time to make and to drop than all the rest that is read from an Assertion.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Texts in their order; the same one may be there twice. Written as a list of strings.
///
/// ```
/// use samlgate::saml::Texts;
/// let texts = Texts::from_iter(["staff", "", "admins"]);
/// assert_eq!(texts.len(), 3);
/// assert!(texts.iter().eq(["staff", "", "admins"]));
/// assert_ne!(texts, Texts::from_iter(["staffadmins"]));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// One behind the other.
    whole: String,
    /// Where each of them ends, but the last, which ends where the whole does.
    inner_ends: Vec<usize>,
    /// There is a last one.
    some: bool,
}

impl Texts {
    /// None, with room for `count` of them that are `bytes` long together.
    #[inline]
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        Self {
            whole: String::with_capacity(bytes),
            inner_ends: Vec::with_capacity(count.saturating_sub(1)),
            some: false,
        }
    }

    /// Adds one behind the others.
    #[inline]
    pub fn push(&mut self, text: &str) {
        if self.some {
            self.inner_ends.push(self.whole.len());
        }
        self.some = true;
        self.whole.push_str(text);
    }

    /// How many.
    pub const fn len(&self) -> usize {
        if self.some {
            self.inner_ends.len().saturating_add(1)
        } else {
            0
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        !self.some
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        let last = self.some.then_some(self.whole.len());
        let ends = self.inner_ends.iter().copied().chain(last);
        ends.scan(0, |start, end| {
            let text = self.whole.get(*start..end).unwrap_or_default();
            *start = end;
            Some(text)
        })
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Self::default();
        for text in texts {
            all.push(text.as_ref());
        }
        all
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Texts::default();
                while let Some(text) = list.next_element::<String>()? {
                    texts.push(&text);
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_number_order_and_borders() {
        let lists: [&[&str]; 7] = [
            &[],
            &[""],
            &["", ""],
            &["a"],
            &["", "a"],
            &["a", ""],
            &["a", "ü", "bc", ""],
        ];
        for list in lists {
            let texts = list.iter().collect::<Texts>();
            assert!(texts.iter().eq(list.iter().copied()), "{list:?}");
            assert_eq!(texts.len(), list.len());
            assert_eq!(texts.is_empty(), list.is_empty());
            assert_eq!(format!("{texts:?}"), format!("{list:?}"));
            let mut roomy = Texts::with_capacity(9, 99);
            list.iter().for_each(|text| roomy.push(text));
            assert_eq!(roomy, texts);
            for other in lists {
                let same = texts == other.iter().collect::<Texts>();
                assert_eq!(same, list == other, "{list:?} {other:?}");
            }
        }
    }

    #[test]
    fn texts_are_written_as_a_list_of_strings() {
        for list in [&[][..], &[""], &["a", "", "\"ü\\"]] {
            let written = serde_json::to_string(&list.iter().collect::<Texts>()).unwrap();
            assert_eq!(written, serde_json::to_string(list).unwrap());
            let read = serde_json::from_str::<Texts>(&written).unwrap();
            assert!(read.iter().eq(list.iter().copied()));
        }
        assert!(serde_json::from_str::<Texts>("\"a\"").is_err());
        assert!(serde_json::from_str::<Texts>("[1]").is_err());
    }
}
