"""Where the fault suite finds its modules and its template."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from fault_pair import PairStage, pair_of
from fault_runs import Expected, expected_samples
from fault_stage import make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector with a sweep that waits for its devices, and their homes."""
    return make_template(tmp_path_factory.mktemp("faults") / "template", devices=2, batch_sizes="1")


@pytest.fixture(scope="session")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """The samples of a sweep that nothing disturbs, over a file and a folder."""
    return expected_samples(template, tmp_path_factory.mktemp("faults") / "undisturbed", devices=2)


@pytest.fixture
def stage(template: Path, tmp_path: Path, postgres, objects) -> Iterator[PairStage]:
    made = pair_of(template, tmp_path / "stage", postgres.new_database(), objects.lake)
    yield made
    made.close()
