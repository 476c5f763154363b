#!/usr/bin/env bash
# make test: what needs no clock, many at once, then what is timed, alone. The agent's tests run once, on the
# oldest interpreter it supports where one is found: test.sh [/path/to/python3.8]
set -euo pipefail
cd "$(dirname "$0")/.."
# Hundreds of processes start: what they run is compiled once, wherever that was switched off.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$PWD/build/pycache"

old=${1:-}
agent_tests=()
[ -z "$old" ] || agent_tests=(--ignore=tests/agent)

# Untimed tests wait more than they compute, hence more at once than there are cores. All are as nice as a collector's
# worker, which would starve beside them.
workers=$(($(nproc) + 2))

bash scripts/environments.sh "$old" &
bash scripts/compile_tests.sh .venv/bin/python "${agent_tests[@]}"
wait

if [ -e build/litert/.installed ]; then
    export PARETOFLEET_TEST_LITERT_PYTHON="$PWD/build/litert/bin/python"
else
    echo "NOT TRIED: ai-edge-litert could not be installed, so no tflite file is run." >&2
fi

if command -v java >/dev/null && [ -e build/spark/.installed ]; then
    export PARETOFLEET_TEST_SPARK_PYTHON="$PWD/build/spark/bin/python"
else
    echo "NOT TRIED: Java is missing or PySpark could not be installed, so no report is rebuilt by Spark." >&2
fi

untimed() {
    nice -n 10 "$@" -m "not timed" -n "$workers" --dist loadscope --durations=25
}

timed() {
    "$@" -m timed --durations=25
}

# What the tests on the old interpreter need is made beside the untimed ones, which leave time between them.
prepare_old() {
    bash scripts/python38.sh "$old"
    nice -n 10 build/py38/bin/python -m mypy --python-version 3.8 agent
    nice -n 10 bash scripts/compile_tests.sh build/py38/bin/python tests/agent
}

if [ -n "$old" ]; then
    trap wait EXIT
    prepare_old &
    preparing=$!
fi
untimed .venv/bin/python -m pytest "${agent_tests[@]}"
[ -z "$old" ] || wait "$preparing"
timed .venv/bin/python -m pytest "${agent_tests[@]}"
if [ -z "$old" ]; then
    echo "NOT TRIED: no CPython 3.8 was found, so the agent was not tested on the interpreter of a JetPack 4 board." >&2
    exit 0
fi
old=build/py38/bin/python
echo "The agent's tests on $("$old" --version):"
untimed "$old" -m pytest tests/agent
timed "$old" -m pytest tests/agent
