# `make demo` does the main job for real in this repository; `make test` runs the tests. Both set everything up.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PINNED := $(VENV)/.pinned
READY  := $(VENV)/.ready
REQUIREMENTS ?= requirements/dev.txt
WORKERS ?= auto

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check unit lint types contracts coverage bench openapi requirements clean

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/demo.sh

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS)

check: lint types contracts

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

coverage: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) tests/unit tests/property --ignore=tests/unit/server --ignore=tests/property/server --cov --cov-report= -q
	$(BIN)/coverage report --fail-under=100 --include="$$(paste -sd, tests/pure_core.txt)"

bench: $(READY)
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

openapi: $(READY)
	$(BIN)/envmgr-alm openapi > src/envmgr/server/openapi.json.new
	mv src/envmgr/server/openapi.json.new src/envmgr/server/openapi.json

requirements: $(READY)
	$(BIN)/python -m pip install -qq uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --extra server --extra otel --output-file requirements/dev.txt requirements/dev.in pyproject.toml

# Nothing is resolved, nor built, here: each file is one that the pins name, whatever was released since.
$(PINNED): $(REQUIREMENTS)
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("envmgr needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -qq --require-hashes --no-deps --only-binary :all: -r $(REQUIREMENTS)
	@touch $(PINNED)

$(READY): $(PINNED) pyproject.toml
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $(READY)

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
