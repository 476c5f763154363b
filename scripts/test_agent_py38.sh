#!/usr/bin/env bash
# Runs the agent's tests on the oldest interpreter it supports: test_agent_py38.sh [--install-only] /path/to/python3.8
set -euo pipefail
install_only=
if [ "${1:-}" = "--install-only" ]; then
    install_only=yes
    shift
fi
python=${1:-}
if [ -z "$python" ]; then
    echo "NOT TRIED: no CPython 3.8 was found, so the agent was not tested on the interpreter of a JetPack 4 board." >&2
    exit 0
fi
venv=build/py38
if [ ! -e "$venv/.installed" ] || [ requirements-py38.txt -nt "$venv/.installed" ] || [ agent/pyproject.toml -nt "$venv/.installed" ]; then
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip==25.0.1
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-py38.txt
    touch "$venv/.installed"
fi
[ -z "$install_only" ] || exit 0
echo "The agent's tests on $("$venv/bin/python" --version):"
"$venv/bin/python" -m mypy --version >/dev/null && "$venv/bin/python" -m mypy --python-version 3.8 agent
"$venv/bin/python" -m pytest tests/agent
