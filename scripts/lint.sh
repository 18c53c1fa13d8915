#!/usr/bin/env bash
# Everything that reads the code without running it, the quick things first.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH"

step() { echo "== $*" >&2; "$@"; }

step cargo fmt --check
step typos
step cargo clippy --locked --all-targets -- -D warnings
# What goes into the image: without the demo.
step cargo clippy --locked --no-default-features --lib --bins -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --no-deps --document-private-items
step cargo deny --locked check bans licenses sources
