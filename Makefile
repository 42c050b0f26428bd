# Everything this project is worked with; `make help` lists it. PYTHON=python3.13 chooses another interpreter.
PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
LOCK := $(UV) pip compile -q --python-version 3.11 --universal --generate-hashes \
        --no-annotate --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup up test check bench schemas conformance lock clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything a developer needs; quick when nothing changed
	@PYTHON=$(PYTHON) scripts/packages.sh python3-venv postgresql qemu-utils bubblewrap e2fsprogs curl strace maven
	@$(MAKE) --no-print-directory .venv/dev .venv/glimpse .kafka/ready .keystone/ready

up: .venv/glimpse ## Run Glimpse, all of it, on this machine; ARGS="..." for more
	exec $(BIN)/glimpse up $(ARGS)

test: .venv/dev .venv/glimpse .kafka/ready .keystone/ready ## Run every test; ARGS="-k upload" for some
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: .venv/dev .venv/glimpse ## Check format, style, types, imports and the quick tests, in under a minute
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 tests/unit tests/architecture

bench: .venv/dev .venv/glimpse ## Measure this machine and Glimpse on it; ARGS="--seconds 10" for longer
	@scripts/packages.sh postgresql wrk
	$(BIN)/python -m benchmarks $(ARGS)

schemas: .venv/dev .venv/glimpse ## Write every generated file anew
	$(BIN)/python -m scripts.generate

conformance: .venv/dev .venv/glimpse ## Say which rules of docs/contract the tests prove; ARGS="--strict IMG" to insist
	$(BIN)/python -m scripts.conformance $(ARGS)

lock: ## Pin what pyproject.toml asks for, with hashes (needs uv)
	$(LOCK) pyproject.toml --extra postgres --extra jwt --group build -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra postgres --extra jwt --group build --group dev \
	    -c requirements/runtime.txt -o requirements/dev.txt
	$(LOCK) --group keystone -o requirements/keystone.txt

clean: ## Remove what was installed and cached
	rm -rf .venv .kafka .keystone .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each file below is made again only when what it is made from changed.

.venv/bin/python:
	@PYTHON=$(PYTHON) scripts/packages.sh python3-venv
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Glimpse needs Python 3.11: try make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/runtime: requirements/runtime.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements/runtime.txt
	@touch $@

.venv/dev: requirements/dev.txt .venv/runtime
	$(BIN)/python -m pip install -q --require-hashes -r requirements/dev.txt
	@touch $@

.venv/glimpse: pyproject.toml .venv/runtime
	$(BIN)/python -m pip install -q --no-build-isolation --no-deps -e .
	@touch $@

# Apache Kafka for the tests. Where there is no Maven, they say so; GLIMPSE_TEST_KAFKA names a broker to use instead.
.kafka/ready: scripts/kafka/pom.xml
	@rm -rf .kafka/libs
	@if command -v mvn >/dev/null; then mvn -q -B -f scripts/kafka/pom.xml dependency:copy-dependencies \
	    -DincludeScope=runtime -DoutputDirectory="$(CURDIR)/.kafka/libs"; fi
	@mkdir -p .kafka && touch $@

# OpenStack's identity service for the tests, in an environment of its own.
.keystone/ready: requirements/keystone.txt | .venv/bin/python
	@rm -rf .keystone
	@.venv/bin/python -m venv .keystone
	@.keystone/bin/python -m pip install -q --require-hashes -r requirements/keystone.txt
	@touch $@
