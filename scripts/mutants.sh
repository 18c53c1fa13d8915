#!/usr/bin/env bash
# Mutation of our own code: every function and operator of the core is replaced by something wrong,
# one at a time, and the tests of the core and the corpus have to notice.
#
#     scripts/mutants.sh 'src/dsig/**'        files; without any: all that stands between a
#                                             stranger's bytes and an identity
#
# It works on a copy of the core alone (scripts/core-crate.sh), so that each mutant is built and
# judged in seconds. What survives, and why that is right, is written in docs/mutants.md; those are
# left out by .cargo/mutants.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH"
scripts/install-cargo-tools.sh mutants
scripts/core-crate.sh
copy=${SAMLGATE_MUTANTS:-$PWD/target/mutants}
mkdir -p "$copy/.cargo"
rm -rf "$copy/src" "$copy/tests"
# Followed: what is changed must not be a link to our sources.
cp -rL target/core/src "$copy/src"
cp -rP target/core/tests "$copy/tests"
cp target/core/Cargo.toml target/core/Cargo.lock "$copy/"
cp .cargo/mutants.toml "$copy/.cargo/mutants.toml"
[ "$#" -gt 0 ] || set -- 'src/xml/**' 'src/dsig/**' 'src/xmlenc/**' 'src/saml/profile/**' \
    'src/saml/schema/**' 'src/saml/response.rs' 'src/saml/binding/**' 'src/saml/logout.rs'
files=()
for file in "$@"; do files+=(--file "$file"); done
cd "$copy"
# Locked, or each mutant would ask for newer dependencies; a mutant that hangs is caught after 60 s.
# The corpus once and fewer random inputs: what is asked for every mutant has to take seconds.
export PROPTEST_CASES=24
exec cargo mutants --in-place --colors never --timeout 60 --no-shuffle "${files[@]}" -- --locked -- \
    --skip proof:: --skip flawed:: --skip the_same_message_gets_the_same_verdict
