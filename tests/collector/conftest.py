"""The collector without its network, for every room's tests; some of them over every kind of store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "system"))

from object_server import moto, new_lake  # noqa: F401  one is a fixture
from postgres_server import postgres  # noqa: F401  a fixture
from rig import rig  # noqa: F401  a fixture

HERE = Path(__file__).parent
#: What the store must do for the rooms above it, whichever it is.
OVER_EVERY_STORE = (
    "lifecycle/test_random_walk.py",
    "service/test_agents.py",
    "service/test_backup.py",
    "service/test_garbage.py",
    "service/test_paused_sweeps.py",
    "service/test_queues.py",
    "service/test_sweeps.py",
    "service/test_uploads.py",
    "web/test_fleet.py",
    "web/test_pages.py",
)


#: What the lake must do for the rooms above it.
OVER_EVERY_LAKE = (
    "service/test_backup.py",
    "service/test_garbage.py",
    "service/test_lost_store.py",
    "service/test_merging.py",
)


@pytest.fixture
def lake_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the lake of the rig is: in its home, or in an object store."""
    if getattr(request, "param", "folder") == "folder":
        return "local"
    return new_lake(request.getfixturevalue("moto"), monkeypatch)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    file = Path(metafunc.definition.path)
    name = file.relative_to(HERE).as_posix() if HERE in file.parents else ""
    if "rig" in metafunc.fixturenames and name in OVER_EVERY_STORE:
        metafunc.parametrize("rig", ["sqlite", "postgres"], indirect=True)
    if "rig" in metafunc.fixturenames and name in OVER_EVERY_LAKE:
        metafunc.parametrize("lake_address", ["folder", "objects"], indirect=True)
