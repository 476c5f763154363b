"""Drawn times, once for all comparisons of a place: the intervals of drawing anew for each comparison."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.progress import reported_to
from paretofleet_analysis.studies import devices
from paretofleet_analysis.studies.drawn_times import DrawnTimes, fronts_of, slower_by
from paretofleet_analysis.studies.places import Place
from paretofleet_analysis.studies.places_compared import Pair, overlap, regret
from rank_million import Fleet, fleet_rows

PLACE = Place("a", "a", "onnxruntime", "fp32", "time_per_item_s", ())


def _pair(seed: int, models: int, *, error: float = 0.05) -> Pair:
    rng = np.random.default_rng(seed)
    top1 = np.round(rng.uniform(60, 80, models), 0)
    top1[0] = np.nan
    first, second = np.round(np.exp(rng.standard_normal((2, models))), 1) + 0.1
    errors = error * rng.uniform(0, 1, (2, models))
    names = tuple(f"m{k}" for k in range(models))
    return Pair(PLACE, PLACE, 1, names, first, second, *errors, top1)


def _front(top1: np.ndarray, times: np.ndarray) -> np.ndarray:
    return nondominated(np.column_stack([top1, times]), maximize=[True, False])


def _slower(top1: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.array([time / times[top1 >= own].min() for own, time in zip(top1, times, strict=True)])


@pytest.mark.parametrize("models", [2, 7, 40])
def test_overlaps_and_regrets_are_those_of_draws_of_their_own(models):
    drawn = DrawnTimes(3)
    for seed in range(3):
        pair = _pair(seed, models)
        found, cost = overlap(pair, drawn), regret(pair, drawn)
        kept = np.isfinite(pair.top1)
        top1, rng, shares = pair.top1[kept], np.random.default_rng(3), []
        for _ in range(200):
            first, second = (
                times[kept] * np.exp(errors[kept] * rng.standard_normal(kept.sum()))
                for times, errors in ((pair.origin_s, pair.origin_error), (pair.other_s, pair.other_error))
            )
            shares.append((_slower(top1, second)[_front(top1, first)] < 1.02).mean())
        assert (found.near_lo, found.near_hi) == tuple(np.percentile(shares, [2.5, 97.5]))
        draws = np.random.default_rng(3).standard_normal((200, models))
        there = pair.other_s * np.exp(pair.other_error * draws)
        factors = there[:, pair.origin_s.argmin()] / there.min(axis=1)
        assert (cost.lo, cost.hi) == tuple(np.percentile(factors, [2.5, 97.5]))


def test_fronts_and_factors_are_those_of_each_row_by_itself():
    rng = np.random.default_rng(1)
    top1, times = rng.integers(0, 9, 30).astype(float), rng.integers(1, 9, (20, 30)).astype(float)
    for row, front, slower in zip(times, fronts_of(top1, times), slower_by(top1, times), strict=True):
        assert (front == _front(top1, row)).all()
        assert (slower == _slower(top1, row)).all()


def test_times_of_a_place_are_drawn_once_for_all_its_comparisons():
    drawn, pair = DrawnTimes(), _pair(1, 9)
    kept = np.isfinite(pair.top1)
    asked = pair.top1[kept], pair.origin_s[kept], pair.origin_error[kept]
    first = drawn.fronts(*asked)
    assert drawn.fronts(*(values.copy() for values in asked)) is first
    assert drawn.near(*asked, 0.02) is drawn.near(*asked, 0.02)
    assert drawn.over_fastest(*asked[1:]) is drawn.over_fastest(*asked[1:])


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr("paretofleet_analysis.studies.drawn_times._KEPT_MAX", 100)
    drawn, pair = DrawnTimes(), _pair(1, 9)
    whole = overlap(pair, DrawnTimes())
    assert overlap(pair, drawn) == overlap(pair, drawn) == whole


def test_without_drawn_times_there_is_no_interval():
    pair = _pair(1, 9)
    assert overlap(pair).near_lo is None
    assert regret(pair).lo is None


def test_how_far_many_comparisons_are_is_reported(monkeypatch):
    monkeypatch.setattr(devices, "_REPORTED_FROM", 2)
    fleet = Fleet.drawn(np.random.default_rng(1))
    table, said = fleet_rows(np.arange(0, 2000, 10), fleet, np.random.default_rng(1)), []
    with reported_to(lambda work, share: said.append((work, share))):
        devices.answers(table)
    assert said == [
        (f"{what} of 2 comparisons", share) for what in ("fronts", "choices") for share in (0.0, 0.5)
    ]
