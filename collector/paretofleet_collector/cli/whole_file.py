"""A model as one file: exporters of today keep its weights in another one beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paretofleet_graph import GraphRefused, OnnxFile

from paretofleet_collector.errors import ModelRefused


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The model file at `path`; where it keeps weights in other files, a file with all of them.

    That one goes when the block ends. Raises ModelRefused where the weights cannot be read, or take more than
    an ONNX file may.
    """
    if not _keeps_weights_elsewhere(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        target = Path(folder) / path.name
        _join(path, target)
        yield target


def _keeps_weights_elsewhere(path: Path) -> bool:
    try:
        weights = OnnxFile(str(path)).graph.weights
    except GraphRefused:  # the collector says what is wrong with it
        return False
    return any(weight.is_elsewhere for weight in weights.values())


def _join(path: Path, target: Path) -> None:
    import onnx
    from google.protobuf.message import DecodeError, EncodeError

    try:
        model = onnx.load(path)
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as error:
        why = str(error).strip().split("\n")[0]
        raise ModelRefused(
            f"{path.name} keeps weights in another file, which cannot be read ({why}): "
            "put that file beside it, or save the model as one file"
        ) from None
    try:
        onnx.save(model, target)
    except (ValueError, EncodeError):
        raise ModelRefused(
            f"{path.name} has more than 2 GiB of weights, which ONNX files may not have: use a smaller model"
        ) from None
