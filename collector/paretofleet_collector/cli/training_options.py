"""Options of `models set` that say how long a model's training is, and what was published of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

TrainingEpochs = Annotated[
    int | None, typer.Option(min=1, help="Epochs of its training, for the cost by measured steps.")
]
TrainingSamples = Annotated[int | None, typer.Option(min=1, help="Items of one epoch.")]
TrainingDevice = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", help="Whose steps count, for all rows; by default each row's own device."),
]
TrainingCompute = Annotated[
    float | None,
    typer.Option(metavar="DAYS", help="Published compute of its training, in Tflop/s-days."),
]
TrainingSource = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Who published --training-compute, and to which accuracy.")
]


def training_json(**given: float | str | None) -> str | None:
    """What is `given` of a training, by its keys in a variant, as JSON; None where nothing is."""
    present = {key: value for key, value in given.items() if value is not None}
    return json.dumps(present) if present else None
