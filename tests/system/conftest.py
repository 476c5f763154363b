"""Fixtures of the system tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "collector"))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from farm import Farm
from postgres_server import postgres  # noqa: F401  a fixture
from seaweed import objects  # noqa: F401  a fixture


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """An empty farm with a running collector."""
    made = Farm(tmp_path)
    made.start_collector()
    try:
        yield made
    finally:
        made.close()
