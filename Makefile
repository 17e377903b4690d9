# Qifang 企访. `make help` lists what there is.
.DEFAULT_GOAL := help
PORT ?= 8000
DATA ?= ./data
DATABASE ?=
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
export QIFANG_PORT := $(PORT)
export QIFANG_DATA := $(DATA)
export QIFANG_DATABASE := $(DATABASE)

##@ Use
run: setup ## Start everything with a demo bureau: PORT=8000 DATA=./data DATABASE=postgres://…
	@$(BIN)/qifang demo --unless-founded
	@$(BIN)/qifang serve

##@ Develop
setup: .venv/.ready ## Make the environment in .venv from requirements.lock
test: setup ## Every test on SQLite and on PostgreSQL
	@$(BIN)/python -m tests.databases
test-long: setup ## The slow tests too
	@$(BIN)/python -m tests.databases --long
simulate: setup ## Phones on bad lines against an oracle: make simulate SEED=1 MINUTES=10 [DATABASE=sqlite|postgres] [PROCESSES=3]
	@QIFANG_DATABASE= $(BIN)/python -m tests.simulation --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10) \
		--database $(or $(DATABASE),sqlite) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(JSON),--json)
check: setup ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy server sync forms
format: setup ## Put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
migration: setup ## Write a migration for changed tables: make migration NAME=what_changes
	@test -n "$(NAME)" || { echo "say what changes: make migration NAME=add_colour_to_visit"; exit 2; }
	$(BIN)/piccolo migrations new server --auto --desc="$(NAME)"
docs: setup ## Write the reference pages from the code
	@$(BIN)/python -m docs.reference
bench: setup ## Measure one thing: make bench NAME=push
	@$(BIN)/python -m bench $(NAME)
lock: setup ## Renew requirements.lock from pyproject.toml, keeping the pins that still fit
	$(BIN)/uv pip compile --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		pyproject.toml --group dev -o requirements.lock
clean: ## Remove the environment and the caches; the data folder stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer (with venv) is needed and was not found"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

help: ## This page
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*##/ {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run setup test test-long simulate check format migration docs bench lock clean help
