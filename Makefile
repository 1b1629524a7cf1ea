# What a person or CI needs, on a machine with make and python3 (3.11 or newer, with venv).
# `make` alone lists the targets. Everything is installed from requirements/dev.lock into .venv.
PYTHON ?= $(shell sh tools/python.sh)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
# A gateway starts a third sooner when it need not be compiled first, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE
# For example: make test ARGS="tests/unit -k vault", make trials ARGS="--short kill".
ARGS ?=

.PHONY: help demo test check bench trials peers format reference lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

$(VENV)/.ready: pyproject.toml requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Hilum needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --requirement requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(VENV)/.ready  ## a gateway, a pretend modality and data: watch it work
	@$(BIN)/hilum demo $(ARGS)

test: $(VENV)/.ready peers  ## all tests; those of peers that are not installed are skipped
	@sh tools/run_tests.sh $(BIN)/pytest $(ARGS)

check: $(VENV)/.ready  ## style, types, floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

trials: $(VENV)/.ready peers  ## hours of kills, power cuts, full disks, nonsense (--short: minutes)
	@$(BIN)/python trials/run.py $(ARGS)

bench: $(VENV)/.ready peers  ## measure against peers (--quick; --report writes docs/performance.md)
	@$(BIN)/python bench/run.py $(ARGS)
	@$(BIN)/python bench/asked.py $(ARGS)
	@$(BIN)/python bench/bridged.py $(ARGS)

peers: $(VENV)/.ready  ## install the peers of tests, trials and bench; says what it cannot
	@sh tests/peers/install.sh

format: $(VENV)/.ready  ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

reference: $(VENV)/.ready  ## write docs/reference anew from the code
	@for page in events_reference settings_reference conformance; do \
		$(BIN)/python tools/make_$$page.py || exit 1; done

lock: $(VENV)/.ready  ## write requirements/*.lock anew; versions stay unless pyproject.toml says so
	@$(PIP) install uv
	@$(COMPILE) --output-file requirements/run.lock
	@$(COMPILE) --group dev --output-file requirements/dev.lock

clean:  ## remove what the other targets made, the virtual environment included
	@rm -rf $(VENV) bench/build tests/peers/node_modules .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache
