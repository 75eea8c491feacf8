# `make test` is what CI runs. Environments for the real tools are kept in .cache/.

SHELL := bash
CACHE := $(CURDIR)/.cache

export RECTIFY_BATOU_PYTHON ?= $(CACHE)/batou-2.7.1/bin/python
export RECTIFY_BUILDOUT_PYTHON ?= $(CACHE)/buildout-6.0.1/bin/python
export RECTIFY_BUILDOUT_PYTHONS ?= $(CACHE)/buildout-6.0.1/bin/python:$(CACHE)/buildout-5.2.0/bin/python:$(CACHE)/buildout-3.3/bin/python
export RECTIFY_TEST_BATOU ?= $(CACHE)/batou-probe

.PHONY: test install format lint doc test-rust test-python bless

test: install format lint doc test-rust test-python

install:
	.ci/install

format:
	cargo fmt --check

lint:
	cargo clippy --locked --all-targets -- -D warnings
	shellcheck .ci/install .ci/run

doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps

# cargo-nextest is faster, but building it is slow: where it is missing, cargo's own runner does.
test-rust:
	if cargo nextest --version >/dev/null 2>&1; then \
	    cargo nextest run --locked --no-fail-fast && cargo test --locked --doc; \
	else \
	    cargo test --locked --no-fail-fast; \
	fi

test-python:
	for test in tests/exact/test_*.py; do python3 -B -m unittest -v "$$test" || exit 1; done

# Writes the golden files anew. Look at the difference before you commit it.
bless:
	RECTIFY_BLESS=1 cargo test --locked --test integration -- report tickets
