#!/usr/bin/env bash
# Installs the cargo tools that the checks need into .tools, when they are not there yet and not
# on the PATH. Building them takes some minutes, once.
#
#     scripts/install-cargo-tools.sh nextest deny typos
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH"

# Tools are built to be built quickly: they run for seconds.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=1
export CARGO_PROFILE_RELEASE_LTO=off
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CARGO_PROFILE_RELEASE_DEBUG=0
# Of their own, so that they disturb no build of ours.
export CARGO_TARGET_DIR="$PWD/.tools/target"

# install COMMAND CRATE
install() {
    if command -v "$1" >/dev/null 2>&1; then return; fi
    echo "Installing $2 into .tools" >&2
    cargo install --locked --quiet --root .tools "$2"
    rm -rf .tools/target
}

for tool in "$@"; do
    case "$tool" in
        nextest) install cargo-nextest cargo-nextest@0.9.143 ;;
        deny) install cargo-deny cargo-deny@0.20.2 ;;
        typos) install typos typos-cli@1.52.0 ;;
        mutants) install cargo-mutants cargo-mutants@27.1.0 ;;
        fuzz) install cargo-fuzz cargo-fuzz@0.13.2 ;;
        *) echo "usage: $0 nextest|deny|typos|mutants|fuzz ..." >&2; exit 2 ;;
    esac
done
