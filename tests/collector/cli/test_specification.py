"""What flags change of a specification in a file, and what they leave."""

from __future__ import annotations

import pytest
from paretofleet_collector.cli import specification
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Repeats


def test_a_flag_for_the_repeats_leaves_what_else_the_file_says_of_them(tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text("{models: [a], repeats: {min: 5, max: 20, relative_half_width: 0.01, boots: 2}}")
    assert specification.build(file, SweepFlags(repeats="4-9")).repeats == Repeats(
        4, 9, 0.01, seed=1, boots=2
    )
    with pytest.raises(Refused, match="2 boots need at least as many blocks"):
        specification.build(file, SweepFlags(repeats="1"))


def test_the_flag_for_adaptive_sweeps_leaves_the_use_to_the_file(tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text("{models: [a], adaptive: offline}")
    assert specification.build(file, SweepFlags(adaptive=True)).repeats.adaptive == "offline"
    assert specification.build(file, SweepFlags(adaptive=False)).repeats.adaptive is None
    file.write_text("{models: [a]}")
    assert specification.build(file, SweepFlags(adaptive=True)).repeats.adaptive == "realtime"
