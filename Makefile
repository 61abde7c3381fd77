# Two commands set everything up: make train, make test.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/ready
SITE_READY := $(VENV)/site-ready
NPM_READY := node_modules/.package-lock.json

# What Material says at every start about a version we do not use.
export NO_MKDOCS_2_WARNING := 1

# Without compiled files every process of a test would compile the package.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help train test tangle chapters bench site serve check-site record check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

train: tangle ## train the MLP on the MNIST slice in the package
	$(PY) -m dlfs.experiments.mlp_mnist --data mini --epochs 5 --batch-size 128 --lr 2e-3 --seed 42

test: export OPENBLAS_NUM_THREADS := 1# there is a worker for every core
test: $(READY) ## run the test suite
	$(PY) -m pytest -q -n auto

tangle: $(READY) ## write dlfs/ and tests/ from the chapters
	$(PY) scripts/tangle.py

chapters: $(READY) ## run every chapter, and the tests as they stand after it
	$(PY) scripts/chapters.py run

# The site bears the time of the last commit, not that of the build.
site: $(SITE_READY) $(NPM_READY) ## make the site in site/: run the chapters, weave their pages
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct || echo 0)} \
	  $(PY) -m mkdocs build --strict

serve: $(SITE_READY) $(NPM_READY) ## show the site at http://127.0.0.1:8000, anew after every change
	$(PY) -m mkdocs serve --livereload

check-site: site ## check the site in a browser: links, looks, speed, search; see CONTRIBUTING.md
	$(PY) -m pytest -q scripts/site_tests

record: $(SITE_READY) ## run the chapters and record the timings they print
	$(PY) scripts/weave.py --record

bench: tangle ## time dlfs against PyTorch, where it is installed
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(PY) scripts/bench.py

check: $(READY) ## what has to hold before a commit: no drift, no lint
	$(PY) scripts/tangle.py --check
	$(PY) scripts/tangle.py lint

clean: ## delete the environment and everything that can be made again
	rm -rf $(VENV) node_modules build runs site .cache book/py book/ipynb .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "make: $(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

$(SITE_READY): requirements-site.txt $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-site.txt
	@touch $(SITE_READY)

$(NPM_READY): package.json package-lock.json .npmrc
	@command -v npm >/dev/null || \
	  { echo "make: npm is missing, which brings what the pages need; install Node.js 18 or newer, on Debian or Ubuntu: apt install npm"; exit 1; }
	npm ci --silent
	@touch $(NPM_READY)
