//! Small worlds: all trees of a few nodes out of {Response, Assertion, Signature, NameID}, as
//! messages.
//!
//! The root is a Response, and a NameID has no children. Everything that the rules ask for beside
//! those four is added, and right, so that nothing but the arrangement can be wrong. A child is put
//! where the schema has a place for it: Assertions and Responses inside an Assertion into its
//! Advice, what a Response should not hold into its Extensions, and what a Signature holds into
//! KeyInfo, the one place in a Signature that is not looked into.
//!
//! There are two IDs: `_a` is the root's, `_b` that of one other element or of none. Each Signature
//! is a real one by the right key. It names one of these IDs and has the digest of that subtree as
//! it stands in this document, or of something that stood under that ID in another one. That is
//! what an attacker can have: genuine signatures of genuine elements, copied to wherever they like.
//!
//! Messages are written in canonical form, so that a subtree's digest is that of its text and our
//! canonicalisation takes no part.

use std::collections::HashMap;

use openssl::sha::sha256;
use samlgate::xml::ns;

use super::message::{QUICK_KEY, signature};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Response,
    Assertion,
    Signature,
    NameId,
}

/// A tree with names: each node's parent, in document order.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    kinds: Vec<Kind>,
    parents: Vec<usize>,
}

/// A shape with IDs, and what each Signature was made for.
#[derive(Clone, Debug)]
pub(crate) struct World {
    shape: Shape,
    ids: Vec<Option<&'static str>>,
    signed: Vec<Option<Signed>>,
}

/// What a Signature was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signed {
    /// This element.
    Here(usize),
    /// Another one that had the ID of this element.
    Elsewhere(usize),
}

/// Which signatures there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// Those of elements in the document.
    Here,
    /// Those of other elements with the same IDs as well.
    Anywhere,
}

/// All shapes of so many nodes.
pub(crate) fn shapes(nodes: usize, each: &mut dyn FnMut(&Shape)) {
    let mut shape = Shape { kinds: vec![Kind::Response], parents: vec![0] };
    shape.grow(nodes, each);
}

impl Shape {
    fn grow(&mut self, nodes: usize, each: &mut dyn FnMut(&Self)) {
        if self.kinds.len() == nodes {
            each(self);
            return;
        }
        // In document order the next node is a child of the last one or of one around it.
        let mut parent = self.kinds.len() - 1;
        loop {
            if self.kinds[parent] != Kind::NameId {
                for kind in [
                    Kind::Response,
                    Kind::Assertion,
                    Kind::Signature,
                    Kind::NameId,
                ] {
                    self.kinds.push(kind);
                    self.parents.push(parent);
                    self.grow(nodes, each);
                    self.kinds.pop();
                    self.parents.pop();
                }
            }
            if parent == 0 {
                return;
            }
            parent = self.parents[parent];
        }
    }

    fn of_kind(&self, kinds: &[Kind]) -> Vec<usize> {
        (0..self.kinds.len())
            .filter(|node| kinds.contains(&self.kinds[*node]))
            .collect()
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = usize> {
        (1..self.kinds.len()).filter(move |node| self.parents[*node] == parent)
    }
}

impl World {
    /// All worlds of this shape.
    pub(crate) fn all(shape: &Shape, made: Made, each: &mut dyn FnMut(&Self)) {
        let others = shape.of_kind(&[Kind::Response, Kind::Assertion]).split_off(1);
        let others = std::iter::once(None).chain(others.into_iter().map(Some));
        for other in others {
            let mut ids = vec![None; shape.kinds.len()];
            ids[0] = Some("_a");
            if let Some(other) = other {
                ids[other] = Some("_b");
            }
            let nodes = std::iter::once(0).chain(other);
            let mut targets = nodes.clone().map(Signed::Here).collect::<Vec<_>>();
            if made == Made::Anywhere {
                targets.extend(nodes.map(Signed::Elsewhere));
            }
            let signatures = shape.of_kind(&[Kind::Signature]);
            for choice in 0..targets.len().pow(u32::try_from(signatures.len()).unwrap()) {
                let mut signed = vec![None; shape.kinds.len()];
                let mut choice = choice;
                for signature in &signatures {
                    signed[*signature] = Some(targets[choice % targets.len()]);
                    choice /= targets.len();
                }
                each(&Self { shape: shape.clone(), ids: ids.clone(), signed });
            }
        }
    }

