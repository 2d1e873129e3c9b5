# Everything happens in a virtual environment, which is made when it is missing and brought up to
# date when pyproject.toml or constraints.txt change. Variables that may be set:
#   PYTHON       the interpreter that makes the environment     (python3)
#   VENV         where the environment is                        (.venv)
#   PYTEST_ARGS  more arguments for pytest
#   JOBS         processes that pytest uses                      (as many as there are CPUs, at most 8)
#   HOST, PORT   where `make run` serves                         (127.0.0.1, 8888)
#   BENCH_VENV   where the environment of `make bench` is        (.venv-bench)
#   BENCH_ARGS, FUZZ_ARGS  arguments for `make bench` and `make fuzz`
#   CONFORMANCE_ARGS  arguments for `make conformance-tornado` and `make conformance-websocket`

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
BIN := $(VENV)/bin
JOBS ?= auto
HOST ?= 127.0.0.1
PORT ?= 8888
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?=
CONFORMANCE_ARGS ?=

PIP = python -m pip install -qq --disable-pip-version-check
PIP_INSTALL = $(BIN)/$(PIP) -c constraints.txt
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist loadgroup
SOURCES := src tests bench fuzz docs demos debian
PRESENT = $(wildcard $(SOURCES))

.DEFAULT_GOAL := help
.PHONY: help run test check test-stock test-long test-cov test-uvloop fuzz conformance-reactor conformance-tornado conformance-websocket bench docs format locales lock deb deb-test clean

help:
	@echo "make run | test | check | test-long | test-cov | fuzz | conformance-reactor | conformance-tornado | conformance-websocket | bench | docs | format | locales | lock | deb | deb-test | clean"

# --- the environment ---------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "the venv module is incomplete; on Debian: apt install python3-venv"; exit 1; }

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[$*]'
	@touch $@

# The peers of the benchmark have an environment of their own: nothing of theirs gets into what is
# developed and tested. The last one does not install everywhere, and may be missing.
$(BENCH_VENV)/.installed: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory VENV=$(BENCH_VENV) $(BENCH_VENV)/bin/python
	$(BENCH_VENV)/bin/$(PIP) -c constraints.txt -e '.[bench]'
	-$(BENCH_VENV)/bin/$(PIP) socketify
	@touch $@

# --- what to do in it --------------------------------------------------------------------------

run: $(VENV)/.installed-demos
	$(BIN)/python -m cyclone run demos/gallery/app.py --host $(HOST) --port $(PORT)

test: check test-stock test-uvloop

check: $(VENV)/.installed-dev
	$(BIN)/ruff check $(PRESENT)
	$(BIN)/ruff format --check $(PRESENT)
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_documents.py

test-stock: $(VENV)/.installed-dev
	$(PYTEST) -m "not long" $(PYTEST_ARGS)

# What is left out above: before a release, and when something of the kind was changed.
test-long: $(VENV)/.installed-dev
	$(PYTEST) -m long $(PYTEST_ARGS)

# Everything, with coverage, in the processes that tests start too.
test-cov: $(VENV)/.installed-dev
	$(PYTEST) --cov --cov-report=term $(PYTEST_ARGS)

# What runs on a reactor once more: on that of uvloop instead of the stock one, and without
# assertions.  The environment variable, unlike -O, reaches the processes that tests and pytest-xdist
# start.  Tornado's tests, in tests/conformance, bring a reactor of their own.
test-uvloop: $(VENV)/.installed-dev
	PYTHONOPTIMIZE=1 CYCLONE_TEST_REACTOR=uvloop \
	  $(PYTEST) -m "not long" --on-the-reactor --ignore=tests/conformance $(PYTEST_ARGS)

# Tornado's own tests against our modules; rewrites a part of docs/conformance.md.
conformance-tornado: $(VENV)/.installed-dev
	$(BIN)/python -m tests.conformance.tornado_tests --write $(CONFORMANCE_ARGS)

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m fuzz $(FUZZ_ARGS)

conformance-reactor: $(VENV)/.installed-dev
	$(BIN)/python -m tests.conformance.reactor

conformance-websocket: $(VENV)/.installed-dev
	$(BIN)/python -m tests.conformance.websocket $(CONFORMANCE_ARGS)

bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m bench $(BENCH_ARGS)

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -j auto -b html docs docs/_build/html
	$(BIN)/python docs/check.py docs/_build/html

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix $(PRESENT)
	$(BIN)/ruff format $(PRESENT)

# The translations of the skeletons of projects, for people (.po) and for the server (.mo).
locales: $(VENV)/.installed-dev
	for directory in src/cyclone/app/skeletons/*/frontend/locale; do \
	  $(BIN)/pybabel compile --domain='@@modname@@' --directory=$$directory || exit 1; done

# The newest version of everything, resolved in an environment of its own.
lock: | $(BIN)/python
	rm -rf $(VENV)/lock
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install -qq --disable-pip-version-check -e '.[dev,docs,bench]'
	@{ echo "# The versions that development environments are made of. Written by: make lock"; \
	  $(VENV)/lock/bin/python -m pip freeze --exclude cyclone; } > constraints.txt
	rm -rf $(VENV)/lock

# A package for the Debian that this runs on, from a copy: nothing is left in debian/.
DEB_PARTS := src debian demos/readme constraints.txt pyproject.toml hatch_build.py README.md LICENSE
deb:
	@for program in dpkg-buildpackage dh fakeroot; do command -v $$program >/dev/null || \
	  { echo "$$program is missing: apt install build-essential debhelper fakeroot python3-venv"; exit 1; }; done
	rm -rf build/deb
	mkdir -p build/deb/cyclone dist
	tar -c --exclude=__pycache__ --exclude='dropin.cache*' $(DEB_PARTS) | tar -x -C build/deb/cyclone
	cd build/deb/cyclone && dpkg-buildpackage --build=binary --no-sign
	rm -f dist/cyclone_*
	mv build/deb/cyclone_* dist/
	rm -rf build/deb

# The package as lintian sees it, and as root sees it in a new small system (about 3 minutes).  The
# root may be had as a tar file: BASE, see debian/clean-root.sh.
deb-test:
	@for program in lintian $(if $(BASE),,mmdebstrap); do command -v $$program >/dev/null || \
	  { echo "$$program is missing: apt install lintian mmdebstrap"; exit 1; }; done
	@[ "$$(id -u)" = 0 ] || { echo "make deb-test installs packages into a new root: be root"; exit 1; }
	@$(MAKE) --no-print-directory deb
	lintian --fail-on error --allow-root dist/cyclone_*.changes
	bash debian/clean-root.sh dist/cyclone_*.deb

clean:
	rm -rf build dist docs/_build htmlcov .coverage .coverage.* coverage.xml
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis _trial_temp*
	find $(PRESENT) -name __pycache__ -type d -prune -exec rm -rf {} +
	find $(PRESENT) -name dropin.cache -exec rm -f {} +
