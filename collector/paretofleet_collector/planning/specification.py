"""A sweep's specification: what a user writes as YAML or flags, checked and with its defaults filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.suggest import did_you_mean

PRECISIONS = ("native", "fp32", "tf32", "fp16", "bf16", "int8")
#: What agents can do today; the other modes and scopes of the design are refused by name.
MODES = ("latency", "throughput")
TIMING_SCOPES = ("copy+compute",)
BATCH_SIZE_MAX = 65_536
THREADS_MAX = 4_096
RUNS_MAX = 1_000
_KEYS = (
    "name",
    "models",
    "devices",
    "targets",
    "runtimes",
    "options",
    "precisions",
    "batch_sizes",
    "threads",
    "mode",
    "timing_scope",
    "protocol",
    "repeats",
    "adaptive",
    "seed",
)
#: The uses whose ranking may choose later blocks; `true` is the first that ranks a batch size asked for.
ADAPTIVE = ("realtime", "offline")
#: A ranking says nothing of what has fewer runs (`paretofleet_analysis.intervals.RUNS_MIN`).
ADAPTIVE_RUNS_MIN = 3
T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Spec:
    """What a sweep runs. Every list is non-empty, in the user's order and without repetitions.

    `devices` maps a label, or `class`, `name`, to the values that match; empty: every device.
    `threads` None: the device's default. `name` may be empty until it is submitted.
    """

    models: tuple[str, ...]
    name: str = ""
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ("cpu",)
    runtimes: tuple[str, ...] = ("onnxruntime",)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    precisions: tuple[str, ...] = ("native",)
    batch_sizes: tuple[int, ...] = (1,)
    threads: tuple[int | None, ...] = (None,)
    mode: str = "latency"
    timing_scope: str = "copy+compute"
    protocol: str = "standard"
    repeats: Repeats = field(default_factory=lambda: _repeats_of("standard", seed=1))

    def to_json(self) -> str:
        """The specification as JSON with the keys of the YAML; `from_json` reads it back."""
        repeats = self.repeats
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
                "threads": list(self.threads),
                "mode": self.mode,
                "timing_scope": self.timing_scope,
                "protocol": self.protocol,
                "repeats": {
                    "min": repeats.runs_min,
                    "max": repeats.runs_max,
                    "relative_half_width": repeats.relative_half_width,
                    "boots": repeats.boots,
                },
                "adaptive": repeats.adaptive or False,
                "seed": repeats.seed,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """The specification in a JSON text; raises Refused with the key and the fix."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused(f"The specification is not JSON: {error}.") from None
        return from_mapping(value)

    def local_models(self) -> tuple[str, ...]:
        """The models that are files on this machine, to be added before the sweep is submitted."""
        return tuple(model for model in self.models if is_local(model))

    def with_models(self, names: Mapping[str, str]) -> Spec:
        """The same with each model that is a key of `names` replaced by its value."""
        return replace(self, models=_unique(names.get(model, model) for model in self.models))

    def resolved(self, base: Path) -> Spec:
        """The same with the paths of local models made absolute, read from the folder `base`."""
        return self.with_models({model: str((base / model).resolve()) for model in self.local_models()})


def is_local(model: str) -> bool:
    """True for a model written as a path (`./mine.onnx`) instead of a name."""
    return not model.startswith("zoo:") and ("/" in model or "\\" in model or model.endswith(".onnx"))


class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Builds a mapping; raises ConstructorError on a repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            text = str(key.value)
            if text in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{text}' is written twice", key.start_mark
                )
            seen.add(text)
        return super().construct_mapping(node, deep=deep)


def parse_yaml(text: str, base: Path) -> Spec:
    """The specification in a YAML text; paths of models are relative to the folder `base`.

    Raises Refused with one sentence that names the key and the fix.
    """
    return from_mapping(mapping_of(text)).resolved(base)


def mapping_of(text: str) -> Any:
    """What a YAML text says, unchecked; raises Refused where it is not YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise Refused(f"The specification is not YAML{where}: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Refused(f"The specification is not YAML: {' '.join(str(error).split())}.") from None


def from_mapping(value: object) -> Spec:
    """The specification in a parsed YAML or JSON object; raises Refused with the key and the fix."""
    if not isinstance(value, dict):
        raise Refused("A specification is a mapping with at least `models: [...]`.")
    for key in value:
        if key not in _KEYS:
            raise Refused(f"Unknown key '{key}': {did_you_mean(str(key), _KEYS, most=len(_KEYS))}")
    given = {key: item for key, item in value.items() if item is not None}
    if "models" not in given:
        raise Refused("`models` is missing: name at least one, as in `models: [zoo:resnet50]`.")
    protocol = _choice("protocol", given.get("protocol", "standard"), tuple(PROTOCOLS))
    runtimes = _list("runtimes", given.get("runtimes", ["onnxruntime"]), _word)
    batch_sizes = _list("batch_sizes", given.get("batch_sizes", [1]), _batch_size)
    repeats = _repeats(given.get("repeats", {}), protocol, _seed(given.get("seed", 1)))
    return Spec(
        name=_name(given.get("name", "")),
        models=_list("models", given["models"], _word),
        devices=_selector(given.get("devices", {})),
        targets=_list("targets", given.get("targets", ["cpu"]), _word),
        runtimes=runtimes,
        options=_options(given.get("options", {}), runtimes),
        precisions=_list("precisions", given.get("precisions", ["native"]), _precision),
        batch_sizes=batch_sizes,
        threads=_list("threads", given.get("threads", [None]), _threads),
        mode=_choice("mode", given.get("mode", "latency"), MODES),
        timing_scope=_choice("timing_scope", given.get("timing_scope", "copy+compute"), TIMING_SCOPES),
        protocol=protocol,
        repeats=_adaptive(given.get("adaptive", False), repeats, batch_sizes),
    )


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))


def _list(key: str, value: object, item: Callable[[str, object], T]) -> tuple[T, ...]:
    """A non-empty list of checked items; a single value counts as a list of one."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise Refused(f"`{key}` is empty: give at least one value or leave the key out.")
    return _unique(item(key, one) for one in values)


