# Everything a contributor runs. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := $(BIN)/uv

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

.PHONY: venv
venv: $(STAMP) ## make .venv from the lock file

$(STAMP): requirements/bootstrap.lock requirements/dev.lock pyproject.toml
	@echo "Making the virtual environment in $(VENV) (about 20 seconds)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements/bootstrap.lock
	@$(UV) pip install --system-certs --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@$(UV) pip install --system-certs --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: fmt
fmt: $(STAMP) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(STAMP) ## write the lock files anew from pyproject.toml; LOCKFLAGS=--upgrade takes newer versions
	@for target in "pyproject.toml --extra dev -o requirements/dev.lock --no-emit-package clb-mtls-operator" \
	    "pyproject.toml -o requirements/operator.lock" \
	    "requirements/bootstrap.in -o requirements/bootstrap.lock" \
	    "requirements/toolchain.in -o requirements/toolchain.lock" \
	    "requirements/conformance.in -o requirements/conformance.lock"; do \
	  $(UV) pip compile --system-certs $(LOCKFLAGS) --generate-hashes --universal --python-version 3.11 \
	    --no-annotate --no-header --quiet $$target; \
	done
	@echo "Lock files written. Next: make test"

.PHONY: lint
lint: $(STAMP) ## check style, types, import rules and generated files
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python crds/generate.py --check
	@$(BIN)/python simulator/coverage.py --check
	@$(BIN)/python operator/plugin_reference.py --check
	@echo "Lint is clean. Next: make test"

.PHONY: generate
generate: $(STAMP) ## write crds/ and the generated pages of docs/reference/ anew
	@$(BIN)/python crds/generate.py
	@$(BIN)/python simulator/coverage.py
	@$(BIN)/python operator/plugin_reference.py

.PHONY: build
build: $(STAMP) ## build the local control plane where it is not there yet (once, about seven minutes)
	@$(BIN)/mtls-devcluster build

.PHONY: demo
demo: $(STAMP) ## do the whole guide by itself, prove it, replace a root under traffic
	@$(BIN)/mtls-devcluster demo

.PHONY: up
up: $(STAMP) ## the same environment, left running to work with
	@$(BIN)/mtls-devcluster up

.PHONY: down
down: $(STAMP) ## end what `make up` started
	@$(BIN)/mtls-devcluster down

.PHONY: test
test: $(STAMP) ## all tests; builds the control plane first where it is not there
	@$(BIN)/pytest

CONFORMANCE := .venv-conformance

.PHONY: conformance
conformance: $(STAMP) $(CONFORMANCE)/bin/tccli ## Tencent Cloud's own command line against the simulator
	@TCCLI=$(CURDIR)/$(CONFORMANCE)/bin/tccli $(BIN)/pytest tests/conformance

$(CONFORMANCE)/bin/tccli: requirements/conformance.lock | $(STAMP)
	@echo "Installing tccli in $(CONFORMANCE) (350 MB)"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(CONFORMANCE)
	@$(UV) pip install --system-certs --quiet --python $(CONFORMANCE)/bin/python --require-hashes -r requirements/conformance.lock
	@touch $@

.PHONY: test-browser
test-browser: $(STAMP) ## the simulator's page in a real browser; needs chromium on PATH
	@$(BIN)/pytest tests/browser

.PHONY: fuzz
fuzz: $(STAMP) ## 50,000 requests from the SDK's models, and broken PEM texts, into the simulator
	@PYTHONPATH=tests $(BIN)/python -m fuzz

.PHONY: bench
bench: $(STAMP) ## how fast the simulator is in a large cloud, and how many calls listeners take, as tables
	@PYTHONPATH=tests $(BIN)/python -m bench.simulator_speed
	@PYTHONPATH=tests $(BIN)/python -m bench.data_plane_speed
	@PYTHONPATH=tests $(BIN)/python -m bench.listener_speed

.PHONY: bench-operator
bench-operator: $(STAMP) ## how fast the operator issues, rotates and restarts on a real API server
	@PYTHONPATH=tests $(BIN)/python -m bench.operator_speed

.PHONY: bench-listeners
bench-listeners: $(STAMP) ## how many cloud calls listeners take, against the least that the API allows
	@PYTHONPATH=tests $(BIN)/python -m bench.listener_speed
