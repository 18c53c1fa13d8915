//! The streamed way against the way over one tree: what one accepts the other accepts, what one
//! refuses the other refuses, and both read the same.

use std::io::Cursor;
use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::dsig::{Place, SigningKey, verify_at};
use crate::saml::metadata::entity::entities;
use crate::saml::metadata::samples::{
    FEDERATION, ONE, OTHER, STRANGER, VALID, aggregate, entity, least, now, role, signed, signers,
};
use crate::xml::c14n;

/// Over one tree: the entityIDs of what is signed.
fn tree(xml: &[u8]) -> Result<Vec<String>, &'static str> {
    let read = || -> Result<Vec<String>, MetadataError> {
        let document = Document::parse(xml, Mode::Metadata, &Limits::metadata())?;
        let root = document.root();
        if !root.is(METADATA_NS, "EntitiesDescriptor") {
            return Err(MetadataError::NotAggregate { found: String::new() });
        }
        valid_until(root, now())?.ok_or(MetadataError::NoValidUntil)?;
        let keys = signers();
        let signed = verify_at(root, Place::First, Trust::only(&keys), &mut Checks::off())?;
        let signed = signed.ok_or(MetadataError::Unsigned)?;
        let entities = entities(signed.get());
        Ok(entities.filter_map(entity_id_of).map(ToOwned::to_owned).collect())
    };
    read().map_err(|error| error.code().as_str())
}

/// Piece by piece: the same.
fn stream(xml: &[u8]) -> Result<Vec<String>, &'static str> {
    let aggregate = Aggregate::verify(xml, &signers(), now());
    let aggregate = aggregate.map_err(|error| error.code().as_str())?;
    Ok(aggregate.entities().map(|summary| summary.entity_id.clone()).collect())
}

/// Both ways agree, and say this.
#[track_caller]
fn both(xml: &[u8]) -> Result<Vec<String>, &'static str> {
    let (tree, stream) = (tree(xml), stream(xml));
    let text = String::from_utf8_lossy(xml);
    match (&tree, &stream) {
        (Ok(tree), Ok(stream)) => assert_eq!(tree, stream, "{text}"),
        (Err(_), Err(_)) => {}
        other => panic!("{other:?}: {text}"),
    }
    stream
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % most
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

/// An aggregate as nobody writes it, to be signed by its ID `_all`.
fn odd_aggregate(dice: &mut Dice) -> String {
    let prolog = dice.of(&[
        "",
        "\u{feff}",
        "<?xml version='1.0' encoding=\"UTF-8\"?>\r\n",
        "<!-- <md:EntitiesDescriptor> -->\n",
    ]);
    let prefix = dice.of(&["md:", "", "x.y:"]);
    let colon = prefix.trim_end_matches(':');
    let own = if colon.is_empty() {
        format!("xmlns='{METADATA_NS}'")
    } else {
        format!("xmlns:{colon}=\"{METADATA_NS}\" xmlns='urn:default'")
    };
    let more = dice.of(&[
        "",
        " xmlns:a='urn:a'",
        "\n xmlns:a=\"urn:a\"\t xml:lang='en'",
        " xmlns:b='urn:b' xmlns:a='urn:a' b:c='>'",
    ]);
    // `a` is used inside, whoever declares it.
    let more = if more.contains("xmlns:a") {
        more.to_owned()
    } else {
        format!("{more} xmlns:a='urn:z'")
    };
    let name = dice.of(&[
        "",
        " Name='a &amp; &quot;b&quot;&#10;&#xd; /> &lt;c'",
        " Name=\"é\"",
    ]);
    let mut number = 0;
    let inside = content(dice, prefix, 0, &mut number);
    let end = dice.of(&["", " ", "\n"]);
    let epilog = dice.of(&["", "\n", "<!-- x -->\r\n"]);
    format!(
        "{prolog}<{prefix}EntitiesDescriptor {own} validUntil='2026-12-01T00:00:00Z'{more} ID=\"_all\"{name} >{inside}</{prefix}EntitiesDescriptor{end}>{epilog}"
    )
}