def _word(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Refused(
            f"`{key}`: {value!r} is not a name; write text, in quotes where YAML reads it otherwise."
        )
    return value.strip()


def _whole(key: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(f"`{key}`: {value!r} is not a whole number from {low} to {high}.")
    return value


def _choice(key: str, value: object, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise Refused(f"`{key}`: {value!r} is not offered; {did_you_mean(str(value), choices)}")
    return value


def _precision(key: str, value: object) -> str:
    return _choice(key, value, PRECISIONS)


def _batch_size(key: str, value: object) -> int:
    return _whole(key, value, 1, BATCH_SIZE_MAX)


def _threads(key: str, value: object) -> int | None:
    return None if value is None else _whole(key, value, 1, THREADS_MAX)


def _seed(value: object) -> int:
    return _whole("seed", value, 0, 2**63 - 1)


def _name(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refused(
            f"`name`: {value!r} is not a sweep's name; "
            "use up to 64 letters, digits, dots, hyphens and underscores."
        )
    return value


def _selector(value: object) -> dict[str, tuple[str, ...]]:
    """The label selector; a list (or one text) is a list of device names."""
    if isinstance(value, str | list):
        return {"name": _list("devices", value, _word)}
    if not isinstance(value, dict):
        raise Refused("`devices` is a list of names or a selector such as `{class: jetson-tx2}`.")
    return {_word("devices", key): _list(f"devices.{key}", wanted, _word) for key, wanted in value.items()}


def _options(value: object, runtimes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise Refused("`options` is a mapping such as `{onnxruntime: {}}`.")
    result: dict[str, dict[str, Any]] = {}
    for runtime, options in value.items():
        if runtime not in runtimes:
            raise Refused(
                f"`options` names the runtime '{runtime}', which is not in `runtimes`: {', '.join(runtimes)}."
            )
        if not isinstance(options, dict | None):
            raise Refused(f"`options.{runtime}` is not a mapping of options to values.")
        for key, setting in (options or {}).items():
            if not isinstance(key, str) or not isinstance(setting, str | int | float | bool):
                raise Refused(f"`options.{runtime}.{key}`: {setting!r} is not text, a number or true/false.")
        if options:
            result[runtime] = dict(options)
    return result


def _repeats_of(protocol: str, *, seed: int) -> Repeats:
    known = PROTOCOLS[protocol]
    return Repeats(known.runs_min, known.runs_max, known.relative_half_width, seed)


def _repeats(value: object, protocol: str, seed: int) -> Repeats:
    """The protocol's repeats, changed by what is given; one number is both `min` and `max`."""
    default = _repeats_of(protocol, seed=seed)
    if isinstance(value, int) and not isinstance(value, bool):
        value = {"min": value, "max": value}
    if not isinstance(value, dict):
        raise Refused(
            "`repeats` is a number or a mapping such as `{min: 5, max: 20, relative_half_width: 0.02}`."
        )
    known = ("min", "max", "relative_half_width", "boots")
    for key in value:
        if key not in known:
            raise Refused(f"Unknown key 'repeats.{key}': {did_you_mean(str(key), known)}")
    given = {key: item for key, item in value.items() if item is not None}
    low = _whole("repeats.min", given["min"], 1, RUNS_MAX) if "min" in given else None
    high = _whole("repeats.max", given["max"], 1, RUNS_MAX) if "max" in given else None
    if low is None:
        low = default.runs_min if high is None else min(default.runs_min, high)
    if high is None:
        high = max(default.runs_max, low)
    if low > high:
        raise Refused(f"`repeats`: min {low} is more than max {high}.")
    width = given.get("relative_half_width", default.relative_half_width)
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width < 1:
        raise Refused(
            f"`repeats.relative_half_width`: {width!r} is not a fraction between 0 and 1, such as 0.02."
        )
    boots = _whole("repeats.boots", given.get("boots", 1), 1, RUNS_MAX)
    if boots > low:
        raise Refused(f"`repeats`: {boots} boots need at least as many blocks; raise min from {low}.")
    return Repeats(low, high, float(width), seed, boots=boots)


def _adaptive(value: object, repeats: Repeats, batch_sizes: tuple[int, ...]) -> Repeats:
    """The repeats with the use whose ranking chooses their later blocks, where one shall."""
    if value is False:
        return repeats
    use = ("realtime" if 1 in batch_sizes else "offline") if value is True else value
    if not isinstance(use, str) or use not in ADAPTIVE:
        raise Refused(f"`adaptive`: {value!r} is not offered; write true, false, {' or '.join(ADAPTIVE)}.")
    if use == "realtime" and 1 not in batch_sizes:
        raise Refused(
            "`adaptive: realtime` ranks batch size 1, which `batch_sizes` does not have; write `offline`."
        )
    if repeats.runs_min < ADAPTIVE_RUNS_MIN:
        raise Refused(
            f"`adaptive` ranks what has {ADAPTIVE_RUNS_MIN} runs or more; raise `repeats.min` from "
            f"{repeats.runs_min} to {ADAPTIVE_RUNS_MIN} at least."
        )
    if repeats.runs_min == repeats.runs_max:
        raise Refused(
            f"`adaptive` has nothing to choose where every configuration gets {repeats.runs_min} runs; "
            "raise `repeats.max`, as in `repeats: {min: 5, max: 20}` or `--repeats 5-20`."
        )
    return replace(repeats, adaptive=use)
