"""Recipes: how a variant is made from its parent. Frozen data and pure functions, for every room."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.canonical import canonical_json
from paretofleet_collector.suggest import did_you_mean

#: Seeded items by which a static quantisation is calibrated where nobody gives samples.
SEEDED_ITEMS = 32
#: Of the user's samples at most so many calibrate, and fewer than the least say too little of ranges.
SAMPLES_MAX, SAMPLES_MIN = 128, 8
CENTROIDS_MAX = 256


@dataclass(frozen=True)
class Calibration:
    """By what the ranges of activations are found: `items` of a file of samples, or seeded ones.

    `sha256` and `name`: of the file, empty for items that are drawn by the graph's own laws.
    """

    items: int = SEEDED_ITEMS
    sha256: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """For people: `seeded: 32 items`."""
        named = f"{self.name} ({self.sha256[:12]})" if self.sha256 else "seeded"
        return f"{named}: {self.items} items"


@dataclass(frozen=True)
class RecipeKind:
    """A kind of recipe: the word for what it does, its variant's name, the precision it gives weights.

    `weights` None: that of its parent. `parameters`: their defaults.
    """

    called: str
    variant: str
    weights: str | None
    parameters: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, RecipeKind] = {
    "static": RecipeKind(
        "static quantisation to int8 (QDQ)",
        "int8-static",
        "int8",
        {"calibration": {}, "per_channel": True, "reduce_range": False},
    ),
    "dynamic": RecipeKind("dynamic quantisation to int8", "int8-dynamic", "int8", {"reduce_range": False}),
    "int4": RecipeKind("quantisation of weights to int4", "int4", "int4", {"block_size": 32}),
    "fp16": RecipeKind("conversion to fp16", "fp16", "fp16"),
    "bf16": RecipeKind("storage of weights in bf16", "bf16", "bf16"),
    "prune": RecipeKind("magnitude pruning", "pruned", None, {"sparsity": 0.5}),
    "cluster": RecipeKind("weight clustering", "clustered", None, {"centroids": 16}),
}


@dataclass(frozen=True)
class Recipe:
    """How a variant is made: a kind of KINDS and each of its parameters."""

    kind: str
    parameters: Mapping[str, Any] = field(hash=False)

    @property
    def calibration(self) -> Calibration | None:
        """What a static quantisation is calibrated by; None of other kinds."""
        given = self.parameters.get("calibration")
        return None if given is None else Calibration(**given)

    def as_json(self) -> dict[str, Any]:
        """The recipe as a JSON object."""
        return {"kind": self.kind, **self.parameters}

    @property
    def variant(self) -> str:
        """What its variant is called: int8-static, pruned-50, clustered-16."""
        name = KINDS[self.kind].variant
        if self.kind == "prune":
            return f"{name}-{100 * self.parameters['sparsity']:g}"
        if self.kind == "cluster":
            return f"{name}-{self.parameters['centroids']}"
        return f"{name}-7bit" if self.parameters.get("reduce_range") else name

    @property
    def text(self) -> str:
        """For people: `static quantisation to int8 (QDQ), per channel, calibrated by seeded: 32 items`."""
        given = self.parameters
        details = {
            "static": ["per channel"] if given.get("per_channel") else [],
            "int4": [f"blocks of {given.get('block_size')}"],
            "prune": [f"{100 * given.get('sparsity', 0):g} % of each layer's weights"],
            "cluster": [f"{given.get('centroids')} centroids a layer"],
        }.get(self.kind, [])
        if given.get("reduce_range"):
            details.append("weights in 7 bits")
        if self.calibration is not None:
            details.append(f"calibrated by {self.calibration.text}")
        return ", ".join([KINDS[self.kind].called, *details])


def recipe_of(about: Mapping[str, Any]) -> Recipe:
    """The recipe in a JSON object `about`, with defaults for what it leaves out; raises Refused."""
    kind = about.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refused(f"'{kind}' is no kind of recipe: {did_you_mean(str(kind), KINDS)}")
    defaults = KINDS[kind].parameters
    odd = next((name for name in about if name != "kind" and name not in defaults), None)
    if odd is not None:
        raise Refused(f"the recipe {kind} has no parameter '{odd}': {did_you_mean(odd, defaults)}")
    given = {name: about.get(name, default) for name, default in defaults.items()}
    for name, value in given.items():
        _check(name, value)
    if "calibration" in given:
        calibration = Calibration(**given["calibration"])
        given["calibration"] = {
            "items": calibration.items,
            "sha256": calibration.sha256,
            "name": calibration.name,
        }
    return Recipe(kind, given)


def _check(name: str, value: Any) -> None:
    """Raises Refused for a value that the parameter `name` cannot have."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if name in ("per_channel", "reduce_range") and not isinstance(value, bool):
        raise Refused(f"`{name}` is true or false, not {value!r}.")
    if name == "sparsity" and not (isinstance(value, float) and 0 < value < 1):
        raise Refused(f"a sparsity is a share above 0 and below 1, such as 0.5, not {value!r}.")
    if name == "centroids" and not (is_whole and 2 <= value <= CENTROIDS_MAX):
        raise Refused(f"a layer has 2 to {CENTROIDS_MAX} centroids, not {value!r}.")
    if name == "block_size" and value not in (16, 32, 64, 128, 256):
        raise Refused(f"a block has 16, 32, 64, 128 or 256 weights, not {value!r}.")
    if name == "calibration":
        if not isinstance(value, Mapping) or not set(value) <= {"items", "sha256", "name"}:
            raise Refused("a calibration has `items`, and of a file its `sha256` and `name`.")
        items = value.get("items", SEEDED_ITEMS)
        if not isinstance(items, int) or not SAMPLES_MIN <= items <= SAMPLES_MAX:
            raise Refused(
                f"{items} items calibrate too little or too slowly: {SAMPLES_MIN} to {SAMPLES_MAX}."
            )


def recorded(recipe: Recipe, tools: Mapping[str, str]) -> str:
    """The canonical JSON that a variant keeps of its `recipe` and of the versions of the `tools` it used."""
    return canonical_json({**recipe.as_json(), "tools": dict(tools)})


def key_of(parent: str, record: str) -> str:
    """What a variant of the file `parent` (SHA-256) with that `record` is found by: not by a file's name."""
    about = json.loads(record)
    calibration = {name: value for name, value in about.get("calibration", {}).items() if name != "name"}
    return f"{parent} {canonical_json({**about, 'calibration': calibration})}"


def recipe_in(record: str) -> Recipe | None:
    """The recipe in what `recorded` wrote, None where the `record` is empty: nobody made the variant here."""
    if not record:
        return None
    about = json.loads(record)
    return recipe_of({name: value for name, value in about.items() if name != "tools"})


def tools_in(record: str) -> str:
    """The tools in the `record` that `recorded` wrote, for people: `numpy 2.4.6, onnx 1.23.2`."""
    tools: Mapping[str, str] = json.loads(record).get("tools", {}) if record else {}
    return ", ".join(f"{name} {version}" for name, version in tools.items())
