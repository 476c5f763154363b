#!/bin/sh
# Prints the path of CPython $1 (such as 3.8), or nothing: on the PATH or among pyenv's versions.
set -u
if command -v "python$1" >/dev/null 2>&1 && "python$1" -c '' 2>/dev/null; then
    command -v "python$1"
    exit 0
fi
for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if [ -x "$candidate" ]; then
        echo "$candidate"
        exit 0
    fi
done
