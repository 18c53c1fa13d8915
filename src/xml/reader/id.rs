//! Core 1.3.4: IDs.

use super::super::chars::is_ncname;
use super::super::limits::Mode;
use super::super::tree::{Attribute, NONE, narrow, wide};
use super::super::{XmlError, ns};
use super::{Reader, shortened};

impl Reader<'_> {
    /// In SAML an ID is called `ID`, and nothing that another reader might take for one stands
    /// beside it. `element` is the namespace of the element that the attribute is of, `number` its
    /// own number.
    pub(super) fn id(
        &mut self,
        element: u32,
        number: usize,
        attribute: Attribute,
    ) -> Result<(), XmlError> {
        let local = self.str(attribute.name.local());
        if local == "ID" && attribute.namespace == NONE {
            let text = self.str(attribute.value);
            if !is_ncname(text) {
                return Err(XmlError::Id { what: "not an NCName", value: shortened(text) });
            }
            self.ids.push(narrow(number));
            return Ok(());
        }
        let looks_like_one = local.eq_ignore_ascii_case("ID") || local == "AssertionID";
        let is_saml = || matches!(self.namespace(element), ns::SAML | ns::SAMLP);
        if self.mode == Mode::Message && looks_like_one && is_saml() {
            let value = shortened(local);
            return Err(XmlError::Id { what: "the ID of a SAML element is called ID", value });
        }
        Ok(())
    }

    /// Each of them.
    pub(super) fn ids_are_unique(&mut self) -> Result<(), XmlError> {
        let mut ids = std::mem::take(&mut self.ids);
        let attributes = &self.tree.attributes;
        let id = |number: &u32| attributes.get(wide(*number)).map(|id| self.str(id.value));
        ids.sort_unstable_by(|one, next| id(one).cmp(&id(next)));
        let mut pairs = ids.iter().zip(ids.iter().skip(1));
        match pairs.find(|(one, next)| id(one) == id(next)) {
            Some((twin, _)) => {
                let value = shortened(id(twin).unwrap_or_default());
                Err(XmlError::Id { what: "occurs twice", value })
            }
            None => Ok(()),
        }
    }
}
