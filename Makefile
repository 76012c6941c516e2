# Limner's commands. Each target carries the sentence that `make help` prints.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BOOTSTRAP := sh scripts/bootstrap.sh
SOURCES := src/limner $(wildcard packages/*/src)
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" \
	--no-emit-package limner --no-emit-package limner-builtin
PROJECTS := pyproject.toml $(wildcard packages/*/pyproject.toml)

.PHONY: help demo serve test check fmt bench docs lock upgrade clean

help: ## List these commands.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

demo: ## Start Limner, send it a real task with a reference picture and a template, save the result under out/, and stop.
	@$(BOOTSTRAP) run
	@.venv/bin/python scripts/demo.py

serve: ## Start Limner and leave it running: the API, the Studio and a worker in one process.
	@$(BOOTSTRAP) run
	@.venv/bin/limner serve

test: check ## Run every check, then every test.
	@.venv/bin/pytest

check: ## Check the format, the lint, the types and the import walls.
	@$(BOOTSTRAP) dev
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy $(SOURCES)
	@.venv/bin/lint-imports --no-logo

fmt: ## Format the code and mend the lint that mends itself.
	@$(BOOTSTRAP) dev
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

bench: ## Measure this machine and print the figures.
	@$(BOOTSTRAP) dev
	@.venv/bin/python -m bench

docs: ## Write the pages of docs/ that are made from the code: command line, configuration, models.
	@$(BOOTSTRAP) dev
	@.venv/bin/python scripts/write_docs.py

lock: ## Write requirements/ anew from the ranges in pyproject.toml, keeping every version that still fits.
	@$(BOOTSTRAP) dev
	@$(LOCK) --group build $(PROJECTS) -o requirements/run.txt
	@$(LOCK) --group dev $(PROJECTS) -c requirements/run.txt -o requirements/dev.txt

upgrade: ## Do what `make lock` does, with the newest versions.
	@$(MAKE) --no-print-directory lock LOCK='$(LOCK) --upgrade'

clean: ## Remove the environment, the caches and the pictures that `make demo` made.
	rm -rf .venv out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
