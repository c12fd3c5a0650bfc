# make demo | test | check | interop | bench | lock: each makes its own environment in .venv from hashed locks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
LINKS := mlbom operators hooks integrations

.PHONY: help demo test check interop bench lock links clean
help:
	@echo "make demo     the main job on your machine: attest, validate, train, register, block, approve (about 2 minutes)"
	@echo "make test     the test suite          make check    ruff, mypy --strict, import-linter, wheel contents"
	@echo "make interop  other verifiers (npm, cosign with Go)   make bench    ratios against named peers"
	@echo "make lock     resolve requirements/*.txt again"

links:
	@for d in $(LINKS); do test -e attestflow/$$d/__init__.py || { \
	  echo "attestflow/$$d is not a link to ../$$d (a clone without symlinks?)."; \
	  echo "hint: git config core.symlinks true && git checkout -- attestflow/$$d"; exit 1; }; done
	@test -e attestflow/policy/pages/approved.md || { echo "attestflow/policy/pages is not a link to ../../docs/rules."; \
	  echo "hint: git config core.symlinks true && git checkout -- attestflow/policy/pages"; exit 1; }

$(VENV)/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "attestflow needs Python 3.11 to 3.13, found %d.%d\nhint: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.demo: $(VENV)/.uv requirements/demo.txt pyproject.toml
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/demo.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements/dev.txt pyproject.toml
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

demo: links $(VENV)/.demo
	$(BIN)/python scripts/demo.py

test: links $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: links $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p attestflow
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/packaging

interop: links $(VENV)/.dev
	bash scripts/interop.sh

bench: links $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

lock: $(VENV)/.uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 requirements/uv.in --generate-hashes --no-emit-index-url -o requirements/uv.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --group dev pyproject.toml --generate-hashes --no-emit-index-url -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --extra airflow --extra mlflow --extra gx --group demo -c requirements/dev.txt pyproject.toml --generate-hashes --no-emit-index-url -o requirements/demo.txt

clean:
	rm -rf $(VENV) demo-run dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
