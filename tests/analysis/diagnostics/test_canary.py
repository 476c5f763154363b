"""What the canary says of a device that gets hotter, cools down, or stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.diagnostics.canary import canary_drift


def runs(logs):
    return {block: 0.02 * float(np.exp(one)) for block, one in enumerate(logs, 1)}


def test_the_canary_is_what_ran_in_the_most_blocks():
    assert canary_drift({"short": runs([0, 0, 0]), "long": runs([0, 0, 0, 0])}).canary == "long"
    assert canary_drift({"only": runs([0, 1])}) is None
    assert canary_drift({}) is None


def test_a_trend_has_its_sign_and_its_size():
    wobble = 0.001 * np.array([1, -1, 1, -1, 1, -1, 1, -1])
    hotter = canary_drift({"a": runs(0.03 * np.arange(8) + wobble)})
    assert hotter.per_block == pytest.approx(0.0305, abs=0.001)
    assert hotter.lo < hotter.per_block < hotter.hi
    assert hotter.is_large
    assert canary_drift({"a": runs(-0.03 * np.arange(8))}).per_block == pytest.approx(-0.0296, abs=0.001)


def test_noise_is_no_drift_in_19_of_20_sweeps():
    rng = np.random.default_rng(7)
    found = [canary_drift({"a": runs(0.05 * rng.standard_normal(8))}) for _ in range(2000)]
    assert 0.03 < np.mean([not one.lo <= 0 <= one.hi for one in found]) < 0.07


def test_blocks_without_the_canary_are_gaps_not_zeros():
    whole = runs(0.02 * np.arange(9))
    del whole[4], whole[5]
    assert canary_drift({"a": whole}).per_block == pytest.approx(np.expm1(0.02))


def test_a_step_shows_as_the_largest_one():
    assert canary_drift({"a": runs([0, 0, 0.1, 0.1, 0.1])}).largest_step == pytest.approx(np.expm1(0.1))
