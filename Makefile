# Leadhook. `make dev` to try it, `make test` to check it; README.md and CONTRIBUTING.md explain both.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

PORT ?= 8787
SINK_PORT ?= 8788
CAMPAIGNS ?= examples/campaigns
FILES ?= examples/files
STATE ?= .state
SOAK_MINUTES ?= 30
export PORT SINK_PORT CAMPAIGNS FILES STATE

# The versions that fit the crates in Cargo.lock.
WORKER_BUILD_VERSION := 0.8.7
WASM_BINDGEN_VERSION := 0.2.129
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

# What the compiler and wasm-bindgen emit; worker-build allows the same, and Workers run it.
WASM_FEATURES := mutable-globals sign-ext nontrapping-float-to-int bulk-memory multivalue \
  reference-types exception-handling

# Functions are copied into others more freely than for the smallest code: a tenth of the processor time of a lead,
# for 37 KB of gzip.
# Where the crates lie on this machine is nobody's business, and costs bytes.
WASM_RUSTFLAGS := -Cllvm-args=-inline-threshold=150 --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=crates

TOOLS := .tools/bin
BIN := node_modules/.bin
CLI := target/release/leadhook
SOURCES := $(shell find src texts data -type f) Cargo.toml Cargo.lock
WORKER_SOURCES := $(filter-out src/bin/% src/testing/%,$(SOURCES))

WEB := $(shell find web texts -type f)
# Facts that several programs know, and what reads them.
DATA := $(wildcard data/*) scripts/data.mjs scripts/bundle.mjs

.PHONY: help dev sink lists test test-host test-e2e test-contract fuzz python-requirements lint build assets cli soak bench pictures \
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
	@echo "make deploy  to Cloudflare (docs/deployment.md explains it)"

.tools/target:
	@rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown || \
	  { echo "Adding the Rust target wasm32-unknown-unknown"; rustup target add wasm32-unknown-unknown; }
	@mkdir -p .tools && touch $@

.tools/worker-build-$(WORKER_BUILD_VERSION):
	@echo "Installing worker-build $(WORKER_BUILD_VERSION) into .tools (once; about 3 minutes)"
	cargo install worker-build --version $(WORKER_BUILD_VERSION) --locked --force --root .tools --quiet
	@touch $@

.tools/wasm-bindgen-$(WASM_BINDGEN_VERSION):
	@echo "Installing wasm-bindgen $(WASM_BINDGEN_VERSION) into .tools (once; about 3 minutes)"
	cargo install wasm-bindgen-cli --version $(WASM_BINDGEN_VERSION) --locked --force --root .tools --quiet
	@touch $@

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

python-requirements:
	cd tests/python && uv pip compile --universal --generate-hashes --python-version 3.11 --quiet \
	  --custom-compile-command 'make python-requirements' requirements.in -o requirements.txt

node_modules/.package-lock.json: package.json package-lock.json
	@echo "Installing npm packages into node_modules (once; about a minute)"
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

WORKER_TOOLS := .tools/target .tools/worker-build-$(WORKER_BUILD_VERSION) \
  .tools/wasm-bindgen-$(WASM_BINDGEN_VERSION) node_modules/.package-lock.json
WORKER_BUILD = WASM_BINDGEN_BIN=$(CURDIR)/$(TOOLS)/wasm-bindgen WASM_OPT_BIN=$(CURDIR)/$(BIN)/wasm-opt \
  ESBUILD_BIN=$(CURDIR)/$(BIN)/esbuild CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="$(WASM_RUSTFLAGS)" \
  $(TOOLS)/worker-build --release
# worker-build always keeps the functions' names, a tenth of the size. By name, functions of a kind
# stand together, which gzip makes 1 % smaller.
# Nothing lies in the lowest kilobyte, where the stack ends, so offsets may be folded: another 1 %.
# A second run gives functions of a kind the same shape, which gzip makes 0.3 % smaller.
STRIP_WASM = $(BIN)/wasm-opt $(@D)/index_bg.wasm -o $(@D)/small.tmp -Oz --low-memory-unused --reorder-functions-by-name \
  --strip-debug --strip-producers $(WASM_FEATURES:%=--enable-%) && \
  $(BIN)/wasm-opt $(@D)/small.tmp -o $(@D)/index_bg.wasm -Os --low-memory-unused $(WASM_FEATURES:%=--enable-%) && \
  rm $(@D)/small.tmp

build/index.js: $(WORKER_SOURCES) $(DATA) wrangler.toml $(WORKER_TOOLS)
	@echo "Building the Worker (a few minutes the first time)"
	@$(WORKER_BUILD)
	@$(STRIP_WASM)
	@# What worker-build makes is the core; these are around it.
	@mv build/index.js build/core.js && cp src/cloudflare/{entry,drive,effects}.js build/
	@node scripts/bundle.mjs build/entry.js build/index.js
	@rm build/{core,entry,drive,effects}.js && touch $@

# What the Worker serves as it is.
assets/admin.html: $(WEB) $(DATA) scripts/assets.mjs node_modules/.package-lock.json
	@node scripts/assets.mjs

assets: assets/admin.html

build: build/index.js assets

$(CLI): $(SOURCES)
	@echo "Building the command line (a few minutes the first time)"
	@cargo build --release --locked --features host --bin leadhook --config 'profile.release.lto="off"'
	@touch $@

cli: $(CLI)

dev: build $(CLI)
	@exec node scripts/dev.mjs

sink: $(CLI)
	@exec $(CLI) sink --port $(SINK_PORT) --secrets .dev.vars

test: test-host test-e2e test-contract

# After a change of the packages' versions in package.json, or of rlibphonenumber's in Cargo.toml.
lists: node_modules/.package-lock.json
	@node scripts/mail-domains.mjs
	@node scripts/phone-plans.mjs

test-host: node_modules/.package-lock.json
	cargo test --locked --features host
	node scripts/mail-domains.mjs --check
	node scripts/phone-plans.mjs --check

test-e2e: build $(CLI) .tools/corpora/multipart.json
	node scripts/chromium.mjs
	node --test --test-concurrency=2 tests/receivers/*.test.mjs tests/web/*.test.mjs tests/e2e/*/*.test.mjs

soak: build $(CLI)
	@SOAK_MINUTES=$(SOAK_MINUTES) node tests/e2e/faults/soak.mjs

test-contract: build .tools/python/installed
	@node tests/contract.mjs $(CONTRACT_EXAMPLES)

fuzz: .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) scripts/fuzz.sh $(FUZZ_TARGETS)

