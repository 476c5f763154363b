"""A member as an ONNX file: built by the user's module in a process of its own, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.searches.specification import SearchSpecification

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar


@dataclass(frozen=True)
class CandidateFailed:
    """What became of a member that could not be built or trained: a `sentence`, and a `reason` to count by.

    Of building: `build`, `model`. Of training: `timeout`, `memory`, `disk`, `crashed`, `result`, `graph`.
    """

    reason: str
    sentence: str


@dataclass(frozen=True)
class BuiltMember:
    """A member's file: `graph` is alike where architectures are the same, whatever the weights; `macs` of one
    item, None where the graph does not tell; `size_bytes` of the file; `inputs` by name their shapes, with
    None for free axes.
    """

    model: Path
    graph: str
    macs: int | None
    parameters: int | None
    size_bytes: int
    inputs: Mapping[str, tuple[int | None, ...]]


def build(
    specification: SearchSpecification, values: Mapping[str, Scalar], folder: Path, *, seed: int = 1
) -> BuiltMember | CandidateFailed:
    """The member with these `values` of a `specification`, as `folder`/model.onnx with weights of a `seed`.

    Raises Refused where the module itself is at fault, whatever the member: it cannot be imported, or has no
    `build`; NotImplementedError until it is written.
    """
    raise NotImplementedError(specification, values, folder, seed)


def check_inputs(first: BuiltMember, built: BuiltMember) -> str:
    """Why what was `built` cannot be compared with the `first` member of a search; empty where it can."""
    del first, built
    return ""


def graph_of(model: Path) -> tuple[str, dict[str, Any]]:
    """The hash of the architecture in a `model`, and its inputs; raises NotImplementedError."""
    raise NotImplementedError(model)