fn content(dice: &mut Dice, prefix: &str, depth: usize, number: &mut usize) -> String {
    let mut out = String::new();
    if dice.below(3) == 0 {
        out += blank(dice);
        out += &format!("<{prefix}Extensions><a:e f='\"'/>\r</{prefix}Extensions>");
    }
    for _ in 0..=dice.below(4) {
        out += blank(dice);
        if depth < 3 && dice.below(4) == 0 {
            let more = dice.of(&["", " xmlns:a='urn:inner'", " xmlns='urn:other' Name='>'"]);
            // The default namespace may be the prefix of the elements.
            let more = if prefix.is_empty() && more.contains("xmlns=") {
                ""
            } else {
                more
            };
            let inside = content(dice, prefix, depth + 1, number);
            out += &format!(
                "<{prefix}EntitiesDescriptor{more}>{inside}</{prefix}EntitiesDescriptor\n>"
            );
        } else {
            *number += 1;
            out += &odd_entity(dice, prefix, *number);
        }
    }
    out += blank(dice);
    out
}

fn blank<'a>(dice: &mut Dice) -> &'a str {
    dice.of(&[
        "",
        "\n  ",
        "\r\n",
        "\r",
        "&#13;\n",
        "\t<!-- <md:EntityDescriptor entityID='x'> ' \" & -->\r",
        "<!---->",
    ])
}

fn odd_entity(dice: &mut Dice, prefix: &str, number: usize) -> String {
    let id = dice.of(&[
        "",
        "ID='_e",
        "xmlns:a='urn:own' c='1' ID='_e",
        "a:z='&#9;' ID='_e",
    ]);
    let id = if id.is_empty() {
        String::new()
    } else {
        format!(" {id}{number}'")
    };
    let inside = dice.of(&[
        "",
        "text > ' \" &lt;&amp;&#13;\r\n",
        "<a:b c='/>' d=\"it's\"/>",
        "<a:b><!-- </a:b> --><b xmlns=''><c xmlns='urn:c'/></b></a:b >",
        "<!-- - -->]]&gt;<a:b xmlns:a='urn:again' a:q='&lt;'>\r</a:b>",
        "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>",
    ]);
    let extension = if inside.is_empty() && dice.below(2) == 0 {
        return format!("<{prefix}EntityDescriptor entityID='https://{number}.example.com/'{id}/>");
    } else {
        inside
    };
    format!(
        "<{prefix}EntityDescriptor{id} entityID='https://{number}.example.com/'>{extension}</{prefix}EntityDescriptor>"
    )
}

#[test]
fn whatever_is_signed_over_a_tree_is_verified_in_pieces() {
    let mut entities = 0;
    for seed in 1..=300 {
        let xml = odd_aggregate(&mut Dice(seed));
        let xml = signed_with(&xml, "", &FEDERATION);
        entities += both(xml.as_bytes()).unwrap_or_else(|code| panic!("{code}: {xml}")).len();
    }
    assert!(entities > 600, "{entities}");
}

/// How content is canonicalised to be signed.
#[derive(Clone, Copy)]
enum Method<'a> {
    /// With this PrefixList.
    Exclusive(&'a str),
    Inclusive,
}

/// Signed with a PrefixList, by way of a tree.
fn signed_with(xml: &str, prefixes: &str, key: &SigningKey) -> String {
    signed_by(xml, Method::Exclusive(prefixes), key)
}

