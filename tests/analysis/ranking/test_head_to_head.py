"""A few models against each other: the factor with its interval, what is alike, what is open, what failed."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.diagnostics.paired import PAIR_FACTOR, blocks_to_decide, compare
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.present.head_to_head_text import (
    further_blocks,
    lead_sentence,
    open_sentence,
    render_head_to_head,
)
from paretofleet_analysis.ranking.head_to_head import (
    ALIKE,
    MORE,
    OPEN,
    SAME,
    disturbed_runs,
    head_to_head,
    is_short_of_runs,
)
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.inputs import RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.statistics.intervals import STOPPING_FACTOR
from rankings import by_model

#: What a block does to all runs in it, and what is a run's own.
DRIFT = np.exp([0.0, 0.3, -0.2, 0.5, 0.1])
OWN = 0.002 * np.array([[1, -1, 0, 1, -1], [0, 1, -1, 1, 0], [-1, 0, 1, 0, 1]])


def report(configuration, factors, noise=1.0, names="abc"):
    rows = [
        configuration(name, list(0.010 * factor * DRIFT * np.exp(noise * own)))
        for name, factor, own in zip(names, factors, OWN, strict=False)
    ]
    return build_report(rows)


def outcomes(result):
    return [one.differences[0].outcome for one in result.contenders if one.differences]


def text(result):
    return " ".join(render_head_to_head(result).split())


def test_the_fastest_leads_by_its_factor_however_all_drift(configuration):
    result = head_to_head(report(configuration, (1.62, 1.0)))
    fast, slow = result.contenders
    assert (fast.row["model"], slow.row["model"]) == ("b", "a")
    found = slow.differences[0].paired.comparison
    assert found.lo < 1.62 < found.hi
    assert found.hi / found.lo < 1.02
    assert outcomes(result) == [MORE]
    assert f"b is 1.62 times faster than a ({found.lo:.2f} to {found.hi:.2f})" in text(result)


def test_runs_that_end_once_they_are_clear_have_wider_intervals(configuration):
    """By the factor that a mean's interval has for its own stop, and only what is far apart is clear."""
    table = report(configuration, (1.62, 1.0))
    plain, watched = (head_to_head(table, is_watched=flag) for flag in (False, True))
    width, wider = (
        np.log(each.contenders[1].differences[0].paired.comparison.hi) - np.log(1.62)
        for each in (plain, watched)
    )
    assert wider / width == pytest.approx(STOPPING_FACTOR / PAIR_FACTOR, rel=0.2)
    assert wider > width
    assert watched.is_clear
    assert not head_to_head(report(configuration, (1.01, 1.0), noise=5.0), is_watched=True).is_clear


def test_the_numbers_are_those_of_why(configuration):
    """No second rule: pair, interval and verdict as `rank --why` has them."""
    table = report(configuration, (1.0, 1.05, 1.3))
    last = by_model(rank(table, objectives=["batch_latency_mean_s"]))["c"].number
    why = rank(table, objectives=["batch_latency_mean_s"], why=str(last)).why
    theirs = [pair.comparison for rival in why.rivals for pair in rival.paired]
    ours = head_to_head(table).contenders[-1].differences[0].paired.comparison
    same = [each for each in theirs if each.ratio == pytest.approx(1 / ours.ratio, rel=1e-12)]
    assert [(1 / each.hi, 1 / each.lo) for each in same] == [pytest.approx((ours.lo, ours.hi), rel=1e-9)]


def test_twins_are_alike_once_the_interval_is_within_the_margin(configuration):
    result = head_to_head(report(configuration, (1.0, 1.001)))
    assert outcomes(result) == [ALIKE]
    assert "latency and memory of a and b: within 2 % of each other" in text(result)


def test_what_is_open_says_how_many_blocks_would_settle_it(configuration):
    result = head_to_head(report(configuration, (1.0, 1.03), noise=30.0))
    assert outcomes(result) == [OPEN]
    more = further_blocks(result)
    assert more.blocks > 5
    assert more.more_s == pytest.approx((more.blocks - 5) * result.block_s)
    assert "Undecided: latency of b against a (" in text(result)


def test_the_two_fastest_are_said_to_be_apart_or_how_far_they_may_be(configuration):
    clear = head_to_head(report(configuration, (1.62, 1.0)))
    assert str(lead_sentence(clear)).startswith("b is 1.62 times faster than a (")
    assert open_sentence(clear) is None
    near = head_to_head(report(configuration, (1.03, 1.0), noise=20.0))
    assert lead_sentence(near) is None
    assert str(open_sentence(near)).startswith("undecided is the latency of a against b (-")


def test_values_that_never_differ_are_said_without_an_interval(configuration):
    rows = [configuration(name, list(0.01 * DRIFT)) for name in "ab"]
    result = head_to_head(build_report(rows))
    assert outcomes(result) == [SAME]
    assert "latency of a and b: the same in every run" in text(result)


def test_two_runs_say_nothing(configuration):
    rows = [configuration("a", [0.01, 0.011]), configuration("b", [0.02, 0.021])]
    result = head_to_head(build_report(rows))
    assert set(outcomes(result)) == {OPEN}
    assert further_blocks(result) is None
    assert "2 runs of both; 3 say something" in text(result)


def test_runs_that_other_programs_disturbed_are_said(configuration):
    """So that nobody takes 2 runs of 5 for too short a time."""
    rows = [configuration("a", [0.01] * 5), configuration("b", [0.02] * 5), configuration("c", [0.03] * 5)]
    for row, is_counted in zip(rows, (False, True), strict=False):
        for run in row.runs[:3]:
            run.summary.update(flags=["contaminated"], counted=is_counted)
    result = head_to_head(build_report(rows))
    assert [disturbed_runs(each) for each in result.contenders] == [3, 3, 0]
    assert [is_short_of_runs(each) for each in result.contenders] == [True, False, False]
    said = "3 of 5 runs of a are disturbed and do not count; 3 of 5 runs of b are disturbed and count all the"
    assert f"Other programs were busy meanwhile: {said} same." in text(result)
    assert "Other programs" not in text(head_to_head(build_report(rows[2:])))


def test_what_was_not_measured_is_said_with_its_reason(configuration):
    crashed = RunInput("r", 1, "failed", "crashed")
    rows = [configuration("a", [0.01] * 5), configuration("b", runs=[crashed])]
    result = head_to_head(build_report(rows))
    assert [one.row["model"] for one in result.contenders] == ["a"]
    assert "b was not measured: status failed: crashed." in text(result)


def test_rows_of_two_devices_share_no_blocks(configuration):
    rows = [configuration("a", device="desk"), configuration("b", device="board")]
    with pytest.raises(RankError, match="several devices or sweeps"):
        head_to_head(build_report(rows))


def test_so_many_blocks_do_settle_it_in_four_of_five_cases():
    """The power that the formula promises, by simulation; the seed is fixed."""
    rng = np.random.default_rng(1)

    def runs(factor, blocks):
        return {k: factor * value for k, value in enumerate(np.exp(0.02 * rng.standard_normal(blocks)))}

    needed = round(2 * (1.96 + 0.84) ** 2 * (0.02 / 0.03) ** 2) + 2
    found = [compare(runs(1.03, needed), runs(1.0, needed)) for _ in range(200)]
    assert np.mean([each.lo > 1 for each in found]) > 0.7
    few = [blocks_to_decide(compare(runs(1.03, 6), runs(1.0, 6)), 0.02) for _ in range(200)]
    assert 7 <= np.median(few) <= 2 * needed
