#!/usr/bin/env bash
# Makes the environments of tests that .venv cannot hold, all at once: of tflite, of Spark, and of the agent on
# CPython 3.8: environments.sh [/path/to/python3.8]. What is there is left; who needs one says if it is missing.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
bash scripts/litert.sh .venv/bin/python &
if command -v java >/dev/null; then
    bash scripts/spark.sh .venv/bin/python &
fi
if [ -n "${1:-}" ]; then
    bash scripts/python38.sh "$1" &
fi
wait
