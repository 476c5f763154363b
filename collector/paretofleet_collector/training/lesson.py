"""A lesson: networks that learn a set, several seeds each, by chance or with the layers of donors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from paretofleet_collector.training.learner import Keeping, KeptTraining, OnEvent, missing_of, train
from paretofleet_collector.training.plan import LearningPlan, Technique, Training
from paretofleet_collector.training.sets import TrainingSet


@dataclass(frozen=True)
class Lesson:
    """What is learnt: the `networks` on the set `given`, each from seeds 1 to `seeds`, by a `plan`.

    They begin by the `technique`, with layers of donors that learnt `base`; None where it needs no donors.
    """

    given: TrainingSet
    networks: Sequence[str]
    seeds: int
    plan: LearningPlan = field(default_factory=LearningPlan)
    technique: Technique = field(default_factory=Technique)
    base: TrainingSet | None = None

    @property
    def donors(self) -> list[Training]:
        """The trainings on `base` that it takes layers from, in the order of `trainings`; empty without."""
        return [] if self.base is None else self._of(Technique(), "")

    @property
    def trainings(self) -> list[Training]:
        """Every training of it, network by network."""
        return self._of(self.technique, "" if self.base is None else self.base.sha256)

    def _of(self, technique: Technique, base_sha256: str) -> list[Training]:
        seeds = range(1, self.seeds + 1)
        return [
            Training(network, seed, technique, self._donor(network, seed, base_sha256))
            for network in self.networks
            for seed in seeds
        ]

    def _donor(self, network: str, seed: int, base_sha256: str) -> str:
        return Training(network, seed).key(base_sha256, self.plan) if base_sha256 else ""


def due(lesson: Lesson, keeping: Keeping) -> int:
    """How many trainings of a `lesson` and its donors are not kept yet in the folder of `keeping`."""
    donors = [] if lesson.base is None else missing_of(lesson.base, lesson.donors, lesson.plan, keeping)
    return len(donors) + len(missing_of(lesson.given, lesson.trainings, lesson.plan, keeping))


def taught(
    lesson: Lesson,
    keeping: Keeping,
    *,
    python: str = "",
    on_event: OnEvent | None = None,
) -> dict[str, list[KeptTraining]]:
    """What the trainings of a `lesson` came to, by network, in the order of their seeds; donors learn first.

    As `learner.train` with `keeping`, `python` and `on_event`, also what it raises.
    """
    if lesson.base is not None:
        train(lesson.base, lesson.donors, lesson.plan, keeping, python=python, on_event=on_event)
    done = train(lesson.given, lesson.trainings, lesson.plan, keeping, python=python, on_event=on_event)
    return {name: [each for each in done if each.training.network == name] for name in lesson.networks}
