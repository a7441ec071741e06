# The front door. `make` alone lists what there is; the work is done by scripts/ and CMake.

.DEFAULT_GOAL := help
.PHONY: help run build test unit e2e check format bench bench-docs bench-peers fuzz faults soak \
        attacks trust coverage install release-pgo release-static sizes clean

# Arguments of neosocksd in `make run`.
ARGS ?= -l 127.0.0.1:1080
# Where `make install` puts things; DESTDIR is prepended.
PREFIX ?= /usr/local
DESTDIR ?=
PYTEST = /usr/bin/python3 -m pytest -c tests/pytest.ini --rootdir tests

help: ## list these targets
	@echo "neosocksd: make TARGET"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## install what is needed, build, start a proxy: make run ARGS='-l 127.0.0.1:1080'
	@scripts/run $(ARGS)

build: ## build/neosocksd, the release
	@scripts/setup build
	@scripts/build release

test: ## everything CI checks: unit and end-to-end tests under sanitizers, fuzzing, style
	@scripts/setup build test
	@scripts/test

unit: ## unit tests under ASan and UBSan: make unit FILTER='Socks5*'
	@scripts/setup build test
	@scripts/build asan unit_tests
	@scripts/unit asan '$(or $(FILTER),*)'

e2e: build ## end-to-end tests of the release: make e2e FILTER=socks5
	@scripts/setup test
	@$(PYTEST) -q tests $(if $(FILTER),-k '$(FILTER)')

check: ## format, rules of the house, clang-tidy on what changed (ALL=1: on all)
	@scripts/setup build test check
	@scripts/check

format: ## lay out all C++ files as .clang-format says
	@scripts/setup check
	@git ls-files --cached --others --exclude-standard '*.cc' '*.h' | xargs clang-format-19 -i

bench: build ## compare with the proxies of Debian: BENCH=quick make bench, or BENCH_ARGS=...
	@scripts/setup bench
	@bench/sets --json build/bench/sets.json
	@bench/run --both $(BENCH_ARGS)

bench-docs: bench ## the same, growth, balance and sizes; fills docs/performance.md: 40 minutes
	@bench/growth
	@bench/balance
	@scripts/sizes
	@bench/document

bench-peers: ## install the programs that bench compares with, and list them
	@scripts/setup bench
	@bench/run --list

fuzz: ## every fuzz target for FUZZ_SECONDS (60)
	@scripts/setup build test
	@scripts/fuzz

soak: ## 5,000 sessions for 10 minutes on each engine, while everything goes wrong
	@scripts/setup build test
	@scripts/soak

trust: ## what attacks the program, each for a bounded time: fuzzers, faults, soak, attacks
	@scripts/setup build test
	@scripts/trust

attacks: ## what attacks on its resources cost the proxy, and honest clients: a table
	@scripts/setup build test
	@scripts/attacks

faults: ## every system call of every scenario fails once: ten minutes
	@scripts/setup build test
	@scripts/faults

coverage: ## which lines the tests reach
	@scripts/setup build test
	@scripts/coverage

release-pgo: ## .build/pgo/neosocksd: the release, optimised by a profile of the benchmark's load
	@scripts/setup build pgo
	@scripts/release-pgo

release-static: ## .build/static/neosocksd: one file that needs no shared library
	@scripts/setup build
	@scripts/build static
	@scripts/sizes

sizes: build ## how large the builds are that there are
	@scripts/sizes

install: build ## to DESTDIR and PREFIX (/usr/local), stripped
	@DESTDIR='$(DESTDIR)' cmake --install build --prefix '$(PREFIX)' --strip

clean: ## remove everything that was built
	rm -rf build .build
