"""What is promised of verdicts: of each, of all at once, of their wrong share; and limits in the question."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import front_probability
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.promises import jointly_sure, mostly_right, promised_verdicts
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import by_model, noisy

MARGINS = [Margin(0.02), Margin(0.02)]


def test_errors_of_all_that_is_decided_add_up_to_ten_percent_at_most():
    rng = np.random.default_rng(1)
    errors = rng.uniform(0, 0.1, 200) ** 2
    given = jointly_sure(errors)
    assert 0.09 < errors[given].sum() <= 0.10
    assert errors[given].max() <= errors[~given].min()


def test_a_bound_on_the_wrong_share_decides_more_than_one_on_each():
    rng = np.random.default_rng(2)
    p = rng.beta(0.3, 0.3, 300)
    errors = np.minimum(p, 1 - p)
    given = mostly_right(errors)
    assert 0.02 < errors[given].mean() <= 0.025, "half of what is promised: the middle is known half as well"
    assert given.sum() > (errors <= 0.05).sum() > jointly_sure(errors).sum()
    for promise, least in (("each", 0.95), ("all", 0.95), ("share", 0.5)):
        verdicts = np.array(promised_verdicts(p, errors, promise))
        assert (p[verdicts == "front"] > least - 1e-9).all()
        assert (p[verdicts == "beaten"] < 1 - least + 1e-9).all()


@pytest.mark.parametrize("size", [40, 150])
def test_all_that_is_said_to_hold_at_once_does(size):
    """In at least 90 % of fleets (minus two standard errors) no verdict of those given is wrong."""
    right, given = [], []
    for seed in range(20 if size == 40 else 4):
        rng = np.random.default_rng([seed, size])
        means = np.exp(rng.standard_normal((size, 1)) * [1.0, -1.0] + 0.3 * rng.exponential(size=(size, 1)))
        runs = [mean * np.exp(0.03 * rng.standard_normal((6, 2))) for mean in means]
        answer = probabilities(runs, FrontQuery([False, False], MARGINS))
        truth = front_probability(list(means[:, None]), maximize=[False, False], margin=[0.02, 0.02]) == 1.0
        joint = jointly_sure(answer.errors)
        right.append(((answer.front > 0.5) == truth)[joint].all())
        given.append(joint.mean())
    assert np.mean(right) >= 0.9 - 2 * np.sqrt(0.09 / len(right))
    assert np.mean(given) > 0.5, "and it decides most rows"


def test_the_promises_of_a_ranking(configuration):
    rows = [configuration(f"m{k}", [0.010 + k / 1000] * 4, top1=60.0 + k) for k in range(4)]
    table = build_report(rows)
    each, every, share = (rank(table, promise=promise) for promise in ("each", "all", "share"))
    assert {row.verdict for row in each.rows} == {row.verdict for row in share.rows} == {"front"}
    assert every.promise == "all"
    assert all(row.is_jointly_sure for row in each.rows if row.verdict != "undecided")
    with pytest.raises(RankError, match="unknown promise 'most': choose each, all or share"):
        rank(table, promise="most")


def test_a_limit_that_runs_leave_open_is_part_of_the_question(configuration):
    """The fast one may or may not keep the deadline; the slow one surely breaks it and is not ranked."""
    rows = [
        configuration("open", [0.0295, 0.0301, 0.0308, 0.0297], top1=71.0),
        configuration("keeps", [0.0200, 0.0201, 0.0199, 0.0200], top1=70.0),
        configuration("breaks", [0.0500, 0.0501, 0.0499, 0.0500], top1=80.0),
    ]
    ranking = rank(build_report(rows), maxima={"batch_latency_p90_s": 0.033})
    found = by_model(ranking)
    assert set(found) == {"open", "keeps"}
    assert [exclusion.reason for exclusion in ranking.exclusions] == ["batch_latency_p90_s is above 0.033 s"]
    assert 0.2 < found["open"].p_meets < 0.8
    assert found["open"].p_front <= found["open"].p_meets + 0.05
    assert found["open"].verdict == "undecided"
    assert found["keeps"].p_meets > 0.99
    assert "The limits are kept with a probability of" in found["open"].sentence
    assert by_model(rank(build_report(rows)))["open"].p_meets is None


def test_who_breaks_a_limit_beats_nobody():
    """The better of two keeps the limit in half of its replicates; in the others nobody beats the worse."""
    rng = np.random.default_rng(4)
    noise = np.exp(0.01 * rng.standard_normal((4, 6)))
    better = np.column_stack([1.0 * noise[0], 1.0 * noise[1] / noise[1].mean()])
    worse = np.column_stack([2.0 * noise[2], 0.5 * noise[3]])
    query = FrontQuery([False], [Margin(0.02)], limits=[1.0])
    answer = probabilities([better, worse], query)
    assert answer.meets[0] == pytest.approx(0.5, abs=0.06)
    np.testing.assert_allclose(answer.raw_front, [answer.meets[0], 1 - answer.meets[0]], atol=0.01)


def test_limits_leave_large_fleets_as_they_are():
    """A limit that all keep changes nothing, also where only those that matter are looked at."""
    runs = noisy(7, 320, noise=0.02)
    plain = probabilities(runs, FrontQuery([False, False], MARGINS), is_whole=False)
    wide = [np.column_stack([x, x[:, 0]]) for x in runs]
    limited = probabilities(wide, FrontQuery([False, False], MARGINS, limits=[1e9]), is_whole=False)
    assert np.abs(plain.front - limited.front).max() < 0.15
