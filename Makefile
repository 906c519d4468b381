# A fresh clone needs Python 3.11 and this file: `make demo` shows what hat_sim does, `make test` checks it.
# Both set themselves up in .venv; PYTHON=... names another interpreter, VENV=... another folder.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGING := constraints.txt setup.cfg pyproject.toml

# The versions that build our package are pinned as well; older and newer pips read different variables.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := $(BIN)/python -m pip install -qq --constraint constraints.txt

.PHONY: help demo test slow lint types layers wheel clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run scenarios/hapt.yaml on real data, into runs/demo"
	@echo "make test    lint, types, layers, and the default tests"
	@echo "make slow    the tests that take minutes or fetch data"
	@echo "make wheel   a wheel and a source archive, into dist/"
	@echo "make clean   remove what these commands made, except runs/"
	@echo "make lint, make types, make layers: one check alone"

demo: $(VENV)/.installed
	$(BIN)/hat-sim data fetch hapt
	$(BIN)/hat-sim run scenarios/hapt.yaml --out runs/demo --force

test: lint types layers
	$(BIN)/pytest

slow: $(VENV)/.installed-test
	$(BIN)/pytest -m slow

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-test
	$(BIN)/mypy

layers: $(VENV)/.installed-test
	$(BIN)/lint-imports

wheel: $(VENV)/.installed-test
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist

clean:
	rm -rf $(VENV) dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(PACKAGING) | $(BIN)/pip
	@echo "installing hat_sim and what it needs into $(VENV) (a minute or two)"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "installing what the tests need into $(VENV)"
	@$(INSTALL) --editable '.[test]'
	@touch $@
