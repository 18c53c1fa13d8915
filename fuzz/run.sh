#!/usr/bin/env bash
# Fuzzes the targets one after another, each for so many seconds:
#
#     fuzz/run.sh 900                  all of them
#     fuzz/run.sh 60 path request
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
scripts/fuzz-crate.sh
if [ $# = 0 ]; then
    set -- xml c14n dsig response encrypted redirect soap metadata aggregate \
        path request forwarded proxy_header relay_state answer sealed \
        scim_filter scim_path scim_patch scim_bodies
fi
for target in "$@"; do
    echo "== $target, $seconds s" >&2
    seeds="$PWD/target/fuzz-seeds/$target"
    rm -rf "$seeds"
    mkdir -p "fuzz/corpus/$target" "$seeds"
    # The target writes its seeds there before it reads them.
    SAMLGATE_FUZZ_SEEDS="$seeds" RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "$seeds" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
