"""From space.yaml to a search's specification: every value checked, the defaults filled in."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_analysis.errors import AnalysisError
from paretofleet_analysis.objectives import OBJECTIVES, refuse_functions_of_each_other

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.parsing import load_yaml, spec_from_mapping
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.planning.values import (
    checked_choice,
    checked_list,
    checked_name,
    checked_number,
    checked_text,
)
from paretofleet_collector.searches.local_imports import local_imports
from paretofleet_collector.searches.specification import (
    CONTROL_MAX,
    HAND_MADE_MAX,
    MEASURE_KEYS,
    METHODS,
    OWN_METHOD,
    SEARCH_KEYS,
    SEEDS_MAX,
    START_MAX,
    TOP1,
    SearchSpecification,
    TrainCommand,
)
from paretofleet_collector.suggest import did_you_mean

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar, Space

_TOP_KEYS = tuple(dict.fromkeys(key.name.partition(".")[0] for key in SEARCH_KEYS))
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)")
_TIMES_S = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_SIZES = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_SIZES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
#: Seconds and bytes of a training, between a process's start and a week, an interpreter and a rack.
_TIMEOUT_S, _MEMORY_BYTES, _DISK_BYTES = (1.0, 604_800.0), (2**26, 2**44), (2**20, 2**44)
#: Folders of what is installed.
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_SINGLE = ("targets", "runtimes", "precisions", "batch_sizes", "threads")


def parse_search(text: str, folder: Path) -> SearchSpecification:
    """The specification in a YAML `text`; paths are relative to its `folder`.

    Raises Refused with one sentence that names the key and the fix.
    """
    loaded = load_yaml(text)
    if loaded is None:
        raise Refused("A search's specification is empty: write space, train, measure and objectives.")
    value = _mapping("A search's specification", loaded, _TOP_KEYS, "space: {..}, train: {..}")
    missing = [key for key in ("space", "train", "measure", "objectives") if key not in value]
    if missing:
        raise Refused(f"`{missing[0]}` is missing: a search has space, train, measure and objectives.")
    folder = folder.resolve()
    parts = _mapping("`space`", value["space"], ("module", "parameters"), "module: ./space.py")
    module = _module(parts.get("module"), folder)
    space = _space(parts.get("parameters"))
    train = _train(value["train"], folder)
    measure = _measure(value["measure"], folder)
    objectives = _objectives(value["objectives"], measure)
    return SearchSpecification(
        name=checked_name(value.get("name", "")),
        module=module,
        parameters=parts["parameters"],
        train=train,
        measure=measure,
        objectives=objectives,
        limits=_limits(value.get("limits", {})),
        method=checked_choice("method", value.get("method", OWN_METHOD), METHODS),
        start=checked_number("start", value.get("start", 20), 0, START_MAX),
        hand_made=_hand_made(value.get("seeds", []), space),
        control=_control(value.get("control", 1 / 12)),
        files={"specification": _digest_of(value), **_digests(module, train, folder)},
    )


def _mapping(called: str, value: object, keys: Sequence[str], example: str) -> dict[str, Any]:
    """The `value` without keys that hold nothing, if it is a mapping with none but these `keys`."""
    if not isinstance(value, Mapping):
        raise Refused(f"{called} is {shown(value)}: write a mapping, as in `{{{example}}}`.")
    for key in value:
        if key not in keys:
            near = did_you_mean(str(key)[:64], keys, names_max=len(keys))
            raise Refused(f"{called} has the unknown key {shown(key)}: {near}")
    return {str(key): item for key, item in value.items() if item is not None}


def _module(value: object, folder: Path) -> Path:
    path = (folder / checked_text("space.module", value)).resolve()
    if not path.is_file():
        raise Refused(f"`space.module`: {path} is no file; write one there with `build(member, path, seed)`.")
    return path


def _space(parameters: object) -> Space:
    from paretofleet_analysis.search.space import space_of

    try:
        return space_of(parameters)  # type: ignore[arg-type]
    except AnalysisError as error:
        raise Refused(f"`space.parameters`: {error}.") from None


def _train(value: object, folder: Path) -> TrainCommand:
    keys = ("command", "seeds", "timeout", "memory", "disk")
    given = _mapping("`train`", value, keys, "command: [python, train.py], timeout: 10m")
    if "command" not in given:
        raise Refused("`train` has no `command`: write what trains a member, as in [python, train.py].")
    default = TrainCommand(())
    arguments = given["command"] if isinstance(given["command"], list) else [given["command"]]
    if not arguments:
        raise Refused("`train.command` is empty: write what trains a member, as in [python, train.py].")
    arguments = [checked_text("train.command", each) for each in arguments]
    missing = [each for each in arguments if each.endswith(".py") and not (folder / each).is_file()]
    if missing:
        raise Refused(f"`train.command`: {folder / missing[0]} is no file; write there what trains a member.")
    return TrainCommand(
        command=tuple(
            str((folder / word).resolve()) if (folder / word).is_file() else word for word in arguments
        ),
        seeds=checked_number("train.seeds", given.get("seeds", default.seeds), 1, SEEDS_MAX),
        timeout_s=_time("train.timeout", given.get("timeout", default.timeout_s)),
        memory_bytes=_size("train.memory", given.get("memory", default.memory_bytes), _MEMORY_BYTES),
        disk_bytes=_size("train.disk", given.get("disk", default.disk_bytes), _DISK_BYTES),
    )


def _time(key: str, value: object) -> float:
    """Seconds: a number, or a text such as 90s, 10m or 2h."""
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = float(match[1]) * _TIMES_S[match[2]] if match else value
    low, high = _TIMEOUT_S
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not low <= seconds <= high:
        raise Refused(f"`{key}`: {shown(value)} is no time from 1 s to a week; write 90s, 10m or 2h.")
    return float(seconds)


def _size(key: str, value: object, span: tuple[int, int]) -> int:
    """Bytes: a number, or a text such as 500MB or 4GiB."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    size = float(match[1]) * _SIZES[match[2]] if match else value
    if isinstance(size, bool) or not isinstance(size, int | float) or not span[0] <= size <= span[1]:
        raise Refused(
            f"`{key}`: {shown(value)} is no size from {span[0] >> 20} MiB to {span[1] >> 40} TiB; "
            "write 500MB or 4GiB."
        )
    return int(size)


