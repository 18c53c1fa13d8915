//! Claims come from the subtree that a signature covers, and from nothing else: shown for all
//! small documents.
//!
//! See `worlds.rs` for what a world is. If one is accepted, the person that it makes us believe in
//! has to stand in the subtree that some Signature of it was made for, and not in that Signature.

use std::collections::BTreeMap;

use samlgate::base::ErrorCode;
use samlgate::saml::Claims;

use super::effort::either;
use super::message::{QUICK_KEY, believed_from};
use super::worlds::{Forge, Made, World, shapes};

/// How many worlds of each size there are, how many of them can not be made, and how many are
/// accepted. The numbers are a part of the claim: a generator that forgets worlds proves less.
///
/// With signatures of something else there are three times as many; so not of the largest.
const SIZES: &[Size] = &[
    Size { nodes: 1, made: Made::Anywhere, counted: (1, 0, 0) },
    Size { nodes: 2, made: Made::Anywhere, counted: (7, 0, 0) },
    Size { nodes: 3, made: Made::Anywhere, counted: (99, 1, 0) },
    Size { nodes: 4, made: Made::Anywhere, counted: (1_837, 59, 2) },
    Size { nodes: 5, made: Made::Here, counted: (13_408, 1_612, 11) },
];

/// In the long mode these follow.
const LARGE_SIZES: &[Size] = &[
    Size { nodes: 5, made: Made::Anywhere, counted: (38_837, 2_545, 11) },
    Size {
        nodes: 6,
        made: Made::Anywhere,
        counted: (879_403, 95_165, 55),
    },
    Size {
        nodes: 7,
        made: Made::Here,
        counted: (3_442_086, 951_325, 272),
    },
];

struct Size {
    nodes: usize,
    made: Made,
    counted: (usize, usize, usize),
}

#[test]
fn in_no_small_world_is_anything_believed_that_was_not_signed() {
    let mut forge = Forge::default();
    let mut others = Vec::new();
    for Size { nodes, made, counted } in SIZES.iter().chain(either(&[][..], LARGE_SIZES)) {
        let mut census = Census::default();
        shapes(*nodes, &mut |shape| {
            World::all(shape, *made, &mut |world| census.count(world, &mut forge));
        });
        eprintln!("{nodes} nodes: {census:?}");
        let found = (census.worlds, census.impossible, census.accepted);
        if found != *counted {
            others.push(format!("{nodes} nodes: {found:?}, and not {counted:?}"));
        }
    }
    // Other numbers are another rule, or another worlds' maker: to be looked at.
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn in_small_worlds_an_id_that_occurs_twice_is_refused() {
    let mut twins = 0;
    for nodes in 2..=4 {
        shapes(nodes, &mut |shape| {
            World::with_twins(shape, &mut |world| {
                let xml = world.to_xml(&mut Forge::default()).expect("no signature is asked for");
                let answer = believed_from(xml.as_bytes(), &QUICK_KEY.trusted);
                let code = answer.map_err(|error| error.code());
                assert_eq!(code, Err(ErrorCode::XmlId), "{xml}");
                twins += 1;
            });
        });
    }
    assert!(twins > 300, "{twins}");
}

#[derive(Debug, Default)]
struct Census {
    worlds: usize,
    /// Signatures would have to cover each other.
    impossible: usize,
    accepted: usize,
    refused: BTreeMap<&'static str, usize>,
}

impl Census {
    fn count(&mut self, world: &World, forge: &mut Forge) {
        self.worlds += 1;
        let Some(xml) = world.to_xml(forge) else {
            self.impossible += 1;
            return;
        };
        match believed_from(xml.as_bytes(), &QUICK_KEY.trusted) {
            Ok(claims) => {
                self.accepted += 1;
                assert!(was_signed(world, &claims), "{claims:?}\n{xml}");
            }
            Err(error) => *self.refused.entry(error.code().as_str()).or_default() += 1,
        }
    }
}

/// Whether some Signature covers the NameID with this name.
fn was_signed(world: &World, claims: &Claims) -> bool {
    let Some(name) = &claims.name_id else {
        // Nobody is nobody's victim.
        return claims.attributes.is_empty();
    };
    let person = world.person(&name.value);
    world
        .coverage()
        .any(|(signature, signed)| world.is_in(person, signed) && !world.is_in(person, signature))
}
