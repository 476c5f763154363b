"""The limit that a power is held against is the larger of before and after the run."""

from __future__ import annotations

import pytest
from paretofleet_agent.measure.power_limits import raise_limits


@pytest.mark.parametrize(
    ("before_w", "after_w", "limit_w"),
    [(300.0, 250.0, 300.0), (300.0, 450.0, 450.0), (300.0, None, 300.0), (None, 450.0, None)],
)
def test_the_larger_limit_holds(before_w, after_w, limit_w):
    rail = {"scope": "gpu-board", "target_id": "GPU-1", "max_power_w": before_w}
    raise_limits([rail], {"sensors": {"nvml": {"GPU-1": {"power_limit_w": after_w}}}})
    assert rail["max_power_w"] == limit_w


@pytest.mark.parametrize(
    "rail", [{"scope": "module", "target_id": "GPU-1"}, {"scope": "gpu-board", "target_id": "GPU-2"}]
)
def test_the_limit_of_one_card_is_no_others(rail):
    facts = dict(rail, max_power_w=300.0)
    raise_limits([facts], {"sensors": {"nvml": {"GPU-1": {"power_limit_w": 450.0}}}})
    assert facts["max_power_w"] == 300.0


def test_a_machine_without_nvml_keeps_its_limits():
    facts = {"scope": "gpu-board", "target_id": "0000:03:00.0", "max_power_w": 190.0}
    raise_limits([facts], {})
    assert facts["max_power_w"] == 190.0
