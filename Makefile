# `make demo` does the main job for real in this repository; `make test` runs the tests, `make test-all` those that take
# long, too. All set everything up.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PINNED := $(VENV)/.pinned
READY  := $(VENV)/.ready
REQUIREMENTS ?= requirements/dev.txt
# One more than the processors, as tests wait for the programs that they start.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Two for each processor where the tests that take long run, too: they wait more than they compute.
LONG_TEST_WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 2)))

# Packages that import no dependency, so that no version of one can change them; and services, which use them in the
# same ways as requests to the whole API do.
INDEPENDENT_PACKAGES := versions lockformat shells project resolve ops
SERVICE_PACKAGES := app version deployment audit gateway worker bootstrap main
# Each dependency is used by the units, by requests to the API, by an installed client that pushes to a server, and by a
# server that exports traces.
LOWEST_TESTS := tests/unit tests/contract tests/server/api tests/server/process/test_tracing.py \
  tests/functional/alm/test_push.py \
  $(patsubst %,--ignore=tests/unit/%,$(INDEPENDENT_PACKAGES) $(SERVICE_PACKAGES:%=server/%) scripts support) \
  --ignore=tests/server/api/test_schemathesis.py -m "not slow and not registries" --hypothesis-profile=quick
# All but clusters, those that start development tools, and what takes long.
NEWEST_TESTS := tests/unit tests/property tests/functional tests/contract tests/server --ignore=tests/server/api/test_schemathesis.py \
  -m "not slow and not registries" --hypothesis-profile=quick

