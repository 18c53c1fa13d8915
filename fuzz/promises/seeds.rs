//! Where fuzzing begins: the bodies of the corpora, and what was found before.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::Timestamp;
use samlgate::saml::metadata::IdpMetadata;

use super::answer;
use super::forwarded;
use super::path;
use super::proxy_header;
use super::relay_state;
use super::scim_bodies;
use super::scim_filter;
use super::scim_patch;
use super::scim_path;
use super::sealed;
use super::soap;
use super::wire;

/// The time at which every message of the corpus is judged.
pub fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z").expect("a time")
}

/// The folder of the corpus, for the fuzz targets as for the tests.
pub fn corpus() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = "tests/corpus/saml";
    [here.join(folder), here.join("..").join(folder)]
        .into_iter()
        .find(|path| path.is_dir())
        .expect("tests/corpus/saml")
}

/// The identity provider with a key of every kind.
pub static IDP: LazyLock<IdpMetadata> = LazyLock::new(|| {
    let bytes = fs::read(corpus().join("trust/corp-all.xml")).expect("trust/corp-all.xml");
    IdpMetadata::read(&bytes, None, now()).expect("metadata")
});

/// A case: what its header says, and the message.
pub struct Seed {
    pub kind: String,
    pub accepted: bool,
    pub bytes: Vec<u8>,
}

/// Every message of the corpus, decoded.
pub static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    walk(&corpus(), &mut |path| {
        if path.extension().is_some_and(|end| end == "case") {
            seeds.extend(fs::read(path).ok().as_deref().and_then(seed));
        }
    });
    assert!(!seeds.is_empty(), "the corpus is empty");
    seeds
});

/// Calls `each` for every file, in their order.
pub fn walk(folder: &Path, each: &mut impl FnMut(&Path)) {
    let mut paths = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>())
        .unwrap_or_default();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, each)
        } else {
            each(&path)
        }
    }
}

fn seed(case: &[u8]) -> Option<Seed> {
    let end = case.windows(5).position(|window| window == b"\n---\n")?;
    let header = String::from_utf8_lossy(&case[..end]).into_owned();
    let body = &case[end + 5..];
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let field = |name: &str| {
        header
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    if field("expand").is_some() {
        return None; // Long, and nothing else.
    }
    let bytes = match field("body").unwrap_or("xml") {
        "xml" | "query" => body.to_vec(),
        _ => {
            let text = String::from_utf8_lossy(body).into_owned();
            let value = text.split('&').find_map(|pair| pair.strip_prefix("SAMLResponse="));
            let value = value.unwrap_or(&text).replace("%2B", "+").replace("%2F", "/");
            let value = value.replace("%3D", "=").replace("%0D", "").replace("%0A", "");
            STANDARD.decode(value.split_whitespace().collect::<String>()).ok()?
        }
    };
    Some(Seed {
        kind: field("kind").unwrap_or("response").to_owned(),
        accepted: field("expect").is_some_and(|expect| expect.starts_with("accept")),
        bytes,
    })
}

/// The inputs that a target starts from.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "path" => return path::seeds(),
        "request" => return with_settings(&wire::requests(), &[2, 7, 9]),
        "forwarded" => {
            let requests = with_settings(&wire::requests(), &[0, 1]);
            return [forwarded::seeds(), requests].concat();
        }
        "proxy_header" => return [proxy_header::seeds(), wire::requests()].concat(),
        "relay_state" => return relay_state::seeds(),
        "answer" => return answer::seeds(),
        "sealed" => return sealed::seeds(),
        "soap" => return soap::seeds(),
        "scim_filter" => return scim_filter::seeds(),
        "scim_path" => return scim_path::seeds(),
        "scim_patch" => return scim_patch::seeds(),
        "scim_bodies" => return scim_bodies::seeds(),
        _ => {}
    }
    let kinds: &[&str] = match target {
        "redirect" => &["logout_redirect"],
        "metadata" | "aggregate" => &["metadata"],
        "xml" | "c14n" | "dsig" => &["response", "logout_post", "metadata"],
        _ => &["response"],
    };
    let seeds = SEEDS.iter().filter(|seed| kinds.contains(&seed.kind.as_str()));
    let begin: &[u8] = if target == "c14n" { &[3, 5] } else { &[] };
    let seeds = seeds.map(|seed| [begin, &seed.bytes].concat());
    if target == "encrypted" {
        return seeds
            .filter(|bytes| bytes.windows(13).any(|window| window == b"EncryptedData"))
            .collect();
    }
    seeds.collect()
}

/// Each with each of these bytes before it.
fn with_settings(inputs: &[Vec<u8>], settings: &[u8]) -> Vec<Vec<u8>> {
    let with = |byte: &u8| {
        let byte = *byte;
        inputs.iter().map(move |input| [&[byte], &input[..]].concat())
    };
    settings.iter().flat_map(with).collect()
}

/// What the fuzzers have found, and was mended.
pub fn findings(target: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let folder = corpus().join("../../../fuzz/findings").join(target);
    walk(&folder, &mut |path| found.extend(fs::read(path).ok()));
    found
}

/// Where `SAMLGATE_FUZZ_SEEDS` says: a file for each seed and finding, as libFuzzer wants them. The
/// targets do it before they begin.
pub fn write_out(target: &str) {
    let Some(folder) = std::env::var_os("SAMLGATE_FUZZ_SEEDS") else {
        return;
    };
    let all = of(target).into_iter().chain(findings(target));
    for (number, bytes) in all.enumerate() {
        let file = Path::new(&folder).join(format!("seed-{number:04}"));
        fs::write(file, bytes).expect("a folder for seeds");
    }
}
