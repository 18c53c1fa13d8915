//! Elements that hold a text and nothing else: most of a message.

use super::super::XmlError;
use super::super::chars::is_white;
use super::super::tree::{ElementData, Form, Span, narrow, wide};
use super::Reader;
use super::scan::first_of;
use super::scope::Scope;
use super::tag::Tag;

impl Reader<'_> {
    /// What follows a start tag: a text up to the end tag, both as C14N writes them. Then the whole
    /// element is there at once. Whatever else it is, it begins here and is read on.
    #[inline]
    pub(super) fn content(&mut self, tag: &Tag<'_>, scope: Scope) -> Result<(), XmlError> {
        if let [b'<', other, ..] = self.rest
            && *other != b'/'
        {
            let mut data = self.data(tag, scope);
            data.begins_with(b"");
            self.begin(data);
            return Ok(());
        }
        let name = self.name(tag.name.whole());
        let (text, rest) = match plain_text(self.rest) {
            Some((text, rest)) if text.is_empty() || !self.odd.returns => (text, rest),
            _ => (&[][..], self.rest),
        };
        self.budget.text(text.len())?;
        let mut data = self.data(tag, scope);
        data.begins_with(text);
        let Some(rest) = behind_end_tag(name, rest) else {
            self.rest = rest;
            self.begin(data);
            return Ok(());
        };
        self.rest = rest;
        let number = narrow(self.tree.elements.len());
        data.end = number.saturating_add(1);
        data.behind = narrow(self.at());
        if !(data.form.is_canonical() && data.alike) {
            self.otherwise();
        }
        self.first_or_later(number);
        self.ended = number;
        self.tree.elements.push(data);
        // What follows the document element is not in it.
        let bare =
            data.content.saturating_sub(data.name.place()) == narrow(name.len().saturating_add(1));
        if bare && self.depth != 0 && !self.odd.returns && !self.rest.starts_with(b"</") {
            self.leaves_again(data);
        }
        Ok(())
    }

    /// The element that has just ended, of nothing but a name, again and again, each time with
    /// another text in it. The same tags in the same place mean the same, so all that was found out
    /// about them holds; what they cost is paid again. Where that is too much, or room has to be
    /// made, nothing is done here: the next one is then read alone.
    fn leaves_again(&mut self, first: ElementData) {
        let source = self.source.as_bytes();
        let start = first.name.place().saturating_sub(1);
        let start_tag = source.get(wide(start)..wide(first.content)).unwrap_or_default();
        let Some(mut inside) = behind(start_tag, self.rest) else {
            return;
        };
        let (before, behind_text) = (narrow(start_tag.len()), first.text.end());
        let end_tag = source.get(behind_text..wide(first.behind)).unwrap_or_default();
        // From one text to the next; the start tag of the second has just been seen.
        let next_content = wide(first.behind.saturating_add(before));
        let between = source.get(behind_text..next_content).unwrap_or_default();
        let length = narrow(end_tag.len());
        let namespace = self.namespace_length(first.namespace);
        let elements = &mut self.tree.elements;
        let room = elements.capacity().saturating_sub(elements.len());
        let most = self.budget.elements_alike(namespace).min(room);
        let mut left = most;
        let mut data = ElementData { form: Form::Again, ..first };
        while left > 0
            && let Some((text, rest)) = plain_text(inside)
            && self.budget.has_room_for(text.len())
        {
            let next = behind_both(between, rest);
            if next.is_none() && behind(end_tag, rest).is_none() {
                break;
            }
            left = left.saturating_sub(1);
            data.name = data.name.standing_at(data.behind.saturating_add(1));
            data.content = data.behind.saturating_add(before);
            data.begins_with(text);
            data.behind = data.text.until().saturating_add(length);
            data.end = data.end.saturating_add(1);
            elements.push(data);
            let Some(next) = next else {
                break;
            };
            inside = next;
        }
        self.rest = source.get(wide(data.behind)..).unwrap_or_default();
        self.ended = data.end.saturating_sub(1);
        self.budget.elements_again(most.saturating_sub(left), namespace);
    }
}

impl ElementData {
    /// This is the text at its beginning, where its content begins.
    #[inline]
    fn begins_with(&mut self, text: &[u8]) {
        let end = self.content.saturating_add(narrow(text.len()));
        self.text = Span::between(self.content, end);
        self.has_text = !text.iter().all(|byte| is_white(*byte));
    }
}

/// A text that stands as C14N writes it, up to the next tag, and what follows it.
#[inline(always)]
fn plain_text(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text {
        [b'<', ..] => Some((&[], text)),
        // `>`, because C14N escapes it.
        _ => {
            let (text, rest) = text.split_at_checked(first_of::<b'<', b'&', b'>'>(text)?)?;
            matches!(rest, [b'<', ..]).then_some((text, rest))
        }
    }
}

/// What follows an end tag, if it comes next as C14N writes it.
#[inline(always)]
pub(super) fn behind_end_tag<'t>(name: &[u8], text: &'t [u8]) -> Option<&'t [u8]> {
    let [b'<', b'/', rest @ ..] = text else {
        return None;
    };
    match behind(name, rest)? {
        [b'>', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// What follows two tags, if they come next: together they are longer than most names.
#[inline(always)]
fn behind_both<'t>(tags: &[u8], text: &'t [u8]) -> Option<&'t [u8]> {
    let (found, rest) = text.split_at_checked(tags.len())?;
    let equal = match (tags.first_chunk::<32>(), tags.last_chunk::<32>()) {
        (Some(first), Some(last)) if tags.len() <= 64 => {
            found.first_chunk() == Some(first) && found.last_chunk() == Some(last)
        }
        _ => found == tags,
    };
    equal.then_some(rest)
}

/// What follows a name, if it comes next.
#[inline(always)]
pub(super) fn behind<'t>(name: &[u8], text: &'t [u8]) -> Option<&'t [u8]> {
    let (found, rest) = text.split_at_checked(name.len())?;
    equal(found, name).then_some(rest)
}

/// Whether two texts of the same length are equal. Names are short: a call would take longer.
#[inline(always)]
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    if let (Some(one_ends), Some(other_ends)) = (ends::<16>(one), ends::<16>(other)) {
        return one_ends == other_ends && (one.len() <= 32 || one == other);
    }
    if let (Some(one), Some(other)) = (ends::<8>(one), ends::<8>(other)) {
        return one == other;
    }
    match (ends::<4>(one), ends::<4>(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.iter().eq(other),
    }
}

/// So many bytes at the beginning and at the end of a text, which may be some of them twice.
#[inline]
fn ends<const N: usize>(text: &[u8]) -> Option<([u8; N], [u8; N])> {
    Some((*text.first_chunk()?, *text.last_chunk()?))
}
