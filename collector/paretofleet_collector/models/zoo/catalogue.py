"""What is published about the networks of the zoo, and which bytes their files must have.

`networks.csv` holds a line for each. Parameters and MACs are what torch counts (`scripts/export_zoo.py`
writes them). The zoo's own weights are seeded and not trained, so a published accuracy is the
architecture's, never this file's: `published-same-architecture`. `training.csv` holds what training them took
by those who published it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

_FLOPS_OF_A_MAC = 2


@dataclass(frozen=True)
class ZooFacts:
    """A network of the zoo.

    `parameters`: weights, biases, scales and shifts of normalisations; not their running statistics.
    `macs`: multiply-accumulates of convolutions and matrix products for one image of `input_shape`.
    `sha256`, `size_bytes`: of the file that `build` writes, on every machine.
    `top1`, `top5`: percent of `top1_n` images (ImageNet's validation set, one centre crop); None where nobody
    published it. `accuracy_group`: whose weights reached it; networks of one group share one accuracy.
    `origin`: where the structure is from, and `licence`, its SPDX identifier.
    `training`: `compute_tflops_days` with `compute_source`, empty where nobody published it.
    `input`: name of the input; `input_shape`: of one item, without the batch axis, float32.
    """

    name: str
    parameters: int
    macs: int
    size_bytes: int
    sha256: str
    top1: float | None
    top5: float | None
    top1_n: int | None
    accuracy_group: str | None
    origin: str
    licence: str
    input_shape: tuple[int, ...] = (3, 224, 224)
    weights_precision: str = "fp32"
    input: str = "input"
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def top1_source(self) -> str | None:
        """What kind of accuracy `top1` is; None where there is none."""
        return None if self.top1 is None else "published-same-architecture"

    @property
    def flops(self) -> int:
        """Floating-point operations for one image, two for each multiply-accumulate."""
        return _FLOPS_OF_A_MAC * self.macs


def _facts(line: dict[str, str], trainings: Mapping[str, Mapping[str, Any]]) -> ZooFacts:
    """The network in a `line` of the table, whose empty cells are unknown, with its one of `trainings`."""
    side = int(line["side"])
    return ZooFacts(
        name=line["name"],
        parameters=int(line["parameters"]),
        macs=int(line["macs"]),
        size_bytes=int(line["size_bytes"]),
        sha256=line["sha256"],
        top1=float(line["top1"]) if line["top1"] else None,
        top5=float(line["top5"]) if line["top5"] else None,
        top1_n=int(line["top1_n"]) if line["top1_n"] else None,
        accuracy_group=line["accuracy_group"] or None,
        origin=line["origin"],
        licence=line["licence"],
        input_shape=(3, side, side),
        training=trainings.get(line["name"], {}),
    )


def _table() -> dict[str, ZooFacts]:
    trainings = {
        line["name"]: {"compute_tflops_days": float(line["tflops_days"]), "compute_source": line["source"]}
        for line in _lines("training.csv")
    }
    return {line["name"]: _facts(line, trainings) for line in _lines("networks.csv")}


def _lines(name: str) -> list[dict[str, str]]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


CATALOGUE = _table()
