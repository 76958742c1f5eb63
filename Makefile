# Every verb makes the virtual environment that it needs; a second call finds it ready.
#
#   make test PYTHON=python3.12 VENV=.venv-3.12     another interpreter, in a place of its own
#   make test ARGS="tests/protocol -x"              ARGS goes to the program behind the verb

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:
.DEFAULT_GOAL := help

PYTHON ?=
VENV ?= .venv
ARGS ?=
# Tests wait more than they compute, so there is one more than there are processors.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1)

BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
MANIFESTS := pyproject.toml setup.py

BENCHMARKS ?= heartbeat recovery supervision actors processes timers importing
SOAK_ROUNDS ?= 10
SOAK_SECONDS ?= 300
SOAK_KILLS ?= 10000
SOAK_SERVICE_SECONDS ?= 3600
SOAK_FUZZ_SECONDS ?= 300
STATE_MACHINES := tests/supervision/test_core_stateful.py

.PHONY: help demo test compat lint types bench docs soak mutate clean

help: ## say what can be made (this)
	@echo "make VERB [ARGS=...] [PYTHON=python3.12] [VENV=.venv]"
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

demo: $(STAMP)/core ## see it work: a worker, a gateway, and what happens when things die
	@$(BIN)/regrow demo $(ARGS)

test: $(STAMP)/test ## run the tests, WORKERS at a time; ARGS="-n0 --pdb" for one after the other
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

compat: $(STAMP)/test ## run pykka's own tests with our actors in the place of its own; they come from PyPI
	@.ci/compat $(VENV) $(ARGS)

lint: $(STAMP)/lint ## check style, format, and the directions of imports
	@failed=0; \
	$(BIN)/ruff check . || failed=1; \
	$(BIN)/ruff format --check . || failed=1; \
	$(BIN)/lint-imports --no-logo || failed=1; \
	exit $$failed

types: $(STAMP)/lint ## check types, with mypy and pyright
	@failed=0; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/pyright --pythonpath $(BIN)/python || failed=1; \
	exit $$failed

bench: $(STAMP)/core ## measure; ARGS="--json" for machines, BENCHMARKS="actors" for one of them
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name $(or $(ARGS),--quick); done

docs: $(STAMP)/docs ## build the documentation into site/; any warning is an error
	$(BIN)/zensical build --clean --strict

soak: $(STAMP)/soak ## run the state machines for 100,000 steps and more, end actors at random for SOAK_SECONDS and SOAK_KILLS processes, harm a whole service for SOAK_SERVICE_SECONDS, look SOAK_FUZZ_SECONDS for bytes that break a parser, and the tests of real processes SOAK_ROUNDS times
	@$(BIN)/python -m benchmarks.actors_soak --seconds $(SOAK_SECONDS)
	@$(BIN)/python -m benchmarks.processes_soak --kills $(SOAK_KILLS)
	@$(BIN)/python -m benchmarks.service_soak --seconds $(SOAK_SERVICE_SECONDS)
	@$(BIN)/python -m benchmarks.fuzz --seconds $(SOAK_FUZZ_SECONDS)
	@$(BIN)/python -m pytest $(STATE_MACHINES) --hypothesis-profile=soak --timeout=0 -o faulthandler_timeout=0 -q
	@for round in $$(seq $(SOAK_ROUNDS)); do \
		echo "round $$round of $(SOAK_ROUNDS)"; $(BIN)/python -m pytest tests/system -q -x $(ARGS); \
	done

mutate: $(STAMP)/mutation ## change the pure core in small ways and count what no test minds; ARGS="--sample 600 --seed 1" or "regrow.supervision.lives.*"
	@.ci/mutate $(VENV) $(ARGS)

clean: ## remove what make made
	@if [ -e "$(VENV)/.made-with" ]; then rm -rf "$(VENV)"; else rm -rf "$(STAMP)"; fi
	@rm -rf build dist site .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

# An environment made with another PYTHON than the one asked for now is made anew.
ifneq ($(PYTHON),)
ifneq ($(shell cat $(STAMP)/python 2>/dev/null),$(PYTHON))
$(shell rm -rf $(STAMP))
endif
endif

$(STAMP)/venv:
	@.ci/make-venv "$(VENV)" "$(PYTHON)"
	@touch $@

$(STAMP)/core: $(MANIFESTS) | $(STAMP)/venv
	@echo "installing regrow into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(STAMP)/test $(STAMP)/lint $(STAMP)/docs $(STAMP)/mutation $(STAMP)/soak: $(STAMP)/%: $(STAMP)/core
	@echo "installing the $* group into $(VENV)"
	@$(PIP) --group $*
	@touch $@
