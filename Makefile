# Everything a developer does. Needs Python >= 3.11, make and git; `make help` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check golden bench rebuild clean

# The newest Python that fits; another one: make run PYTHON=/path/to/python3
# Of one version the distribution's own: it is built by a profile of what programs do. One built by
# hand often is not, and takes half as long again for the same work.
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
NAMES := $(foreach v,3.14 3.13 3.12 3.11,/usr/bin/python$(v) python$(v)) python3
PYTHON ?= $(shell for p in $(NAMES); do "$$p" -c '$(FITS)' 2>/dev/null && echo "$$p" && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
HINT := Python 3.11 or newer with its venv module is needed (Debian, Ubuntu: apt install \
	python3-venv); to name one: make PYTHON=/path/to/python3

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
	@echo 'Options are passed on with ARGS, for example: make test ARGS="-k refund"'

run: .venv/.stamp-run ## sets everything up, plays one purchase and a market day, then serves, with a shop
	.venv/bin/zhangfang run $(ARGS)

test: .venv/.stamp-dev ## every test, on SQLite and on a real PostgreSQL; pages in a real browser
	@.ci/browser
	.venv/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

check: .venv/.stamp-dev ## lint, format, types: what CI runs before the tests
	.ci/check

golden: .venv/.stamp-dev ## writes the golden files anew; the diff is for review
	ZHANGFANG_GOLDEN=write .venv/bin/python -m pytest -m golden $(ARGS)

bench: .venv/.stamp-dev ## speed, on both databases
	.venv/bin/zhangfang bench $(ARGS)

rebuild: .venv/.stamp-run ## builds every read model anew beside the live ones, then swaps
	.venv/bin/zhangfang projections rebuild --all $(ARGS)

clean: ## removes what was set up and cached, never a ledger
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@'$(PYTHON)' -c '$(FITS)' 2>/dev/null || { echo '$(HINT)' >&2; exit 1; }
	'$(PYTHON)' -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.stamp-run: pyproject.toml .venv/bin/python
	$(PIP) install -e .
	@touch $@

.venv/.stamp-dev: pyproject.toml .venv/bin/python
	$(PIP) install -e '.[dev]'
	@touch .venv/.stamp-run $@
