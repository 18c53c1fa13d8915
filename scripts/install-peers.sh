#!/usr/bin/env bash
# Installs the programs that the tests talk to into tests/peers: pysaml2 and Radicale from PyPI
# (venv), samlp from npm (node_modules). Does nothing while the lists of versions stay the same.
#
#     scripts/install-peers.sh [python|node ...]
set -euo pipefail
cd "$(dirname "$0")/../tests/peers"

# fresh STAMP FILE...: the stamp was made from exactly these files, at this place.
fresh() { [ -f "$1" ] && [ "$(sum "${@:2}")" = "$(cat "$1")" ]; }
sum() { { pwd; cat "$@"; } | sha256sum; }

wanted() { [ -z "$only" ] || [[ " $only " == *" $1 "* ]]; }
only="$*"

if wanted python && ! fresh venv/.stamp requirements.txt; then
    echo "Installing tests/peers/venv" >&2
    rm -rf venv
    python3 -m venv venv
    venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
    sum requirements.txt > venv/.stamp
fi

if wanted node && ! fresh node_modules/.stamp package.json package-lock.json; then
    echo "Installing tests/peers/node_modules" >&2
    npm ci --silent
    sum package.json package-lock.json > node_modules/.stamp
fi
