"""A ranking as people read it."""

from __future__ import annotations

import json
import re

from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.report.rows import build_report
from rankings import MODELS, by_model


def test_text_fits_a_terminal_of_100_columns(configuration):
    rows = [
        configuration(
            f"a_network_with_a_rather_long_name_{k}",
            [0.010 + k / 1000] * 5,
            energies=[0.1] * 5,
            device=f"a-device-with-a-long-name-{k % 3}",
            runtime=f"onnxruntime-{k % 2}",
            top1=60 + k,
        )
        for k in range(40)
    ]
    text = ranking_text.render(rank(build_report(rows)))
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("\n")


def test_json_holds_everything(fleet):
    found = json.loads(ranking_text.to_json(rank(fleet(MODELS))))
    assert found["rows"][0]["p_front"] > 0.99
    assert found["rows"][0]["estimates"]["batch_latency_p90_s"]["lo"] > 0
    assert found["evidence"]["versions"]["moocore"]
    assert found["objectives"][1]["margin"] == "2 %"


def test_a_ranking_looks_like_this(fleet):
    text = ranking_text.render(
        rank(fleet({"resnet50": (76.13, 0.040), "resnet18": (69.76, 0.045)}, noise=0.001))
    )
    assert text.splitlines()[:12] == [
        "For realtime (one item at a time, as soon as possible). Question: mean, the typical behaviour.",
        "Objectives: top1 (more is better, margin 0.2 points),",
        "  batch_latency_p90_s (less is better, margin 2 %).",
        "All rows: runtime onnxruntime, precision fp32, device desk, target cpu, batch 1, threads 1.",
        "",
        "   model     top1 %         p90 ms  p_front  p_pareto  efficiency  rank  ahead  verdict",
        "1  resnet50   76.13  44.002 ±0.028    >0.99     >0.99        1.00     1    0.0  front",
        "2  resnet18   69.76  49.506 ±0.079    <0.01     <0.01        0.87     2    1.0  beaten",
        "± or (lo to hi): the mean's 95 % interval, for another process, in the same boot, on the same day,",
        "  on these very boards; drift between blocks included.",
        "",
        "1: front. None gains more than it loses, counted in margins (more than 99 % sure).",
    ]


def test_a_narrow_terminal_gets_narrow_lines(fleet):
    ranking = rank(fleet(MODELS, noise=0.05))
    for columns in (60, 80):
        lines = ranking_text.render(ranking, columns=columns).splitlines()
        assert max(map(len, lines)) <= columns
        assert any("verdict" in line for line in lines)
    narrow = " ".join(ranking_text.render(ranking, columns=60).split())
    assert re.search(r"Too narrow for: [^;]+; -o json and csv have all\.", narrow)


def test_a_table_takes_a_wide_terminal_whole_and_prose_does_not(configuration):
    names = [f"a_network_with_a_name_of_many_letters_that_says_what_it_is_for_{k}" for k in range(2)]
    rows = [
        configuration(name, [0.01 + k / 1000] * 4 + [0.012], device=f"a-device-with-a-long-name-{k}")
        for k, name in enumerate(names)
    ]
    text = ranking_text.render(rank(build_report(rows)), columns=200)
    lines = text.splitlines()
    table = [line for line in lines if re.match(r"\d  a_network", line)]
    assert [line.split()[1] for line in table] == names
    assert all(len(line) > 100 for line in table)
    assert max(len(line) for line in lines if line not in table and "verdict" not in line) <= 100
    assert "Too narrow" not in text


def test_a_sign_stands_only_for_sides_that_are_alike(configuration):
    wild = rank(build_report([configuration("wild", [0.004, 0.009, 0.02])]))
    text = ranking_text.render(wild)
    assert "±" not in text.split("\n\n")[1].splitlines()[1]
    ends = re.search(r" ([\d.]+) \(([\d.]+) to ([\d.]+)\)", text)
    mean, lo, hi = map(float, ends.groups())
    assert 0 < lo < mean < hi
    assert hi - mean > 2 * (mean - lo)


def test_no_probability_is_printed_surer_than_it_is(fleet):
    close = {"one": (70.0, 0.0100), "two": (71.0, 0.00975)}
    ranking = rank(fleet(close, noise=0.03))
    text = ranking_text.render(ranking)
    assert not re.search(r"\b[01]\.00[0-9]?\b(?!-)", text.split("verdict\n")[1].split("  1.00")[0])
    for row in ranking.rows:
        p = float(format_probability(row.p_front).strip("<>"))
        assert abs(p - 0.5) <= abs(row.p_front - 0.5) + 1e-9
        assert (p >= 0.95) <= (row.verdict == "front")