fn signed_by(xml: &str, method: Method<'_>, key: &SigningKey) -> String {
    let parse =
        |text: &str| Document::parse(text.as_bytes(), Mode::Metadata, &Limits::metadata()).unwrap();
    let document = parse(xml);
    let mut bytes = Vec::new();
    let exclusive = ns::EXC_C14N;
    let transform = match method {
        Method::Exclusive(prefixes) => {
            let list: Vec<&str> = prefixes.split_ascii_whitespace().collect();
            c14n::exclusive(document.root(), &list, &mut bytes);
            let parameter = format!(
                r#"<ec:InclusiveNamespaces xmlns:ec="{exclusive}" PrefixList="{prefixes}"/>"#
            );
            let parameter = if prefixes.is_empty() { "" } else { &parameter };
            format!(r#"<ds:Transform Algorithm="{exclusive}">{parameter}</ds:Transform>"#)
        }
        Method::Inclusive => {
            c14n::inclusive(document.root(), c14n::Version::V1_0, &mut bytes);
            let inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
            format!(r#"<ds:Transform Algorithm="{inclusive}"/>"#)
        }
    };
    let digest = STANDARD.encode(sha256(&bytes));
    let signature = |value: &str| {
        format!(
            r##"<ds:Signature xmlns:ds="{}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{exclusive}"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/><ds:Reference URI="#_all"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>{transform}</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"##,
            ns::DS
        )
    };
    let place = document.root().source_places().0;
    let (before, behind) = xml.split_at(place);
    let whole = |value: &str| [before, &signature(value), behind].concat();
    let unsigned = whole("");
    let document = parse(&unsigned);
    let signature = document.root().child(ns::DS, "Signature").unwrap();
    let mut bytes = Vec::new();
    c14n::exclusive(
        signature.child(ns::DS, "SignedInfo").unwrap(),
        &[],
        &mut bytes,
    );
    whole(&STANDARD.encode(key.sign(&bytes).unwrap()))
}

#[test]
fn a_prefix_list_counts_in_pieces_too() {
    for seed in 1..=60 {
        for prefixes in ["a", "#default", "a b #default md none"] {
            let xml = odd_aggregate(&mut Dice(seed));
            let xml = signed_with(&xml, prefixes, &FEDERATION);
            both(xml.as_bytes()).unwrap_or_else(|code| panic!("{code}: {xml}"));
            let list = format!("PrefixList=\"{prefixes}");
            let other = xml.replace(&list, &format!("{list} xs"));
            assert_eq!(both(other.as_bytes()), Err("md.signature"));
        }
    }
}

/// Two entities and a group with one.
fn sample() -> String {
    let third = entity("https://third.example.com/", "");
    let inside = [
        "\n<!-- one -->",
        &entity(ONE, r#"ID="_one""#),
        "\n",
        &format!("<md:EntitiesDescriptor Name='inner'>\n{third}</md:EntitiesDescriptor>"),
        &entity(OTHER, ""),
    ];
    signed(&aggregate(VALID, &inside.concat()), "_all", &FEDERATION)
}

#[test]
fn a_bit_that_is_turned_is_noticed_wherever_it_is() {
    let xml = sample();
    let mut accepted = 0;
    // What is in KeyInfo is not read.
    let info = xml.find("<ds:KeyInfo>").unwrap()..xml.find("</ds:KeyInfo>").unwrap();
    for place in (0..xml.len()).filter(|place| place % 3 == 0 && !info.contains(place)) {
        let mut changed = xml.as_bytes().to_vec();
        changed[place] ^= 1 << (place % 7);
        accepted += usize::from(both(&changed).is_ok());
    }
    // In a comment, or a quotation mark's twin.
    assert!(accepted < 10, "{accepted}");
}

#[test]
fn pieces_that_are_put_in_taken_out_or_doubled_are_noticed() {
    let xml = sample();
    let pieces = [
        "<!--x-->",
        "<!--",
        "-->",
        " ",
        "\r",
        "x",
        "<x/>",
        "<",
        ">",
        "/",
        "'",
        "\"",
        "</md:EntityDescriptor>",
        "</md:EntitiesDescriptor>",
        "<md:EntitiesDescriptor>",
        "<md:EntityDescriptor>",
        "<?x?>",
        "<![CDATA[]]>",
        "<!DOCTYPE x>",
        "&amp;",
        "&x;",
        " ID='_one'",
        " xmlns:md='urn:x'",
        "\u{feff}",
        "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>",
    ];
    let mut dice = Dice(7);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..1000 {
        let start = dice.below(xml.len());
        let cut = [0, 0, 1, 3, 40][dice.below(5)];
        let end = (start + cut).min(xml.len());
        let piece = dice.of(&pieces);
        let changed = [
            &xml.as_bytes()[..start],
            piece.as_bytes(),
            &xml.as_bytes()[end..],
        ]
        .concat();
        match both(&changed) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    // Comments may be put in anywhere: C14N leaves them out, and so do we.
    assert!(accepted > 10 && refused > 700, "{accepted} {refused}");
}

#[test]
fn a_document_that_is_cut_short_is_refused() {
    let xml = sample();
    for end in (0..xml.len()).step_by(7) {
        assert!(both(&xml.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn entities_that_change_places_or_go_are_noticed() {
    let (one, other) = (entity(ONE, ""), entity(OTHER, ""));
    let xml = signed(
        &aggregate(VALID, &(one.clone() + &other)),
        "_all",
        &FEDERATION,
    );
    assert_eq!(both(xml.as_bytes()).unwrap(), [ONE, OTHER]);
    let pair = one.clone() + &other;
    for instead in [
        other.clone() + &one,
        one.clone(),
        other.clone(),
        String::new(),
        pair.clone() + &one,
        one.clone() + " " + &other,
        format!("<md:EntitiesDescriptor>{one}</md:EntitiesDescriptor>{other}"),
    ] {
        assert_eq!(
            both(xml.replace(&pair, &instead).as_bytes()),
            Err("md.signature")
        );
    }
}

#[test]
fn a_signature_counts_for_the_document_element_and_in_its_place_alone() {
    let one = entity(ONE, r#"ID="_e""#);
    let good = signed(&aggregate(VALID, &one), "_all", &FEDERATION);
    assert!(both(good.as_bytes()).is_ok());
    let start = good.find("<ds:Signature ").unwrap();
    let end = good.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = good.get(start..end).unwrap();
    let without = good.replace(signature, "");

    // Only an entity is signed.
    let in_entity = aggregate(VALID, &signed(&one, "_e", &FEDERATION));
    assert_eq!(both(in_entity.as_bytes()), Err("md.signature"));
    // By somebody else.
    let strange = signed(&aggregate(VALID, &one), "_all", &STRANGER);
    assert_eq!(both(strange.as_bytes()), Err("md.signature"));
    // Wrapped: what was signed stands in a group, and around it is another.
    let evil = entity(OTHER, "");
    let outer = VALID.replace("_all", "_evil");
    for wrapped in [
        aggregate(&outer, &(signature.to_owned() + &without + &evil)),
        aggregate(&outer, &(good.clone() + &evil)),
        aggregate(&outer, &(signature.to_owned() + &good + &evil)),
        aggregate(
            VALID,
            &(signature.to_owned() + &evil + &without.replace(VALID, "")),
        ),
    ] {
        assert_eq!(both(wrapped.as_bytes()), Err("md.signature"), "{wrapped}");
    }
    // The same ID twice, one of which is what was signed.
    let twice = aggregate(VALID, &(signature.to_owned() + &without + &evil));
    assert!(both(twice.as_bytes()).is_err());
    // In another place, and twice.
    let last = without.replace(
        "</md:EntitiesDescriptor>",
        &format!("{signature}</md:EntitiesDescriptor>"),
    );
    assert_eq!(both(last.as_bytes()), Err("md.signature"));
    let twice = good.replace(signature, &signature.repeat(2));
    assert_eq!(both(twice.as_bytes()), Err("md.signature"));
    // A second document element.
    assert_eq!(both((good.clone() + &without).as_bytes()), Err("md.syntax"));
    assert_eq!(both((good.clone() + &good).as_bytes()), Err("md.syntax"));
    assert_eq!(both((good + "x").as_bytes()), Err("md.syntax"));
}

#[test]
fn what_is_not_signed_is_read_only_when_nobody_was_asked_for() {
    let xml = aggregate(VALID, &entity(ONE, ""));
    assert_eq!(stream(xml.as_bytes()), Err("md.signature"));
    let read = Aggregate::read(xml.as_bytes(), Signers::Nobody, now()).unwrap();
    assert_eq!((read.signed_by(), read.entities().count()), (None, 1));
    let picked = read.pick(Cursor::new(&xml), &[ONE], now()).next().unwrap().unwrap();
    assert_eq!(
        (picked.metadata.entity_id.as_str(), picked.signed_by()),
        (ONE, None)
    );
}

#[test]
fn a_signed_aggregate_ends_and_has_not_ended() {
    let sign = |attributes: &str| {
        let xml = aggregate(&format!(r#"ID="_all" {attributes}"#), &entity(ONE, ""));
        signed(&xml, "_all", &FEDERATION)
    };
    let code = |xml: &str| stream(xml.as_bytes()).unwrap_err();
    assert_eq!(code(&sign("")), "md.valid_until");
    assert_eq!(
        code(&sign("validUntil='2026-11-21T12:00:00Z'")),
        "md.valid_until"
    );
    assert_eq!(code(&sign("validUntil='soon'")), "md.valid_until");
    let read = |xml: &str| Aggregate::verify(xml.as_bytes(), &signers(), now()).unwrap();
    let aggregate = read(&sign(
        "validUntil='2026-11-21T12:00:01Z' cacheDuration='PT6H'",
    ));
    assert_eq!(
        aggregate.cache_duration(),
        Some(Duration::from_secs(6 * 3600))
    );
    assert_eq!(
        aggregate.valid_until().unwrap().to_saml(),
        "2026-11-21T12:00:01Z"
    );
}

#[test]
fn an_entity_that_has_ended_is_not_picked_and_one_ends_with_what_it_stands_in() {
    let entities = [
        entity(ONE, r#"validUntil="2026-11-20T00:00:00Z""#),
        entity(
            OTHER,
            r#"validUntil="2027-11-20T00:00:00Z" cacheDuration="PT1H""#,
        ),
    ];
    let xml = signed(&aggregate(VALID, &entities.concat()), "_all", &FEDERATION);
    let aggregate = Aggregate::verify(xml.as_bytes(), &signers(), now()).unwrap();
    let mut picked: Vec<_> = aggregate.pick(Cursor::new(&xml), &[ONE, OTHER], now()).collect();
    let other = picked.pop().unwrap().unwrap().metadata;
    assert_eq!(other.valid_until.unwrap().to_saml(), "2026-12-01T00:00:00Z");
    assert_eq!(other.cache_duration, Some(Duration::from_secs(3600)));
    let error = picked.pop().unwrap().unwrap_err();
    assert_eq!(error.code().as_str(), "md.valid_until");
}

#[test]
fn what_is_picked_is_what_the_tree_reads_and_can_be_read_again() {
    let xml = sample();
    let aggregate = Aggregate::verify(xml.as_bytes(), &signers(), now()).unwrap();
    let names: Vec<String> = aggregate.entities().map(|one| one.entity_id.clone()).collect();
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    let picked = aggregate.pick(Cursor::new(&xml), &wanted, now());
    for (name, picked) in wanted.iter().zip(picked) {
        let picked = picked.unwrap();
        let by_tree = IdpMetadata::read_signed(xml.as_bytes(), Some(name), &signers(), now());
        assert_eq!(
            format!("{:?}", picked.metadata.sign_on),
            format!("{:?}", by_tree.unwrap().sign_on)
        );
        let again = IdpMetadata::read(picked.document.as_bytes(), None, now()).unwrap();
        assert_eq!(again.entity_id, *name);
        assert_eq!(again.valid_until, picked.metadata.valid_until);
        assert_eq!(picked.signed_by(), Some(FEDERATION.fingerprint()));
    }
}

#[test]
fn what_is_picked_later_has_to_be_what_was_verified() {
    let xml = sample();
    let aggregate = Aggregate::verify(xml.as_bytes(), &signers(), now()).unwrap();
    let pick = |source: &[u8]| {
        let picked = aggregate.pick(Cursor::new(source), &[ONE], now()).next().unwrap();
        picked
            .map(|picked| picked.metadata.entity_id)
            .map_err(|error| error.code().as_str())
    };
    assert_eq!(pick(xml.as_bytes()).as_deref(), Ok(ONE));
    assert_eq!(
        pick(xml.replace("/sso", "/evl").as_bytes()),
        Err("md.signature")
    );
    assert_eq!(
        pick(xml.replace("validUntil", "validuntil").as_bytes()).as_deref(),
        Ok(ONE)
    );
    // One byte later; and gone.
    assert!(pick(format!(" {xml}").as_bytes()).is_err());
    assert!(pick(b"").is_err());
    // Another piece of the same whole.
    let place = |name: &str| {
        let listed = aggregate.listed().find(|one| one.summary.entity_id == name).unwrap();
        usize::try_from(listed.place.start).unwrap()..usize::try_from(listed.place.end).unwrap()
    };
    let mut swapped = xml.clone().into_bytes();
    let other = xml.as_bytes()[place(OTHER)].to_vec();
    swapped.splice(place(ONE), other);
    assert!(pick(&swapped).is_err());
}

#[test]
fn of_two_entities_of_one_name_neither_is_picked_and_one_that_is_not_there_is_said() {
    let xml = aggregate(
        VALID,
        &(entity(ONE, "") + &entity(ONE, "") + "<md:EntityDescriptor/>"),
    );
    let xml = signed(&xml, "_all", &FEDERATION);
    let aggregate = Aggregate::verify(xml.as_bytes(), &signers(), now()).unwrap();
    let picked: Vec<_> = aggregate.pick(Cursor::new(&xml), &[ONE, OTHER], now()).collect();
    assert!(matches!(
        picked[0],
        Err(MetadataError::Several { count: 2, .. })
    ));
    assert!(matches!(&picked[1], Err(MetadataError::NotFound { found, .. }) if found.len() == 2));
}

#[test]
fn what_has_no_place_in_an_aggregate_is_md_syntax() {
    let unsigned = |inside: &str| {
        let xml = aggregate(VALID, inside);
        let read = Aggregate::read(xml.as_bytes(), Signers::Nobody, now());
        read.unwrap_err().code().as_str()
    };
    let one = entity(ONE, "");
    for inside in [
        "<md:IDPSSODescriptor/>".to_owned(),
        "text".to_owned(),
        format!("{one}text"),
        "<EntitiesDescriptor xmlns='urn:x'>".to_owned() + &one + "</EntitiesDescriptor>",
        "<md:EntitiesDescriptor/>".to_owned(),
        "<Signature xmlns='urn:x'/>".to_owned() + &one,
        format!("<?pi?>{one}"),
        format!("<![CDATA[]]>{one}"),
        format!("{}{one}", "<md:EntitiesDescriptor>".repeat(9)),
    ] {
        assert_eq!(unsigned(&inside), "md.syntax", "{inside}");
    }
    let utf16: Vec<u8> = aggregate(VALID, &one).encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        utf16.as_slice(),
        b"",
        b"<",
        b"not xml",
        b"<!DOCTYPE x><x/>",
        b"<md:EntitiesDescriptor xmlns:md='urn:oasis:names:tc:SAML:2.0:metadata'>\xff</md:EntitiesDescriptor>",
        entity(ONE, "").as_bytes(),
        b"<x>",
    ] {
        let read = Aggregate::read(bytes, Signers::Nobody, now());
        assert_eq!(read.unwrap_err().code().as_str(), "md.syntax", "{}", bytes.escape_ascii());
    }
}

#[test]
fn it_does_not_matter_in_what_portions_it_comes() {
    struct Drip<'a>(&'a [u8], usize);
    impl Read for Drip<'_> {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(room.len());
            let (now, later) = self.0.split_at(length);
            room[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }
    let xml = format!("\u{feff}<?xml version='1.0'?>{}<!-- end -->", sample());
    let keys = signers();
    for portion in [1, 2, 3, 7, 61] {
        let drip = Drip(xml.as_bytes(), portion);
        let read = Aggregate::read(drip, Signers::Keys(Trust::only(&keys)), now()).unwrap();
        assert_eq!(read.entities().count(), 3);
    }
}

#[test]
fn a_connection_that_breaks_off_is_md_fetch() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let xml = sample();
    let begun = xml.as_bytes()[..2000].chain(Broken);
    let error = Aggregate::read(begun, Signers::Nobody, now()).unwrap_err();
    assert_eq!(error.code().as_str(), "md.fetch");
}

#[test]
fn what_is_large_is_refused_before_it_is_held() {
    // More than one entity may have, in a text that never ends.
    let start = format!("<md:EntitiesDescriptor xmlns:md='{METADATA_NS}'><!--");
    let endless = start.as_bytes().chain(std::io::repeat(b'x'));
    let error = Aggregate::read(endless, Signers::Nobody, now()).unwrap_err();
    assert_eq!(error.code().as_str(), "md.syntax");
    let long = format!(
        "<md:EntitiesDescriptor xmlns:md='{METADATA_NS}' Name='{}'>",
        "x".repeat(20_000)
    );
    let error = Aggregate::read(long.as_bytes(), Signers::Nobody, now()).unwrap_err();
    assert_eq!(error.code().as_str(), "md.syntax");
}

#[test]
fn a_summary_says_what_one_chooses_by() {
    let extensions = r#"<md:Extensions xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><mdrpi:RegistrationInfo registrationAuthority="https://federation.example.com/"/><mdattr:EntityAttributes><saml:Attribute Name="http://macedir.org/entity-category" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"><saml:AttributeValue>http://refeds.org/category/hide-from-discovery</saml:AttributeValue></saml:Attribute></mdattr:EntityAttributes></md:Extensions>"#;
    let ui = r#"<md:Extensions><shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" regexp="false">example.com</shibmd:Scope><mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"><mdui:DisplayName xml:lang="de">Beispiel</mdui:DisplayName><mdui:DisplayName xml:lang="en"> Example
        </mdui:DisplayName><mdui:Logo width="16" height="16">data:image/png;base64,AAAA</mdui:Logo><mdui:Logo width="80" height="60">https://idp.example.com/logo.png</mdui:Logo></mdui:UIInfo></md:Extensions>"#;
    let idp = super::super::samples::entity_of(
        ONE,
        "",
        &(extensions.to_owned() + &role("", &(ui.to_owned() + &least()))),
    );
    let sp = super::super::samples::entity_of(
        OTHER,
        "",
        r#"<md:Organization><md:OrganizationDisplayName xml:lang="en">Other</md:OrganizationDisplayName></md:Organization>"#,
    );
    let xml = signed(&aggregate(VALID, &(idp + &sp)), "_all", &FEDERATION);
    let read = Aggregate::verify(xml.as_bytes(), &signers(), now()).unwrap();
    let summaries: Vec<&Summary> = read.entities().collect();
    let [idp, sp] = summaries.as_slice() else {
        panic!("two")
    };
    assert!(idp.is_idp && idp.hidden && !sp.is_idp && !sp.hidden);
    assert_eq!(
        [idp.name("de-CH"), idp.name("fr"), sp.name("de")],
        ["Beispiel", "Example", "Other"]
    );
    assert_eq!(
        idp.logos.iter().map(|logo| logo.url.as_str()).collect::<Vec<_>>(),
        ["https://idp.example.com/logo.png"]
    );
    assert_eq!(idp.domains, ["example.com"]);
    assert_eq!(
        idp.registration_authority.as_deref(),
        Some("https://federation.example.com/")
    );
    assert_eq!(
        iter::once(idp.valid_until.unwrap().to_saml()).collect::<String>(),
        "2026-12-01T00:00:00Z"
    );
}

#[test]
fn what_an_independent_signer_wrote_is_verified() {
    // By Python and its own C14N: `tests/corpus/make`.
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/saml");
    let pem = std::fs::read(corpus.join("keys/federation.crt")).unwrap();
    let der = openssl::x509::X509::from_pem(&pem).unwrap().to_der().unwrap();
    let keys = TrustedKeys::one(crate::dsig::TrustedKey::from_certificate_der(&der).unwrap());
    let read = |name: &str| {
        let case = std::fs::read_to_string(corpus.join(name)).unwrap();
        let body = case.split_once("\n---\n").unwrap().1;
        Aggregate::verify(body.trim_end_matches('\n').as_bytes(), &keys, now())
            .map(|aggregate| aggregate.entities().count())
            .map_err(|error| error.code().as_str())
    };
    assert_eq!(read("valid/metadata/federation.case"), Ok(2));
    assert_eq!(read("valid/metadata/federation-nested.case"), Ok(1));
    let unsigned = "valid/metadata/entity-of-unsigned-federation.case";
    assert_eq!(read(unsigned), Err("md.signature"));
    assert_eq!(
        read("attack/metadata/02-federation-expired.case"),
        Err("md.valid_until")
    );
    assert_eq!(
        read("attack/metadata/03-no-valid-until.case"),
        Err("md.valid_until")
    );
    assert_eq!(
        read("attack/metadata/07-two-of-an-id.case"),
        Err("md.syntax")
    );
}

#[test]
fn inclusive_c14n_in_pieces_is_that_of_the_whole_where_it_is_allowed() {
    use crate::dsig::Allowed;
    let keys = signers();
    let allowed = Allowed { inclusive_c14n: true, ..Allowed::NOTHING };
    for seed in 1..=60 {
        let xml = odd_aggregate(&mut Dice(seed));
        let xml = signed_by(&xml, Method::Inclusive, &FEDERATION);
        let read = |allowed| {
            Aggregate::read(
                xml.as_bytes(),
                Signers::Keys(Trust { keys: &keys, allowed }),
                now(),
            )
        };
        assert!(read(allowed).is_ok(), "{xml}");
        let error = read(Allowed::NOTHING).unwrap_err();
        assert_eq!(error.code().as_str(), "md.signature");
    }
}
