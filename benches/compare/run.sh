#!/usr/bin/env bash
# How much does the gateway cost beside nginx, on the same machine, in the same minutes?
#
#     make bench
#     ROUNDS=1 SECONDS_EACH=5 benches/compare/run.sh
#
# Loopback only. Everything that it starts, it ends.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PATH:/usr/sbin"

ROUNDS=${ROUNDS:-3}
SECONDS_EACH=${SECONDS_EACH:-30}
CONNECTIONS=${CONNECTIONS:-32}
SAMLGATE=${SAMLGATE:-target/release/samlgate}
out=$PWD/benches/compare/out
started=()

finish() {
    for id in "${started[@]}"; do kill "$id" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap finish EXIT

# run LOG COMMAND...: in the background, ended with us.
run() {
    "${@:2}" >>"$out/$1.log" 2>&1 &
    started+=("$!")
}

fill() {
    sed -e "s#@OUT@#$out#g" -e "s#@UPSTREAM@#$upstream#g" -e "s#@PROXY@#$proxy#g" \
        -e "s#@GATEWAY@#$gateway#g" -e "s#@ADMIN@#$admin#g" -e "s#@IDP@#$idp#g" "$1"
}

# until_answers URL LOG
until_answers() {
    for _ in $(seq 200); do
        if python3 -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)" \
            "$1" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "$1 does not answer:" >&2
    tail -n 20 "$out/$2.log" >&2
    exit 1
}

scripts/install-peers.sh python
rm -rf "$out"
mkdir -p "$out/www" "$out/tmp" "$out/data" "$out/certs"
head -c 1024 /dev/zero | tr '\0' x > "$out/www/1k.txt"
read -r upstream proxy gateway admin idp < <(python3 - <<'PORTS'
import socket
sockets = [socket.socket() for _ in range(5)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PORTS
)
fill benches/compare/application.conf > "$out/application.conf"
fill benches/compare/proxy.conf > "$out/proxy.conf"
fill benches/compare/samlgate.toml > "$out/samlgate.toml"

run application nginx -p "$out" -c "$out/application.conf"
run proxy nginx -p "$out" -c "$out/proxy.conf"
run idp tests/peers/venv/bin/python -W ignore tests/peers/pysaml2_idp.py --port "$idp" \
    --sp-metadata "http://127.0.0.1:$gateway/saml/metadata"
until_answers "http://127.0.0.1:$idp/metadata" idp
run samlgate "$SAMLGATE" serve --config "$out/samlgate.toml"
until_answers "http://127.0.0.1:$admin/readyz" samlgate
until_answers "http://127.0.0.1:$proxy/" proxy
cookie=$(python3 benches/compare/sign_in.py "http://127.0.0.1:$gateway/" alice)

# measure NAME URL: one line "requests/s p50 p99", and a refusal to count errors.
measure() {
    local report
    report=$(wrk -t 1 -c "$CONNECTIONS" -d "${SECONDS_EACH}s" --latency \
        -H "Cookie: $cookie" -H "Accept: text/html" "$2")
    printf '%s\n' "$report" >> "$out/$1.wrk"
    # A line for each request is a lot of lines.
    : > "$out/access.log"
    tail -c 10000 "$out/samlgate.log" > "$out/samlgate.tail" && : > "$out/samlgate.log"
    if grep -Eq 'Non-2xx|Socket errors' <<<"$report"; then
        printf '%s\n%s\n' "$1 answered with errors:" "$report" >&2
        exit 1
    fi
    awk '/Requests\/sec/ { rps = $2 } /50%/ { p50 = $2 } /99%/ { p99 = $2 } END { print rps, p50, p99 }' \
        <<<"$report"
}

echo "wrk: $CONNECTIONS connections, ${SECONDS_EACH} s each, $(nproc) cores, $(uname -m)"
printf '%-6s %-9s %12s %10s %10s\n' round through requests/s p50 p99
for round in $(seq "$ROUNDS"); do
    # One after the other, so that a slow minute of the machine is slow for both.
    for through in nginx samlgate; do
        if [ "$through" = nginx ]; then port=$proxy; else port=$gateway; fi
        read -r rps p50 p99 < <(measure "$through" "http://127.0.0.1:$port/")
        printf '%-6s %-9s %12s %10s %10s\n' "$round" "$through" "$rps" "$p50" "$p99"
        echo "$through $rps" >> "$out/results"
    done
done
awk '{ sum[$1] += $2; n[$1]++ } END {
    nginx = sum["nginx"] / n["nginx"]; samlgate = sum["samlgate"] / n["samlgate"]
    printf "samlgate serves %.2f of the requests per second of nginx (%.0f and %.0f)\n",
        samlgate / nginx, samlgate, nginx
}' "$out/results"
