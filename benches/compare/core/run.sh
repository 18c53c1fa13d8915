#!/usr/bin/env bash
# Installs five other implementations and lets all read the same messages: see docs/performance.md.
#
#     benches/compare/core/run.sh            five rounds
#     ROUNDS=2 benches/compare/core/run.sh   a first look
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=$PWD/benches/compare/core
out=$PWD/target/compare-core
mkdir -p "$out/messages" "$out/node"

scripts/core-crate.sh > /dev/null
(cd target/core && cargo bench --quiet --bench core --no-run)
core=$(cd target/core && cargo bench --quiet --bench core --no-run --message-format=json |
    python3 -c 'import json, sys
for line in sys.stdin:
    found = json.loads(line)
    if found.get("executable") and found["target"]["name"] == "core": print(found["executable"])')
(cd "$here/samael" && CARGO_TARGET_DIR="$out" cargo build --quiet --release --locked)
if ! "$out/venv/bin/python" -c 'import saml2, onelogin' 2>/dev/null; then
    python3 -m venv "$out/venv"
    "$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
cp "$here"/node/* "$out/node/"
(cd "$out/node" && npm ci --silent)

"$core" --write "$out/messages"
python="$out/venv/bin/python"
"$python" "$here/compare.py" "$out/messages" "${ROUNDS:-5}" \
    "samlgate=$core --peer" \
    "samael 0.0.22=$out/release/samael-bench" \
    "python3-saml 1.16.0=$python $here/peer_python3_saml.py" \
    "node-saml 5.1.0=node $out/node/peer.js" \
    "\`xmlsec1\` (one signature, no claims)=$python $here/peer_xmlsec1.py" \
    "pysaml2 7.5.5=$python $here/peer_pysaml2.py"
