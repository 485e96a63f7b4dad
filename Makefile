# One command per habit. Everything lives in .venv; PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
# uv installs in seconds what takes pip minutes; it is used if it is there.
INSTALL := $(if $(shell command -v uv),uv pip install --python $(BIN)/python -c constraints.txt,$(PIP))
NODE := $(shell command -v node)
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

# Without a browser the interface tests are left out, with a line that says so; in CI they always run.
ifeq ($(CHROMIUM)$(CI),)
  NO_BROWSER := and not browser
endif

# Tests run in two processes: two cores are what most machines have, and browsers need the rest.
WORKERS ?= 2
# The plugin for notebooks takes a second to load.
PYTEST := $(BIN)/python -m pytest -p no:nbmake -n $(WORKERS) --dist worksteal
NBMAKE = $(if $(filter full,$(NOTEBOOKS)),,SNNLAB_FAST=1) PYTHONPATH=tests \
  IPYTHONDIR=$(abspath tests/ipython) $(BIN)/python -m pytest -p notebook_times --nbmake --nbmake-timeout=1800

# Tests and notebooks use torch. snnlab never computes on a GPU, but for Linux the package index has no
# torch without 4 GB of CUDA. PyTorch's own index has: torch alone is taken from there if it can be
# reached; TORCH=default does not ask it.
TORCH ?= $(if $(filter Linux,$(shell uname -s)),cpu,default)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

CASES ?= 10000
READERS := idx,dies,weights,runs

.PHONY: app test test-all slow lint unit no-browser browser notebooks docs links bench fuzz bench-ui bench-load soak audit \
  wheel-check release-check platforms lowest clean

app: $(VENV)/.app  ## set up and open the dashboard; PORT=5010 has it there
	$(BIN)/snnlab app $(if $(PORT),--port $(PORT))

test: lint $(VENV)/.notebooks  ## set up, then run every kind of test once, in ten minutes
	$(if $(NO_BROWSER),@echo "No Chromium found: the interface tests are left out.")
	$(PYTEST) -m "not slow and not browser and not notebook"
	$(if $(NO_BROWSER),,$(PYTEST) -m "browser and not slow and not notebook" tests/app)
	$(NBMAKE) notebooks/01_one_neuron.ipynb

test-all: lint no-browser browser notebooks  ## set up and run all tests, about 35 minutes

slow: $(VENV)/.test  ## full trainings, long ways through the dashboard
	$(PYTEST) -m "slow and not notebook $(NO_BROWSER)"

no-browser: $(VENV)/.test  ## all tests that need no browser, fast and slow
	$(PYTEST) -m "not browser and not notebook"

lint: $(VENV)/.test  ## style, import contracts, types of public names
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(if $(NODE),for f in app/snnlab_app/browser/*.js app/snnlab_app/browser/*/*.js; do $(NODE) --input-type=module --check - < $$f || exit 1; done,@echo "No node found: the syntax of the JavaScript is not checked.")

unit: $(VENV)/.test  ## the fast tests
	$(PYTEST) -m "not slow and not browser and not notebook"

browser: $(VENV)/.test  ## the dashboard in a real browser, all of it
	$(if $(NO_BROWSER),,$(PYTEST) -m "browser and not notebook" tests/app)

notebooks: $(VENV)/.test $(VENV)/.notebooks  ## every notebook, quickly (NOTEBOOKS=full: whole); two of them in JupyterLab
	$(NBMAKE) -n $(WORKERS) notebooks
	$(PYTEST) -m "notebook $(NO_BROWSER)" tests/notebooks

docs: $(VENV)/.docs  ## the site with all notebooks executed, into site/; DOCS=full takes longer
	rm -rf docs/notebooks && cp -r notebooks docs/notebooks
	$(if $(filter full,$(DOCS)),,SNNLAB_FAST=1) $(BIN)/python -m sphinx -W --keep-going -q -b html docs site

links: $(VENV)/.docs  ## ask for every external link of the site; a list, as other hosts have bad days
	rm -rf docs/notebooks && cp -r notebooks docs/notebooks
	-$(BIN)/python -m sphinx -q -b linkcheck -D nb_execution_mode=off docs build/links

bench: $(VENV)/.bench  ## measure the speed, against the chip and other libraries
	$(BIN)/snnlab bench

fuzz: $(VENV)/.fuzz  ## nonsense for everything that reads; CASES=1000000 takes hours
	$(BIN)/python -m snnlab_bench.fuzz.run --cases $(CASES)
	$(BIN)/python -m snnlab_bench.fuzz.run --cases $(CASES) --guided --only $(READERS)

bench-ui: $(VENV)/.test  ## measure the dashboard in a real browser
	$(BIN)/python -m snnlab_bench.dashboard.ui

bench-load: $(VENV)/.test  ## measure the dashboard with many visitors, and kill it
	$(BIN)/python -m snnlab_bench.dashboard.load

soak: $(VENV)/.test  ## an hour with a browser and 500 visitors: does anything grow?
	$(BIN)/python -m snnlab_bench.dashboard.soak

audit: $(VENV)/.audit  ## installed packages: pinned, licences, known vulnerabilities
	$(BIN)/python tests/audit.py

wheel-check: $(VENV)/.test  ## the wheel, alone in an empty environment; PYTHONS="python3.12 python3.13" on these
	$(if $(filter cpu,$(TORCH)),TORCH_INDEX=$(TORCH_INDEX)) $(BIN)/python tests/release.py $(PYTHONS)

release-check: $(VENV)/.test  ## the same, and its name on the index is nobody else's
	$(if $(filter cpu,$(TORCH)),TORCH_INDEX=$(TORCH_INDEX)) $(BIN)/python tests/release.py --name $(PYTHONS)

platforms: $(VENV)/.audit  ## which platforms have a wheel of every dependency, into docs/platforms.md
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python docs/platforms.py

lowest:  ## what learns and runs, on the oldest libraries that pyproject.toml admits
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install uv
	.venv-lowest/bin/uv pip install --python .venv-lowest --resolution lowest-direct -e ".[test]"
	.venv-lowest/bin/python -m pytest -m "not slow and not browser" -o filterwarnings=default \
	  $(addprefix tests/,$(addsuffix .py,chip/test_chip learn/test_trainer learn/test_training runs/test_runs \
  runs/test_resume nir/test_nir \
  studies/test_robustness app/session/test_app_session app/views/test_app_views))

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: constraints.txt | $(VENV)/bin/python
	$(if $(filter cpu,$(TORCH)),$(PIP) -q --no-deps --retries 1 --timeout 10 --index-url $(TORCH_INDEX) torch \
	  2>/dev/null || echo "No CPU-only torch from $(TORCH_INDEX): the default one is taken.")
	$(PIP) -q torch
	@touch $@

$(VENV)/.app $(VENV)/.browser: $(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e ".[$*]"
	@touch $@

$(VENV)/.%: pyproject.toml constraints.txt $(VENV)/.torch
	$(INSTALL) -e ".[$*]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
