"""The process that trains: reads one JSON object, prints a JSON object a line for all that happens.

`{"torch": VERSION}` comes first, or `{"missing": MODULE}` alone. Then, for each of the `trainings` that the
request lists, `epoch` lines, and one with `top1` and costs, or with `failed`, a sentence.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
OPSET = 17  # ONNX Runtime 1.19 and older load it
#: Steps that nobody times, of a network that is thrown away: the first ones set libraries up.
_WARM_UP = 3


def main(out: IO[str]) -> None:
    """Does what the request on standard input asks, and says to `out` what happens."""
    request = json.load(sys.stdin)

    def say(**event: Any) -> None:
        out.write(json.dumps(event) + "\n")
        out.flush()

    for module in ("numpy", "onnx", "torch"):
        try:
            __import__(module)
        except ImportError:
            say(missing=module)
            return
    import torch

    torch.set_num_threads(request["threads"])
    torch.use_deterministic_algorithms(True)
    say(torch=torch.__version__)
    items = _items(request["data"])
    warmed: set[str] = set()
    for training in request["trainings"]:
        if training["network"] not in warmed:
            warmed.add(training["network"])
            _warm_up(training, items, request)
        _train(training, items, request, say)


def _items(path: str) -> dict[str, Any]:
    import numpy as np
    import torch

    from paretofleet_collector.training.torchside.learning import Examples

    with np.load(path, allow_pickle=False) as arrays:
        return {
            part: Examples(torch.from_numpy(arrays[f"x_{part}"]), torch.from_numpy(arrays[f"y_{part}"]))
            for part in ("train", "test")
        }


def _built(training: dict[str, Any], items: dict[str, Any], request: dict[str, Any]) -> Any:
    import torch

    from paretofleet_collector.training.torchside.learning import take_over
    from paretofleet_collector.training.torchside.networks import Shape, build

    torch.manual_seed(training["seed"])
    _, channels, height, width = items["train"].values.shape
    shape = Shape(channels, height, width, request["classes"])
    net = build(training["network"], shape, request["mean"], request["std"])
    if training["donor"]:
        donor = torch.load(training["donor"], map_location="cpu", weights_only=True)
        take_over(net, donor, training["layers"])
    return net


def _warm_up(training: dict[str, Any], items: dict[str, Any], request: dict[str, Any]) -> None:
    from paretofleet_collector.training.torchside.learning import Examples, Schedule, learn

    size = request["batch_size"]
    few = Examples(*(each[: _WARM_UP * size] for each in (items["train"].values, items["train"].labels)))
    net = _built({**training, "donor": ""}, items, request)
    with suppress(FloatingPointError):  # it comes again, and is told, where it is the training's
        learn(net, few, Schedule(1, size, request["learning_rate"]), training["seed"])


def _train(training: dict[str, Any], items: dict[str, Any], request: dict[str, Any], say: Any) -> None:
    import torch

    from paretofleet_collector.training.torchside.learning import Schedule, correct, learn

    net = _built(training, items, request)
    schedule = Schedule(request["epochs"], request["batch_size"], request["learning_rate"])
    key = training["key"]
    try:
        cost = learn(
            net,
            items["train"],
            schedule,
            training["seed"],
            is_frozen=training["is_frozen"],
            on_epoch=lambda epoch, loss: say(key=key, epoch=epoch, loss=loss),
        )
    except FloatingPointError as error:
        say(key=key, failed=str(error))
        return
    right = correct(net, items["test"])
    torch.save(net.state_dict(), training["weights"])
    _export(net, items["test"].values[:1], training["onnx"])
    say(
        key=key,
        top1=100.0 * sum(right) / len(right),
        right=sum(right),
        parameters=sum(each.numel() for each in net.parameters()),
        **cost,
    )


def _export(net: Any, example: Any, target: str) -> None:
    """Writes `net` to the file `target`, whole or not at all; batch normalisations stay nodes."""
    import torch

    partial = target + ".partial"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.train(False),
            (example,),
            partial,
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        )
    Path(partial).replace(target)


if __name__ == "__main__":
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours
    main(lines)
