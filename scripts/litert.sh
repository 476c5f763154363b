#!/usr/bin/env bash
# Makes build/litert, whose Python runs tflite files in the tests: litert.sh PYTHON
set -euo pipefail
venv=build/litert
if [ ! -e "$venv/.installed" ] || [ requirements-litert.txt -nt "$venv/.installed" ]; then
    "$1" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-litert.txt
    touch "$venv/.installed"
fi
