# `make` alone lists what there is. Once a target has fetched libtorch, plain cargo works too.
#
#   ARGS="..."     more arguments for the program that a target runs:  make run ARGS="--epochs 3"
#   GRAPH=...      another graph:  make run GRAPH=my.json
#   LIBTORCH=...   a libtorch of your own: nothing is fetched
#   TARGET=...     what to fuzz, and for how many SECONDS:  make fuzz TARGET=tar SECONDS=60

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
GRAPH ?= graphs/cifar.json
TARGET ?= beton
SECONDS ?= 600

# Empty means unset; cargo would take the empty string for a path.
ifeq ($(strip $(LIBTORCH)),)
unexport LIBTORCH
LAID := third_party/torch-dist/.whole
else
export LIBTORCH
LAID :=
endif

##@ The first two are all that a fresh machine needs

.PHONY: run
run: $(LAID) ## train: engine run graphs/cifar.json
	$(CARGO) run --release -p engine -- run $(GRAPH) $(ARGS)

.PHONY: test
test: $(LAID) ## build and run all the tests
	$(CARGO) test --workspace $(ARGS)

##@ While working

.PHONY: check
check: fmt clippy doc ## the cheap checks: format, lints, documentation

.PHONY: fmt
fmt: ## check the format (cargo fmt mends it)
	$(CARGO) fmt --all --check

.PHONY: clippy
clippy: $(LAID) ## lint all the code; a warning is an error
	$(CARGO) clippy --workspace --all-targets -- -D warnings

.PHONY: doc
doc: $(LAID) ## build the documentation; a warning is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

.PHONY: inspector
inspector: ## watch a run, or look at a recording: the window
	$(CARGO) run --release -p inspector -- $(ARGS)

.PHONY: screenshot
screenshot: $(LAID) ## take the README's picture of a live run, on a display of its own (Xvfb)
	scripts/screenshot inspector/screenshot.png $(ARGS)

.PHONY: bench
bench: $(LAID) ## measure: engine bench graphs/cifar.json
	$(CARGO) run --release -p engine -- bench $(GRAPH) $(ARGS)

.PHONY: measure
measure: ## print the readers' and the operations' times: an index of 2,000,000 rows, each operation on an image
	$(CARGO) test --release -p datasets --lib -- --ignored --nocapture two_million_rows
	$(CARGO) test --release -p pixels --test ops -- --ignored --nocapture speed::times

.PHONY: sheets
sheets: $(LAID) ## draw what the operators do, to look at: target/sheets/; PICTURES=DIR for those of photographs
	mkdir -p target/sheets
	CONTACT_SHEET=$(CURDIR)/target/sheets/augmentations.ppm $(CARGO) test --workspace --lib -- --ignored contact_sheet
	$(if $(PICTURES),PICTURES=$(abspath $(PICTURES)) CONTACT_SHEET=$(CURDIR)/target/sheets/pictures.ppm \
	  $(CARGO) test --workspace --test integration -- --ignored contact_sheet)

# Only the target `graph` needs libtorch, and a sanitizer would find faults of libtorch's own.
FUZZ_LIBTORCH := $(if $(LAID),$(CURDIR)/third_party/torch-dist/libtorch,$(LIBTORCH))
FUZZ_FLAGS := $(if $(filter graph,$(TARGET)),-s none --features graph)
FUZZ_ENV := $(if $(filter graph,$(TARGET)),LIBTORCH=$(FUZZ_LIBTORCH) LD_LIBRARY_PATH=$(FUZZ_LIBTORCH)/lib)
FUZZ_SEEDS := $(if $(filter graph,$(TARGET)),graphs,engine/fuzz/seeds/$(TARGET))

.PHONY: fuzz
fuzz: $(if $(filter graph,$(TARGET)),$(LAID)) ## fuzz a reader: TARGET=beton SECONDS=600; see engine/fuzz/README.md
	mkdir -p engine/fuzz/corpus/$(TARGET)
	$(FUZZ_ENV) $(CARGO) +nightly fuzz run --fuzz-dir engine/fuzz $(FUZZ_FLAGS) $(TARGET) \
	  engine/fuzz/corpus/$(TARGET) $(FUZZ_SEEDS) -- \
	  -max_total_time=$(SECONDS) -rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=20 $(ARGS)

.PHONY: miri
miri: ## run the readers' tests in Miri, which sees undefined behaviour (minutes)
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test -p pixels -p datasets --test seeds
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test -p pixels --lib -- axis pass values
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test -p datasets --lib -- \
	  beton::tests::peculiar beton::tests::hostile npy tar_shards mapped

##@ Libtorch

.PHONY: libtorch
libtorch: $(LAID) ## fetch libtorch, with its CUDA half where there is an NVIDIA driver
ifeq ($(LAID),)
	@echo "LIBTORCH is $(LIBTORCH): nothing to fetch"
endif

.PHONY: libtorch-cuda
libtorch-cuda: have-python ## fetch the CUDA half too (2.5 GB to fetch, 3.9 GB on disk)
	scripts/fetch-libtorch --cuda

.PHONY: libtorch-cpu
libtorch-cpu: have-python ## keep to the CPU half, with or without a driver
	scripts/fetch-libtorch --cpu

##@ Cleaning

.PHONY: clean
clean: ## remove what cargo built
	$(CARGO) clean

.PHONY: distclean
distclean: clean ## remove the fetched libtorch too
	rm -rf third_party

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# What is laid is younger than what it was laid from, or the script looks. Interrupted, make must not delete the file.
.PRECIOUS: third_party/torch-dist/.whole
third_party/torch-dist/.whole: scripts/fetch-libtorch scripts/libtorch-cpu.txt scripts/libtorch-cuda.txt | have-python
	@scripts/fetch-libtorch

# With a driver the script always looks: the driver may be newer than the CPU half alone.
ifneq ($(wildcard /proc/driver/nvidia/version),)
third_party/torch-dist/.whole: always
endif

.PHONY: always
always:

.PHONY: have-python
have-python:
	@command -v python3 >/dev/null || { \
	  echo "libtorch is fetched by a Python script, and there is no python3"; \
	  echo "  hint: install Python 3 with pip, or set LIBTORCH to a libtorch 2.11.0 of your own"; exit 1; } >&2
