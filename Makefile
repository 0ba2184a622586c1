# Everything starts from Python 3.11+ and make. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check -q

.PHONY: demo test lint docs bench clean

demo: $(VENV)/.base
	$(VENV)/bin/crossalign demo

test: $(VENV)/.dev lint
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -n auto --dist worksteal

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.docs
	$(VENV)/bin/sphinx-build -W -q docs docs/_build

bench: $(VENV)/.dev
	for file in benchmarks/[!h]*.py; do $(VENV)/bin/python $$file; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache docs/_build

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(PIP) install -c constraints.txt -e '.[dev,faiss]'
	touch $@

$(VENV)/.docs: $(VENV)/.base
	$(PIP) install -c constraints.txt -e '.[docs]'
	touch $@
