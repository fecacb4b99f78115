# Thin names over Meson. `make run` and `make test` are all a newcomer needs.
BUILD := build
DATA  ?= ./lumadb-data
ARGS  ?=
NINJA := ninja

.PHONY: run build test nightly conformance fuzz bench deps deps-test clean format

run: build
	@$(BUILD)/lumadb serve --data-dir $(DATA) --hints $(ARGS)

# A release binary at build/lumadb. Asks the package manager only when something is missing.
build: deps
	@tools/configure.sh $(BUILD) -Dbuildtype=release -Dtests=false
	@$(NINJA) -C $(BUILD) --quiet lumadb

deps:
	@tools/install-deps.sh build

deps-test:
	@tools/install-deps.sh build test

# Everything CI runs; the last line counts all suites.
test: deps-test
	@/usr/bin/python3 tools/run_tests.py fast

# Long runs: fuzzing, soaks, differential and full conformance.
nightly: deps-test
	@/usr/bin/python3 tools/run_tests.py nightly

# Public test cases from ../shared, against the release binary.
conformance: build
	@/usr/bin/python3 tools/run_tests.py conformance

# Each fuzz target for a minute (FUZZ_SECONDS=n for another time).
fuzz: deps-test
	@tools/fuzz.sh

bench: build
	@/usr/bin/python3 bench/run.py

format:
	@clang-format-14 -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build build-*
