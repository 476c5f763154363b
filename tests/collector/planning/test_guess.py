"""The likely time of a plan: from earlier runs where there are some, else from multiply-accumulates."""

from __future__ import annotations

import pytest
from paretofleet_collector.planning.guess import START_S, Work, by_work, likely_span

LIGHT, HEAVY = Work("light", 2.0, 1e9), Work("heavy", 2.0, 4e11)


def test_what_ran_before_takes_what_it_took() -> None:
    span = likely_span([LIGHT, HEAVY], {"light": 4.0, "heavy": 30.0}, [])
    assert span.seconds == pytest.approx(34.0)
    assert span.most_s / span.least_s < 1.6


def test_without_any_run_a_heavy_model_takes_longer_than_a_light_one() -> None:
    light, heavy = likely_span([LIGHT], {}, []), likely_span([HEAVY], {}, [])
    assert light.seconds == pytest.approx(START_S + 2.0)
    assert heavy.seconds > 5 * light.seconds
    assert heavy.most_s / heavy.least_s > 5


def test_runs_of_other_models_say_how_fast_the_device_is() -> None:
    slow = [(Work("other", 2.0, 2e11), 3 * by_work(Work("other", 2.0, 2e11)))]
    span = likely_span([HEAVY], {}, slow)
    assert span.seconds == pytest.approx(3 * by_work(HEAVY))
    new = likely_span([HEAVY], {}, [])
    assert span.most_s / span.least_s < new.most_s / new.least_s
