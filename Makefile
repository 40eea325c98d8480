# make demo    sets up, builds, and runs the whole loop on the bundled synthetic sample
# make test    sets up, builds, and runs every test, the real window's too
# make app     builds the window and opens it
# make bundle  packages to install: .deb and .AppImage on Linux, .dmg on macOS, .msi and .exe on Windows
# make proof   1,000 seeded runs of posting with faults, kills and copies of the project (make test runs 100), 100,000
#              bent files through every reader (make test: 10,000), and bombs that become 1 GB (make test: 64 MB)
# make e2e     only the tests of the real window; SCREENSHOTS=1 takes the pictures in docs/screenshots anew
# make check   what a contributor runs before a commit: format, lints, tests, licences
# make bench   speed on this machine, one JSON line each
# make build   the command line, optimised: target/release/repartee
# make install puts `repartee` into ~/.cargo/bin

export PATH := $(HOME)/.cargo/bin:$(CURDIR)/target/node/node_modules/.bin:$(PATH)
REPARTEE := target/release/repartee
# A display of its own for the window's tests, where there is no screen.
SCREEN := $(if $(filter Linux,$(shell uname -s)),xvfb-run -a -s "-screen 0 1400x1000x24",)

.PHONY: proof help setup setup-window build install demo ui app bundle tests test e2e check bench clean

help:
	@sed -n 's/^# //p' Makefile

setup:
	@.ci/setup

setup-window:
	@.ci/setup window

build: setup
	cargo build --release --locked -p repartee-cli

install: setup
	cargo install --locked --path crates/cli

demo: build
	$(REPARTEE) demo demo

# The page that the window shows; it is built into the program.
ui: setup-window
	cd ui && npm ci --no-audit --no-fund && npm run build

app: ui
	cargo build --release --locked -p repartee-app
	target/release/repartee-app

TAURI := npx --yes @tauri-apps/cli@2.12.5
BUNDLE := target/release/bundle
bundle: ui
ifeq ($(shell uname -s),Linux)
	@.ci/setup bundle
	cd src-tauri && $(TAURI) build --bundles deb
	deb=$$(ls -t $(BUNDLE)/deb/*.deb | head -1) && \
	  src-tauri/linux/appimage $$deb $(BUNDLE)/appimage/$$(basename $$deb .deb).AppImage
else
	cd src-tauri && $(TAURI) build
endif

# One set of features for all that follows, so that nothing is built twice.
tests: ui
	cargo build --workspace --bins --tests --locked

test: tests
	cd ui && npm run check && npm test
	cargo test --workspace --locked --no-fail-fast
	@$(MAKE) --no-print-directory e2e-built

proof: tests
	REPARTEE_SEEDS=0..1000 cargo test --workspace --locked --test posting never_two_comments -- --nocapture
	REPARTEE_FUZZ=100000 cargo test --workspace --locked --test fuzz -- --nocapture
	REPARTEE_PROOF=1 cargo test --workspace --locked --test field become_much_more -- --nocapture --test-threads 1
	REPARTEE_PROOF=1 cargo test --workspace --locked --test field unpacks_to_much_more -- --nocapture

e2e: tests
	@$(MAKE) --no-print-directory e2e-built

.PHONY: e2e-built
e2e-built:
	cd tests/e2e && npm ci --no-audit --no-fund && REPARTEE_SCREENSHOTS=$(SCREENSHOTS) $(SCREEN) npm test

check: test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check; \
	 else echo "cargo-deny is not installed: licences and advisories were not checked (cargo install cargo-deny)"; fi

bench: build
	$(REPARTEE) bench train --model gpt2 --batch 4 --length 256 --steps 3 --json
	$(REPARTEE) bench generate --model gpt2 --batch 10 --prompt 64 --length 64 --json
	$(REPARTEE) bench score --model bert-base --batch 16 --length 128 --steps 3 --json

clean:
	cargo clean
