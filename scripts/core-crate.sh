#!/usr/bin/env bash
# Makes the signature-validation core a crate of its own, under target/core: the same sources by
# links, a fraction of the dependencies, and so a build of seconds. For `cargo mutants`, and for
# whoever works on the core alone: `scripts/core-crate.sh && cd target/core && cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
core=$root/target/core
mkdir -p "$core/src" "$core/tests"
for module in base xml dsig xmlenc saml; do
    ln -sfn "$root/src/$module" "$core/src/$module"
done
rm -f "$core/Cargo.lock" && cp "$root/Cargo.lock" "$core/Cargo.lock"
ln -sfn "$root/tests/corpus" "$core/tests/corpus"
ln -sfn "$root/tests/it" "$core/tests/it"
cat > "$core/tests/messages.rs" <<RUST
//! The corpus and the proofs, without what comes after the core.
#![cfg(test)]
#[path = "$root/tests/it/corpus/mod.rs"]
mod corpus;
#[path = "$root/tests/it/proof/mod.rs"]
mod proof;
#[path = "$root/tests/it/flawed/mod.rs"]
mod flawed;
mod beyond_core {
    pub(crate) fn identify(
        _: &samlgate::saml::Claims,
        _: samlgate::saml::Vendor,
        _: bool,
    ) -> Option<Result<(), samlgate::base::ErrorCode>> {
        None
    }
}
RUST
ln -sfn "$root/benches" "$core/benches"
cat > "$core/src/lib.rs" <<'RUST'
//! The core alone: see `scripts/core-crate.sh`.
#![allow(dead_code, unnameable_types)]
pub mod base;
pub mod dsig;
pub mod saml;
pub mod xml;
pub mod xmlenc;
RUST
# The dependencies are those of the gateway that the core names, in the same versions.
{
    printf '[package]\nname = "samlgate"\nversion = "0.1.0"\nedition = "2024"\npublish = false\n\n'
    printf '[workspace]\n\n[dependencies]\n'
    grep -E '^(async-trait|base64|base64-simd|flate2|http|memchr|openssl|mimalloc|percent-encoding|serde|serde_json|thiserror|time|tokio|url|zeroize) = ' Cargo.toml
    printf '\n[dev-dependencies]\n'
    grep -E '^(insta|peak_alloc|proptest|quick-xml) = ' Cargo.toml
    printf 'tempfile = "3.27.0"\n'
    printf '\n[profile.dev]\ndebug = "line-tables-only"\n\n[profile.dev.package."*"]\ndebug = false\nopt-level = 1\n'
    printf '\n[profile.release]\nlto = "thin"\ncodegen-units = 4\ndebug = "line-tables-only"\n'
    printf '\n[profile.release.package.samlgate]\ncodegen-units = 1\n'
    printf '\n[[bench]]\nname = "core_memory"\npath = "benches/core/memory.rs"\nharness = false\n'
    printf '\n[[bench]]\nname = "aggregate"\npath = "benches/core/aggregate.rs"\nharness = false\n'
    printf '\n[[bench]]\nname = "core"\npath = "benches/core/main.rs"\nharness = false\n'
} > "$core/Cargo.toml"
echo "made $core"
