//! Where the time goes: each stage alone, on the same message.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::{Checks, Timestamp};
use samlgate::dsig;
use samlgate::saml::binding::post;
use samlgate::saml::response::ResponseMessage;
use samlgate::xml::{Document, Limits, Mode, c14n, ns};

use crate::floor::{Floor, Octets};
use crate::messages::{Idp, Outcome, Signed, World};

pub(crate) fn print(now: Timestamp) -> Outcome<()> {
    let idp = Idp::new(now)?;
    let world = World::new(idp.0.trusted()?, now)?;
    let xml = idp.message(Signed::Both, 8 * 1024, 1, now)?;
    let value = STANDARD.encode(&xml).into_bytes();
    let octets = Octets::of(&xml)?;
    let mut floor = Floor::new(&world.keys)?;
    let limits = Limits::default();
    let document = Document::parse(xml.as_bytes(), Mode::Message, &limits)?;
    let root = document.root();
    let assertion = root.child(ns::SAML, "Assertion").ok_or("no Assertion")?;
    let keys = world.trusted();
    let off = || Checks::off();

    stage("floor", || floor.run(&value, &octets));
    stage("base64", || Ok(post::decode_message(&value)?));
    stage("Document::parse", || {
        Ok(Document::parse(xml.as_bytes(), Mode::Message, &limits)?)
    });
    stage("ResponseMessage::parse", || {
        Ok(ResponseMessage::parse(&document, &mut off())?)
    });
    stage("hints", || {
        let message = ResponseMessage::parse(&document, &mut off())?;
        Ok(message.issuer_hint().is_some() && message.in_response_to_hint().is_some())
    });
    let mut out = Vec::with_capacity(2 * xml.len());
    stage("C14N of the Response", || {
        out.clear();
        c14n::exclusive(
            root.narrowed(root.child(ns::DS, "Signature")),
            &[],
            &mut out,
        );
        Ok(out.len())
    });
    stage("dsig::verify, Response", || {
        Ok(dsig::verify(root, keys.signing, &mut off())?)
    });
    stage("dsig::verify, Assertion", || {
        Ok(dsig::verify(assertion, keys.signing, &mut off())?)
    });
    stage("parse and verify a message", || {
        Ok(ResponseMessage::parse(&document, &mut off())?.verify(keys, &mut off())?)
    });
    stage("parse, verify, validate", || {
        let message = ResponseMessage::parse(&document, &mut off())?;
        let signed = message.verify(keys, &mut off())?;
        Ok(signed.validate(world.origin()?, &world.expected(), &mut off(), now)?)
    });
    stage("an origin", || world.origin());
    stage("all", || world.sign_in(&value, world.origin()?));
    Ok(())
}

/// The fastest of many turns.
fn stage<T>(name: &str, mut run: impl FnMut() -> Outcome<T>) {
    // For a profiler: one stage alone.
    let only = std::env::args().nth(2);
    let only = only.filter(|only| only != "--bench");
    let turns = if only.is_some() { 50_000 } else { 3000 };
    if only.is_some_and(|only| !name.contains(&only)) {
        return;
    }
    let mut least = f64::MAX;
    for _ in 0..turns {
        let turn = Instant::now();
        for _ in 0..4 {
            if let Err(error) = std::hint::black_box(run()) {
                println!("{name}: {error}");
                return;
            }
        }
        least = least.min(turn.elapsed().as_secs_f64() * 1e6 / 4.0);
    }
    println!("{least:8.2} µs  {name}");
}
