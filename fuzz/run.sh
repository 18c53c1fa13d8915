#!/usr/bin/env bash
# Fuzzes the targets one after another, each for so many seconds:
#
#     fuzz/run.sh 900 xml c14n dsig response encrypted redirect metadata
#
# A finding ends the run and lies in fuzz/artifacts. Mended, it goes to fuzz/findings/TARGET, which
# every test run plays again. The instrumentation of cargo-fuzz is not in stable Rust; the compiler
# is told to offer it all the same, so that what is fuzzed is built as what is shipped.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH"
seconds=${1:?seconds}
shift
scripts/install-cargo-tools.sh fuzz
scripts/core-crate.sh
SAMLGATE_FUZZ_SEEDS="$PWD/target/fuzz-seeds" cargo test --locked --test it -- --ignored --exact \
    fuzz_replay::the_seeds_are_written_out
for target in "$@"; do
    echo "== $target, $seconds s" >&2
    mkdir -p "fuzz/corpus/$target"
    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "target/fuzz-seeds/$target" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
