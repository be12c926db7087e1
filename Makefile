# `make serve` is all it takes on a new machine; `make` alone lists the rest.

PYTHON ?= python3
PORT ?= 5006
PYTEST_ARGS ?=
WORKERS ?= 2
BENCH_ARGS ?=
SERVE_ARGS ?=
COUNT ?= 10000
KILLS ?= 100
SEED ?= 0
TARGETS ?=
ONLY ?=

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp
DEV_STAMP := $(VENV)/.stamp-dev

# Tests of a file stay in one process, those in a browser in one of all (tests/conftest.py).
SIDE_BY_SIDE := -n $(WORKERS) --no-loadscope-reorder

PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0 $(PY) -m pip install

# DATA counts only as `make serve DATA=...`; clusters like to have an unrelated DATA in the environment.
ifeq ($(origin DATA),command line)
export DATA
OPEN := "$$DATA"
endif

# An environment whose Python is gone or too old is made anew, whatever its stamps say.
ifneq ($(shell sh scripts/find_python.sh $(PY) >/dev/null 2>&1 && echo runs),runs)
.PHONY: $(STAMP)
endif

.PHONY: help serve setup setup-dev test lint format bench fuzz kill lock hooks docs site pictures notebook outline man test-matrix clean distclean

help:
	@echo "make serve [DATA=file.xyz] [PORT=5006]   install what is missing, then serve the page"
	@echo "           [SERVE_ARGS=--no-paths]       more of what 'winnow serve --help' lists"
	@echo "make setup                               the installation alone"
	@echo "make test [PYTEST_ARGS=...] [WORKERS=2]  all tests in so many processes, those in a browser included"
	@echo "make lint                                ruff, mypy, import contracts, codespell, tsc and biome"
	@echo "make format                              let ruff rewrite the code"
	@echo "make bench [BENCH_ARGS=...]              speed and memory against other packages"
	@echo "make site                                lessons and the carbon comparison as files, build/site/index.html"
	@echo "make pictures                            take the pictures of README and docs anew"
	@echo "make notebook                            run the tutorial notebook anew"
	@echo "make docs                                build the documentation into build/docs/index.html"
	@echo "make fuzz [COUNT=10000] [SEED=0]         read and use so many damaged files"
	@echo "make kill [KILLS=100] [SEED=0]           kill -9 at random moments: what is written is whole"
	@echo "make hooks                               run the linters before every commit"
	@echo "make outline                             renew what --help shows, after a change of options"
	@echo "make test-matrix [ONLY=oldest]           short tests with other versions, each in build/matrix"
	@echo "make man                                 write the manual page, build/man/winnow.1"
	@echo "make lock                                renew the exact versions in constraints.txt"
	@echo "make clean, make distclean               remove caches; remove the environment too"
	@echo "PYTHON=/path/to/python3.12 with any of them chooses the Python for a new .venv."

serve: $(STAMP)
	@exec $(PY) -P -m analytics.cli serve --port $(PORT) $(SERVE_ARGS) $(OPEN)

setup: $(STAMP)

setup-dev: setup $(DEV_STAMP)

test: $(DEV_STAMP)
	@CHROMIUM="$$(sh scripts/ensure_chromium.sh $(PY))" $(PY) -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS)

lint: $(DEV_STAMP)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PY) -m codespell_lib
	sh scripts/lint_javascript.sh

format: $(DEV_STAMP)
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

bench: $(DEV_STAMP)
	$(PY) -m benchmarks $(BENCH_ARGS)

fuzz: $(DEV_STAMP)
	$(PY) -m fuzz --count $(COUNT) --seed $(SEED) $(TARGETS)

kill: $(DEV_STAMP)
	@KILLS=$(KILLS) SEED=$(SEED) $(PY) -m benchmarks kill

outline: $(STAMP)
	$(PY) scripts/outline.py

test-matrix: $(STAMP)
	$(PY) scripts/test_matrix.py $(ONLY)

man: $(STAMP)
	@$(PY) scripts/manual.py

lock: $(STAMP)
	$(PY) scripts/lock.py

site: $(STAMP)
	$(PY) -m views.learn.site build/site

pictures: $(DEV_STAMP)
	@CHROMIUM="$$(sh scripts/ensure_chromium.sh $(PY))" $(PY) scripts/pictures.py

notebook: $(DEV_STAMP)
	$(PY) scripts/notebook.py

docs: $(DEV_STAMP)
	$(PY) -m sphinx -E -W --keep-going -q -b html docs build/docs
	@echo "Open build/docs/index.html"

hooks: $(DEV_STAMP)
	$(PY) -m pre_commit install

clean:
	rm -rf build docs/generated dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find . -name $(VENV) -prune -o -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) dev/node_modules

# The stamps are touched last, so that an interrupted installation is taken up again.
$(STAMP): pyproject.toml constraints.txt
	@sh scripts/find_python.sh $(PY) >/dev/null 2>&1 || { \
	    python="$$(sh scripts/find_python.sh "$(PYTHON)")" || exit 1; \
	    echo "Making $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }; }
	@$(PIP) --quiet "pip>=23.1" || echo "pip could not be renewed; going on with the one at hand"
	$(PIP) -c constraints.txt -e .
	@echo "Compiling the kernels (once)"
	@$(PY) -m analytics.cli select assets/carbon.xyz.gz --budget 10 --json >/dev/null
	@$(PY) -m analytics.cli compare assets/carbon.xyz.gz --budgets 10 --json >/dev/null
	@$(PY) -m analytics.cli check assets/carbon.xyz.gz --json >/dev/null
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(PIP) -c constraints.txt -e ".[dev]"
	@touch $@
