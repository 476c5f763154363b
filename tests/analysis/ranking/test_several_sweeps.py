"""Rankings of several sweeps, of one row, and verdicts that hang on one block."""

from __future__ import annotations

import re
from dataclasses import replace

from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report


def in_sweep(sweep, made):
    """The configuration as another sweep measured it."""
    return replace(
        made, sweep=sweep, runs=[replace(run, run_id=f"{sweep}-{run.run_id}") for run in made.runs]
    )


def test_each_row_says_from_which_sweep_it_is_and_where_they_disagree(configuration):
    times = {"a": (0.010, 0.021), "b": (0.030, 0.030)}
    rows = [
        in_sweep(sweep, configuration(name, [s, 1.01 * s, 0.99 * s, s], configuration_id=name * 16))
        for name, of_sweeps in times.items()
        for sweep, s in zip(("first", "second"), of_sweeps, strict=True)
    ]
    ranking = rank(build_report(rows), objectives=["batch_latency_p90_s"])
    text = ranking_text.render(ranking)
    table = text.split("\n\n")[1].splitlines()
    assert "sweep" in table[0].split()
    assert [line.split()[2] for line in table if re.match(r"\d ", line)] == ["first", "second"] * 2
    (note,) = [note for note in ranking.notes if "disagree" in note]
    assert re.search(
        r"measured by first and second, which disagree: in row 2 p90 is 2\.1 times as much", note
    )
    assert not any("disagree" in note for note in rank(build_report(rows[2:])).notes)


def test_a_row_that_is_alone_is_on_no_frontier(configuration):
    ranking = rank(build_report([configuration("a", [0.010, 0.0101, 0.0099])]))
    (row,) = ranking.rows
    assert (row.verdict, row.p_front, row.p_pareto, row.is_jointly_sure) == ("undecided", None, None, False)
    assert row.sentence.startswith("The only row: with nothing to compare it with")
    text = ranking_text.render(ranking)
    assert ">0.99" not in text
    assert "frontier of means" not in text


def test_a_limit_is_still_judged_of_a_row_that_is_alone(configuration):
    (row,) = rank(
        build_report([configuration("a", [0.010, 0.0101, 0.0099])]), maxima={"batch_latency_p90_s": 0.03}
    ).rows
    assert row.p_meets > 0.95
    assert "limits are kept with a probability of more than 99 %" in row.sentence


def test_a_verdict_that_hangs_on_one_block_is_marked_where_it_stands(configuration):
    """With one block less the runs of the second are too few to say that it is slower."""
    steady, lucky = [0.0100, 0.01002, 0.00998, 0.0100], [0.0104, 0.01042, 0.01038, 0.0103]
    rows = [configuration("steady", steady), configuration("lucky", lucky, configuration_id="1" * 16)]
    ranking = rank(build_report(rows), objectives=["batch_latency_p90_s"])
    hanging = [row for row in ranking.rows if row.overturned_without]
    assert hanging
    assert all(row.verdict != "undecided" and "block 1" in row.overturned_without for row in hanging)
    text = ranking_text.render(ranking)
    assert f"{hanging[0].verdict} *" in text
    assert "*: this verdict hangs on one block" in text
    assert "It would be another without block 1" in " ".join(text.split())
    calm = [configuration("a", steady), configuration("b", [2 * x for x in steady])]
    assert "*" not in ranking_text.render(rank(build_report(calm)))
