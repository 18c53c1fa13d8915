#!/usr/bin/env bash
# Makes tests/corpus/saml again from tests/corpus/make, with the versions of its requirements.txt.
# The files are kept in git: running the tests does not need this.
#
#     scripts/corpus.sh            make the files
#     scripts/corpus.sh check      verify the valid ones by xmlsec1
set -euo pipefail
cd "$(dirname "$0")/../tests/corpus/make"

sum() { { pwd; cat requirements.txt; } | sha256sum; }
if ! [ -f venv/.stamp ] || [ "$(sum)" != "$(cat venv/.stamp)" ]; then
    echo "Installing tests/corpus/make/venv" >&2
    rm -rf venv
    python3 -m venv venv
    venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
    sum > venv/.stamp
fi

exec venv/bin/python -B "${1:-make}.py"
