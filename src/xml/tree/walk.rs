//! Iterators over the elements of a view. The number of an element is its place, and what is in it
//! follows it: so a step is one addition, and what is not wanted is jumped over.

use super::Element;
use super::data::{ElementData, Form, wide};

impl<'d> Element<'d> {
    /// The child elements, in order.
    #[inline]
    pub fn children(self) -> Children<'d> {
        Children {
            parent: self,
            next: self.id.saturating_add(1),
            end: self.data.end,
        }
    }

    /// The first child element with its text, and the texts of the others in order, if each of them
    /// has this name and no elements in it; `None` for one that is otherwise.
    #[inline]
    pub(crate) fn leaves(
        self,
        namespace: &'static str,
        local_name: &'static str,
    ) -> Option<(Self, &'d str, impl Iterator<Item = Option<&'d str>>)> {
        let document = self.document;
        let first = self.id.saturating_add(1);
        let inside = document.elements.get(wide(first)..wide(self.data.end))?;
        // Each is followed by the next, so that nothing is in any of them.
        let is_leaf = move |data: &ElementData, id: u32| {
            data.end == id.saturating_add(1)
                && document.is_local(data.name, local_name)
                && document.is_namespace(data.namespace, namespace)
        };
        let (data, others) = inside.split_first()?;
        let others = others.iter().zip(first.saturating_add(1)..);
        let others = others.map(move |(data, id)| {
            let found = (data.form == Form::Again || is_leaf(data, id)) && self.hidden != id;
            found.then(|| document.str(data.text))
        });
        let found = is_leaf(data, first) && self.hidden != first;
        found.then(|| {
            (
                Self { id: first, data, ..self },
                document.str(data.text),
                others,
            )
        })
    }

    /// Every element below this one, in document order.
    pub fn descendants(self) -> Descendants<'d> {
        Descendants {
            top: self,
            next: self.id.saturating_add(1),
            end: self.data.end,
        }
    }
}

impl<'d> Element<'d> {
    /// Those of [`Element::descendants`] whose local name is of interest.
    #[inline]
    pub(crate) fn descendants_called(
        self,
        is_called: impl Fn(&[u8]) -> bool,
    ) -> impl Iterator<Item = Self> {
        let document = self.document;
        let first = self.id.saturating_add(1);
        let below = document.elements.get(wide(first)..wide(self.data.end)).unwrap_or_default();
        // Names stand in the source.
        let source = document.source.as_bytes();
        let mut was_called = false;
        let called = move |data: &ElementData| {
            // Else it has the name of the one before.
            if data.form != Form::Again {
                was_called = source.get(data.name.local().range()).is_some_and(&is_called);
            }
            was_called
        };
        let found = below.iter().zip(first..).filter({
            let mut called = called;
            move |(data, _)| called(data)
        });
        found
            .map(move |(data, id)| Element { id, data, ..self })
            .filter(move |found| self.contains(*found))
    }
}

/// See [`Element::children`].
#[derive(Clone, Debug)]
pub struct Children<'d> {
    parent: Element<'d>,
    next: u32,
    end: u32,
}

impl<'d> Children<'d> {
    /// The element that they are in.
    pub(crate) const fn parent(&self) -> Element<'d> {
        self.parent
    }

    /// The next one, if it is wanted; if not, it stays the next one.
    #[inline(always)]
    pub(crate) fn next_if(
        &mut self,
        wanted: impl FnOnce(Element<'d>) -> bool,
    ) -> Option<Element<'d>> {
        let before = self.next;
        let found = self.next()?;
        if wanted(found) {
            return Some(found);
        }
        self.next = before;
        None
    }
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    #[inline]
    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.end {
            let id = self.next;
            let data = self.parent.document.elements.get(wide(id))?;
            self.next = data.end.max(id.saturating_add(1));
            if self.parent.hidden != id {
                return Some(Element { id, data, ..self.parent });
            }
        }
        None
    }
}

/// See [`Element::descendants`].
#[derive(Clone, Debug)]
pub struct Descendants<'d> {
    top: Element<'d>,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Descendants<'d> {
    type Item = Element<'d>;

    #[inline]
    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.end {
            let id = self.next;
            let data = self.top.document.elements.get(wide(id))?;
            if self.top.hidden != id {
                self.next = id.saturating_add(1);
                return Some(Element { id, data, ..self.top });
            }
            self.next = data.end.max(id.saturating_add(1));
        }
        None
    }
}
