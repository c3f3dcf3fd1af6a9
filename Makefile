# One command for each thing one does here. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export SLUICE_CACHE ?= $(HOME)/.cache/sluice
# No run may wait for an answer at a prompt.
export DEBIAN_FRONTEND := noninteractive
CARGO_DENY := 0.20.2
DENY := $(SLUICE_CACHE)/cargo-deny-$(CARGO_DENY)/bin/cargo-deny

.DEFAULT_GOAL := help
.PHONY: help build test quick-test fmt lint deny advisories packages services quickstart fleet web-logs bench bench-fleet

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

build: packages ## build the program for use: target/release/sluice
	cargo build --release --locked -p connect-worker

test: packages services lint deny ## everything: formatting, lints, dependencies, unit tests, tests on real Kafka, Kafka Connect and S3
# One build with the packages and targets of the test run: other features would mean to compile twice.
	cargo build --locked --workspace --all-targets
	cargo test --locked --workspace --no-fail-fast < /dev/null

quick-test: packages ## the tests that need no services
	cargo test --locked --workspace --exclude connect-tests < /dev/null

fmt: ## format all code
	cargo fmt --all

lint: packages ## check formatting and lints
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

deny: $(DENY) ## check licences, sources and duplicates of dependencies
	$(DENY) --locked check --hide-inclusion-graph licenses bans sources

advisories: $(DENY) ## check dependencies against the public advisories, which are fetched
	$(DENY) --locked check advisories

$(DENY):
	cargo install --locked --root $(patsubst %/bin/,%,$(dir $@)) cargo-deny@$(CARGO_DENY)

packages: ## install the Debian packages that a build needs, where missing
	@scripts/packages

services: ## install Kafka, Kafka Connect, S3, registry and search servers that tests run against
	@scripts/services

quickstart: build ## run a worker with a broker and an S3 server of its own
	target/release/sluice quickstart

fleet: build ## run three workers of one group with a broker, and show who runs what
	target/release/sluice fleet

web-logs: build services ## run pipeline 2: made-up web logs into an Elasticsearch node, by scheduled runs
	examples/2-web-logs-to-elasticsearch/run

bench: build services ## measure the worker against JVM Kafka Connect
	cargo run --release --locked -p connect-tests --bin bench
	cargo build --release --locked -p bench-worker
	cargo run --release --locked -p connect-tests --bin bench -- chains
	cargo run --release --locked -p connect-tests --bin bench -- sinks

bench-fleet: build services ## measure three workers with 200 sinks, ours and JVM Kafka Connect's
	cargo run --release --locked -p connect-tests --bin bench -- fleet
	cargo run --release --locked -p connect-tests --bin bench -- fleet jvm
