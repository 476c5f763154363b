"""The time that a sweep still takes, held against what recorded and made-up sweeps took in the end."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.model.run_time import RunTime, Span
from paretofleet_collector.planning.time_left import time_left

RECORDED = Path(__file__).parents[2] / "fixtures" / "run_times" / "runs.csv"


def recorded() -> dict[str, list[RunTime]]:
    """Sweeps of this project's own tests, as a collector stored when each run began and ended."""
    sweeps: dict[str, list[RunTime]] = {}
    for row in csv.DictReader(RECORDED.open()):
        run = RunTime(
            row["device"], row["configuration"], float(row["started_s"]), float(row["ended_s"]), is_open=False
        )
        sweeps.setdefault(row["sweep"], []).append(run)
    return sweeps


def made_up(seed: int, configurations: int = 20, blocks: int = 5, devices: int = 2) -> list[RunTime]:
    """Blocks in random order; configurations differ by factors, repeats by 10 %, devices in speed."""
    rng = np.random.default_rng(seed)
    runs = []
    for device in range(devices):
        usual_s = rng.lognormal(2.0 + device / 2, 0.5, configurations)
        at = 0.0
        for _ in range(blocks):
            for k in rng.permutation(configurations):
                begun = at + rng.uniform(0.1, 0.6)
                at = begun + 3.0 + usual_s[k] * rng.lognormal(0, 0.1)
                runs.append(RunTime(str(device), f"{device}-{k}", begun, at, is_open=False))
    return runs


def seen_at(runs: Sequence[RunTime], now_s: float) -> list[RunTime]:
    """The same as a collector knows them then."""
    return [
        run
        if run.ended_unix_s <= now_s
        else replace(
            run,
            started_unix_s=run.started_unix_s if run.started_unix_s <= now_s else None,
            ended_unix_s=None,
            is_open=True,
        )
        for run in runs
    ]


def after_share(runs: Sequence[RunTime], share: float) -> tuple[Span, float]:
    """What is said once a `share` of the runs of every device has ended, and what was really left."""
    ends: dict[str, list[float]] = {}
    for run in runs:
        ends.setdefault(run.device_id, []).append(run.ended_unix_s)
    now_s = max(sorted(each)[max(int(np.ceil(share * len(each))) - 1, 0)] for each in ends.values())
    span = time_left(seen_at(runs, now_s), now_s)
    assert span is not None
    return span, max(run.ended_unix_s for run in runs) - now_s


@pytest.mark.parametrize("sweep", recorded())
def test_after_a_tenth_of_a_recorded_sweep_it_is_right_within_a_factor_of_one_and_a_half(sweep: str) -> None:
    span, left_s = after_share(recorded()[sweep], 0.1)
    assert left_s / 1.5 <= span.seconds <= left_s * 1.5
    assert span.least_s <= left_s <= span.most_s


def test_after_a_tenth_of_made_up_sweeps_it_is_right_within_the_factor_and_the_range() -> None:
    """40 sweeps of two devices whose configurations differ by factors of 3 and more."""
    said = [after_share(made_up(seed), 0.1) for seed in range(40)]
    within = [left_s / 1.5 <= span.seconds <= left_s * 1.5 for span, left_s in said]
    covered = [span.least_s <= left_s <= span.most_s for span, left_s in said]
    assert np.mean(within) >= 0.95
    assert np.mean(covered) >= 0.9


def test_the_range_shrinks_as_runs_end() -> None:
    widths = []
    for share in (0.05, 0.2, 0.5):
        said = [after_share(made_up(seed), share)[0] for seed in range(10)]
        widths.append(np.mean([span.most_s / span.least_s for span in said]))
    assert widths[0] > 1.3 * widths[1] > 1.3 * widths[2] > 1


def test_nothing_is_said_before_anything_ran_and_earlier_sweeps_are_something() -> None:
    waiting = [RunTime("pc", f"c{k}", None, None, is_open=True) for k in range(4)]
    assert time_left(waiting, 0.0) is None
    span = time_left(waiting, 0.0, {f"c{k}": 10.0 for k in range(4)})
    assert span is not None
    assert span.seconds == pytest.approx(40.0)
    assert time_left([replace(run, is_open=False) for run in waiting], 0.0) == Span(0.0, 0.0, 0.0)


def test_a_break_of_a_night_is_no_time_between_runs() -> None:
    times = [(0, 10), (11, 21), (40_000, 40_010), (40_011, 40_021)]
    done = [RunTime("pc", "a", float(a), float(b), is_open=False) for a, b in times]
    span = time_left([*done, RunTime("pc", "a", None, None, is_open=True)], 40_021.0)
    assert span is not None
    assert span.seconds == pytest.approx(11.0)


def test_what_the_running_one_has_behind_it_is_not_left() -> None:
    done = RunTime("pc", "a", 0.0, 10.0, is_open=False)
    running = RunTime("pc", "a", 10.0, None, is_open=True)
    early, late = (time_left([done, running], now_s) for now_s in (11.0, 19.0))
    assert early is not None
    assert late is not None
    assert early.seconds == pytest.approx(9.0)
    assert late.seconds == pytest.approx(1.0)
