"""What is faster than its multiply-accumulates could ever be on its CPUs does not do its work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.work_bound import MACS_PER_CYCLE, MARGIN, macs_per_s_max

LAPTOP = {"clock_khz": 4_000_000, "isa": ["avx", "avx2", "fma", "sse2"]}
#: Multiply-accumulates of a core in a cycle that vendors publish, in fp32 and in int8.
PUBLISHED = {
    "Sapphire Rapids": (["amx_int8", "amx_tile", "avx2", "avx512f", "sse2"], 32, 1024),
    "Zen 5": (["avx2", "avx512_vnni", "avx512f", "sse2"], 32, 128),
    "Lion Cove": (["avx2", "avx_vnni", "fma", "sse2"], 16, 128),
    "Nehalem": (["sse2"], 4, 16),
    "Cortex-A57": (["asimd"], 8, 16),
    "Cortex-X925": (["asimd", "asimddp", "asimdhp", "i8mm", "sve", "sve2"], 24, 192),
    "A64FX": (["asimd", "sve"], 32, 128),
    "M4": (["asimd", "i8mm", "sme", "sme2"], 256, 1024),
}


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_the_bound_is_far_above_what_vendors_publish(name):
    isa, wide, narrow = PUBLISHED[name]
    for precision, per_cycle in (
        ("fp32", wide),
        ("fp64", wide),
        ("int8", narrow),
        ("bf16", narrow),
        (None, narrow),
    ):
        bound = macs_per_s_max({"clock_khz": 1_000_000, "isa": isa}, 3, precision)
        assert bound >= 3e9 * per_cycle * MARGIN


@pytest.mark.parametrize(
    ("facts", "cpus"),
    [
        ({}, 2),
        ({"isa": ["avx2"]}, 2),
        ({"clock_khz": 10}, 2),
        ({"clock_khz": 10, "isa": ["vx"]}, 2),
        (LAPTOP, 0),
    ],
)
def test_without_clock_instructions_or_cpus_there_is_no_bound(facts, cpus):
    assert macs_per_s_max(facts, cpus, "fp32") is None


def of(configuration, seconds, *, processor=LAPTOP, precision="fp32", **more):
    row = configuration("net", [seconds] * 5, **more)
    facts = {**row.runs[0].facts, "processor": processor}
    facts["effective"] = {**facts["effective"], "cpus": [0, 1], "precision": precision}
    return replace(row, runs=[replace(run, facts=facts) for run in row.runs])


def flags(row):
    return build_report([row]).to_pylist()[0]["flags"]


LEAST_S = 1_800_000_000 / (2 * 4e9 * MACS_PER_CYCLE["avx2"][0] * MARGIN)


def test_a_row_below_its_least_time_is_flagged_and_not_ranked(configuration):
    assert "no_work" not in flags(of(configuration, LEAST_S * 1.01))
    assert "no_work" in flags(of(configuration, LEAST_S * 0.99))
    assert "no_work" not in flags(of(configuration, LEAST_S * 0.99, precision="int8"))
    batch = of(configuration, LEAST_S * 0.99, batch_size=8)
    assert "no_work" in flags(batch), "an item's time, not a batch's"
    honest = configuration("honest", [0.01] * 5)
    table = build_report([honest, of(configuration, LEAST_S / 2)])
    assert [row.identity["model"] for row in rank(table).rows] == ["honest"]
    assert len(rank(table, with_no_work=True).rows) == 2


def test_nothing_is_said_where_something_is_not_known(configuration):
    fast_s = LEAST_S / 100
    assert "no_work" in flags(of(configuration, fast_s))
    assert "no_work" not in flags(of(configuration, fast_s, macs=None))
    assert "no_work" not in flags(of(configuration, fast_s, target="cuda:0"))
    assert "no_work" not in flags(of(configuration, fast_s, simulated=True))
    assert "no_work" not in flags(of(configuration, fast_s, processor={}))
    row = of(configuration, fast_s)
    unknown = {key: value for key, value in row.runs[0].facts.items() if key != "processor"}
    mixed = [replace(row.runs[0], facts=unknown), *row.runs[1:]]
    assert "no_work" not in flags(replace(row, runs=mixed)), "one run whose bound is not known"


def test_what_a_first_block_saw_holds_in_every_environment(configuration):
    row = configuration("net")
    first = replace(row.runs[0], flags=["no_work"], environment_id="f" * 16)
    found = build_report([replace(row, runs=[first, *row.runs[1:]])]).to_pylist()
    assert len(found) == 2
    assert all("no_work" in each["flags"] for each in found)
