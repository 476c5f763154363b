"""Blocks spread over days: what counts as another day, who waits until when. No clock but the argument."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_collector.cli.plan_text import days_sentence
from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.model.past_run import PastRun
from paretofleet_collector.planning.days import WaitForDay, days_begun, next_day_unix_s, until
from paretofleet_collector.planning.schedule import GrantRun, next_run

DAY, HOUR = 86_400.0, 3600.0
#: Ten in the morning of a day, UTC.
MORNING = 20_000 * DAY + 10 * HOUR
SPREAD = Repeats(4, 4, None, 1, days=2)


def blocks(count: int, done: int, at: float) -> list[PastRun]:
    """A configuration's runs, the first `done` of them sealed, an hour apart from `at` on."""
    runs = [PastRun(f"r{block}", "c", "family", 1, block, "pending") for block in range(1, count + 1)]
    return [
        replace(
            run,
            state="sealed",
            counted=True,
            value_s=1 + run.block / 1e4,
            started_unix_s=at + HOUR * (run.block - 1),
        )
        if run.block <= done
        else run
        for run in runs
    ]


def test_the_second_half_of_the_blocks_waits_for_another_day_and_says_until_when():
    step = next_run(blocks(4, 2, MORNING), SPREAD, MORNING + 3 * HOUR)
    assert step == WaitForDay(20_001 * DAY, done=2, blocks=4)
    assert until(step) == "2 of 4 blocks are done; the next begins on 2024-10-05 at 00:00 UTC"
    assert next_run(blocks(4, 2, MORNING), SPREAD, 20_001 * DAY) == GrantRun("r3")


def test_the_first_half_waits_for_nothing_and_so_does_a_sweep_of_one_day():
    assert next_run(blocks(4, 0, MORNING), SPREAD, MORNING) == GrantRun("r1")
    assert next_run(blocks(4, 1, MORNING), SPREAD, MORNING + HOUR) == GrantRun("r2")
    assert next_run(blocks(4, 2, MORNING), replace(SPREAD, days=1), MORNING) == GrantRun("r3")


def test_a_sweep_across_midnight_has_not_seen_two_days():
    late = 20_000 * DAY + 23 * HOUR
    step = next_run(blocks(4, 2, late), SPREAD, late + 3 * HOUR)
    assert step == WaitForDay(late + 12 * HOUR, done=2, blocks=4)
    assert next_run(blocks(4, 2, late), SPREAD, late + 12 * HOUR) == GrantRun("r3")


def test_a_block_that_has_begun_on_its_day_stays_whole_and_later_ones_need_no_more():
    history = blocks(4, 2, MORNING)
    history[2] = replace(history[2], state="sealed", counted=True, value_s=1.0, started_unix_s=MORNING + DAY)
    other = PastRun("other", "d", "family", 2, 3, "pending")
    assert next_run([*history, other], SPREAD, MORNING + DAY + 60) == GrantRun("other")
    history = [run if run.block < 4 else replace(run, block=9) for run in history]
    assert next_run(history, SPREAD, MORNING + DAY + 60) == GrantRun("r4")


def test_days_that_passed_by_themselves_count():
    three = replace(SPREAD, runs_min=6, days=3)
    history = blocks(6, 2, MORNING)
    assert next_run(history, three, MORNING + 5 * DAY) == GrantRun("r3")


def test_nothing_waits_where_no_run_has_ended_well():
    lost = [replace(run, state="failed", reason="lost", attempt=3) for run in blocks(2, 0, MORNING)]
    history = lost + [run for run in blocks(4, 0, MORNING) if run.block > 2]
    assert next_run(history, SPREAD, MORNING) == GrantRun("r3")


@given(st.lists(st.floats(0.0, 20 * DAY), max_size=30))
def test_days_begin_after_midnight_and_half_a_day_apart(starts):
    days = days_begun(starts)
    assert days == sorted(days)
    assert bool(days) == bool(starts)
    for before, after in itertools.pairwise(days):
        assert after - before >= 12 * HOUR
        assert after // DAY > before // DAY
    assert all(any(day <= start < next_day_unix_s(day) for day in days) for start in starts)


@pytest.mark.parametrize(
    ("least", "days", "said"), [(4, 2, "block 3 "), (6, 3, "block 3, 5 "), (5, 2, "block 4 ")]
)
def test_the_plan_says_which_blocks_begin_another_day(least, days, said):
    repeats = Repeats(least, least, None, 1, days=days)
    assert said in days_sentence(repeats)
    first = int(said.split()[1].rstrip(","))
    history = blocks(least, first - 1, MORNING)
    assert isinstance(next_run(history, repeats, MORNING + HOUR), WaitForDay)
    assert isinstance(next_run(blocks(least, first - 2, MORNING), repeats, MORNING + HOUR), GrantRun)
