# Leadhook. `make dev` to try it, `make test` to check it; README.md and CONTRIBUTING.md explain both.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

PORT ?= 8787
SINK_PORT ?= 8788
CAMPAIGNS ?= examples/campaigns
PAGES ?= examples/pages
FILES ?= examples/files
STATE ?= .state
SOAK_MINUTES ?= 30
export PORT SINK_PORT CAMPAIGNS PAGES FILES STATE

CARGO_FUZZ_VERSION := 0.13.1
# Gzip size that fits every plan with room (the smallest takes 3 MB), and starts fast. A tenth of it is what makes
# the rest faster: functions that are copied into others.
MAX_WASM_GZIP_KB := 800

BENCH := target/bench

# Seconds that `make fuzz` gives each target, and how many run at once.
FUZZ_SECONDS ?= 600
FUZZ_JOBS ?= 2
FUZZ_TARGETS := $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))
# The most examples of an operation that schemathesis makes up.
CONTRACT_EXAMPLES ?= 25

BIN := node_modules/.bin
CLI := target/release/leadhook
WORKER_SOURCES := $(filter-out src/testing/%,$(shell find src texts data tools -type f)) Cargo.toml Cargo.lock
CLI_SOURCES := $(WORKER_SOURCES) $(shell find cli -type f)
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -1)
TARBALL := leadhook-$(VERSION).tgz
# The npm package in a folder: as it is packed, and as `make dev` runs it.
PACKAGE := target/package
DEV := target/dev
PACKAGE_SOURCES := $(CLI_SOURCES) $(shell find npm examples -type f) scripts/package.mjs scripts/wasm.mjs \
  scripts/third-party.mjs LICENSE
# What builds need of npm, and what tests need as well. `npm ci` brings all or the first.
BUILD_PACKAGES := node_modules/.for-builds
TEST_PACKAGES := node_modules/.for-tests

