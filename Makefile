# On a fresh Debian 12 with a Rust toolchain, each of these installs what it needs and goes on.

.PHONY: help demo build test lint quick proof bench bench-logins bench-scim bench-federation bench-core corpus mutants fuzz packages peers tools fmt

help:
	@echo "make demo         the gateway, an identity provider and an application, to click through"
	@echo "make test         what CI runs: every check and every test"
	@echo "make lint         the checks alone"
	@echo "make quick        unit tests, nothing to install"
	@echo "make proof        tests/it/proof with all that it has, for hours"
	@echo "make mutants      our own code changed in a thousand places: do the tests notice?"
	@echo "make fuzz         a quarter of an hour for each target (fuzz/README.md)"
	@echo "make bench        what does a request cost, beside nginx, HAProxy and Apache? (benches/compare)"
	@echo "make bench-core   how fast is a Response read, and beside whom? (docs/performance.md)"
	@echo "make bench-logins logins per second, beside mod_auth_mellon and mod_shib"
	@echo "make bench-federation  what do ten thousand identity providers cost?"
	@echo "make bench-scim   people and groups per second, beside scim2-server and SCIMMY"
	@echo "make corpus       the messages in tests/corpus again, from their generator"
	@echo "make fmt          format the code"

# Three programs on loopback with temporary data; it prints where to go and as whom.
demo:
	@scripts/install-packages.sh build
	cargo run --locked -- demo

build:
	@scripts/install-packages.sh build
	cargo build --locked --release

test: packages tools peers
	scripts/lint.sh
	scripts/test.sh

lint:
	@scripts/install-packages.sh build
	@scripts/install-cargo-tools.sh deny typos
	scripts/lint.sh

quick:
	@scripts/install-packages.sh build
	cargo test --locked --lib -- --skip store::redis::tests --skip store::postgres::tests

# The core alone, optimised: the same tests as in `make test`, on some hundred times as much.
proof:
	@scripts/install-packages.sh test
	@scripts/core-crate.sh
	cd target/core && SAMLGATE_LONG_TESTS=1 cargo test --release --test messages -- --nocapture proof::

bench:
	@scripts/install-packages.sh bench
	@scripts/install-peers.sh python
	cargo build --locked --release
	tests/peers/venv/bin/python benches/compare/proxy/run.py

bench-logins:
	@scripts/install-packages.sh bench
	@scripts/install-peers.sh python
	cargo build --locked --release
	tests/peers/venv/bin/python benches/compare/logins/run.py

bench-scim:
	@scripts/install-packages.sh bench-scim
	@scripts/install-peers.sh python
	cargo build --locked --release
	tests/peers/venv/bin/python benches/compare/scim/run.py

bench-federation:
	@scripts/install-packages.sh bench
	@scripts/install-peers.sh python
	cargo build --locked --release
	tests/peers/venv/bin/python benches/compare/federation/run.py

mutants:
	@scripts/install-packages.sh build
	scripts/mutants.sh

fuzz:
	@scripts/install-packages.sh build test
	fuzz/run.sh 900

# The same files as before, unless the generator has changed.
corpus:
	@scripts/install-packages.sh corpus
	@scripts/corpus.sh
	@scripts/corpus.sh check

bench-core:
	@scripts/install-packages.sh bench-core
	scripts/core-crate.sh
	cd target/core && cargo bench --bench core --bench core_memory --bench aggregate
	benches/compare/core/run.sh

fmt:
	cargo fmt

# What the tests stand on; each does nothing when it is there.
packages:
	@scripts/install-packages.sh build test
tools:
	@scripts/install-cargo-tools.sh nextest deny typos
peers:
	@scripts/install-packages.sh test
	@scripts/install-peers.sh
