//! Changes to a part of a resource (RFC 7644, 3.5.2).
//!
//! In: the body of a PATCH request, in any client's dialect. Out: a list of changes that can be done
//! to a document, or why there is none: what does not depend on the document is found wrong when the
//! body is read. A request is done as a whole or not at all.

mod apply;
mod members;
mod read;
#[cfg(test)]
mod tests;

pub use members::MemberChange;

use serde_json::Value;

use crate::scim::document::Unknown;
use crate::scim::path::Elements;
use crate::scim::schema::{Found, ResourceKind, Schema};
use crate::scim::{Catalogue, Document, Object, ScimError};

/// The URN of such a body.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// How many operations one request may have.
pub const OPERATIONS: usize = 1000;
/// How many values one attribute may get by being added to. (Members of groups are not counted.)
pub const VALUES: usize = 1000;

/// How many values one request may look at, those that a filter compares counted for each of its
/// comparisons: some tenths of a second. A real one looks at some hundreds.
pub const WORK: usize = 200_000;

/// A request that was understood.
#[derive(Clone, Debug)]
pub struct PatchRequest<'c> {
    catalogue: &'c Catalogue,
    kind: ResourceKind,
    changes: Vec<Change<'c>>,
    members: Vec<MemberChange>,
    /// Names in values that no schema has and that were left out.
    pub ignored: Vec<String>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The document as it is now, in the one form.
    pub document: Document,
    /// Whether it is another one than before.
    pub changed: bool,
}

impl<'c> PatchRequest<'c> {
    /// Reads a body.
    ///
    /// ```
    /// use samlgate::scim::document::{Document, Unknown};
    /// use samlgate::scim::patch::PatchRequest;
    /// use samlgate::scim::{Catalogue, ResourceKind::User, json};
    /// let catalogue = Catalogue::standard();
    /// let body = br#"{"Operations": [
    ///     {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "a@example.com"},
    ///     {"op": "Replace", "path": "active", "value": "False"}
    /// ]}"#;
    /// let body = json::object(body).unwrap();
    /// let request = PatchRequest::read(&body, User, &catalogue, Unknown::Ignored).unwrap();
    /// let alice = Document::stored(r#"{"userName": "alice"}"#).unwrap();
    /// let after = request.apply(&alice).unwrap().document;
    /// assert_eq!(
    ///     after.to_json(),
    ///     r#"{"active":false,"emails":[{"type":"work","value":"a@example.com"}],"userName":"alice"}"#
    /// );
    /// ```
    pub fn read(
        body: &Object,
        kind: ResourceKind,
        catalogue: &'c Catalogue,
        unknown: Unknown,
    ) -> Result<Self, ScimError> {
        read::read(body, kind, catalogue, unknown)
    }

    /// Does to a document what is to be done to it, if all of it can be done. What is to be done to
    /// members stands apart: [`Self::members`].
    pub fn apply(&self, document: &Document) -> Result<Applied, ScimError> {
        let mut after = document.clone();
        let mut work = 0_usize;
        for change in &self.changes {
            work = work.saturating_add(apply::work(&after, change));
            if work > WORK {
                let detail = "this is too much for one request";
                return Err(ScimError::of(http::StatusCode::PAYLOAD_TOO_LARGE, detail));
            }
            apply::apply(&mut after, change)?;
        }
        let changed = after != *document;
        if changed {
            after.validate(self.kind, self.catalogue)?;
        }
        Ok(Applied { document: after, changed })
    }

    /// Whether it is about members alone, so that it can be done without the document.
    pub fn touches_only_members(&self) -> bool {
        self.changes.is_empty() && !self.members.is_empty()
    }

    /// What is to be done to the members of the group, in this order.
    pub fn members(&self) -> &[MemberChange] {
        &self.members
    }
}

/// One thing that is done to a document. All values are in the one form.
#[derive(Clone, Debug)]
enum Change<'c> {
    /// The attribute has this value, or these; `None`: it has none. If the path named a part, each
    /// of its values has this part.
    Put(Found<'c>, Option<Value>),
    /// The attribute has these values, too.
    Append(Found<'c>, Vec<Value>),
    /// The attribute has none of these values, of which parts may be given.
    Take(Found<'c>, Vec<Value>),
    /// Something is done to some elements.
    Choose(Elements<'c>, Action),
    /// There is nothing of this extension.
    Leave(&'c Schema),
}

/// What is done to elements.
#[derive(Clone, Debug)]
enum Action {
    /// They go.
    Remove,
    /// They get these parts.
    Merge(Value),
    /// Each is this, and what was said of it in the path.
    Replace(Value),
    /// The part that the path names is this.
    Part(Option<Value>),
}