def _measure(value: object, folder: Path) -> Spec:
    """The sweep of a batch, with the anchor as its only model."""
    given = _mapping("`measure`", value, (*MEASURE_KEYS, "anchor"), "runtimes: [onnxruntime]")
    anchor = given.pop("anchor", None)
    if anchor is None:
        raise Refused("`measure` has no `anchor`: name a model for it, as in `anchor: zoo:squeezenet1_1`.")
    for key in _SINGLE:
        if isinstance(given.get(key), list) and len(given[key]) > 1:
            raise Refused(
                f"`measure.{key}` has {len(given[key])} entries: give one, and start a search for each."
            )
    several = [name for name, sizes in _sizes(given).items() if isinstance(sizes, list) and len(sizes) > 1]
    if several:
        raise Refused(f"`measure.sizes.{several[0]}` has several: give one, and start a search for each.")
    try:
        spec = spec_from_mapping({"models": [checked_text("anchor", anchor)], "protocol": "quick", **given})
    except Refused as error:
        raise Refused(f"`measure`: {error}") from None
    return spec.resolved(folder)


def _sizes(measure: Mapping[str, Any]) -> Mapping[str, Any]:
    sizes = measure.get("sizes", {})
    return sizes if isinstance(sizes, dict) else {}


def _objectives(value: object, measure: Spec) -> tuple[str, ...]:
    names = checked_list("objectives", value, lambda key, name: checked_choice(key, name, tuple(OBJECTIVES)))
    if TOP1 not in names:
        raise Refused(f"`objectives` has no `{TOP1}`, which training gives: add it.")
    if not any(name != TOP1 for name in names):
        raise Refused(f"`objectives` has `{TOP1}` alone: add a cost, such as batch_latency_p90_s.")
    trained = [name for name in names if name.startswith("training_") or name == "step_s"]
    if trained:
        raise Refused(
            f"`objectives`: {trained[0]} is no cost of a member in use: choose what a sweep measures."
        )
    try:
        refuse_functions_of_each_other(names, one_batch_size=len(measure.batch_sizes) == 1)
    except AnalysisError as error:
        raise Refused(f"`objectives`: {error}.") from None
    return names


def _limits(value: object) -> dict[str, float]:
    given = _mapping("`limits`", value, tuple(OBJECTIVES), "top1: 60, batch_latency_p90_s: 0.05")
    for key, limit in given.items():
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        if not is_number or not 0 < limit < math.inf:
            unit = OBJECTIVES[key].unit
            raise Refused(
                f"`limits.{key}`: {shown(limit)} is no number above 0{f', in {unit}' if unit else ''}."
            )
    top1 = given.get(TOP1, 50.0)
    if not 1.0 < top1 < 100.0:
        hint = f"write {100 * top1:g} for a share of {top1:g}" if top1 <= 1.0 else "nothing reaches it"
        raise Refused(f"`limits.{TOP1}`: {top1:g} is no percentage between 1 and 100: {hint}.")
    return {key: float(limit) for key, limit in given.items()}


def _hand_made(value: object, space: Space) -> tuple[Mapping[str, Scalar], ...]:
    """The members that a user gives, each with the values of what is there."""
    from paretofleet_analysis.search.members import codes_of, values_of

    if not isinstance(value, list) or len(value) > HAND_MADE_MAX:
        raise Refused(
            f"`seeds`: {shown(value)} is no list of at most {HAND_MADE_MAX:,} members; "
            "write each as a mapping of its values."
        )
    members: list[Mapping[str, Scalar]] = []
    for number, each in enumerate(value, start=1):
        if not isinstance(each, Mapping):
            raise Refused(f"`seeds`: entry {number} is {shown(each)}: write a mapping of a member's values.")
        try:
            member = values_of(space, codes_of(space, each))
        except AnalysisError as error:
            raise Refused(f"`seeds`: in entry {number} {error}.") from None
        if member in members:
            raise Refused(
                f"`seeds`: entries {members.index(member) + 1} and {number} are one member: drop one."
            )
        members.append(member)
    return tuple(members)


def _control(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= CONTROL_MAX:
        raise Refused(f"`control`: {shown(value)} is no share from 0 to {CONTROL_MAX}, such as 0.1.")
    return float(value)


def _digests(module: Path, train: TrainCommand, folder: Path) -> dict[str, str]:
    """The SHA-256 of the code, by name from `folder`: the `module`, files that `train` names, their imports.

    Of files elsewhere only Python's count, unless they are installed: others are programs.
    """
    named = (path for path in map(Path, train.command) if path.is_absolute() and path.is_file())
    own = (
        path
        for path in named
        if path.is_relative_to(folder) or (path.suffix == ".py" and _INSTALLED.isdisjoint(path.parts))
    )
    scripts = [module, *own]
    sources = dict.fromkeys((*scripts, *(path for each in scripts for path in local_imports(each))))
    return {os.path.relpath(path, folder): _sha256(path) for path in sources}


def _digest_of(value: Mapping[str, Any]) -> str:
    """Of the values, whatever order and comments a file has them in."""
    return hashlib.sha256(canonical_json(value).encode(errors="surrogatepass")).hexdigest()


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from None
