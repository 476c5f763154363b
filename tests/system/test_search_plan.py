"""`paretofleet search plan`, as a user types it: the example, a budget, devices; nothing runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from farm import Farm

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
EXAMPLE = Path(__file__).parents[2] / "examples" / "search" / "space.yaml"


@pytest.fixture
def boards(farm: Farm) -> Farm:
    farm.start_agent("tx2", "--simulate", "jetson-tx2")
    return farm


def test_the_examples_plan_says_members_limits_trials_and_hours(boards: Farm) -> None:
    done = boards.run("search", "plan", EXAMPLE, "--device", "tx2", "--budget", "4h", "--training", "20s")
    assert done.returncode == 0, done.stderr
    assert "tx2" in done.stdout
    for part in (
        "373,248 members",
        "top1, batch_latency_p90_s",
        "12 members on the diagonal or at random first, then by gp, 10 % of them random",
        "top1 60",
    ):
        assert part in done.stderr
    assert "trials fit into 4 h 0 min" in done.stderr
    assert boards.run("sweep", "list", "-o", "json").stdout.strip() == "[]"


def test_without_the_time_of_a_training_trials_are_a_range(boards: Farm) -> None:
    command = ("search", "plan", EXAMPLE, "--device", "tx2", "--budget", "4h", "-o", "json")
    unsure, sure = (json.loads(boards.run(*command, *more).stdout) for more in ((), ("--training", "5m")))
    assert unsure["members"] == 373_248
    assert unsure["limits"] == {"top1": 60.0}
    assert 1 <= unsure["trials_least"] < unsure["trials_most"]
    assert sure["trials_least"] == sure["trials_most"] == unsure["trials_least"]
    (device,) = sure["devices"]
    assert 0 < device["hours"] < 4, "while it trains no device measures for it"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--device", "tx2", "--budget", "1s"), "A budget of 1 s is less than one trial"),
        (
            (
                "--device",
                "nosuch",
            ),
            "Unknown device 'nosuch': known: tx2",
        ),
        (("--device", "tx2", "--budget", "soon"), "--budget soon: write a time"),
    ],
)
def test_what_cannot_be_searched_is_refused(boards: Farm, arguments: tuple[str, ...], why: str) -> None:
    done = boards.run("search", "plan", EXAMPLE, *arguments)
    assert done.returncode != 0
    assert why in " ".join(done.stderr.split()).replace("│ ", "")
