"""What a specification says of a labelled set: where it lies, and once it was sent, its files. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from paretofleet_graph import Description, from_json

from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.samples import TYPES, item_axes
from paretofleet_collector.planning.values import checked_number, checked_text
from paretofleet_collector.suggest import did_you_mean

#: The mode of runs that say what the items of a labelled set are.
ACCURACY = "accuracy"
#: The protocol of agents that know the mode.
ACCURACY_WIRE_VERSION = 3
LAYOUTS = ("nchw", "nhwc")
#: How an item becomes what a model is fed, as users say it; what they leave out is decided and recorded.
PREPARING = ("resize", "crop", "range", "mean", "std", "layout")
#: What stands in the place of `path` once the files were sent.
SENT = ("name", "sha256", "labels", "n", "classes", "tensors")
SIZE_MAX, ITEMS_MAX = 4_096, 10_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXAMPLE = "`data: digits`, `data: set.npz` or `data: {path: ./val, resize: 256, crop: 224}`"

Data = Mapping[str, Any]


def checked_data(value: object) -> dict[str, Any]:
    """The `value` as a labelled set: a `path` with how its items are prepared, or what was sent of one.

    Raises Refused.
    """
    if isinstance(value, str):
        return {"path": checked_text("data", value)}
    if not isinstance(value, dict):
        raise Refused(f"`data`: {shown(value)} is no labelled set; write {_EXAMPLE}.")
    given = {key: each for key, each in value.items() if each is not None}
    keys = SENT if "sha256" in given else ("path", *PREPARING)
    odd = next((key for key in given if key not in keys), None)
    if odd is not None:
        raise Refused(f"`data`: unknown key {shown(odd)}: {did_you_mean(str(odd)[:64], keys)}")
    if "sha256" in given:
        return _checked_sent(given)
    if "path" not in given:
        raise Refused(f"`data` has no path: write {_EXAMPLE}.")
    return {"path": checked_text("data.path", given["path"]), **_checked_preparing(given)}


def _checked_preparing(given: Mapping[str, Any]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key in ("resize", "crop"):
        if key in given:
            checked[key] = checked_number(f"data.{key}", given[key], 1, SIZE_MAX)
    if "range" in given:
        checked["range"] = _checked_numbers("data.range", given["range"])[0]
    for key in ("mean", "std"):
        if key in given:
            checked[key] = _checked_numbers(f"data.{key}", given[key])
    if 0 in checked.get("std", ()) or checked.get("range") == 0:
        raise Refused("`data`: a std or a range of 0 leaves nothing of an item; correct it.")
    if "layout" in given:
        if given["layout"] not in LAYOUTS:
            near = did_you_mean(str(given["layout"])[:64], LAYOUTS)
            raise Refused(f"`data.layout`: {shown(given['layout'])} is not offered; {near}")
        checked["layout"] = given["layout"]
    return checked


def _checked_numbers(key: str, value: object) -> list[float]:
    """One number, or one for each colour."""
    values = value if isinstance(value, list) else [value]
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(numbers) != len(values) or len(values) not in (1, 3) or not all(map(math.isfinite, numbers)):
        raise Refused(f"`{key}`: {shown(value)} is not a number, nor three for red, green and blue.")
    return [float(each) for each in numbers]


def _checked_sent(given: Mapping[str, Any]) -> dict[str, Any]:
    missing = next((key for key in SENT if key not in given), None)
    hashes = [given.get("sha256"), given.get("labels")]
    tensors = given.get("tensors")
    if missing is None and isinstance(tensors, list) and 1 <= len(tensors) <= 64:
        hashes += [each.get("sha256") if isinstance(each, dict) else None for each in tensors]
    else:
        hashes.append(None)
    is_whole = all(isinstance(each, str) and _SHA256.fullmatch(each) for each in hashes)
    if not is_whole or not all(isinstance(each.get("preprocessing"), dict) for each in tensors or ()):
        raise Refused("`data` has a SHA-256, but not all that was sent with it: name the set itself again.")
    return {
        "name": checked_text("data.name", given["name"])[:128],
        "sha256": given["sha256"],
        "labels": given["labels"],
        "n": checked_number("data.n", given["n"], 1, ITEMS_MAX),
        "classes": checked_number("data.classes", given["classes"], 1, ITEMS_MAX),
        "tensors": [
            {"sha256": each["sha256"], "preprocessing": each["preprocessing"]} for each in tensors or ()
        ],
    }


def check_alone(data: Data, modes: Collection[str], *, is_fed: bool, batch_sizes: int, repeats: int) -> None:
    """Raises Refused where a labelled set, `data`, and what else a specification says do not go together.

    `modes`: their names; `is_fed`: whether it says what inputs are fed; how many `batch_sizes` it has, and
    how many `repeats` at the most.
    """
    if ACCURACY not in modes:
        if data:
            raise Refused("`data` is for `mode: accuracy`: write that, or leave `data` out.")
        return
    if not data:
        raise Refused(f"`mode: accuracy` needs a labelled set: write {_EXAMPLE}.")
    if len(modes) > 1:
        raise Refused(
            "`mode: accuracy` stands alone, since one run of it tells all: submit the timed modes as another "
            "sweep, whose report has the accuracy too."
        )
    if is_fed:
        raise Refused("`inputs`: in mode accuracy a model is fed the items of `data`; leave `inputs` out.")
    if batch_sizes > 1:
        raise Refused("`batch_sizes`: an item's class does not depend on them; give one for mode accuracy.")
    if repeats > 1:
        raise Refused("`repeats`: an evaluation is run once, its items are its repeats; leave it out.")


def sent_files(data: Data) -> tuple[str, ...]:
    """The SHA-256 of every file that was sent for the set `data`: its labels, then its tensors."""
    return () if "labels" not in data else (data["labels"], *(each["sha256"] for each in data["tensors"]))


def check_data_sent(data: Data, files: Collection[str]) -> None:
    """Raises Refused for a path in `data`, NotFound for a file of it that is not among the `files` sent."""
    if "path" in data:
        raise Refused(
            f"`data`: {shown(data['path'])} is of your machine; submit the specification with `paretofleet "
            "sweep submit`, which sends it."
        )
    for sha256 in sent_files(data):
        if sha256 not in files:
            raise NotFound(
                f"`data`: the collector has no file {sha256[:12]} of it; name the set itself again."
            )


def wanted_of(variant: Variant, sizes: Mapping[str, int]) -> tuple[tuple[int | str, ...], str]:
    """The axes of one item that the `variant` takes, and numpy's name of its type; raises Refused.

    `sizes`: of free axes, by name.
    """
    if not variant.graph:
        raise Refused("what it takes was never read: add its file again.")
    graph = from_json(dict(variant.graph))
    item = next(each for each in graph.inputs if each.name == input_of(graph, variant.model))
    if item.type not in TYPES:
        raise Refused(f"its input {item.name} is {item.type}, which no labelled set has.")
    given = {**variant.sizes, **sizes}
    axes = item_axes(graph, item, given)
    return tuple(given.get(axis, axis) if isinstance(axis, str) else axis for axis in axes), TYPES[item.type]


def input_of(graph: Description, called: str) -> str:
    """The one input of `graph` that is fed the items of a set; raises Refused, `called` so is the model."""
    if len(graph.inputs) != 1:
        names = ", ".join(item.name for item in graph.inputs[:8])
        raise Refused(
            f"{called} has {len(graph.inputs)} inputs ({names}); an evaluation feeds one: export it with one."
        )
    return graph.inputs[0].name


def check_classes(graph: Description, classes: int, called: str) -> None:
    """Raises Refused where no output of `graph`, of a model `called` so, has as many `classes`, by its shape.

    Shapes that a file leaves open are looked at on the device.
    """
    sizes = []
    for output in graph.outputs:
        rest = (output.axes or (None,))[1:]
        if not output.axes or not all(isinstance(axis, int) for axis in rest):
            return
        sizes.append(math.prod(axis for axis in rest if isinstance(axis, int)))
    if sizes and max(sizes) < classes:
        raise Refused(
            f"the labels go up to {classes - 1}, and {called} has {max(sizes)} classes: the labels are of "
            "another task."
        )


def of_configuration(data: Data, tensors: Data) -> dict[str, Any]:
    """What of the set `data`, as `tensors`, one of its kinds, is part of a configuration's identity."""
    kept = {key: data[key] for key in ("sha256", "labels", "n", "classes")}
    return {**kept, "preprocessing": tensors["preprocessing"]}


def candidates(
    data: Data, name: str, files: Mapping[str, InputFile]
) -> Iterator[tuple[Data, dict[str, Any]]]:
    """Each kind of tensors of `data` that was sent, with what it feeds the input `name`; `files` has them."""
    for tensors in data["tensors"]:
        if tensors["sha256"] in files:
            yield tensors, {name: {"sha256": tensors["sha256"]}}
