"""Every example in a docstring is run; each public function of the exact ranking has one, and a source."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest
from paretofleet_analysis import pareto

ROOT = Path(__file__).parents[1]
PACKAGES = tuple(f"{name}/paretofleet_{name}" for name in ("analysis", "graph", "agent", "collector"))


def with_examples() -> list[str]:
    """The modules of the product that show examples."""
    paths = [(package, path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [
        ".".join(path.relative_to((ROOT / package).parent).with_suffix("").parts)
        for package, path in paths
        if re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)
    ]


@pytest.mark.parametrize("name", with_examples())
def test_examples_say_what_happens(name):
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.parametrize(
    "name", [name for name in pareto.__all__ if inspect.isfunction(getattr(pareto, name))]
)
def test_the_exact_ranking_shows_an_example_and_its_source(name):
    text = inspect.getdoc(getattr(pareto, name)) or ""
    assert f">>> {name}(" in text or re.search(rf">>> .*\b{name}\(", text)
    assert re.search(r"Source:\s(.|\n)*\b(19|20)\d\d\b", text)
