#!/usr/bin/env bash
# Installs the Debian packages that are missing for some purposes: build, test, bench, bench-core,
# bench-scim or corpus.
#
#     scripts/install-packages.sh build test
#
# Asks no question. Needs root, or sudo without a password, only when something is missing.
# Elsewhere than on Debian it names what to install.
set -euo pipefail

packages=()

have() { command -v "$1" >/dev/null 2>&1; }

# need COMMAND PACKAGE...: the packages, when there is no such command.
need() {
    have "$1" || [ -x "/usr/sbin/$1" ] || packages+=("${@:2}")
}

build() {
    need cc gcc libc6-dev
    need pkg-config pkg-config
    if ! have pkg-config || ! pkg-config --exists openssl; then packages+=(libssl-dev); fi
    [ -s /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
}

pysaml2() {
    # It signs by xmlsec1. libxml2, which comes with that, is what tests/it/proof compares with.
    need xmlsec1 xmlsec1
    if ! have python3; then
        packages+=(python3 python3-venv)
    elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        packages+=(python3-venv)
    fi
}

# Identity providers that others run (tests/it/interop): 85 MB with all that they need. Their own
# dependencies name a web server, which nginx is, and leave out what SAML needs.
identity_providers() {
    [ -d /usr/share/simplesamlphp/www ] || packages+=(simplesamlphp php8.2-cgi)
    need php php8.2-cli
    for extension in dom:php8.2-xml pdo_sqlite:php8.2-sqlite3; do
        php -r "exit(extension_loaded('${extension%:*}') ? 0 : 1);" 2>/dev/null ||
            packages+=("${extension#*:}")
    done
    [ -d /usr/share/lemonldap-ng/portal ] || packages+=(liblemonldap-ng-portal-perl)
    for module in Lasso:liblasso-perl XML::Simple:libxml-simple-perl IO::String:libio-string-perl; do
        perl -M"${module%:*}" -e1 2>/dev/null || packages+=("${module##*:}")
    done
}

# The other service providers: 35 MB with all that they need.
service_providers() {
    need apache2 apache2
    [ -e /usr/lib/apache2/modules/mod_auth_mellon.so ] || packages+=(libapache2-mod-auth-mellon)
    [ -e /usr/lib/apache2/modules/mod_shib.so ] || packages+=(libapache2-mod-shib)
}

test_packages() {
    build
    pysaml2
    # The browser. Without a font it draws empty pages.
    need chromium chromium fonts-dejavu-core
    need chromedriver chromium-driver
    # Other identity providers, and the service providers from which people move over.
    identity_providers
    service_providers
    need node nodejs
    need npm npm
    need openssl openssl
    # The front proxies.
    need nginx nginx-light
    need haproxy haproxy
    need caddy caddy
    # Clients of HTTP/2.
    need curl curl
    need nghttp nghttp2-client
    # A clock that tests step.
    [ -n "$(find /usr/lib -path '*/faketime/libfaketimeMT.so.1' -print -quit)" ] || packages+=(libfaketime)
    # What several gateways share.
    need redis-server redis-server
    need redis-cli redis-tools
    # Their common database; Debian keeps the server out of the path.
    [ -n "$(find /usr/lib/postgresql -name initdb -print -quit 2>/dev/null)" ] || need initdb postgresql
    need psql postgresql-client
}

bench() {
    build
    need nginx nginx-light
    need haproxy haproxy
    need wrk wrk
    pysaml2
    service_providers
}

bench_scim() {
    build
    pysaml2
    need wrk wrk
    need node nodejs
    need npm npm
}

bench_core() {
    build
    pysaml2
    need node nodejs
    need npm npm
    # What samael is built with.
    for library in libxml-2.0 xmlsec1; do
        have pkg-config && pkg-config --exists "$library" || packages+=(libxml2-dev libxmlsec1-dev)
    done
    [ -n "$(find /usr/lib -name 'libclang*.so*' -print -quit)" ] || packages+=(libclang-dev)
}

for purpose in "$@"; do
    case "$purpose" in
        build) build ;;
        test) test_packages ;;
        bench) bench ;;
        bench-core) bench_core ;;
        bench-scim) bench_scim ;;
        corpus) pysaml2; need openssl openssl ;;
        *) echo "usage: $0 build|test|bench|bench-core|bench-scim|corpus ..." >&2; exit 2 ;;
    esac
done

if [ "${#packages[@]}" -eq 0 ]; then exit 0; fi
mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)

if ! have apt-get; then
    echo "Missing here: ${packages[*]} (Debian's names). Please install them." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "Please run as root: apt-get install ${packages[*]}" >&2
    exit 1
fi

echo "Installing ${packages[*]}" >&2
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q update
# No daemon is started: nginx and the others are run by the tests themselves, on their own ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | ${as_root[@]+"${as_root[@]}"} tee "$policy" >/dev/null
    ${as_root[@]+"${as_root[@]}"} chmod 755 "$policy"
    trap '${as_root[@]+"${as_root[@]}"} rm -f "$policy"' EXIT
fi
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${packages[@]}"
