# make demo   everything on this machine, with a made-up programme; Ctrl-C ends it
# make test   what CI runs: lint, types, import rules, tests
# make soak   the same tests with the large counts; hours, not minutes

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
DEMO_FLAGS := $(if $(filter 1,$(RESET)),--reset,)
PYTEST := $(BIN)/python -m pytest
# A file stays with one process, which makes what its tests share once; docs/decisions/0027-pytest-xdist.md.
TWO_AT_A_TIME := --numprocesses=2 --dist=loadfile --no-loadscope-reorder
UNDER_OTHER_ZONES := printf '%s\n' Pacific/Auckland America/St_Johns | xargs -P 2 -I ZONE env TZ=ZONE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test soak lint types rules browser tour lock clean

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(VENV)/.runtime
	@PORT=$(PORT) exec $(BIN)/greenroom demo $(DEMO_FLAGS)

test: lint types rules browser
	@echo "== tests of time again, under two other zones at once"
	@$(UNDER_OTHER_ZONES) $(PYTEST) -q -m "time and not soak"
	@echo "== all tests, two at a time"
	@$(PYTEST) $(TWO_AT_A_TIME) -m "not soak"

soak: lint types rules browser
	@export GREENROOM_SOAK=1; $(UNDER_OTHER_ZONES) $(PYTEST) -q -m time
	@GREENROOM_SOAK=1 $(PYTEST)

lint: $(VENV)/.dev
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@echo "== mypy"
	@$(BIN)/mypy

rules: $(VENV)/.dev
	@echo "== import rules"
	@$(BIN)/lint-imports

browser: $(VENV)/.dev
	@$(BIN)/python .ci/browser.py

tour: browser  # the pictures of docs/tour.md, as the pages look now
	@mkdir -p docs/tour
	@GREENROOM_TOUR=docs/tour $(PYTEST) -q tests/browser/test_made_up.py -k tour

# The locks are written by uv (a package like any other: `pip install uv`) and read by plain pip.
UV ?= uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock:
	$(COMPILE) --extra demo pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --extra demo --extra dev pyproject.toml -o requirements/dev.txt

clean:
	rm -rf $(VENV) .demo

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Greenroom needs Python 3.11 or newer, and $(PYTHON) is none. Name one: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "== making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml $(VENV)/.made
	@echo "== installing what Greenroom runs on, by hash (once; about half a minute)"
	@$(PIP) install --progress-bar on --require-hashes -r requirements/runtime.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml $(VENV)/.made
	@echo "== installing what the tests need, by hash (once; about a minute)"
	@$(PIP) install --progress-bar on --require-hashes -r requirements/dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
