# Each target sets up what it needs; nothing is done twice.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check bench nightly venv torch lock clean

demo: venv          ## the whole road on the embedded models and synthetic faces
	$(BIN)/edgebench demo

test: venv          ## every test a commit must pass
	$(BIN)/python -m pytest -q -n auto --dist loadfile tests

nightly: test       ## the slow checks as well, one at a time: some of them look at the clock
	$(BIN)/python -m pytest -q tests --slow -m slow --durations=10

check: venv         ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: venv         ## the figures of benchmarks/README.md, on this machine
	$(BIN)/python -m benchmarks

venv: $(READY)      ## only set up

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

torch: .venv/.torch ## PyTorch as well, for models that come from it; a build for the CPU is enough

.venv/.torch: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[torch]'
	touch $@

lock:               ## resolve pyproject.toml again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --extra dev pyproject.toml -o requirements.lock

clean:              ## everything that can be made again
	rm -rf .venv .edgebench .pytest_cache .mypy_cache .ruff_cache
