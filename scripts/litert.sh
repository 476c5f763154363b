#!/usr/bin/env bash
# Makes build/litert, whose Python runs tflite files in the tests: litert.sh PYTHON
set -euo pipefail
venv=build/litert
if [ ! -e "$venv/.installed" ] || [ requirements-litert.txt -nt "$venv/.installed" ]; then
    rm -f "$venv/.installed"
    "$1" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-litert.txt
    touch "$venv/.installed"
fi
