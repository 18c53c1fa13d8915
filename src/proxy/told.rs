//! What an application is told of a session, in few bytes.
//!
//! In: header lines. Out: bytes, and from them the lines again, for every request. Most of the lines
//! is the same for everybody: their names. So what is kept is what has to be put where into the
//! lines of nobody, each value once, however many headers say it. A session of all header profiles
//! then takes a third, and each cache line that is not read is one that need not be waited for.

use http::HeaderMap;

use crate::proxy::h1::exchange;

/// The lines of somebody whom we do not know: what values are put into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    lines: Vec<u8>,
}

impl Template {
    /// From headers without values.
    pub(crate) fn of(empty: &HeaderMap) -> Self {
        let mut lines = Vec::new();
        for name in empty.keys() {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": \r\n");
        }
        Self { lines }
    }

    /// As they are.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Packs headers.
    ///
    /// First two numbers of four bytes: how long the lines are, and how many values there are. Then
    /// three numbers of two bytes for each: how many bytes of the template stand before it, where
    /// it begins, how long it is. Then the values. What does not go into such numbers, or is not of
    /// this template, is kept as lines.
    pub(crate) fn pack(&self, headers: &HeaderMap) -> Vec<u8> {
        self.in_places(headers).unwrap_or_else(|| {
            let mut lines = Vec::new();
            exchange::lines(&mut lines, headers);
            let length = u32::try_from(lines.len()).unwrap_or_default();
            [&length.to_le_bytes()[..], &WHOLE.to_le_bytes(), &lines].concat()
        })
    }

    fn in_places(&self, headers: &HeaderMap) -> Option<Vec<u8>> {
        let (mut places, mut values): (Vec<[u16; 3]>, Vec<u8>) = (Vec::new(), Vec::new());
        let (mut rest, mut before) = (&*self.lines, 0_usize);
        for (name, value) in headers {
            rest = rest.strip_prefix(name.as_str().as_bytes())?.strip_prefix(b": \r\n")?;
            before = before.checked_add(name.as_str().len())?.checked_add(2)?;
            let value = value.as_bytes();
            if !value.is_empty() {
                let begin = memchr::memmem::find(&values, value).unwrap_or_else(|| {
                    values.extend_from_slice(value);
                    values.len().saturating_sub(value.len())
                });
                let place = [before, begin, value.len()].map(u16::try_from);
                let [Ok(before_it), Ok(begin), Ok(length)] = place else {
                    return None;
                };
                places.push([before_it, begin, length]);
                before = 0;
            }
            before = before.checked_add(2)?;
        }
        if !rest.is_empty() {
            return None;
        }
        let told: usize = places.iter().map(|[.., length]| usize::from(*length)).sum();
        let length = u32::try_from(self.lines.len().checked_add(told)?).ok()?;
        let mut packed = Vec::with_capacity(values.len().saturating_add(places.len() * 6 + 8));
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&u32::try_from(places.len()).ok()?.to_le_bytes());
        for number in places.iter().flatten() {
            packed.extend_from_slice(&number.to_le_bytes());
        }
        packed.extend_from_slice(&values);
        Some(packed)
    }

    /// How long the lines are that `packed` makes.
    pub(crate) fn length(packed: &[u8]) -> usize {
        let length = packed.first_chunk().map(|length| u32::from_le_bytes(*length));
        length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default()
    }

    /// Writes the lines that were packed.
    pub(crate) fn write(&self, packed: &[u8], out: &mut Vec<u8>) {
        let (places, values) = match split(packed) {
            Some(Split::Places(places, values)) => (places, values),
            Some(Split::Whole(lines)) => return out.extend_from_slice(lines),
            None => return out.extend_from_slice(&self.lines),
        };
        let mut rest = &*self.lines;
        for [a, b, c, d, e, f] in places {
            let number = |low: &u8, high: &u8| usize::from(u16::from_le_bytes([*low, *high]));
            let (before, begin, length) = (number(a, b), number(c, d), number(e, f));
            if let Some((before, after)) = rest.split_at_checked(before) {
                out.extend_from_slice(before);
                rest = after;
            }
            let value = values.get(begin..begin.saturating_add(length));
            out.extend_from_slice(value.unwrap_or_default());
        }
        out.extend_from_slice(rest);
    }
}

enum Split<'a> {
    Places(&'a [[u8; 6]], &'a [u8]),
    Whole(&'a [u8]),
}

fn split(packed: &[u8]) -> Option<Split<'_>> {
    let (count, rest) = packed.get(4..)?.split_first_chunk()?;
    let count = u32::from_le_bytes(*count);
    if count == WHOLE {
        return Some(Split::Whole(rest));
    }
    let count = usize::try_from(count).ok()?;
    let (places, values) = rest.split_at_checked(count.checked_mul(6)?)?;
    Some(Split::Places(places.as_chunks().0, values))
}

/// In place of the number of values.
const WHOLE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn lines(headers: &HeaderMap) -> Vec<u8> {
        let mut out = Vec::new();
        exchange::lines(&mut out, headers);
        out
    }

    fn named(values: &[String]) -> HeaderMap {
        let name = |number: usize| format!("x-header-{number}").parse().unwrap();
        let values = values.iter().map(|value| HeaderValue::from_str(value).unwrap());
        values
            .enumerate()
            .map(|(number, value): (_, HeaderValue)| (name(number), value))
            .collect()
    }

    fn empty(headers: &HeaderMap) -> HeaderMap {
        let names = headers.keys().cloned();
        names
            .map(|name: http::HeaderName| (name, HeaderValue::from_static("")))
            .collect()
    }

    proptest! {
        #[test]
        fn lines_are_the_same_when_they_are_written(
            values in prop::collection::vec("|[a-c]{1,3}|[!-~]{0,300}", 0..40),
        ) {
            let headers = named(&values);
            let template = Template::of(&empty(&headers));
            let packed = template.pack(&headers);
            let mut out = Vec::new();
            template.write(&packed, &mut out);
            prop_assert_eq!(&out, &lines(&headers));
            prop_assert_eq!(Template::length(&packed), out.len());
        }
    }

    #[test]
    fn a_value_that_several_headers_say_stands_once() {
        let headers = named(&[
            "alice@example.com".to_owned(),
            String::new(),
            "alice".to_owned(),
        ]);
        let packed = Template::of(&empty(&headers)).pack(&headers);
        assert_eq!(packed.len(), 8 + 2 * 6 + "alice@example.com".len());
    }

    #[test]
    fn what_does_not_fit_is_kept_as_it_is() {
        let long = named(&["x".repeat(40_000), "y".repeat(40_000), "z".to_owned()]);
        let two = named(&["x".to_owned(), "y".to_owned()]);
        for (headers, names) in [(&long, &long), (&two, &long), (&long, &two)] {
            let template = Template::of(&empty(names));
            let packed = template.pack(headers);
            let mut out = Vec::new();
            template.write(&packed, &mut out);
            assert_eq!(out, lines(headers));
            assert_eq!(Template::length(&packed), out.len());
        }
    }

    #[test]
    fn nobody_is_told_of_by_bytes_that_are_not_ours() {
        let template = Template::of(&empty(&named(&["x".to_owned()])));
        for packed in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\xff\xff\xff\x7f1234567"] {
            let mut out = Vec::new();
            template.write(packed, &mut out);
            assert_eq!(out, template.lines());
        }
    }
}