# The tests whose coverage is measured, and all others.
MEASURED_TESTS := tests/unit tests/property --ignore=tests/unit/server --ignore=tests/property/server
OTHER_TESTS := tests $(patsubst %,--ignore=%,$(filter-out %/server,$(wildcard tests/unit/* tests/property/*)))

DATABASE_TESTS := tests/unit/server/kit/db
TESTS_WITHOUT_DATABASE := kit/common kit/config kit/grpc kit/messaging/nats_bus kit/security kit/telemetry main
# Requests to the whole API reach PostgreSQL through a cluster.
CLUSTER_TESTS := tests/server/api tests/server/input tests/server/security/test_authorization.py \
  tests/server/security/test_hidden_apps.py tests/server/process/test_concurrency.py
SERVICE_TESTS := tests/unit/server --ignore=tests/unit/server/kit/http --ignore=tests/unit/server/audit/test_store.py \
  $(TESTS_WITHOUT_DATABASE:%=--ignore=tests/unit/server/%) \
  tests/server --ignore=tests/server/process $(CLUSTER_TESTS:%=--ignore=%)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Modules are compiled once, not in each of thousands of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo nu test test-all test-postgresql test-cluster test-lowest test-newest lowest check unit lint types contracts coverage bench bench-server dist zig openapi proto protos requirements upgrade clean

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/demo.sh

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" --hypothesis-profile=quick

# Also what takes long: twice the examples of each property, many points of a kill, survival under load, a fuzzer on
# the whole API, the set-up itself against a local index, the coverage of the pure core, and the lowest versions of the
# dependencies.
test-all: $(READY) coverage
	$(BIN)/python -m pytest -n $(LONG_TEST_WORKERS) $(OTHER_TESTS)
	$(MAKE) test-postgresql
	$(MAKE) test-cluster
	$(MAKE) test-lowest

# The services on the pinned PostgreSQL, and the tests of databases on every other that the system has.
test-postgresql: $(READY)
	ENVMGR_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) -m "not slow" $(SERVICE_TESTS)
	@for directory in /usr/lib/postgresql/*/bin; do \
	  test -x $$directory/initdb || continue; \
	  ENVMGR_TEST_POSTGRESQL=$$directory $(BIN)/python -m pytest -n $(WORKERS) -k postgresql $(DATABASE_TESTS) || exit 1; \
	done

# The REST API through the gateway of separate services, on PostgreSQL and NATS.
test-cluster: $(READY)
	ENVMGR_TEST_CLUSTER=1 ENVMGR_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) $(CLUSTER_TESTS)

# The client and the server with the lowest versions of their dependencies that pyproject.toml allows ...
test-lowest: lowest
	$(VENV)/lowest/bin/python -m pytest -n $(WORKERS) $(LOWEST_TESTS)

lowest: $(READY)
	$(MAKE) $(VENV)/lowest/.ready VENV=$(VENV)/lowest REQUIREMENTS=requirements/lowest.txt

# ... and with the newest that the index has today, which change without a commit: not part of .ci/run. It has time for
# a new interpreter for each server.
test-newest: $(READY)
	$(PYTHON) -m venv --clear $(VENV)/newest
	$(VENV)/newest/bin/python -m pip install -qq -r requirements/test.in --editable '.[server,otel,postgres,grpc,nats,kafka]'
	$(VENV)/newest/bin/python -m pip check
	ENVMGR_TEST_NEW_INTERPRETERS=1 $(VENV)/newest/bin/python -m pytest -n $(WORKERS) $(NEWEST_TESTS)

check: lint types contracts protos

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

# The public messages and methods: their style, and that the stubs are those that `make proto` generates.
protos: $(READY)
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/python scripts/generate_stubs.py --check

coverage: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) $(MEASURED_TESTS) --cov --cov-report= -q
	$(BIN)/coverage report --fail-under=100 --include="$$(paste -sd, tests/pure_core.txt)"

# One table: envmgr, installed from its wheel, beside its peers. BENCH="--quick" takes three minutes instead of a quarter
# of an hour; ASDF=DIR adds a checkout of asdf; `--help` lists all options.
bench: $(READY)
	$(BIN)/python benchmarks/table.py $(BENCH)

# The server beside its bounds: one process, many deployments, and separate services.
bench-server: $(READY)
	@for script in alm alm_scale cluster; do echo "== $$script"; $(BIN)/python benchmarks/$$script.py || exit 1; done

# Builds both files twice, compares them byte for byte, checks them, and installs the wheel into a new environment.
dist: zig
	$(BIN)/python scripts/build_dist.py --zig "$$(ENVMGR_HOME=$(CURDIR)/.demo $(BIN)/envmgr which zig)"

# The Zig compiler that .envmgr.lock pins: it builds the shims for Windows, and programs that they are tested with.
zig: $(READY)
	ENVMGR_HOME=$(CURDIR)/.demo $(BIN)/envmgr install zig

openapi: $(READY)
	$(BIN)/envmgr-alm openapi > src/envmgr/server/openapi.json.new
	mv src/envmgr/server/openapi.json.new src/envmgr/server/openapi.json

proto: $(READY)
	$(BIN)/buf format --write
	$(BIN)/python scripts/generate_stubs.py

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header --no-annotate $(UPGRADE)
EXTRAS := --extra server --extra otel --extra postgres --extra grpc --extra nats --extra kafka

# dev.txt has the newest versions within the bounds of pyproject.toml; server.txt those of them that a server runs on,
# build.txt those that build the wheel; lowest.txt the lower bounds, and the tests' tools; peers.txt what benchmarks
# compare with.
requirements: $(READY)
	$(BIN)/python -m pip install -qq uv
	$(COMPILE) $(EXTRAS) --output-file requirements/dev.txt requirements/dev.in pyproject.toml
	$(COMPILE) $(EXTRAS) --constraint requirements/dev.txt --output-file requirements/server.txt pyproject.toml
	$(COMPILE) --constraint requirements/dev.txt --output-file requirements/build.txt requirements/build.in
	$(COMPILE) --output-file requirements/peers/peers.txt requirements/peers/peers.in
	names=$$(grep -o '^[a-z][a-z-]*' requirements/test.in | paste -sd'|') && \
	  grep -E "^($$names)==" requirements/dev.txt | cut -d' ' -f1 > $(VENV)/test-pins.txt
	$(COMPILE) $(EXTRAS) --resolution lowest-direct --constraint $(VENV)/test-pins.txt \
	  --output-file requirements/lowest.txt requirements/test.in pyproject.toml

upgrade:
	$(MAKE) requirements UPGRADE=--upgrade

# Nothing is resolved, nor built, here: each file is one that the pins name, whatever was released since.
$(PINNED): $(REQUIREMENTS)
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("envmgr needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -qq --require-hashes --no-deps --only-binary :all: -r $(REQUIREMENTS)
	@touch $(PINNED)

# Nushell, in which the tests of activation run, from the machine's own npm registry; they skip it where it is missing.
NU := $(VENV)/npm/.ready

nu: $(NU)

$(NU): $(PINNED) requirements/npm/package-lock.json
	mkdir -p $(VENV)/npm
	cp requirements/npm/package.json requirements/npm/package-lock.json $(VENV)/npm/
	npm ci --prefix $(VENV)/npm --ignore-scripts --no-audit --no-fund --silent
	@touch $(NU)

$(READY): $(PINNED) pyproject.toml
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $(READY)

clean:
	rm -rf $(VENV) dist .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
