//! What a document says, whoever read it.

use std::collections::BTreeMap;

use samlgate::xml::Element;

/// Namespace name and local name.
pub(crate) type Name = (String, String);

/// An element as every reader should see it. Text between elements is left out: our reader shows it
/// to nobody. (The comparison of canonical bytes has it.)
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) name: Name,
    pub(crate) attributes: BTreeMap<Name, String>,
    /// All of it, where there are no elements in it.
    pub(crate) text: Option<String>,
    pub(crate) children: Vec<Self>,
}

impl From<Element<'_>> for Tree {
    fn from(element: Element<'_>) -> Self {
        let owned = |namespace: &str, local: &str| (namespace.to_owned(), local.to_owned());
        Self {
            name: owned(element.namespace(), element.local_name()),
            attributes: element
                .attributes()
                .map(|(namespace, local, value)| (owned(namespace, local), value.to_owned()))
                .collect(),
            text: element.text().map(|text| text.into_owned()),
            children: element.children().map(Self::from).collect(),
        }
    }
}
