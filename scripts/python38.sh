#!/usr/bin/env bash
# Makes build/py38, where the agent's tests run on CPython 3.8: python38.sh /path/to/python3.8
set -euo pipefail
venv=build/py38
if [ ! -e "$venv/.installed" ] || [ requirements-py38.txt -nt "$venv/.installed" ] || [ agent/pyproject.toml -nt "$venv/.installed" ] || [ graph/pyproject.toml -nt "$venv/.installed" ]; then
    rm -f "$venv/.installed"
    "$1" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip==25.0.1
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-py38.txt
    touch "$venv/.installed"
fi
