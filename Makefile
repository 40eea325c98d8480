# make demo    sets up, builds, and runs the whole loop on the bundled synthetic sample
# make test    sets up, builds, and runs every test
# make check   what a contributor runs before a commit: format, lints, tests, licences
# make bench   speed on this machine, one JSON line each
# make build   the command line, optimised: target/release/repartee
# make install puts `repartee` into ~/.cargo/bin

export PATH := $(HOME)/.cargo/bin:$(PATH)
REPARTEE := target/release/repartee

.PHONY: help setup build install demo test check bench clean

help:
	@sed -n 's/^# //p' Makefile

setup:
	@.ci/setup

build: setup
	cargo build --release --locked -p repartee-cli

install: setup
	cargo install --locked --path crates/cli

demo: build
	$(REPARTEE) demo demo

test: setup
	cargo test --workspace --locked --no-fail-fast

check: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	@if command -v cargo-deny >/dev/null; then cargo deny check; \
	 else echo "cargo-deny is not installed: licences and advisories were not checked (cargo install cargo-deny)"; fi

bench: build
	$(REPARTEE) bench train --model gpt2 --batch 4 --length 256 --steps 3 --json
	$(REPARTEE) bench generate --model gpt2 --batch 10 --prompt 64 --length 64 --json
	$(REPARTEE) bench score --model bert-base --batch 16 --length 128 --steps 3 --json

clean:
	cargo clean
