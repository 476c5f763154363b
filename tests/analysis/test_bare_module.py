"""A module of a library without what its package loads around it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

INIT = "import sys\nsys.stderr.write('run ')\nfrom library.inner import answer\nmore = 1\n"
CODE = """
import sys
from paretofleet_analysis.bare_module import bare_module
alone = bare_module("library", "inner", {names!r})
print(alone.__name__, alone.answer)
import library
print(library.more, library.answer, bare_module("library", "inner", ["answer"]).__name__)
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").write_text(INIT)
    (tmp_path / "library" / "inner.py").write_text("answer = 42\n")
    return tmp_path


def run(names: list[str], folder: Path) -> tuple[str, str]:
    words = [sys.executable, "-c", CODE.format(names=names)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_the_package_is_run_for_whoever_imports_it_later_and_not_before(library: Path) -> None:
    said, ran = run(["answer"], library)
    assert said == "library.inner 42\n1 42 library\n"
    assert ran == "run "


def test_what_the_module_lacks_is_sought_in_the_package(library: Path) -> None:
    said, ran = run(["answer", "more"], library)
    assert said == "library 42\n1 42 library\n"
    assert ran == "run "