def test_an_undecided_row_says_who_looks_better_and_where_to_ask(fleet):
    ranking = rank(fleet({"one": (70.0, 0.0100), "two": (70.1, 0.00975)}, noise=0.03))
    row = by_model(ranking)["one"]
    assert row.verdict == "undecided"
    assert re.fullmatch(
        r"Row 1 looks better \(top1 0\.1 points more, p90 [\d.]+ % less\), but the runs leave it open "
        r"\(\d+ % that none beats it\)\.",
        row.sentence,
    )
    assert "how many more runs would decide: --why ROW." in ranking_text.render(ranking)
    assert "--why ROW" not in ranking_text.render(rank(fleet(MODELS)))


def test_one_row_and_several_are_told_in_the_right_number(configuration):
    """Alike rows share a sentence, so it has no subject that would be one of them."""
    rows = [
        configuration("fast", [0.0100, 0.0101, 0.0099, 0.0100], top1=70.0),
        configuration("slow", [0.0200, 0.0201, 0.0199, 0.0200], top1=60.0),
        configuration("few", [0.0100, 0.0101], top1=75.0),
        configuration("less", [0.0100, 0.0101], top1=76.0),
        configuration("batched", [0.0300] * 4, top1=80.0, batch_size=2),
    ]
    text = ranking_text.render(rank(build_report(rows)))
    assert "undecided. On the frontier of means. 2 runs do not say" in text
    assert "Not ranked: 1 row\n" in text
    one = ranking_text.render(rank(build_report(rows[2:4] + rows[:1]), promise="all"))
    assert "all verdicts (1 row) are right at once" in one


def test_one_more_run_is_told_as_such(fleet):
    for row in rank(fleet(MODELS), question="run").rows:
        assert re.fullmatch(
            r"With a probability of \d+ % one more run of each shows it unbeaten.", row.sentence
        )


def test_undecided_rows_come_in_the_order_of_the_first_column(fleet):
    many = {f"m{k}": (70.0, 0.0100 * (1 + k / 200)) for k in range(12)}
    rows = rank(fleet(many, noise=0.02)).rows
    near = [row.p_front for row in rows if row.verdict == "undecided"]
    assert len(near) > 4
    assert near == sorted(near, reverse=True)


def test_rows_within_the_margins_are_named_by_what_tells_them_apart(configuration):
    rows = [configuration("a", [0.0100, 0.0101, 0.0100], runtime=name) for name in ("openvino", "torch")]
    text = ranking_text.render(rank(build_report(rows)))
    assert "each other: rows 1 (a openvino), 2 (a torch)." in text


def test_sizes_name_the_rows_that_they_tell_apart(fleet, configuration):
    rows = [
        configuration(
            "encoder", [latency] * 5, configuration_id=str(size), fed={"sizes": {"sequence": size}, **law}
        )
        for latency, size in ((0.01, 32), (0.04, 128))
        for law in [{"inputs": {"ids": {"values": "uniform"}}}]
    ]
    text = ranking_text.render(rank(build_report(rows)))
    head, first, second = [
        line.split() for line in text.splitlines() if re.match(r"\s+model|\s*\d  enc", line)
    ]
    assert head[:2] == ["model", "sequence"]
    assert (first[2], second[2]) == ("32", "128")
    assert "ids uniform" in " ".join(text.partition("All rows:")[2].split())
    plain = ranking_text.render(rank(fleet(MODELS)))
    assert "sequence" not in plain


def test_of_many_rows_the_first_are_shown_and_how_to_see_the_rest_is_said(fleet):
    models = {f"m{k:02d}": (50 + k / 2, 0.010 * 1.05**k * (1.0 if k % 3 else 1.4)) for k in range(30)}
    ranking = rank(fleet(models))
    text = ranking_text.render(ranking, top=5)
    table = text.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in table[1:6]] == ["1", "2", "3", "4", "5"]
    assert table[6].startswith("25 rows more: --all shows all 30, --top N so many")
    sentences = text.split("\n\n")[2]
    assert not re.search(r"\b(6|17|30)\b[^%]*: (front|beaten|undecided)", sentences)
    whole = ranking_text.render(ranking)
    assert "rows more" not in whole
    assert len(whole.split("\n\n")[1].splitlines()) > 30
