"""What the trainings of one network came to, as its model keeps it, and what is odd about it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paretofleet_collector.training.learner import KeptTraining
from paretofleet_collector.training.plan import LearningPlan
from paretofleet_collector.training.sets import TrainingSet

_EACH = ("top1", "s", "cpu_s", "energy_j", "images_s")


def training_record(
    kept: Sequence[KeptTraining], given: TrainingSet, plan: LearningPlan, donor: str = ""
) -> dict[str, Any]:
    """The `kept` trainings of one network on the set `given`, by the `plan`, as a model keeps them.

    `donor`: on what its donors learnt, empty where it had none.
    """
    technique = kept[0].training.technique.name
    threads = f"{plan.threads} thread{'s' * (plan.threads > 1)}"
    return {
        "seeds": [each.training.seed for each in kept],
        **{name: [each.values[name] for each in kept] for name in _EACH},
        "epochs": plan.epochs,
        "samples": len(given.y_train),
        "source": f"measured: trained here, torch {kept[0].values['torch']}, {threads}, {processor()}",
        "set": f"{given.name}, SHA-256 {given.sha256}",
        "split": given.split,
        "preprocessing": given.preprocessing,
        "recipe": plan.text,
        "technique": f"{technique}, from {donor}; its cost is without the donor's" if donor else technique,
    }


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What this machine's processor is called; its architecture where the file `cpuinfo` has no name."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


def chance(labels: np.ndarray) -> float:
    """The accuracy in percent of saying always the class that most `labels` (n,) have.

    >>> chance(np.array([0, 1, 1, 2]))
    50.0
    """
    return 100.0 * float(np.bincount(labels).max()) / len(labels)
