//! Texts that many sessions have in common: the names of attributes and groups, what identity
//! providers call themselves. Each is kept once and known by its number.
//!
//! Promised: a number says the same for as long as the process lives. There is a bound to what is
//! kept; whatever comes later is no word, and its sessions keep it themselves.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Words, by number and by text.
#[derive(Debug, Default)]
pub(in crate::session) struct Words {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// Those of this process.
pub(in crate::session) static WORDS: std::sync::LazyLock<RwLock<Words>> =
    std::sync::LazyLock::new(RwLock::default);

impl Words {
    /// The number of a word, if it is one.
    pub(in crate::session) fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The word of a number.
    pub(in crate::session) fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(usize::try_from(number).ok()?).map(AsRef::as_ref)
    }

    fn add(&mut self, text: &str) {
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        if text.len() <= LONGEST && self.texts.len() < MOST && !self.numbers.contains_key(text) {
            let text: Arc<str> = Arc::from(text);
            self.texts.push(Arc::clone(&text));
            self.numbers.insert(text, number);
        }
    }
}

/// Makes words of these texts, as far as there is room.
pub(in crate::session) fn learn<'a>(texts: impl Iterator<Item = &'a str> + Clone) {
    let known = WORDS.read().unwrap_or_else(PoisonError::into_inner);
    // The usual case: everybody's attributes have the same names.
    if texts.clone().all(|text| known.number(text).is_some()) || known.texts.len() >= MOST {
        return;
    }
    drop(known);
    let mut words = WORDS.write().unwrap_or_else(PoisonError::into_inner);
    for text in texts {
        words.add(text);
    }
}

/// As many words as there may be: 3 MB at the very most.
const MOST: usize = 8192;
/// What is longer is no word.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_number_and_there_is_an_end_of_words() {
        let mut words = Words::default();
        words.add("one");
        words.add("two");
        words.add("one");
        words.add(&"x".repeat(LONGEST + 1));
        assert_eq!(
            (words.number("one"), words.number("two")),
            (Some(0), Some(1))
        );
        assert_eq!((words.text(1), words.text(2)), (Some("two"), None));
        for number in 0..2 * MOST {
            words.add(&number.to_string());
        }
        assert_eq!(words.texts.len(), MOST);
        assert_eq!(words.number("one"), Some(0));
        assert_eq!(words.number(&(2 * MOST - 1).to_string()), None);
    }
}
