#!/usr/bin/env bash
# Compiles the tests without a clock, and all that they import, into build/pycache, once: on a fresh clone each
# worker of xdist would. compile_tests.sh PYTHON FILE_OR_OPTION..
set -uo pipefail
cd "$(dirname "$0")/.." || exit
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$PWD/build/pycache"
python=$1
shift
mark="$PYTHONPYCACHEPREFIX/.$("$python" -c 'import sys; print(sys.implementation.cache_tag)')"
[ -e "$mark" ] || "$python" -m pytest -q --collect-only -m "not timed" "$@" >/dev/null || exit 0
touch "$mark"
