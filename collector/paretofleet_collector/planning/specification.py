"""A sweep's specification: what a user writes as YAML or flags, with its defaults filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.planning.protocols import PROTOCOLS

PRECISIONS = ("native", "fp32", "tf32", "fp16", "bf16", "int8")
#: What agents can do today; the other modes and scopes of the design are refused by name.
MODES = ("latency", "throughput", "paced", "accuracy", "training")
#: Items a second of mode `paced`: one in 100 s, and more than a loop in Python hands over.
ITEMS_S_MIN, ITEMS_S_MAX = 0.01, 10_000.0
TIMING_SCOPES = ("copy+compute",)
#: Labelled sets that have a name and no path.
BUILT_IN_SETS = ("digits",)
BATCH_SIZE_MAX = 65_536
THREADS_MAX = 4_096
RUNS_MAX = 1_000
#: Seconds of a run, from what a process start takes to a week.
TIMEOUT_S_MIN, TIMEOUT_S_MAX = 5.0, 604_800.0
#: The uses whose ranking may choose later blocks; `true` is the first that ranks a batch size asked for.
ADAPTIVE = ("realtime", "offline")
#: A ranking says nothing of what has fewer runs (`paretofleet_analysis.statistics.intervals.RUNS_MIN`).
ADAPTIVE_RUNS_MIN = 3
NOTE_LETTERS_MAX = 1_000


@dataclass(frozen=True)
class SpecKey:
    """A key of the YAML, `repeats.min` for one inside another: what it holds and what it means."""

    name: str
    kind: str
    meaning: str


#: Every key that a specification may have, in the order in which its reference lists them.
KEYS = (
    SpecKey(
        "name",
        "text",
        "The sweep's name: up to 64 letters, digits, dots, hyphens and underscores. Without one the sweep is "
        "named after the file or the first model, with a number where that is taken; a taken name that was "
        "given is refused.",
    ),
    SpecKey(
        "models",
        "list of text",
        "What is measured: `zoo:NAME`, `NAME`, `NAME@VARIANT` or the path of an ONNX file, relative to the "
        "specification. The only key that must be there.",
    ),
    SpecKey(
        "devices",
        "list of names, or mapping",
        "Where it runs. A mapping selects by `class`, `name`, `state` or any label; every key must match, by "
        "any of its values. Empty: every device.",
    ),
    SpecKey(
        "targets",
        "list of text",
        "Compute units of a device: an alias such as `cpu` or `cuda:0`, an id, or `cuda` for all of them.",
    ),
    SpecKey("runtimes", "list of text", "What executes the model, such as `onnxruntime` or `openvino`."),
    SpecKey(
        "options",
        "mapping",
        "Options by runtime, as in `{onnxruntime: {}}`; values are text, numbers or true/false.",
    ),
    SpecKey(
        "precisions",
        "list of text",
        f"How the model is executed: {', '.join(PRECISIONS)}. `native` runs it as the file says.",
    ),
    SpecKey("batch_sizes", "list of numbers", f"Items in one inference call, from 1 to {BATCH_SIZE_MAX}."),
    SpecKey(
        "sizes",
        "mapping",
        "Elements of free axes beside the batch, as in `{height: 640, sequence: [128, 512]}`; an axis "
        "without a name is `INPUT.NUMBER`. Several sizes are measured in turn; models without the axis leave "
        "it out.",
    ),
    SpecKey(
        "inputs",
        "mapping, or text",
        "What is fed where it is not left to the graph: by input a law (`normal`, `bytes`, `zipf`, "
        "`uniform`, `ones`, `zeros`), a number, the path of an .npz file or of a folder, or a mapping "
        "with `shape` and `values`. A path alone feeds every input that one of its arrays is called like.",
    ),
    SpecKey(
        "threads",
        "list of numbers",
        f"Threads of the runtime, from 1 to {THREADS_MAX}; `null` is the device's default.",
    ),
    SpecKey(
        "mode",
        "list of text, or mapping",
        "`latency` waits for every inference; `throughput` waits at the edges of a window only; "
        "`{paced: {items_s: 5}}` gets 5 items a second by the clock, and a latency counts from when its item "
        f"was due. Rates go from {ITEMS_S_MIN:g} to {ITEMS_S_MAX:,.0f}. Several are measured in turn. "
        "`accuracy` times nothing: it says what the items of `data` are, once. `training` times steps of an "
        "optimiser, forward, backward and update, in runtimes that have them (torch).",
    ),
    SpecKey(
        "data",
        "text, or mapping",
        "The labelled set of mode `accuracy`: `digits`, an .npz file with `x` and `y`, a folder with a "
        "folder of images for each class, or a mapping with its `path` and how images are prepared: `resize` "
        "(the shorter side), `crop` (of the middle), `range` (of values before the next two), `mean`, `std`, "
        "`layout`.",
    ),
    SpecKey(
        "simulated",
        "mapping",
        "What simulated devices show instead of their own model: by model and device the true time of an "
        "item and perhaps its energy, as in `{net@file: {tx2-1: {item_s: 0.012, item_j: 0.05}}}`.",
    ),
    SpecKey(
        "timing_scope", "text", "What the time covers: from an array on the host to an array on the host."
    ),
    SpecKey(
        "protocol",
        "text",
        f"The limits of warm-up, window and idle, and the repeats: {', '.join(PROTOCOLS)}.",
    ),
    SpecKey(
        "timeout_s",
        "seconds",
        "How long a run may take from its start to its end, instead of the protocol's limit. It is no part "
        f"of a configuration. From {TIMEOUT_S_MIN:g} to {TIMEOUT_S_MAX:,.0f}.",
    ),
    SpecKey(
        "wait_s",
        "seconds",
        "How long the sweep waits for a device that is away, before its part ends as skipped with the reason "
        "`offline`; `sweep retry` takes it up again.",
    ),
    SpecKey(
        "repeats",
        "number, or mapping",
        "Runs of each configuration, each a fresh process. One number is both `min` and `max`.",
    ),
    SpecKey("repeats.min", "number", f"The least runs of a configuration, from 1 to {RUNS_MAX}."),
    SpecKey("repeats.max", "number", f"The most runs of a configuration, from 1 to {RUNS_MAX}."),
    SpecKey(
        "repeats.relative_half_width",
        "fraction",
        "Runs go on until the 95 % interval of the mean is this narrow on either side, relative to the mean.",
    ),
    SpecKey(
        "repeats.boots",
        "number",
        "Over how many boots of a device its blocks are spread, where its owner allows reboots.",
    ),
    SpecKey(
        "repeats.days",
        "number",
        "Over how many days its blocks are spread: a part waits until after midnight UTC, and 12 hours at "
        "least after the one before began.",
    ),
    SpecKey(
        "adaptive",
        "true, false or a use",
        f"After the least runs, run only what the ranking for a use ({', '.join(ADAPTIVE)}) leaves open. "
        "`true` is `realtime` where batch size 1 is measured, else `offline`.",
    ),
    SpecKey("seed", "number", "Seed of the order of the runs."),
    SpecKey(
        "only",
        "list of text",
        "Ids of configurations: of what the other keys mean only these are measured. `sweep confirm` writes "
        "them.",
    ),
    SpecKey("note", "text", f"What the sweep is for, in words: at most {NOTE_LETTERS_MAX:,} letters."),
    SpecKey(
        "labels",
        "list of text",
        "Words by which `sweep list --label` finds it: up to 64 letters, digits, dots, hyphens, underscores "
        "and slashes each.",
    ),
)


@dataclass(frozen=True)
class Mode:
    """How items come: `name` is one of MODES, `items_s` the items a second where it is `paced`."""

    name: str
    items_s: float | None = None

    def __str__(self) -> str:
        """As people write it on the command line."""
        return self.name if self.items_s is None else f"{self.name}={self.items_s:g}"

    def as_json(self) -> str | dict[str, Any]:
        """As the YAML has it."""
        return self.name if self.items_s is None else {self.name: {"items_s": self.items_s}}


@dataclass(frozen=True)
class Spec:
    """What a sweep runs. Every list is non-empty, in the user's order and without repetitions.

    `devices` maps a label, or `class`, `name`, to the values that match; empty: every device.
    `threads` None: the device's default. `timeout_s` None: the protocol's. `wait_s`: how long it waits for a
    device that is away, None for an hour, or 36 of several days. `name` may be empty until it is
    submitted. `sizes`: of each axis those to measure; `inputs` as `inputs.checked_inputs` has them. `only`:
    ids of the configurations that are measured of all that is meant; empty: all. `remarks`: a note and
    labels, which change nothing of what runs. `data`: the labelled set of mode accuracy, as
    `data.checked_data` has it; empty in other modes. `simulated`: as
    `simulated.checked_simulated` has it.
    """

    models: tuple[str, ...]
    name: str = ""
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ("cpu",)
    runtimes: tuple[str, ...] = ("onnxruntime",)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    precisions: tuple[str, ...] = ("native",)
    batch_sizes: tuple[int, ...] = (1,)
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    threads: tuple[int | None, ...] = (None,)
    modes: tuple[Mode, ...] = (Mode("latency"),)
    data: Mapping[str, Any] = field(default_factory=dict)
    simulated: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    timing_scope: str = "copy+compute"
    protocol: str = "standard"
    timeout_s: float | None = None
    wait_s: float | None = None
    repeats: Repeats = field(default_factory=lambda: _protocol_repeats("standard", seed=1))
    only: tuple[str, ...] = ()
    remarks: Remarks = field(default_factory=Remarks)

    def to_json(self) -> str:
        """The specification as JSON with the keys of the YAML; `parsing.parse_json` reads it back."""
        repeats, modes = self.repeats, [mode.as_json() for mode in self.modes]
        seconds = {"timeout_s": self.timeout_s, "wait_s": self.wait_s}
        rest: dict[str, Any] = {key: value for key, value in seconds.items() if value is not None}
        lists = {"only": list(self.only), "note": self.remarks.note, "labels": list(self.remarks.labels)}
        rest |= {key: value for key, value in lists.items() if value}
        if self.data:
            rest["data"] = dict(self.data)
        if self.simulated:
            rest["simulated"] = {
                model: {device: dict(truth) for device, truth in devices.items()}
                for model, devices in self.simulated.items()
            }
        return json.dumps(
            {
                "name": self.name,
                "models": list(self.models),
                "devices": {key: list(values) for key, values in self.devices.items()},
                "targets": list(self.targets),
                "runtimes": list(self.runtimes),
                "options": {runtime: dict(options) for runtime, options in self.options.items()},
                "precisions": list(self.precisions),
                "batch_sizes": list(self.batch_sizes),
                "sizes": {name: list(sizes) for name, sizes in self.sizes.items()},
                "inputs": {name: dict(fed) for name, fed in self.inputs.items()},
                "threads": list(self.threads),
                "mode": modes[0] if len(modes) == 1 else modes,
                "timing_scope": self.timing_scope,
                "protocol": self.protocol,
                "repeats": {
                    "min": repeats.runs_min,
                    "max": repeats.runs_max,
                    "relative_half_width": repeats.relative_half_width,
                    "boots": repeats.boots,
                    "days": repeats.days,
                },
                "adaptive": repeats.adaptive or False,
                "seed": repeats.seed,
                **rest,
            },
            ensure_ascii=False,
        )

    def local_models(self) -> tuple[str, ...]:
        """The models that are files on this machine, to be added before the sweep is submitted."""
        return tuple(model for model in self.models if is_local(model))

    def with_models(self, names: Mapping[str, str]) -> Spec:
        """The same with each model that is a key of `names` replaced by its value."""
        return replace(self, models=tuple(dict.fromkeys(names.get(model, model) for model in self.models)))

    def resolved(self, base: Path, of_models: Path | None = None) -> Spec:
        """The same with the paths of local files made absolute, read from the folder `base`.

        Those of models are read from `of_models` where that is given.
        """
        models = {model: str(((of_models or base) / model).resolve()) for model in self.local_models()}
        inputs = {
            name: {key: str((base / each).resolve()) if key == "file" else each for key, each in fed.items()}
            for name, fed in self.inputs.items()
        }
        data = dict(self.data)
        if data.get("path") and is_path(data["path"]):
            data["path"] = str((base / data["path"]).resolve())
        return replace(self.with_models(models), inputs=inputs, data=data)


def is_path(data: str) -> bool:
    """True for a labelled set, `data`, that is a path, also of a set that is not there."""
    return data not in BUILT_IN_SETS


def is_local(model: str) -> bool:
    """True for a `model` written as a path (`./mine.onnx`) instead of a name."""
    return not model.startswith("zoo:") and (
        "/" in model or "\\" in model or model.endswith((".onnx", ".tflite"))
    )


def _protocol_repeats(protocol: str, *, seed: int) -> Repeats:
    limits = PROTOCOLS[protocol]
    return Repeats(limits.runs_min, limits.runs_max, limits.relative_half_width, seed)
