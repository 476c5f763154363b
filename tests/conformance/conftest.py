"""The stores that a suite over every store is run over."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from object_server import moto  # noqa: F401  a fixture
from postgres_server import postgres  # noqa: F401  a fixture


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be made, once for each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "collector.sqlite3")
    return request.getfixturevalue("postgres").new_database()
