# Four verbs for everyday: install, demo, test, check. The others are for releases and boards.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PY38 ?= $(shell sh scripts/find_python.sh 3.8)

.PHONY: install tools demo test check format docs proto bench soak bundle a57 clean

install: $(VENV)/.installed

# What tests and checks need on top; users never get it.
tools: $(VENV)/.tools

# Reinstalled when a dependency list or the native kernel changes; the packages themselves are editable.
PARTS := $(wildcard */pyproject.toml) $(wildcard analysis/*.py analysis/paretofleet_analysis/pareto/kernel/*.[ch])

$(VENV)/.installed: requirements.txt $(PARTS)
	@sh scripts/install.sh $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.tools: requirements-dev.txt requirements-peers.txt $(VENV)/.installed
	@sh scripts/install.sh $(PYTHON) $(VENV) tools
	@touch $@

demo:
	@bash scripts/demo.sh

test: tools
	@bash scripts/test.sh "$(PY38)"

check: tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file bench/mypy.ini bench/*.py
	@sh scripts/proto.sh --check
	PYTHONPATH=scripts $(BIN)/python -m reference --check

format: tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pages of docs/reference and the pictures of docs that follow from the code.
docs: tools
	PYTHONPATH=scripts $(BIN)/python -m reference

proto:
	@sh scripts/proto.sh

bench: tools
	@$(BIN)/python bench/all.py

# Every fault of tests/system/faults with many seeds, also two collectors over PostgreSQL and a bucket; hours.
# Writes the table of docs/faults.md. Then the long forms of what happens to a search, minutes.
SEEDS ?= 100
soak: tools
	$(BIN)/python tests/system/faults/soak.py --seeds $(SEEDS) --page docs/faults.md
	$(BIN)/python tests/system/faults/search_soak.py --trials 12 --kills 20 --away 30 60

bundle: install
	@bash deploy/bundle.sh

# An emulated Cortex-A57 for tests/agent/measure/test_a57.py; 300 MB of downloads, once.
a57: tools
	@sh scripts/emulate_a57.sh
	$(BIN)/python -m pytest tests/agent/measure/test_a57.py

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .ruff_cache .pytest_cache
