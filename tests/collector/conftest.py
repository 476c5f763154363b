"""The collector without its network, for every room's tests; some of them over every kind of store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from postgres_server import postgres  # noqa: F401  a fixture
from rig import rig  # noqa: F401  a fixture

HERE = Path(__file__).parent
#: What the store must do for the rooms above it, whichever it is.
OVER_EVERY_STORE = (
    "lifecycle/test_random_walk.py",
    "service/test_agents.py",
    "service/test_garbage.py",
    "service/test_sweeps.py",
    "service/test_uploads.py",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    file = Path(metafunc.definition.path)
    if "rig" in metafunc.fixturenames and file.relative_to(HERE).as_posix() in OVER_EVERY_STORE:
        metafunc.parametrize("rig", ["sqlite", "postgres"], indirect=True)
