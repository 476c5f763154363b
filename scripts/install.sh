#!/bin/sh
# Installs everything into VENV, with `tools` also what tests and checks need: install.sh PYTHON VENV [tools].
set -eu
python=$1 venv=$2 more=${3:-}
if ! command -v "$python" >/dev/null 2>&1 || ! "$python" -c '' 2>/dev/null; then
    python=python3
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "install: $python is older than 3.11; name a newer one with make install PYTHON=/path/to/python3.11" >&2
    exit 1
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || {
    echo "install: $python cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2
    exit 1
}
if [ "$more" != tools ]; then
    # One folder of build tools for the five packages, in place of five made and thrown away. Whatever pip finds
    # there counts as installed, so it comes to what the packages need only when the folder is out of its way.
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
    pip="$venv/bin/python -m pip --quiet --disable-pip-version-check"
    $pip install --no-compile --target "$tools" hatchling editables
    PYTHONPATH=$tools $pip install --no-build-isolation --no-deps -r requirements.txt
    sed -n 's#^-e \./#paretofleet-#p' requirements.txt >"$tools/packages.txt"
    $pip install --no-compile -r "$tools/packages.txt"
    # Compiled on every core, where pip takes one, and without what no command loads, which is most of it. Else
    # every start would compile anew where PYTHONDONTWRITEBYTECODE is set. What does not compile is a template.
    "$venv/bin/python" -m compileall -q -j 0 -x '/(tests?|sympy|mpmath|pandas|pygments/lexers)/' \
        "$venv/lib" agent/paretofleet_agent graph/paretofleet_graph proto/paretofleet_proto \
        analysis/paretofleet_analysis collector/paretofleet_collector >/dev/null || :
    # Developers' peers are installed without what they ask for, so only a user's environment is whole.
    [ -e "$venv/.tools" ] || $pip check
    exit
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    -r requirements-peers.txt ||
    echo "install: the libraries of requirements-peers.txt are missing; comparisons with them are skipped" >&2
