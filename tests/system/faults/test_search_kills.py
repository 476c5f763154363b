"""Whatever of a search is killed, its trials are those of an undisturbed one, and nothing is done twice.

The long form, with as many kills as wanted: python tests/system/faults/search_soak.py --kills 20 --seeds 3
"""

from __future__ import annotations

from pathlib import Path

import pytest
from search_kills import Kill, disturbed, undisturbed

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]
TRIALS = 8
#: Everybody once or twice, while the first batch is measured and trained, and the second.
KILLS = (
    Kill("driver", is_training=False),
    Kill("agent", is_training=False, after_s=2.0),
    Kill("trainer", is_training=True),
    Kill("driver", is_training=True),
    Kill("collector", is_training=True),
    Kill("collector", is_training=False, after_s=2.0),
    Kill("trainer", is_training=True),
)


def test_a_search_that_is_killed_everywhere_comes_to_the_same(tmp_path: Path) -> None:
    for name in ("plain", "killed"):
        (tmp_path / name).mkdir()
    expected = undisturbed(tmp_path / "plain", TRIALS)
    assert len(expected.trials) == TRIALS
    assert disturbed(tmp_path / "killed", TRIALS, KILLS, print) == expected
