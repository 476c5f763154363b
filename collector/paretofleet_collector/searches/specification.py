"""A search's specification: what space.yaml says, with its defaults filled in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.planning.specification import Spec, SpecKey

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar, Space

#: The objective that training gives; the others are measured, or counted in the graph.
TOP1 = "top1"
#: Ours; `tpe` and `nsga2` are Optuna's.
OWN_METHOD = "gp"
METHODS = (OWN_METHOD, "tpe", "nsga2", "random")
#: Keys of `measure`: those of a sweep that a search leaves to its user.
MEASURE_KEYS = (
    "devices",
    "targets",
    "runtimes",
    "options",
    "precisions",
    "batch_sizes",
    "sizes",
    "inputs",
    "threads",
    "timing_scope",
    "protocol",
    "timeout_s",
    "wait_s",
    "repeats",
)
START_MAX, HAND_MADE_MAX, SEEDS_MAX = 10_000, 1_000, 20
CONTROL_MAX = 0.5

#: Every key that a specification may have, in the order in which its reference lists them.
SEARCH_KEYS = (
    SpecKey("name", "text", "The search's name, as a sweep's; without one the file's."),
    SpecKey(
        "space.module",
        "path",
        "A Python file, relative to the specification, with the function `build(member, path, seed)`. It "
        "writes the ONNX file of a member, with weights drawn from the seed.",
    ),
    SpecKey(
        "space.parameters",
        "mapping",
        "By name a list of values, or `{values: [..], if: {OTHER: value}}` for one that is there only where "
        "others have certain values. From 2 to 1e12 members.",
    ),
    SpecKey(
        "train.command",
        "list of text",
        "What trains a member: a program with its arguments. It is started in an empty folder; arguments "
        "that are files beside the specification are given by their whole path. `python` is the one that "
        "runs this command, by which the module is read, too.",
    ),
    SpecKey("train.seeds", "number", f"Trainings of a member, each from another seed: 1 to {SEEDS_MAX}."),
    SpecKey("train.timeout", "time", "How long a training may take, as 90s, 10m or 2h."),
    SpecKey("train.memory", "size", "What its processes may have in memory, together, as 500MB or 4GiB."),
    SpecKey("train.disk", "size", "What it may write into its folder."),
    SpecKey(
        "measure",
        "mapping",
        f"Where and how it is measured, by a sweep's keys: {', '.join(MEASURE_KEYS)}. Devices may "
        "be many, as in `{class: [cpu, jetson-tx2]}`; each other list has one entry, for other runtimes, "
        "batch sizes and precisions are searches of their own.",
    ),
    SpecKey(
        "measure.anchor",
        "text",
        "A model that is measured with every batch of candidates, first, so that drift between batches is "
        "seen and taken out.",
    ),
    SpecKey(
        "objectives",
        "list of text",
        "Columns of the report: `top1` and at least one that is measured.",
    ),
    SpecKey(
        "limits",
        "mapping",
        "By column, in its unit, the value beyond which a member is of no use: the least `top1` in percent, "
        "the most of costs.",
    ),
    SpecKey(
        "method",
        "text",
        f"What proposes: {', '.join(METHODS)}. `tpe` and `nsga2` are Optuna's, which is an extra.",
    ),
    SpecKey(
        "start",
        "number",
        "How many members are tried before the method proposes. They are drawn at random; of `gp` a quarter "
        "has the first value of every parameter, the last of every, and what lies between.",
    ),
    SpecKey("seeds", "list of mappings", "Members made by hand, which are tried first."),
    SpecKey(
        "control",
        "fraction",
        f"Share of later trials that are drawn at random and shown beside the rest, from 0 to {CONTROL_MAX}.",
    ),
)


@dataclass(frozen=True)
class TrainCommand:
    """How a member is trained: the `command`, by which limits, from how many `seeds`."""

    command: tuple[str, ...]
    seeds: int = 1
    timeout_s: float = 600.0
    memory_bytes: int = 4 * 2**30
    disk_bytes: int = 2 * 2**30


@dataclass(frozen=True)
class TruthFile:
    """A table by its `path` and `sha256` whose values simulated `devices` show: each one's column of times in
    ms, and perhaps of energies in mJ, of an item.
    """

    path: str
    sha256: str
    devices: Mapping[str, list[str]]


@dataclass(frozen=True)
class SearchSpecification:
    """What is searched, where, and how; every path is absolute.

    `parameters`: as given, for `space_of`. `measure`: the sweep of a batch, whose only model is the `anchor`;
    candidates are to stand behind it. `limits`: of columns, in the report's units: the least of what is
    better the more, the most of others. `hand_made`: members that are tried first. `control`: a share.
    `files`: the SHA-256 of the specification's values, of the module, of each file in the command, and of
    what these import from beside them, by name. `truth`: what simulated devices show, None for their own.
    """

    name: str
    module: Path
    parameters: Mapping[str, object]
    train: TrainCommand
    measure: Spec
    objectives: tuple[str, ...]
    limits: Mapping[str, float] = field(default_factory=dict)
    method: str = OWN_METHOD
    start: int = 20
    hand_made: tuple[Mapping[str, Scalar], ...] = ()
    control: float = 1 / 12
    files: Mapping[str, str] = field(default_factory=dict)
    truth: TruthFile | None = None

    @property
    def anchor(self) -> str:
        """The model that is measured with every batch, as a sweep calls it."""
        return self.measure.models[0]

    @property
    def digest(self) -> str:
        """SHA-256, in hex digits, of all that decides what a trial comes to."""
        return hashlib.sha256(canonical_json(self.files).encode(errors="surrogatepass")).hexdigest()

    def space(self) -> Space:
        """The space of its parameters."""
        from paretofleet_analysis.search.space import space_of

        return space_of(self.parameters)
