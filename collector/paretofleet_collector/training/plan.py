"""What is learnt, and how: frozen data, for the command and for the process that trains."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from paretofleet_collector.errors import misused
from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.suggest import did_you_mean

#: The networks that can be trained, with the layers that each has, its head included.
NETWORKS: Mapping[str, int] = {
    "mlp16": 2,
    "mlp128": 2,
    "lenet4": 4,
    "lenet16": 4,
    "nin16": 4,
    "nin48": 4,
    "mobile8": 6,
    "mobile16": 6,
    "res16x2": 4,
    "res32x4": 6,
}
#: Networks that need no image, only features.
OF_FEATURES = ("mlp16", "mlp128")
ALL = "all"
#: Raised where the same plan would train otherwise, so that nothing of before is taken for it.
RULE = 1


@dataclass(frozen=True)
class LearningPlan:
    """How long and how fast is learnt, the same for all networks, on how many `threads` of the CPU."""

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.01
    threads: int = 1

    @property
    def text(self) -> str:
        """For people: `AdamW, one cycle of the learning rate to 0.01, batches of 128, 20 epochs`."""
        return (
            f"AdamW, one cycle of the learning rate to {self.learning_rate:g}, batches of {self.batch_size}, "
            f"{self.epochs} epochs"
        )


@dataclass(frozen=True)
class Technique:
    """How a network begins: by chance, or with layers of a donor.

    `layers`: how many it takes over, 0 for none, -1 for all but the head. `is_frozen`: those stay as they
    are.
    """

    name: str = "scratch"
    layers: int = 0
    is_frozen: bool = False


@dataclass(frozen=True)
class Training:
    """One training: a `network` from a `seed` by a `technique`.

    `donor`: the key of the training that it takes layers from, empty for none.
    """

    network: str
    seed: int
    technique: Technique = field(default_factory=Technique)
    donor: str = ""

    def key(self, set_sha256: str, plan: LearningPlan) -> str:
        """What it is kept by: the same for the same items (`set_sha256`) learnt by the same `plan`."""
        about = {"rule": RULE, "set": set_sha256, "plan": asdict(plan), "training": asdict(self)}
        return hashlib.sha256(canonical_json(about).encode()).hexdigest()[:32]


def networks_of(names: Sequence[str], features_only: bool) -> list[str]:
    """The networks that `names` mean, each once; raises Refused for one that is none.

    `features_only`: the items are no images, so that only some can learn them.
    """
    able = OF_FEATURES if features_only else tuple(NETWORKS)
    chosen: list[str] = []
    for name in names:
        if name == ALL:
            chosen += able
            continue
        if name not in NETWORKS:
            raise misused(f"--network {name}: {did_you_mean(name, [*NETWORKS, ALL], names_max=11)}")
        if name not in able:
            raise misused(
                f"--network {name} is for images, and items are features: {', '.join(OF_FEATURES)}."
            )
        chosen.append(name)
    return list(dict.fromkeys(chosen))


def technique_of(text: str, networks: Sequence[str]) -> Technique:
    """The technique that a `text` names: `frozen` or `layers:K`; raises Refused.

    K is smaller than the layers of each of the `networks`, whose head is always its own.
    """
    if text == "frozen":
        return Technique("frozen", -1, is_frozen=True)
    match = re.fullmatch(r"layers:([0-9]{1,3})", text)
    if match is None:
        raise misused(f"--transfer {text}: write frozen, or layers:2 for the first two layers.")
    count = int(match[1])
    most = min(NETWORKS[name] for name in networks) - 1
    if not 1 <= count <= most:
        short = min(networks, key=lambda name: NETWORKS[name])
        raise misused(
            f"--transfer {text}: {short} has {most + 1} layers, of which the head is its own; give 1 to "
            f"{most}."
        )
    return Technique(f"layers-{count}", count)


def request_of(
    trainings: Mapping[str, Training], plan: LearningPlan, files: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """The part of the request to the process that trains which says what: `trainings` by their keys,
    learnt by the `plan`.

    `files`: of each the paths `weights`, `onnx` and `donor`.
    """
    return {
        "epochs": plan.epochs,
        "batch_size": plan.batch_size,
        "learning_rate": plan.learning_rate,
        "threads": plan.threads,
        "trainings": [
            {
                "key": key,
                "network": each.network,
                "seed": each.seed,
                "layers": each.technique.layers,
                "is_frozen": each.technique.is_frozen,
                **files[key],
            }
            for key, each in trainings.items()
        ],
    }
