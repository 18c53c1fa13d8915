#!/usr/bin/env bash
# Mutation of our own code: every function and operator of the core is replaced by something wrong,
# one at a time, and the core's own tests have to notice. With SAMLGATE_MUTANTS_CORPUS=yes the corpus
# may notice too: three times as long, for the few that are left. With SAMLGATE_MUTANTS_TESTS=xmlenc::
# the tests of one module are asked alone: what they notice is noticed, the rest is for all of them.
# Then what lies above that module is not built either: two seconds a mutant instead of four.
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
case "${SAMLGATE_MUTANTS_TESTS:-}" in
    base::*) above='xml dsig xmlenc saml' ;;
    xml::*) above='dsig xmlenc saml' ;;
    dsig::*) above='xmlenc saml' ;;
    xmlenc::*) above='dsig saml' ;;
    *) above= ;;
esac
for module in $above; do
    sed -i "/^pub mod $module;$/d" "$copy/src/lib.rs"
    rm -r "$copy/src/$module"
done
[ "$#" -gt 0 ] || set -- 'src/xml/**' 'src/dsig/**' 'src/xmlenc/**' 'src/saml/profile/**' \
    'src/saml/schema/**' 'src/saml/response.rs' 'src/saml/binding/**' 'src/saml/logout.rs'
files=()
for file in "$@"; do files+=(--file "$file"); done
cd "$copy"
# The lock file is that of the gateway; what the core does not need has to leave it first.
cargo metadata --offline --format-version 1 > /dev/null
# Locked, or each mutant would ask for newer dependencies; a mutant that hangs is caught after 60 s.
# Fewer random inputs: what is asked for every mutant has to take seconds. `--lib` is said to the
# build as well, or each mutant would also be linked into the corpus.
export PROPTEST_CASES=24
mutants=(cargo mutants --in-place --colors never --timeout 60 --no-shuffle -C=--locked "${files[@]}")
if [ "${SAMLGATE_MUTANTS_CORPUS:-no}" = yes ]; then
    exec "${mutants[@]}" -- -- \
        --skip proof:: --skip flawed:: --skip the_same_message_gets_the_same_verdict
fi
exec "${mutants[@]}" -C=--lib -- -- ${SAMLGATE_MUTANTS_TESTS:+"$SAMLGATE_MUTANTS_TESTS"}
