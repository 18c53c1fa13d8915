#!/usr/bin/env bash
# Everything that runs the code. Arguments go to nextest: scripts/test.sh browser
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"
# A snapshot that differs is a failure, not a new file.
export INSTA_UPDATE="${INSTA_UPDATE:-no}"

step() { echo "== $*" >&2; "$@"; }

step cargo nextest run --locked "$@"
if [ "$#" -eq 0 ]; then
    RUSTDOC="$PWD/scripts/rustdoc-unstable.sh" step cargo test --locked --doc
fi
