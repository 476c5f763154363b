"""What a specification says of what is fed: sizes of free axes, laws of values, files of samples."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.values import (
    KEYS_MAX,
    checked_list,
    checked_number,
    checked_text,
)
from paretofleet_collector.suggest import did_you_mean

#: The laws by which values are drawn; without one the graph says which.
LAWS = ("normal", "bytes", "zipf", "uniform", "ones", "zeros")
#: Elements of one axis; 0 is an empty cache.
SIZE_MAX = 1 << 24
AXES_MAX = 16
#: The largest constant: what an int64 holds.
VALUE_MAX = 2**63 - 1
#: Stands for every input that an array of the file is called like.
EVERY_INPUT = "*"
_KEYS = ("shape", "values", "file", "sha256")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXAMPLE = "`inputs: {ids: {shape: [batch, 128], values: zipf}, x: samples.npz}`"

Inputs = Mapping[str, Mapping[str, Any]]


def checked_sizes(value: object) -> dict[str, tuple[int, ...]]:
    """The `value` as sizes of axes, each the alternatives to measure; raises Refused."""
    if not isinstance(value, dict):
        raise Refused("`sizes` is a mapping such as `{height: 640, sequence: [128, 512]}`.")
    if len(value) > KEYS_MAX:
        raise Refused(f"`sizes` has {len(value):,} axes; at most {KEYS_MAX} are accepted.")
    return {
        checked_text("sizes", name): checked_list(f"sizes.{name}", sizes, _checked_size)
        for name, sizes in value.items()
    }


def _checked_size(key: str, value: object) -> int:
    return checked_number(key, value, 0, SIZE_MAX)


def checked_inputs(value: object) -> dict[str, dict[str, Any]]:
    """The `value` as what is fed to each input, by its name; raises Refused.

    Each has what it needs of `shape`, `values` (a law or a number), `file` and `sha256`. One text alone is a
    file whose arrays are called like the inputs.
    """
    if isinstance(value, str):
        return {EVERY_INPUT: _checked_input("inputs", value)}
    if not isinstance(value, dict):
        raise Refused(f"`inputs` is a mapping such as {_EXAMPLE}, or the path of an .npz file.")
    if len(value) > KEYS_MAX:
        raise Refused(f"`inputs` has {len(value):,} names; at most {KEYS_MAX} are accepted.")
    names = {checked_text("inputs", name): fed for name, fed in value.items()}
    return {name: _checked_input(f"inputs.{name}", fed) for name, fed in names.items()}


def _checked_input(key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        return _checked_values(key, value)
    odd = next((each for each in value if each not in _KEYS), None)
    if odd is not None or not value:
        why = f"unknown key {shown(odd)}: {did_you_mean(str(odd)[:64], _KEYS)}" if value else "it is empty."
        raise Refused(f"`{key}`: {why} Write it as in {_EXAMPLE}.")
    given = {name: each for name, each in value.items() if each is not None}
    if len(given.keys() & {"values", "file", "sha256"}) > 1:
        raise Refused(f"`{key}` has more than one of values, file and sha256: keep one.")
    fed: dict[str, Any] = {}
    if "shape" in given:
        fed["shape"] = _checked_shape(f"{key}.shape", given["shape"])
    if "values" in given:
        fed |= _checked_values(f"{key}.values", given["values"])
    if "file" in given:
        fed["file"] = checked_text(f"{key}.file", given["file"])
    if "sha256" in given:
        if not _SHA256.fullmatch(str(given["sha256"])):
            raise Refused(f"`{key}.sha256`: {shown(given['sha256'])} is not the SHA-256 of a file.")
        fed["sha256"] = given["sha256"]
    return fed


def _checked_values(key: str, value: object) -> dict[str, Any]:
    """A law or a number, true and false as 1 and 0, or else the path of a file."""
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > VALUE_MAX:
            raise Refused(f"`{key}`: {shown(value)} is not a number that an input can hold.")
        return {"values": int(value) if value == int(value) else value}
    text = checked_text(key, value)
    if text in LAWS:
        return {"values": text}
    if not is_file(text):
        raise Refused(
            f"`{key}`: {shown(text)} is neither a law of values nor the path of an .npz file or a folder; "
            f"{did_you_mean(text, LAWS)}"
        )
    return {"file": text}


def is_file(text: str) -> bool:
    """Whether a `text` is meant as the path of a file of samples, or of a folder of them."""
    return "/" in text or "\\" in text or text in (".", "..") or text.endswith((".npz", ".npy"))


def _checked_shape(key: str, value: object) -> list[int | str]:
    if not isinstance(value, list) or len(value) > AXES_MAX:
        raise Refused(f"`{key}`: {shown(value)} is not a list of at most {AXES_MAX} sizes, as [batch, 128].")
    return [checked_text(key, axis) if isinstance(axis, str) else _checked_size(key, axis) for axis in value]


def files_of(inputs: Inputs) -> tuple[str, ...]:
    """The files that `inputs` name on this machine, each once."""
    return tuple(dict.fromkeys(fed["file"] for fed in inputs.values() if "file" in fed))


def with_hashes(inputs: Inputs, hashes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The `inputs` with the SHA-256 of each file in the place of its path, by the paths in `hashes`."""
    return {
        name: {
            **{key: each for key, each in fed.items() if key != "file"},
            **({"sha256": hashes[fed["file"]]} if "file" in fed else {}),
        }
        for name, fed in inputs.items()
    }


def check_sent(inputs: Inputs, files: Collection[str]) -> None:
    """Raises Refused for a path among `inputs`, NotFound for a file that is not among the `files` sent."""
    for name, fed in inputs.items():
        if "file" in fed:
            raise Refused(
                f"`inputs.{name}`: {shown(fed['file'])} is a file of your machine; submit the specification "
                "with `paretofleet sweep submit`, which sends it."
            )
        if "sha256" in fed and fed["sha256"] not in files:
            raise NotFound(
                f"`inputs.{name}`: the collector has no file of samples {fed['sha256'][:12]}; name the file "
                "itself again."
            )
