# Everything runs in .venv, which is made when it is not there: with uv if that is installed, else with Python's venv and
# pip. What it needs is installed again when pyproject.toml changes, and only then.

PYTHONS := python3.11 python3.12 python3.13 python3
BIN := .venv/bin
AIRFLOW := 3.1
AIRFLOW_TESTS := tests/airflow tests/dags tests/examples tests/hooks tests/operators tests/sensors tests/timetables tests/test_import_budget.py \
	tests/test_provider_info.py
PYTHON_OF_V1 := 3.10
AZUREML_CORE := 'azureml-core==1.61.0' 'azureml-pipeline-core==1.62.0' 'azureml-train-core==1.62.0' 'setuptools<81'

.DEFAULT_GOAL := help
.PHONY: help demo test test-airflow test-azureml-core check fmt emulator docs clean

help: ## Show what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo: .venv/.demo ## Train, register, deploy and score on this machine, without Azure
	@$(BIN)/python -m airflow_provider_azml.emulator.demo dags_examples/train_register_deploy_score.py

test: .venv/.dev ## Run the tests
	$(BIN)/python -m pytest

test-airflow: .venv-airflow-$(AIRFLOW)/.dev ## Run the tests that need Airflow with an older one; AIRFLOW=3.2, or 3.1
	.venv-airflow-$(AIRFLOW)/bin/python -m pytest -W default $(AIRFLOW_TESTS)

test-azureml-core: .venv-azureml-core/.packages ## Run the tests that ask azureml-core, the SDK v1; PYTHON_OF_V1=3.10, or its path
	AZUREML_CORE_PYTHON=$(CURDIR)/.venv-azureml-core/bin/python $(BIN)/python -m pytest -m azureml_core \
	$$(grep -rlw --include='test_*.py' azureml_core tests)

check: .venv/.dev ## Lint, types, import directions, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

fmt: .venv/.dev ## Format, and fix what can be fixed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

emulator: .venv/.demo ## Run the local Azure ML until Ctrl-C; its data stay in .cache/emulator
	@$(BIN)/azml emulator --home .cache/emulator --create-workspace

docs: .venv/.docs ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

clean: ## Remove all that these targets made
	rm -rf .venv .venv-airflow-* .venv-azureml-core .cache build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp of an extra of pyproject.toml. uv does in seconds what takes pip a minute, so pip is asked for uv first; where
# that cannot be had, or does not find the packages (it does not read pip's configuration), pip does it all.
.venv/.demo .venv/.dev .venv/.docs: .venv/.%: pyproject.toml | .venv/bin/python
	@echo "Installing what 'make $(firstword $(MAKECMDGOALS))' needs into .venv"
	@uv=$$(command -v uv || echo $(BIN)/uv); \
	test -x "$$uv" || $(BIN)/python -m pip install --quiet --quiet uv || true; \
	"$$uv" pip install --quiet --python $(BIN)/python --editable '.[$*]' 2> .venv/uv.log \
	|| $(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

# Airflow 3.1 and 3.2 allow, and fail with, newer ones of these two; what they use that others have deprecated since is no
# error of ours.
.venv-airflow-$(AIRFLOW)/.dev: pyproject.toml | .venv/.dev
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --editable '.[dev]' \
	'apache-airflow==$(AIRFLOW).*' 'fastapi<0.137' 'svcs<26'
	@touch $@

# Those that the recordings are of; a later one, say of another base image, says otherwise. They are for no Python newer
# than 3.10, and ask setuptools for what 81 has no more.
.venv-azureml-core/.packages: Makefile | .venv/.dev
	$(BIN)/uv venv --quiet --clear --python $(PYTHON_OF_V1) $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python $(AZUREML_CORE)
	@touch $@

.venv/bin/python:
	@if command -v uv > /dev/null; then uv venv --quiet --seed --python '>=3.11,<3.14' .venv; else \
	for python in $(PYTHONS); do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
	&& $$python -m venv .venv && break; done; fi; \
	test -x $@ || { echo 'No Python of 3.11 or newer with venv is on PATH ($(PYTHONS)): install one' >&2; exit 1; }