    /// All worlds of this shape in which two elements have the same ID, without signatures.
    pub(crate) fn with_twins(shape: &Shape, each: &mut dyn FnMut(&Self)) {
        let elements = shape.of_kind(&[Kind::Response, Kind::Assertion]);
        if !shape.of_kind(&[Kind::Signature]).is_empty() {
            return;
        }
        for (place, one) in elements.iter().enumerate() {
            for other in &elements[place + 1..] {
                let mut ids = vec![None; shape.kinds.len()];
                ids[0] = Some("_a");
                let id = if *one == 0 { "_a" } else { "_b" };
                (ids[*one], ids[*other]) = (Some(id), Some(id));
                each(&Self {
                    shape: shape.clone(),
                    ids,
                    signed: vec![None; shape.kinds.len()],
                });
            }
        }
    }

    /// Each Signature with the element that it was made for, where that is in this document.
    pub(crate) fn coverage(&self) -> impl Iterator<Item = (usize, usize)> {
        self.signatures().filter_map(|(node, signed)| match signed {
            Signed::Here(element) => Some((node, element)),
            Signed::Elsewhere(_) => None,
        })
    }

    fn signatures(&self) -> impl Iterator<Item = (usize, Signed)> {
        self.signed
            .iter()
            .enumerate()
            .filter_map(|(node, signed)| Some((node, (*signed)?)))
    }

    /// The NameID with this name.
    pub(crate) fn person(&self, name: &str) -> usize {
        name.strip_prefix('p').unwrap().parse().unwrap()
    }

    /// Whether `node` is `top` or below it.
    pub(crate) fn is_in(&self, node: usize, top: usize) -> bool {
        node == top || (node > top && self.is_in(self.shape.parents[node], top))
    }

    /// The message; `None` when Signatures would have to cover each other.
    pub(crate) fn to_xml(&self, forge: &mut Forge) -> Option<String> {
        let mut made = vec![None; self.shape.kinds.len()];
        let mut left = self.signatures().collect::<Vec<_>>();
        while !left.is_empty() {
            let count = left.len();
            left.retain(
                |(signature, signed)| match self.sign(*signature, *signed, &made, forge) {
                    Some(text) => {
                        made[*signature] = Some(text);
                        false
                    }
                    None => true,
                },
            );
            if left.len() == count {
                return None;
            }
        }
        Some(Writing { world: self, made: &made, left_out: None }.text(0))
    }

