# Every target sets up what it needs in $(VENV) first; nothing outside it is touched.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	then echo "$$python"; break; fi; done)
PYTEST_ARGS ?=
# The tests of a file run on one core, since they share fixtures; the files on all cores, of which each holds 1 to 2 GB.
PARALLEL ?= -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
BENCH ?= *

BIN := $(VENV)/bin
READY := $(VENV)/.helixnas-is-installed

# $(call quietly,title,command): run it, and show what it printed only if it fails.
quietly = @log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	if $(2) >"$$log" 2>&1; then echo "ok: $(1)"; \
	else status=$$?; cat "$$log"; echo "FAILED: $(1) ($(2))"; exit $$status; fi

.PHONY: help demo test test-slow test-long static lint imports types check docs bench format clean

help: ## this list
	@echo "make TARGET, where TARGET is"
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo "Variables: VENV=$(VENV) PYTHON=$(PYTHON) PYTEST_ARGS='-k name -n 0' BENCH=search"

$(READY): pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/python ]; then \
		[ -n "$(PYTHON)" ] || { echo "HelixNAS needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11"; exit 1; }; \
		echo "Making $(VENV): about 3 minutes and 6 GB, most of it torch (once)"; \
		"$(PYTHON)" -m venv $(VENV); \
	else echo "Bringing $(VENV) up to date with pyproject.toml and constraints.txt"; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## search an architecture on handwritten digits, write runs/demo/report.html and open it
	@$(BIN)/helixnas demo

test: $(READY) ## the default tests and the doctests: offline, fast
	@$(BIN)/python -m pytest -q $(PARALLEL) $(PYTEST_ARGS)

test-slow: $(READY) ## the slow, gpu, browser and distributed tests that this machine can run
	@$(BIN)/python -m pytest -q -m "slow or gpu or browser or distributed" -o testpaths=tests $(PARALLEL) $(PYTEST_ARGS)

test-long: $(READY) ## the tests that take longest, before a release
	@$(BIN)/python -m pytest -q -m long -o testpaths=tests $(PARALLEL) $(PYTEST_ARGS)

static: lint imports types ## lint, import contracts and types, without running anything (-k: all of them)

lint: $(READY)
	$(call quietly,lint,$(BIN)/ruff check --quiet .)
	$(call quietly,format,$(BIN)/ruff format --check --quiet --diff .)

imports: $(READY)
	$(call quietly,import contracts,$(BIN)/lint-imports)

types: $(READY)
	$(call quietly,types,PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python)

docs: $(READY) ## the documentation, into site/
	$(call quietly,docs in site/index.html,NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet)

check: static test docs ## all that a change must pass: static, test, docs

bench: $(READY) ## the benchmarks (BENCH=name for one); results are written to benchmarks/results/
	@for file in benchmarks/$(BENCH).py; do \
		[ -e "$$file" ] || { echo "no benchmark $$file"; exit 1; }; \
		echo "== $$file"; $(BIN)/python "$$file"; done

format: $(READY) ## mend what lint and format can mend by themselves
	@$(BIN)/ruff check --quiet --fix --exit-zero .
	@$(BIN)/ruff format --quiet .

clean: ## remove what builds and tools left; $(VENV) and runs/ stay
	@rm -rf build dist site .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