WEB := $(shell find web texts -type f)
# Facts that several programs know, and what reads them.
DATA := $(wildcard data/*) scripts/data.mjs scripts/bundle.mjs

.PHONY: help dev sink lists test test-host test-cli test-e2e test-contract test-npm test-build fuzz python-requirements lint build assets cli npm soak bench pictures \
  bench-core bench-ledger bench-person deploy size clean

help:
	@echo "make dev     run Leadhook here: Worker, example campaigns, webhook receiver"
	@echo "make sink    start the webhook receiver alone"
	@echo "make test    every test: host, end to end on workerd, browser, by the OpenAPI document"
	@echo "make fuzz    fuzz every decoder, FUZZ_SECONDS=600 each"
	@echo "make soak    load with faults that come and go, for SOAK_MINUTES (30)"
	@echo "make bench   Leadhook against a floor and a TypeScript peer; bench-core and bench-ledger:"
	@echo "             the core alone, and what a lead costs and how far one ledger reaches"
	@echo "make pictures   the README's pictures, from the running system"
	@echo "make lists   the mail domains of src/contact, from the pinned npm packages; phone numbers' plans, from the crate"
	@echo "make lint    formatting, Biome's rules, clippy and rustdoc"
	@echo "make build   the Worker, into build/"
	@echo "make cli     the command line, $(CLI)"
	@echo "make npm     the npm package, $(TARBALL)"
	@echo "make deploy  to Cloudflare (docs/cloudflare.md explains it)"

.tools/target:
	@rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown || \
	  { echo "Adding the Rust target wasm32-unknown-unknown"; rustup target add wasm32-unknown-unknown; }
	@mkdir -p .tools && touch $@

.tools/cargo-fuzz-$(CARGO_FUZZ_VERSION):
	@echo "Installing cargo-fuzz $(CARGO_FUZZ_VERSION) into .tools (once; about a minute)"
	cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --force --root .tools --quiet
	@touch $@

.tools/python/installed: tests/python/requirements.txt
	@echo "Installing Python packages into .tools/python (once; about a minute)"
	python3 -m venv --clear .tools/python
	.tools/python/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

# Not from a wheel: only the source distribution has the cases.
.tools/corpora/multipart.json: tests/python/corpora.txt tests/python/multipart_cases.py .tools/python/installed
	@mkdir -p $(@D) && rm -f $(@D)/*.tar.gz
	.tools/python/bin/pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
	  --no-build-isolation --require-hashes --dest $(@D) -r $<
	@.tools/python/bin/python tests/python/multipart_cases.py $(@D)/*.tar.gz > $@.new && mv $@.new $@

.tools/nodes/installed: tests/npm/nodes/package.json tests/npm/nodes/package-lock.json
	@echo "Installing versions of Node into .tools/nodes (once; ten seconds)"
	@mkdir -p $(@D) && cp $^ $(@D)/
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

python-requirements:
	cd tests/python && uv pip compile --universal --generate-hashes --python-version 3.11 --quiet \
	  --custom-compile-command 'make python-requirements' requirements.in -o requirements.txt

$(BUILD_PACKAGES): package.json package-lock.json
	@echo "Installing the npm packages of builds into node_modules (once; some seconds)"
	npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

$(TEST_PACKAGES): package.json package-lock.json
	@echo "Installing npm packages into node_modules (once; about a minute)"
	npm ci --no-audit --no-fund --loglevel=error
	@touch $(BUILD_PACKAGES) $@

build/index.js: $(WORKER_SOURCES) $(DATA) scripts/worker.mjs scripts/wasm.mjs .tools/target $(TEST_PACKAGES)
	@echo "Building the Worker (some minutes the first time)"
	@rm -rf build && node scripts/worker.mjs build

$(DEV)/worker/index.js: $(WORKER_SOURCES) $(DATA) scripts/worker.mjs scripts/wasm.mjs .tools/target $(BUILD_PACKAGES)
	@echo "Building the Worker (two minutes the first time)"
	@node scripts/worker.mjs $(@D) --dev

$(DEV)/package/package.json: $(DEV)/worker/index.js assets/admin.html $(PACKAGE_SOURCES)
	@echo "Building the command line (a minute the first time)"
	@node scripts/package.mjs $(@D) $(DEV)/worker --dev

$(PACKAGE)/package.json: build/index.js assets/admin.html $(PACKAGE_SOURCES)
	@echo "Building the npm package"
	@node scripts/package.mjs $(@D) build

$(TARBALL): $(PACKAGE)/package.json
	@cd $(PACKAGE) && npm pack --silent --ignore-scripts --pack-destination $(CURDIR)

npm: $(TARBALL)

# What the Worker serves as it is.
assets/admin.html: $(WEB) $(DATA) scripts/assets.mjs $(BUILD_PACKAGES)
	@node scripts/assets.mjs

assets: assets/admin.html

build: build/index.js assets

$(CLI): $(CLI_SOURCES)
	@echo "Building the command line (a few minutes the first time)"
	@cargo build --release --locked --package leadhook-cli --bin leadhook --config 'profile.release.lto="off"'
	@touch $@

cli: $(CLI)

dev: $(DEV)/package/package.json
	@exec node $(DEV)/package/bin/leadhook.mjs dev

sink: $(DEV)/package/package.json
	@exec node $(DEV)/package/bin/leadhook.mjs sink --port $(SINK_PORT) --secrets .dev.vars

test: test-host test-cli test-e2e test-contract test-npm test-build

# After a change of the packages' versions in package.json, or of rlibphonenumber's in Cargo.toml.
lists: $(TEST_PACKAGES)
	@node scripts/mail-domains.mjs
	@node scripts/phone-plans.mjs

test-host: $(TEST_PACKAGES)
	cargo test --locked --features host
	node scripts/mail-domains.mjs --check
	node scripts/phone-plans.mjs --check

# The same tests against both command lines.
test-cli: $(PACKAGE)/package.json
	cargo test --locked --package leadhook-cli
	LEADHOOK_CLI=$(CURDIR)/$(PACKAGE)/bin/leadhook.mjs cargo test --locked --package leadhook-cli --test cli

test-e2e: build $(CLI) $(PACKAGE)/package.json $(DEV)/package/package.json .tools/corpora/multipart.json
	node scripts/chromium.mjs
	node --test --test-concurrency=2 tests/receivers/*.test.mjs tests/web/*.test.mjs tests/e2e/*/*.test.mjs

soak: build $(CLI)
	@SOAK_MINUTES=$(SOAK_MINUTES) node tests/e2e/faults/soak.mjs

# The tarball in an empty folder, by each version of Node that the package names.
test-npm: $(TARBALL) .tools/nodes/installed
	node --test tests/npm/*.test.mjs

# The same source elsewhere is the same Worker.
test-build: build
	node --test tests/build/*.test.mjs

test-contract: build .tools/python/installed
	@node tests/contract.mjs $(CONTRACT_EXAMPLES)

fuzz: .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) scripts/fuzz.sh $(FUZZ_TARGETS)

lint: .tools/target $(TEST_PACKAGES)
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	$(BIN)/biome ci --error-on-warnings --log-level=warn
	cargo clippy --locked --workspace --all-targets --features host -- -D warnings
	cargo clippy --locked --target wasm32-unknown-unknown --lib -- -D warnings
	cargo clippy --locked --target wasm32-unknown-unknown --package leadhook-cli --lib -- -D warnings
	@# They are not linked, so no C++ compiler is needed: any file does for libFuzzer.
	CUSTOM_LIBFUZZER_PATH=$(CURDIR)/fuzz/Cargo.toml cargo clippy --locked --manifest-path fuzz/Cargo.toml \
	  --target-dir $(or $(CARGO_TARGET_DIR),target) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --lib --features host --document-private-items --quiet

$(BENCH)/floor/index.js: benches/floor/index.mjs $(DATA) $(TEST_PACKAGES)
	@node scripts/bundle.mjs $< $@

$(BENCH)/peer/index.js: $(wildcard benches/peer/*) $(wildcard texts/*) $(DATA) scripts/mail-domains.mjs $(TEST_PACKAGES)
	@echo "Building the peer of the benchmarks"
	@node benches/peer/build.mjs

bench: build $(BENCH)/floor/index.js $(BENCH)/peer/index.js
	@node benches/compare/run.mjs

# The README's pictures, from the running system.
pictures: build $(CLI)
	@node scripts/pictures.mjs

bench-core: $(TEST_PACKAGES)
	@node benches/core/run.mjs

bench-ledger: build
	@node benches/ledger/run.mjs

bench-person: build
	@node benches/ledger/one-address.mjs

size: build
	@node scripts/size.mjs $(MAX_WASM_GZIP_KB)

deploy: $(PACKAGE)/package.json
	@node $(PACKAGE)/bin/leadhook.mjs deploy

clean:
	rm -rf target build assets .tools node_modules .state $(TARBALL)