    /// The text of a Signature, as soon as all the others in what it covers have theirs.
    fn sign(
        &self,
        signature: usize,
        signed: Signed,
        made: &[Option<String>],
        forge: &mut Forge,
    ) -> Option<String> {
        let (Signed::Here(element) | Signed::Elsewhere(element)) = signed;
        let id = self.ids[element].expect("what is signed has an ID");
        if signed == Signed::Elsewhere(element) {
            return Some(forge.sign(id, "something else"));
        }
        let covered = |other| self.is_in(other, element) && !self.is_in(other, signature);
        if self.signatures().any(|(other, _)| covered(other) && made[other].is_none()) {
            return None;
        }
        let writing = Writing { world: self, made, left_out: Some(signature) };
        Some(forge.sign(id, &writing.text(element)))
    }
}

/// Makes each signature once, as long as it remembers.
#[derive(Default)]
pub(crate) struct Forge(HashMap<(&'static str, [u8; 32]), String>);

impl Forge {
    fn sign(&mut self, id: &'static str, text: &str) -> String {
        if self.0.len() > 20_000 {
            self.0.clear();
        }
        let digest = sha256(text.as_bytes());
        let made = || signature(&QUICK_KEY, "", id, &[], &digest);
        self.0.entry((id, digest)).or_insert_with(made).clone()
    }
}

/// A world, or a part of it, being written.
struct Writing<'w> {
    world: &'w World,
    /// The text of each Signature, without what is put into it.
    made: &'w [Option<String>],
    /// What the enveloped-signature transform removes.
    left_out: Option<usize>,
}

impl Writing<'_> {
    /// The canonical text of a subtree.
    fn text(&self, top: usize) -> String {
        let mut out = String::with_capacity(2048);
        self.node(top, "", &mut out);
        out
    }

    /// `around` is the default namespace there.
    fn node(&self, node: usize, around: &str, out: &mut String) {
        if self.left_out == Some(node) {
            return;
        }
        match self.world.shape.kinds[node] {
            Kind::Response => self.response(node, around, out),
            Kind::Assertion => self.assertion(node, around, out),
            Kind::Signature => self.signature(node, out),
            Kind::NameId => subject(node, around, out),
        }
    }

    fn response(&self, node: usize, around: &str, out: &mut String) {
        let id = self.id(node);
        out.push_str(&format!(
            "<Response{} Destination=\"https://sp.example.com/saml/acs\"{id} \
             InResponseTo=\"_request\" IssueInstant=\"2026-11-21T12:00:00Z\" Version=\"2.0\">\
             <Issuer xmlns=\"{}\">https://idp.example.com/metadata</Issuer>",
            declared(ns::SAMLP, around),
            ns::SAML,
        ));
        // Signature, Extensions, Assertions: what comes too late stays where it is.
        let mut phase = 0;
        for child in self.world.shape.children(node) {
            let wanted = match self.world.shape.kinds[child] {
                Kind::Signature => 0,
                Kind::Response | Kind::NameId => 1,
                Kind::Assertion => 2,
            };
            while phase < wanted {
                phase += 1;
                out.push_str(if phase == 1 {
                    "<Extensions>"
                } else {
                    AFTER_EXTENSIONS
                });
            }
            self.node(child, ns::SAMLP, out);
        }
        while phase < 2 {
            phase += 1;
            out.push_str(if phase == 1 {
                "<Extensions>"
            } else {
                AFTER_EXTENSIONS
            });
        }
        out.push_str("</Response>");
    }

    fn assertion(&self, node: usize, around: &str, out: &mut String) {
        let id = self.id(node);
        out.push_str(&format!(
            "<Assertion{}{id} IssueInstant=\"2026-11-21T12:00:00Z\" Version=\"2.0\">\
             <Issuer>https://idp.example.com/metadata</Issuer>",
            declared(ns::SAML, around),
        ));
        // Signature and Subject, then Advice.
        let mut in_advice = false;
        for child in self.world.shape.children(node) {
            let advice = matches!(
                self.world.shape.kinds[child],
                Kind::Response | Kind::Assertion
            );
            if advice && !in_advice {
                in_advice = true;
                out.push_str(BEFORE_ADVICE);
            }
            self.node(child, ns::SAML, out);
        }
        if !in_advice {
            out.push_str(BEFORE_ADVICE);
        }
        out.push_str(
            "</Advice><AuthnStatement AuthnInstant=\"2026-11-21T11:59:00Z\"><AuthnContext>\
             </AuthnContext></AuthnStatement></Assertion>",
        );
    }

    fn signature(&self, node: usize, out: &mut String) {
        let Some(made) = &self.made[node] else { return };
        let (before, behind) = made.split_once("</KeyInfo>").expect("there is a KeyInfo");
        out.push_str(before);
        for child in self.world.shape.children(node) {
            self.node(child, ns::DS, out);
        }
        out.push_str("</KeyInfo>");
        out.push_str(behind);
    }

    fn id(&self, node: usize) -> String {
        self.world.ids[node].map(|id| format!(" ID=\"{id}\"")).unwrap_or_default()
    }
}

const AFTER_EXTENSIONS: &str = "</Extensions><Status>\
    <StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></StatusCode></Status>";

const BEFORE_ADVICE: &str = "<Conditions><AudienceRestriction>\
    <Audience>https://sp.example.com/saml/metadata</Audience></AudienceRestriction></Conditions>\
    <Advice>";

fn subject(node: usize, around: &str, out: &mut String) {
    out.push_str(&format!(
        "<Subject{}><NameID>p{node}</NameID>\
         <SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <SubjectConfirmationData InResponseTo=\"_request\" NotOnOrAfter=\"2026-11-21T12:05:00Z\" \
         Recipient=\"https://sp.example.com/saml/acs\"></SubjectConfirmationData>\
         </SubjectConfirmation></Subject>",
        declared(ns::SAML, around),
    ));
}

/// The declaration of a default namespace, where it is not that already.
fn declared(namespace: &str, around: &str) -> String {
    if namespace == around {
        String::new()
    } else {
        format!(" xmlns=\"{namespace}\"")
    }
}
