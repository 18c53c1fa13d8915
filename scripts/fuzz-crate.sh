#!/usr/bin/env bash
# Makes what is fuzzed a crate of its own, under target/fuzzed: everything from `base` to `proxy`, and
# of `http` and `store` the files that read what strangers write. The same sources by links; without
# databases, pages and listeners it builds in a third of the time. For `fuzz/run.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
crate=$root/target/fuzzed
mkdir -p "$crate/src/http/net" "$crate/src/store/redis"
modules="base xml telemetry dsig xmlenc scim saml directory trust identity audit session access proxy"
for module in $modules; do
    ln -sfn "$root/src/$module" "$crate/src/$module"
done
for file in telemetry.rs http/net/proxy_protocol.rs store/identity.rs store/redis/seal.rs; do
    ln -sfn "$root/src/$file" "$crate/src/$file"
done
# write FILE: what comes in, but a file that is the same already stays as old as it is.
write() {
    cat > "$crate/new.$$"
    if cmp -s "$crate/new.$$" "$crate/$1"; then rm "$crate/new.$$"; else mv "$crate/new.$$" "$crate/$1"; fi
}
echo 'pub mod net;' | write src/http/mod.rs
echo 'pub mod proxy_protocol;' | write src/http/net/mod.rs
printf 'pub mod identity;\npub mod redis;\n' | write src/store/mod.rs
echo 'pub mod seal;' | write src/store/redis/mod.rs
{
    printf '//! What is fuzzed: see `scripts/fuzz-crate.sh`.\n#![allow(dead_code, unnameable_types)]\n'
    for module in $modules http store; do echo "pub mod $module;"; done
} | write src/lib.rs
# The dependencies are those of the gateway, but for what only the rest of it needs.
{
    printf '[package]\nname = "samlgate"\nversion = "0.1.0"\nedition = "2024"\npublish = false\n\n[workspace]\n\n[dependencies]\n'
    sed -n '/^\[dependencies\]/,/^\[dev-dependencies\]/p' Cargo.toml \
        | grep -E '^[a-z0-9_-]+ = ' \
        | grep -vE '^(arc-swap|axum|clap|governor|mimalloc|minijinja|redis|sqlx|strsim|tempfile|toml|tower) = '
} | write Cargo.toml
# In the same versions; cargo adds its own to it.
if ! [ fuzz/Cargo.lock -nt Cargo.lock ]; then cp Cargo.lock fuzz/Cargo.lock; fi
echo "made $crate"
