"""Real networks that need no download and no torch: structures as text, weights from a seed.

A structure is an ONNX graph in the text form of `onnx.printer`, whose inputs behind the first are the
weights (`scripts/export_zoo.py` writes it). `build` fills them, with the same SHA-256 on every machine.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from paretofleet_collector import errors
from paretofleet_collector.models.zoo.catalogue import CATALOGUE, ZooFacts

__all__ = ["NAMES", "Built", "ZooFacts", "build", "facts", "structure_text"]

NAMES: tuple[str, ...] = tuple(CATALOGUE)


@dataclass(frozen=True)
class Built:
    """A file that `build` wrote."""

    name: str
    path: Path
    sha256: str
    size_bytes: int


def facts(name: str) -> ZooFacts:
    """What is published of the network `name`, without building it; raises NotFound for other names."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise errors.NotFound(f"the zoo has no network {name!r}: choose one of {', '.join(NAMES)}") from None


def structure_text(name: str) -> str:
    """The graph of the network `name` as ONNX text; raises NotFound for other names."""
    file = resources.files(__name__) / "structures" / f"{facts(name).name}.onnxtxt"
    return file.read_text(encoding="utf-8")


def build(name: str, path: Path) -> Built:
    """Writes the network `name` to `path`, whole or not at all, replacing what is there.

    Raises NotFound for an unknown name, StorageUnavailable or Refused where the file cannot be written,
    ModelRefused where this installation makes other bytes than every other machine.
    """
    import onnx

    from paretofleet_collector.models.zoo import write

    published = facts(name)
    structure = onnx.parser.parse_model(structure_text(name))
    try:
        sha256 = write.write(structure, path, published.sha256)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise errors.StorageUnavailable(
                f"no room for zoo:{name} ({published.size_bytes} bytes) in {path.parent}: "
                "free some space there"
            ) from error
        raise errors.Refused(f"cannot write zoo:{name} to {path}: {error.strerror}") from error
    if sha256 != published.sha256:
        raise errors.ModelRefused(
            f"zoo:{name} came out with SHA-256 {sha256[:16]} instead of {published.sha256[:16]}: "
            f"reinstall paretofleet-collector, onnx and numpy"
        )
    return Built(name, path, published.sha256, published.size_bytes)
