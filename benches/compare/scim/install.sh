#!/usr/bin/env bash
# Installs the other SCIM servers into target/compare-scim: scim2-server from PyPI, scimmy-routers from
# npm. Does nothing while the lists of versions stay the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../../target/compare-scim
mkdir -p "$out/node"
wanted=$(cat "$here/requirements.txt" "$here/node/package.json" "$here/node/package-lock.json" | sha256sum)
cp "$here/node/server.js" "$out/node/"
if [ "$(cat "$out/.stamp" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

echo "Installing $out" >&2
python3 -m venv --clear "$out/venv"
"$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/node/package.json" "$here/node/package-lock.json" "$out/node/"
(cd "$out/node" && npm ci --silent)
echo "$wanted" > "$out/.stamp"
