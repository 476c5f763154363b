"""A sweep is refused for just the options that the agent would refuse."""

from __future__ import annotations

import importlib

import pytest
from paretofleet_agent import config
from paretofleet_agent.runner import run, serve
from paretofleet_collector.planning.runtime_options import OPTIONS


def test_the_runtimes_are_the_same_everywhere():
    driven = set(serve.RUNTIMES) - {"simulated"}
    assert driven == set(OPTIONS) == set(config.RUNTIMES)


@pytest.mark.parametrize("runtime", list(OPTIONS))
def test_the_options_and_their_values_are_the_agent_s(runtime):
    module = importlib.import_module(f"paretofleet_agent.runner.{serve.RUNTIMES[runtime][0]}")
    taken = {**run.COMMON, **module.OPTIONS}
    assert {name: [each for each in values if each is not None] for name, (_, values) in taken.items()} == {
        name: list(values) for name, values in OPTIONS[runtime].items()
    }
