//! Filters: written out again one is read as the same; its opposite is true of what it is not true
//! of; and it is no longer, deeper and wider than we say.

use samlgate::scim::evaluate::matches;
use samlgate::scim::filter::{DEPTH, LENGTH, TERMS};
use samlgate::scim::{Filter, ScimType};

use super::scim::{BESIDE, CATALOGUE, DOCUMENTS, KINDS, SAID, is_a_refusal};

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for kind in KINDS {
        let filter = match Filter::parse(&CATALOGUE, kind, text) {
            Ok(filter) => filter,
            Err(error) => {
                is_a_refusal(&error);
                assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{text:?}");
                continue;
            }
        };
        assert!(text.len() <= LENGTH, "{} octets", text.len());
        let (terms, depth) = size(&filter);
        assert!(terms <= TERMS, "{terms} comparisons");
        // An opposite is written as `ne` or `eq null`, too.
        assert!(depth <= 2 * DEPTH + 4, "{depth} deep");
        let written = filter.to_string();
        // It may be longer than what was written: names are written with their URNs.
        if written.len() <= LENGTH && depth < DEPTH {
            let again = Filter::parse(&CATALOGUE, kind, &written);
            let again = again.unwrap_or_else(|error| panic!("{written:?}: {error}"));
            assert_eq!(again, filter, "{text:?} is written as {written:?}");
        }
        let opposite = (text.len() + 6 <= LENGTH)
            .then(|| Filter::parse(&CATALOGUE, kind, &format!("not ({text})")).ok())
            .flatten();
        for (_, document) in DOCUMENTS.iter().filter(|(of, _)| *of == kind) {
            let is = matches(&filter, document, &BESIDE);
            if let Some(opposite) = &opposite {
                assert_ne!(is, matches(opposite, document, &BESIDE), "{text:?}");
            }
        }
    }
}

fn size(filter: &Filter) -> (usize, usize) {
    let within = |(terms, depth): (usize, usize)| (terms, depth + 1);
    match filter {
        Filter::And(several) | Filter::Or(several) => {
            assert!(several.len() > 1, "{filter}");
            let sizes = several.iter().map(size);
            within(sizes.fold((0, 0), |(terms, depth), (more, deep)| {
                (terms + more, depth.max(deep))
            }))
        }
        Filter::Not(inner) | Filter::Element(_, inner) => within(size(inner)),
        Filter::Present(_) | Filter::Compare(..) => (1, 1),
    }
}

/// Those of the corpus, and what is at the edges of the grammar.
pub fn seeds() -> Vec<Vec<u8>> {
    let others = [
        r#"userName eq "a" and not (title pr or active eq False) or emails[type eq "work"].value co "@""#,
        r#"urn:example:2.0:User:badge:level ge -7.5e3 and urn:example:2.0:User:badge:height lt 1e300"#,
        r#"urn:example:2.0:User:badge:since gt "2026-11-22T10:00:00.123456+05:30""#,
        r#"urn:example:2.0:User:badge:tags[value eq "a" or value sw "b"]"#,
        r#"urn:example:2.0:User:badge:doors[floor gt 2 and not (name pr)].name ne null"#,
        r#"urn:example:2.0:User:badge:color ew "\u00df\"\\\/\n""#,
        r#"x509Certificates eq "TUlJ" or photos.value eq "https:""#,
        r#"meta.lastModified le "2026-11-22T11:00:00Z" and meta.version eq "W/\"3\"""#,
        r#"members[value eq "u1" and type eq "User"] or members.$ref ne "a""#,
        r#"groups.display co "ADM" and groups[type eq "indirect"]"#,
    ];
    let words = SAID.words.iter().map(|word| word.as_bytes().to_vec());
    words.chain(others.map(|text| text.as_bytes().to_vec())).collect()
}
