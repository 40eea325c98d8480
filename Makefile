# make demo       set up, build, and run the whole pipeline on the bundled synthetic sample
# make test       set up, build, and run every test, with those of the real window
# make app        build the window and open it
# make install    install `repartee` into ~/.cargo/bin
# make build      build the command line, optimized: target/release/repartee
#                 All of these build for the GPU they find: with Metal on macOS, with CUDA where nvcc is on the PATH.
#                 FEATURES=cuda or FEATURES=metal asks for one, FEATURES= (empty) for the CPU alone
# make bundle     build packages: .deb and .AppImage on Linux, .dmg on macOS, .msi and .exe on Windows
#
# make check      what to run before a commit: format, licenses, words to avoid, clippy and all Rust tests; needs no Node
# make words      look for spelling mistakes and for words to avoid (.ci/words)
# make e2e        only the tests of the real window; SCREENSHOTS=1 retakes the pictures in docs/screenshots
# make proof      the long runs: 1,000 seeded runs of posting with faults, kills and copies of the project (make test: 100),
#                 100,000 malformed files through every reader (make test: 10,000), and archives that expand to 1 GB
#                 (make test: 64 MB)
# make bench      measure speed on this machine, one JSON line each
# make race       the long measurement: Repartee and its peers from PyPI in turn, into docs/PERFORMANCE.md (scripts/race)
# make cuda-check compile with CUDA, without a toolkit or a GPU on this machine (scripts/cuda-check)
# make gpu        on a machine with an NVIDIA GPU: everything that must hold there, without network (tests/gpu.sh)

export PATH := $(HOME)/.cargo/bin:$(CURDIR)/target/node/node_modules/.bin:$(PATH)
REPARTEE := target/release/repartee
# A CUDA program doesn't start without CUDA's libraries, so it is built only where the toolkit is.
ifeq ($(origin FEATURES),undefined)
FEATURES := $(if $(filter Darwin,$(shell uname -s)),metal,$(if $(shell command -v nvcc 2>/dev/null),cuda))
endif
DEVICE := $(if $(FEATURES),--features $(FEATURES))
# Where there is no screen, the window's tests get a virtual one.
SCREEN := $(if $(filter Linux,$(shell uname -s)),xvfb-run -a -s "-screen 0 1400x1000x24",)

.PHONY: help setup setup-check setup-window build install demo ui app bundle tests test proof e2e check fmt licenses \
  clippy words bench race cuda-check gpu clean

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

setup:
	@.ci/setup

setup-check:
	@.ci/setup check

setup-window:
	@.ci/setup window

build: setup
	cargo build --release --locked -p repartee-cli $(DEVICE)

install: setup
	cargo install --locked --path crates/cli $(DEVICE)

demo: build
	$(REPARTEE) demo demo

# The page that the window shows. It is embedded in the program.
ui: setup-window
	cd ui && npm ci --no-audit --no-fund && npm run build

app: ui
	cargo build --release --locked -p repartee-app $(DEVICE)
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
	cd src-tauri && $(TAURI) build $(if $(filter metal,$(FEATURES)),--features metal)
endif

# Every target selects the whole workspace: another selection has other features and builds most crates again.
tests: ui
	cargo build --workspace --bins --tests --locked

test: tests
	cd ui && npm run check && npm test
	cargo test --workspace --locked --no-fail-fast
	@.ci/test-tools
	@$(MAKE) --no-print-directory e2e-built

proof: tests
	REPARTEE_SEEDS=0..1000 cargo test --workspace --locked --test posting never_two_comments -- --nocapture
	REPARTEE_FUZZ=100000 cargo test --workspace --locked --test fuzz -- --nocapture
	REPARTEE_PROOF=1 cargo test --workspace --locked --test field -- bombs:: --include-ignored --nocapture --test-threads 1

e2e: tests
	@$(MAKE) --no-print-directory e2e-built

.PHONY: e2e-built
e2e-built:
	cd tests/e2e && npm ci --no-audit --no-fund && REPARTEE_SCREENSHOTS=$(SCREENSHOTS) $(SCREEN) npm test

# The quick ones first. The window's crate is linted and tested too; without `make ui` its build script embeds an empty page.
check: setup-check
	@$(MAKE) --no-print-directory fmt licenses
	@.ci/check-words
	@$(MAKE) --no-print-directory clippy
	cargo test --workspace --locked --no-fail-fast
	@.ci/test-tools

fmt:
	cargo fmt --all --check

# Offline: `cargo fetch` gets what the build needs anyway.
licenses:
	@cargo fetch --locked --quiet
	@.ci/licenses

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

words:
	@.ci/check-words; found=$$?; \
	if command -v typos >/dev/null; then typos || found=1; \
	else echo "typos is not installed: spelling was not checked (pip install typos, or cargo install typos-cli)"; fi; \
	exit $$found

cuda-check:
	@scripts/cuda-check

gpu:
	@tests/gpu.sh

bench: build
	$(REPARTEE) bench train --model gpt2 --batch 4 --length 256 --steps 3 --json
	$(REPARTEE) bench generate --model gpt2 --batch 10 --prompt 64 --length 64 --json
	$(REPARTEE) bench score --model bert-base --batch 16 --length 128 --steps 3 --json
	$(REPARTEE) bench pipeline --json

# RACE: its options, for example RACE="--only generate,score --rounds 7".
race: build
	scripts/race $(RACE)

clean:
	cargo clean
