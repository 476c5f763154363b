"""Where the fault suite finds its modules and its template."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from fault_stage import make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector with a sweep that waits for its devices, and their homes."""
    return make_template(tmp_path_factory.mktemp("faults") / "template", devices=2, batch_sizes="1")
