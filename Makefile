# pip installs the environment from lock files with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stages run `python`: this puts the environment's Python first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help environment test-environment gpu-environment team-environment cluster-environment \
	demo repro bench test test-cluster docs audit lock readme clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# Byte code is compiled once here; otherwise every stage would compile TensorFlow's again.
define install
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked environment into $(VENV): two to five minutes"
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-compile --require-hashes $(1)
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q -j 0 $(VENV)/lib src || true
	touch $(2)
endef

$(VENV)/.main: requirements/main.lock pyproject.toml
	$(call install,-r requirements/main.lock,$@)

$(VENV)/.test: requirements/main.lock requirements/test.lock pyproject.toml
	$(call install,-r requirements/main.lock -r requirements/test.lock,$@)
	touch $(VENV)/.main

environment: $(VENV)/.main  ## the environment to run with, in .venv
test-environment: $(VENV)/.test  ## the same with the packages for tests

gpu-environment: environment  ## the same with TensorFlow's CUDA libraries
	$(call install,-r requirements/gpu.lock,$(VENV)/.gpu)

team-environment: environment  ## the same with drivers for PostgreSQL and S3
	$(call install,-r requirements/team.lock,$(VENV)/.team)

cluster-environment: environment  ## the same with Ray, for experiments on many machines
	$(call install,-r requirements/cluster.lock,$(VENV)/.cluster)

demo: environment  ## the whole pipeline on real data with a small budget, in demo/
	rnnbench demo

repro: environment  ## the whole pipeline at the full budget
	rnnbench check
	dvc repro

# Built anew each time, because Sphinx does not check pages kept from an earlier build for broken links.
BUILD_DOCS := sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --write-all -c docs . site

test: test-environment  ## lint, types, documentation and all tests
	ruff check .
	ruff format --check .
	mypy
	python -m docs.reference --check
	$(BUILD_DOCS)
	pytest --numprocesses 2 --dist loadfile --durations 20 --durations-min 10 -m "not cluster"

test-cluster: test-environment  ## the tests that start Ray nodes on this machine, and nothing else
	pytest -m cluster

# pip-audit gets a temporary environment: its dependencies are not dependencies of this project.
audit: test-environment  ## check security rules, and the locked packages for known vulnerabilities
	ruff check --select S .
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" \
		&& "$$folder/bin/pip" install --quiet --disable-pip-version-check pip-audit \
		&& "$$folder/bin/pip-audit" --strict --disable-pip --require-hashes --progress-spinner off \
			$(addprefix --requirement ,$(wildcard requirements/*.lock))

bench: environment  ## time training steps and the notebooks, with no other load: over two hours
	python benchmarks/recurrent_layers.py
	python benchmarks/growth.py
	python benchmarks/side_by_side.py
	python benchmarks/seeds.py
	python benchmarks/input.py
	python benchmarks/measuring.py
	python benchmarks/end_to_end.py
	python benchmarks/precision.py
	dvc repro -q prepare@imdb-20k-200
	python benchmarks/agreement.py
	python benchmarks/page.py

docs: test-environment  ## build the documentation in site/; a broken link is an error
	python -m docs.reference
	$(BUILD_DOCS)

readme: environment  ## write the results of the last run into the README
	rnnbench readme

# Needs `uv` (a resolver that writes one lock for every platform): python -m pip install uv
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header -c requirements/constraints.in

lock:  ## resolve and pin the dependencies again
	$(COMPILE) pyproject.toml requirements/build.in -o requirements/main.lock
	$(COMPILE) -c requirements/main.lock --extra team pyproject.toml -o requirements/team.lock
	$(COMPILE) -c requirements/main.lock --extra cluster pyproject.toml -o requirements/cluster.lock
	$(COMPILE) -c requirements/team.lock -c requirements/cluster.lock --extra test --extra docs --extra team \
		--extra jax --extra cluster pyproject.toml -o requirements/test.lock
	$(COMPILE) -c requirements/main.lock --extra gpu pyproject.toml -o requirements/gpu.lock

clean:  ## remove the environment, the demo and the built documentation
	rm -rf $(VENV) demo site
