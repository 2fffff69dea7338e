# `make help` lists what there is. Every target makes what it needs.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
BIN := .venv/bin
PINS := infra/constraints.txt
INSTALLED := .venv/.installed
ARGS ?=
WORKERS ?= 2

# A stage runs as `python -m tasks.NAME`: that python is the environment's own.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Nothing phones home.
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help install data run test lint bench deps docs pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with every package at its pinned version

run: $(INSTALLED) data ## retrain on the settings of params.yaml and print what was made
	@$(BIN)/hallmark retrain $(ARGS)

test: $(INSTALLED) data ## run the tests, a file at a time on each of WORKERS=2; ARGS='-m slow' runs the slow ones
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(INSTALLED) ## style, types and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(INSTALLED) data ## run the benchmarks
	@$(BIN)/pytest -m benchmark -s $(ARGS)

deps: $(INSTALLED) ## write each stage's import closure into dvc.yaml
	@$(BIN)/python -m infra.stage_deps --write

docs: $(INSTALLED) ## write docs/params.md and docs/commands.md from the code
	@$(BIN)/python -m infra.reference_pages --write

pins: $(INSTALLED) ## write the versions that are installed now into infra/constraints.txt
	@$(BIN)/python -m infra.pins --write

clean: ## remove environment, outputs and caches; state in .hallmark and data stay
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

data: $(INSTALLED)
	@test -e data || { echo "fetching the seed data"; $(BIN)/dvc pull -q data.dvc; }

$(INSTALLED): pyproject.toml $(PINS)
	@test -n "$(PYTHON)" || { echo "Hallmark needs Python 3.11 or later with venv, and found none as python3.11, \
	python3.12, python3.13 or python3. Install one (Debian: apt install python3-venv), or name it: make PYTHON=/path/to/python" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing about $$(grep -c == $(PINS)) packages into .venv with $$($(BIN)/python --version), two to three minutes"
	@$(BIN)/pip install -qq --disable-pip-version-check --no-input -c $(PINS) -e '.[dev]'
	@touch $@
