# `make test` is what CI runs. Environments for the real tools are kept in .cache/.

SHELL := bash
CACHE := $(CURDIR)/.cache

export RECTIFY_BATOU_PYTHON ?= $(CACHE)/batou-2.7.1/bin/python
export RECTIFY_BUILDOUT_PYTHON ?= $(CACHE)/buildout-6.0.1/bin/python
# One generation in CI: damaging, running and comparing takes minutes for each. `make generations` takes all.
export RECTIFY_BUILDOUT_PYTHONS ?= $(CACHE)/buildout-6.0.1/bin/python
export RECTIFY_TEST_BATOU ?= $(CACHE)/batou-probe
export RECTIFY_TEST_BATOU_VERSIONS ?= 2.7.1 2.3.1
export RECTIFY_PORTAGE ?= $(CACHE)/portage-3.0.83/bin
export RECTIFY_CONVERGENCE ?= $(CACHE)/convergence
# How many random configurations are compared with zc.buildout's own reading, and from which seed.
export RECTIFY_PARITY_COUNT ?= 100
export RECTIFY_PARITY_SEED ?= 1

.PHONY: static test install prepare format lint doc test-rust test-python claims generations hostile fuzz incidents bless

test: install format lint doc prepare test-rust test-python

# What this machine calls itself, as rustc does; asked only where it is needed.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
# What `static` builds; benches/compare_buildout.py wants an example, too.
STATIC ?= --bin rectify

# The program as one file without any shared library: it runs on every Linux of this processor, a rescue system, too.
static:
	CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 RUSTFLAGS='-C target-feature=+crt-static' \
	    cargo build --locked --release $(STATIC) --target $(HOST)
	dynamic=$$(readelf -d target/$(HOST)/release/rectify) && ! grep NEEDED <<< "$$dynamic"
	@echo 'target/$(HOST)/release/rectify'

install:
	.ci/install

# Deploys the large fixture, for the convergence cases. Needs root and overlayfs, as they do.
prepare: install
	.ci/prepare $(RECTIFY_CONVERGENCE)

format:
	cargo fmt --check

lint:
	cargo clippy --locked --all-targets -- -D warnings
	shellcheck .ci/install .ci/prepare .ci/run fixtures/deployments/*/*.sh tests/tools/*.sh

# The library is for those who work on it: its pages name private modules, too.
doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

# cargo-nextest is faster, but building it is slow: where it is missing, cargo's own runner does.
test-rust:
	if cargo nextest --version >/dev/null 2>&1; then \
	    cargo nextest run --locked --no-fail-fast && cargo test --locked --doc; \
	else \
	    cargo test --locked --no-fail-fast; \
	fi

test-python:
	for test in tests/exact/test_*.py; do python3 -B -m unittest -v "$$test" || exit 1; done

# Every claim about batou's components, held against the real batou: 62 deployments and more, so not in `test`.
claims:
	$(RECTIFY_BATOU_PYTHON) -B -m unittest discover -s tests/exact/claims

# What we say about zc.buildout, held against every generation of it, with many random configurations.
generations:
	RECTIFY_BUILDOUT_PYTHONS=$(CACHE)/buildout-6.0.1/bin/python:$(CACHE)/buildout-5.2.0/bin/python:$(CACHE)/buildout-3.3/bin/python \
	RECTIFY_PARITY_COUNT=1000 cargo test --locked --test integration -- buildout_parity recipes

# Ten megabytes of every kind of hostile input, and many random changes of the fuzzing seeds.
hostile:
	RECTIFY_HOSTILE_TIMES=100 cargo test --locked --release --test hostile -- --include-ignored

# libFuzzer on every reader of outside bytes, from the seeds that the tests replay. Needs a nightly compiler and cargo-fuzz.
# Leaks are not looked for: libgit2 1.9 loses 592 bytes for each repository whose configuration it cannot read.
FUZZ_SECONDS ?= 60
fuzz:
	cargo +nightly fuzz build
	for target in $$(cargo +nightly fuzz list); do \
	    mkdir -p fuzz/corpus/$$target && ASAN_OPTIONS=detect_leaks=0 cargo +nightly fuzz run $$target fuzz/corpus/$$target fixtures/fuzz/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 || exit 1; \
	done

# Simulated incidents on two revisions of a real deployment: is everything found, and called by its name? Needs root, loop
# mounts and the simulator ($(SIMULATOR)). SEEDS="1 2" for several.
SIMULATOR ?= ../shared/tools/incident_sim.py
SEEDS ?= 1
incidents:
	cargo build --locked --release
	python3 -B tests/incidents/incidents.py --rectify target/release/rectify --sim $(SIMULATOR) \
	    --work $(CACHE)/incidents $(foreach seed,$(SEEDS),--seed $(seed)) --details

# Writes the golden files anew. Look at the difference before you commit it.
bless:
	RECTIFY_BLESS=1 cargo test --locked --test integration -- report shop tickets
