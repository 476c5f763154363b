#!/usr/bin/env bash
# Makes build/spark, whose Python is Spark's in the tests: spark.sh PYTHON. What it lacks it takes from PYTHON's
# environment, in which our packages are; a user's has 'paretofleet-collector[spark]'.
set -euo pipefail
venv=build/spark
if [ ! -e "$venv/.installed" ] || [ requirements-spark.txt -nt "$venv/.installed" ]; then
    rm -f "$venv/.installed"
    "$1" -m venv "$venv"
    packages=$("$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    own=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "import site; site.addsitedir('$packages')" >"$own/ours.pth"
    # Compiled when it is used: most of pyspark never is.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-spark.txt
    touch "$venv/.installed"
fi
