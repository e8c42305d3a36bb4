# The tasks people run. CI runs only these.
# The first one that builds sets the toolchain up; later runs only look.

# Packages that cargo-component builds: WASI 0.2, from local WIT.
COMPONENT_GUESTS := stock
# Packages that cargo builds for wasm32-wasip2: the examples, named like their
# folders, and the tests' guests, named guest-FOLDER.
GUESTS := $(filter-out $(COMPONENT_GUESTS), \
	$(patsubst functions/examples/%/Cargo.toml,%,$(wildcard functions/examples/*/Cargo.toml)) \
	$(patsubst tests/guests/%/Cargo.toml,guest-%,$(wildcard tests/guests/*/Cargo.toml)))
# What that takes beyond the toolchain.
GUEST_TOOLS := $(if $(COMPONENT_GUESTS),cargo-component)
# More arguments for `cargo test`, e.g. make test TEST='-p tidegate-route'.
TEST :=

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# spin.toml names files under target/, wherever else cargo was told to build.
unexport CARGO_TARGET_DIR

# .setup/env.mk: the environment of the toolchain. setup/toolchain.sh writes it,
# but only when it changes: then make reads it anew, by itself.
ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
include .setup/env.mk
endif
.setup/env.mk: FORCE
	@setup/toolchain.sh

help: ## this list
	@echo 'make TASK, where TASK is one of:'
	sed -nE 's/^([a-z]+):.*## (.*)/  \1\t\2/p' Makefile

up: ## build and serve the example application (other addresses: LISTEN=127.0.0.1:80 ADMIN=127.0.0.1:81)
	@setup/tools.sh $(GUEST_TOOLS)
	cargo build --bin tidegate --example reviews
	# An upstream for the edge; it ends with this.
	target/debug/examples/reviews &
	exec target/debug/tidegate up --build $(if $(LISTEN),--listen $(LISTEN)) $(if $(ADMIN),--admin $(ADMIN))

# Plain `cargo test` takes the workspace's default members: what builds natively.
test: guests ## build the components, run every test
	@setup/tools.sh redis-server || echo 'test: without redis-server, what needs it is ignored'
	@cargo build --bin tidegate
	cargo test $(TEST)
	if [[ -z "$(TEST)" ]] && command -v redis-server >/dev/null; then
		cargo test -p tidegate-host --lib redis -- --ignored
	fi

guests: ## build the WebAssembly components
	@setup/tools.sh $(GUEST_TOOLS)
	# One by one, as users build them: together they would share features, and so
	# each would be built with what the others want of a common dependency.
	for guest in $(GUESTS); do
		cargo build --release --target wasm32-wasip2 -p $$guest
	done
	for guest in $(COMPONENT_GUESTS); do
		cargo component build --release -p $$guest
	done

lint: ## formatting, clippy, pure crates, licences and sources of the dependencies
	@cargo fmt --all --check
	functions/pure.sh
	cargo clippy --all-targets -- -D warnings
	# In release only because its procedural macros are there already, from `guests`.
	cargo clippy --release --target wasm32-wasip2 $(GUESTS:%=-p %) $(COMPONENT_GUESTS:%=-p %) -- -D warnings
	setup/tools.sh cargo-deny
	cargo deny --log-level error check bans licenses sources
	# Known vulnerabilities come from a database on the network, which not every
	# machine can reach. Where it must be there, ADVISORIES=required.
	if [[ "$(ADVISORIES)" == required ]] || timeout 60 cargo deny fetch db >/dev/null 2>&1; then
		cargo deny check advisories
	else
		echo 'lint: SKIPPED the check for known vulnerabilities: its database cannot be fetched here'
	fi

conformance: guests ## which case passes in which place
	@cargo build --bin tidegate
	cargo test -q -p tidegate-tests --test conformance -- --matrix

bench: ## against other servers on this machine; takes minutes, wants it quiet
	@setup/tools.sh wasmtime-cli wrk nginx varnish
	tests/benches/run

fuzz: ## the parsers, with random input
	@tests/fuzz/run

clean: ## remove what was built; the toolchain stays
	@rm -rf target/* .tidegate

FORCE:
.PHONY: help up test guests lint conformance bench fuzz clean FORCE
