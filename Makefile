# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo
EXAMPLES ?= 20

.PHONY: help setup demo test check property mutants bench crash torture faults pose lock clean
help:
	@echo "make setup   the virtual environment $(VENV), with $(BIN)/stolpe in it"
	@echo "make demo    a whole node live for 20 s, its broker, its events, its footage opened with two keys, into $(DEMO)/"
	@echo "make test    make check, then every test"
	@echo "make check   format, lint, types, import contracts"
	@echo "make property  non-interference with many more examples (EXAMPLES times as many; five minutes)"
	@echo "make mutants  undo each protection in a copy: a named test must notice (five to ten minutes)"
	@echo "make bench   the measures, each beside its reference in the same run"
	@echo "make crash   a recorder's life cut at every operation of its disk, as a table (some minutes)"
	@echo "make torture thirty kills and power cuts of the real recorder on ext4, as a table (root; two minutes)"
	@echo "make faults  what a node loses when its parts die, as a table (two minutes)"
	@echo "make pose    when a turned camera goes black, and what must not trip it, as a table (some minutes)"
	@echo "make lock    pin the dependencies anew (requirements/*.lock)"

setup: $(VENV)/.ready
$(VENV)/.ready: requirements/dev.lock pyproject.toml provisioning/setup.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" sh provisioning/setup.sh

demo: setup
	$(BIN)/stolpe demo --dir "$(DEMO)" --overwrite

test: check
	$(BIN)/python -m pytest -n 2

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

property: setup
	STOLPE_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q -n 2 --timeout 3600 tests/camera/test_non_interference.py \
		tests/camera/test_non_interference_pipeline.py

mutants: setup
	$(BIN)/python -m tests.mutants.run $(MUTANT)

bench: setup
	$(BIN)/stolpe bench

crash: setup
	PYTHONPATH=tests $(BIN)/python tests/recorder/crash_table.py

torture: setup
	PYTHONPATH=tests $(BIN)/python tests/recorder/torture.py

faults: setup
	$(BIN)/python -m pytest -q -s -p no:randomly tests/system/test_faults.py

pose: setup
	PYTHONPATH=tests:. $(BIN)/python -m camera.pose.table

lock: setup
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate pyproject.toml -o requirements/node.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate pyproject.toml --group dev -o requirements/dev.lock

clean:
	rm -rf "$(VENV)" "$(DEMO)" build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
