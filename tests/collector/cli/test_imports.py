"""What a command must not load: each of these takes longer than the answer may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"
COLLECTOR = ("grpc", "google.protobuf", "sqlalchemy", "alembic", "duckdb", "cryptography", "onnx", "yaml")
LIBRARIES = ("pandas", "altair", "vl_convert", "plotext", "matplotlib")
#: Typer checks values by models of pydantic; what needs no check needs none.
MODELS = ("pydantic", "typer._adapters")
NUMBERS = ("numpy", "pyarrow", "scipy", "paretofleet_analysis.ranking", "paretofleet_collector.rpc")
#: Each of them, or what it brings, takes longer to load than it is used.
SLOW = (
    "paretofleet_collector.model.entities",
    *("scipy.optimize", "scipy.sparse", "scipy.special", "scipy.stats", "moocore", "urllib.request"),
    *("numpy.f2py.crackfortran", "numpy.testing._private", "unittest"),
)
COMMANDS = ("rich", "paretofleet_collector.model.entities", "paretofleet_collector.cli.sweep")
CODE = """
import sys
from paretofleet_collector import cli
try:
    cli.main(sys.argv[1:])
finally:
    sys.stderr.write("loaded " + " ".join(name for name, module in sys.modules.items() if module))
"""


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], (*COMMANDS, *NUMBERS, *COLLECTOR, *LIBRARIES)),
        (["--version"], (*COMMANDS, *NUMBERS, *COLLECTOR, *LIBRARIES)),
        (["sweep", "submit", "--help"], (*NUMBERS, *COLLECTOR, *LIBRARIES)),
        (
            ["rank", str(REPORT)],
            (*SLOW, *MODELS, *COLLECTOR, *LIBRARIES),
        ),
        (["rank", str(REPORT), "--figure", "front.svg"], ("pandas", "altair", "plotext", *COLLECTOR)),
    ],
    ids=["help", "version", "help of a command", "rank", "rank with a figure"],
)
def test_a_command_loads_only_what_it_needs(words: list[str], heavy: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.rpartition("loaded ")[2].split())
    assert "paretofleet_collector.cli.help" in loaded
    assert [name for name in heavy if name in loaded] == []
