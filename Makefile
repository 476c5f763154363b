# Four verbs for everyday: install, demo, test, check. The others are for releases and boards.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PY38 ?= $(shell sh scripts/find_python.sh 3.8)

.PHONY: install demo test check format docs proto bench soak bundle a57 clean

install: $(VENV)/.installed

# Reinstalled when a dependency list or the native kernel changes; the packages themselves are editable.
$(VENV)/.installed: requirements-dev.txt requirements-peers.txt $(wildcard */pyproject.toml) $(wildcard analysis/*.py analysis/paretofleet_analysis/pareto/kernel/*.[ch])
	@sh scripts/install.sh $(PYTHON) $(VENV)
	@touch $@

demo:
	@bash scripts/demo.sh

test: install
	@bash scripts/test.sh "$(PY38)"

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@sh scripts/proto.sh --check

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pages of docs/reference that follow from the code.
docs: install
	PYTHONPATH=scripts $(BIN)/python -m reference

proto:
	@sh scripts/proto.sh

bench: install
	@$(BIN)/python bench/all.py

# Every fault of tests/system/faults with many seeds; hours. Writes the table of docs/faults.md.
SEEDS ?= 100
soak: install
	$(BIN)/python tests/system/faults/soak.py --seeds $(SEEDS) --page docs/faults.md

bundle: install
	@bash deploy/bundle.sh

# An emulated Cortex-A57 for tests/agent/measure/test_a57.py; 300 MB of downloads, once.
a57: install
	@sh scripts/emulate_a57.sh
	$(BIN)/python -m pytest tests/agent/measure/test_a57.py

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .ruff_cache .pytest_cache