lint: .tools/target node_modules/.package-lock.json
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	$(BIN)/biome ci --error-on-warnings --log-level=warn
	cargo clippy --locked --all-targets --features host -- -D warnings
	cargo clippy --locked --target wasm32-unknown-unknown --lib -- -D warnings
	@# They are not linked, so no C++ compiler is needed: any file does for libFuzzer.
	CUSTOM_LIBFUZZER_PATH=$(CURDIR)/fuzz/Cargo.toml cargo clippy --locked --manifest-path fuzz/Cargo.toml \
	  --target-dir $(or $(CARGO_TARGET_DIR),target) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib --features host --document-private-items --quiet

$(BENCH)/floor/index.js: benches/floor/index.mjs $(DATA) node_modules/.package-lock.json
	@node scripts/bundle.mjs $< $@

$(BENCH)/peer/index.js: $(wildcard benches/peer/*) $(wildcard texts/*) $(DATA) scripts/mail-domains.mjs node_modules/.package-lock.json
	@echo "Building the peer of the benchmarks"
	@node benches/peer/build.mjs

bench: build $(BENCH)/floor/index.js $(BENCH)/peer/index.js
	@node benches/compare/run.mjs

# The README's pictures, from the running system.
pictures: build $(CLI)
	@node scripts/pictures.mjs

bench-core: node_modules/.package-lock.json
	@node benches/core/run.mjs

bench-ledger: build
	@node benches/ledger/run.mjs

bench-person: build
	@node benches/ledger/one-address.mjs

size: build
	@node scripts/size.mjs $(MAX_WASM_GZIP_KB)

deploy: build $(CLI)
	@node scripts/deploy.mjs

clean:
	rm -rf target build assets .tools node_modules .wrangler .state
