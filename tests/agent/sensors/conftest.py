from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import trees


@pytest.fixture
def tree(tmp_path):
    """Unpacks a fixture by its name and gives the root of the copied device."""
    return lambda name: trees.unpack(name, tmp_path / name)
