"""What a search does next: measured before trained, everything once, and always to an end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_collector.searches.step import (
    BATCH,
    TRIES_MAX,
    Action,
    Ended,
    Fill,
    Idle,
    Loop,
    Measure,
    Propose,
    Train,
    TrialState,
    gaps,
    step,
)

HERE = {"a": 0.0, "b": 0.0}
GOOD = TrialState(0, {"a": True, "b": False}, {"a": 1, "b": 1})


def trials(*states: TrialState) -> tuple[TrialState, ...]:
    return tuple(replace(state, number=number) for number, state in enumerate(states))


@pytest.mark.parametrize(
    ("loop", "action"),
    [
        (Loop((), (), HERE), Propose(4, ("a", "b"))),
        (Loop((), (), HERE, trials_max=3), Propose(3, ("a", "b"))),
        (Loop(trials(GOOD), (1, 0), HERE), Measure(0)),
        (Loop(trials(GOOD, GOOD), (), HERE), Train(0)),
        (Loop(trials(replace(GOOD, is_trained=True), GOOD), (), HERE), Train(1)),
        (Loop(trials(replace(GOOD, measured={"a": False, "b": False})), (), HERE), Propose(4, ("a", "b"))),
        (Loop((), (), {"a": 599.0, "b": 600.0}), Propose(4, ("a",))),
        (Loop((), (), {"a": 900.0, "b": 900.0}), Idle("no device of the search is online")),
        (
            Loop(trials(replace(GOOD, is_trained=True)), (), HERE, trials_max=1),
            Ended("all 1 trials are done"),
        ),
        (Loop((), (), HERE, is_exhausted=True), Ended("every architecture of the space was tried")),
    ],
)
def test_one_step_follows_from_the_state(loop: Loop, action: Action) -> None:
    assert step(loop) == action


def test_a_budget_ends_a_search_before_the_trial_that_exceeds_it() -> None:
    loop = Loop((), (), HERE, spent_s=90.0, trial_s=11.0, budget_s=100.0)
    assert step(loop) == Ended("the budget of 100 s is spent: 90 s were, and a trial takes 11 s")
    assert step(replace(loop, trial_s=9.0)) == Propose(1, ("a", "b"))
    assert step(replace(loop, trial_s=4.0)) == Propose(2, ("a", "b"))
    assert step(replace(loop, trial_s=0.0)) == Propose(4, ("a", "b"))


def test_a_device_that_is_back_gets_what_it_lacks_before_anything_new() -> None:
    done = TrialState(0, {"a": True}, {"a": 1}, is_trained=True)
    loop = Loop(trials(*[done] * 6), (), {"a": 0.0, "b": 700.0})
    assert step(loop) == Propose(4, ("a",))
    assert gaps(loop) == {"b": (0, 1, 2, 3, 4, 5)}
    assert step(replace(loop, away_s=HERE)) == Fill((0, 1, 2, 3), "b")


def test_a_gap_that_is_tried_in_vain_stays_one() -> None:
    done = TrialState(0, {"a": True}, {"a": 1, "b": TRIES_MAX}, is_trained=True)
    assert isinstance(step(Loop(trials(done), (), HERE)), Propose)


@dataclass
class Simulated:
    """A search over devices that come and go, whose measurements and trainings end by chance."""

    chance: random.Random
    trials_max: int
    trials: list[TrialState] = field(default_factory=list)
    batches: list[tuple[tuple[int, ...], tuple[str, ...]]] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    trained: list[int] = field(default_factory=list)

    def loop(self, away_s: dict[str, float]) -> Loop:
        return Loop(tuple(self.trials), tuple(self.open), away_s, trials_max=self.trials_max)

    def record(self, numbers: tuple[int, ...], devices: tuple[str, ...]) -> None:
        self.open.add(len(self.batches))
        self.batches.append((numbers, devices))

    def perform(self, action: Action) -> None:
        if isinstance(action, Propose):
            first = len(self.trials)
            self.trials += [TrialState(first + at) for at in range(action.count)]
            self.record(tuple(range(first, first + action.count)), action.rotation)
        elif isinstance(action, Fill):
            self.record(action.trials, (action.device,))
        elif isinstance(action, Measure):
            self.measured(*self.batches[action.batch])
            self.open.remove(action.batch)
        elif isinstance(action, Train):
            self.trained.append(action.trial)
            self.trials[action.trial] = replace(self.trials[action.trial], is_trained=True)

    def measured(self, numbers: tuple[int, ...], devices: tuple[str, ...]) -> None:
        for number in numbers:
            before = self.trials[number]
            measured, tries = dict(before.measured), dict(before.tries)
            for device in devices:
                tries[device] = tries.get(device, 0) + 1
                outcome = self.chance.choice((True, True, False, None))
                if outcome is not None:
                    assert device not in measured, "nothing is measured twice"
                    measured[device] = outcome
            self.trials[number] = replace(before, measured=measured, tries=tries)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 4))
def test_a_search_ends_whatever_happens_to_its_devices(seed: int, trials_max: int, devices: int) -> None:
    chance = random.Random(seed)
    search = Simulated(chance, trials_max)
    names = [f"d{at}" for at in range(devices)]
    # what cannot be done elsewhere is bounded: each trial is proposed and trained once, sent three times
    steps_max = trials_max * (2 + 2 * TRIES_MAX * devices) + 1
    steps = waits = 0
    while True:
        away_s = {name: chance.choice((0.0, 0.0, 5.0, 1e4)) for name in names}
        action = step(search.loop(away_s))
        if isinstance(action, Ended):
            break
        if isinstance(action, Idle):
            assert all(each >= 600.0 for each in away_s.values())
            waits += 1
            assert waits < 100_000
            continue
        if isinstance(action, Train):
            trial = search.trials[action.trial]
            assert any(trial.measured.values()), "never trained before measured"
            assert not search.open
        if isinstance(action, Propose):
            assert 0 < action.count <= BATCH
            assert not any(trial.is_due for trial in search.trials), "trained before the next is proposed"
        search.perform(action)
        steps += 1
        assert steps <= steps_max
    assert len(search.trials) == trials_max
    assert len(set(search.trained)) == len(search.trained), "nothing is trained twice"
    assert all(not trial.is_due for trial in search.trials)
