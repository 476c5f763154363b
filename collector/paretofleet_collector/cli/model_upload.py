"""Adds a model to the collector, a file or a network of the zoo, and tells the user how it goes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.cli.progress import Transfer, working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import count, duration, size
from paretofleet_collector.errors import ModelRefused, Refused
from paretofleet_collector.model.entities import Variant

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

#: Protobuf's limit; checked before a huge file is read only to name it by its SHA-256.
ONNX_MAX_BYTES = 2 << 30


@dataclass(frozen=True)
class FileDetails:
    """What the user says of a model file; empty or None: not said. `top1` in percent, of `top1_n` items."""

    name: str = ""
    variant_of: str = ""
    precision: str = ""
    top1: float | None = None
    top1_n: int | None = None


def add_model(
    client: Client, model: str, details: FileDetails | None = None, *, counter: str = ""
) -> Variant:
    """Adds a file or a network of the zoo, telling how it goes; raises Refused and OSError."""
    started = time.monotonic()
    if model.startswith("zoo:"):
        with working(f"{counter}building {model}"):
            added = client.add_zoo_model(model.removeprefix("zoo:"))
    else:
        added = _upload(client, model, details or FileDetails(), counter)
    notify(
        f"{counter}{added.model}@{added.variant}: {count(added.parameters)} parameters, "
        f"{size(added.size_bytes)}, {duration(time.monotonic() - started)}"
    )
    return added


def _upload(client: Client, model: str, details: FileDetails, counter: str) -> Variant:
    path = Path(model)
    if not path.is_file():
        raise Refused(f"{model} is not a file; give an ONNX file, or zoo:NAME for a network of the zoo.")
    if path.stat().st_size == 0:
        raise ModelRefused(f"{model} is empty, not an ONNX file.")
    if path.stat().st_size > ONNX_MAX_BYTES:
        raise ModelRefused(f"{model} is larger than 2 GiB, which ONNX files may not be.")
    with Transfer(f"{counter}{path.name}") as transfer:
        return client.add_model(
            path,
            model=details.name or model_name(path),
            variant_of=details.variant_of,
            precision=details.precision,
            top1=details.top1,
            top1_n=details.top1_n,
            sent=transfer.at,
        )


def model_name(path: Path) -> str:
    """A model's name from that of its file: letters, digits, dots, hyphens and underscores."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.removesuffix(".onnx")).strip("-._")
    return name[:64] or "model"
