"""What a run is fed, by what its graph asks for and by what was given: shapes, laws, samples."""

import hashlib
import os
from typing import Any, Dict, Mapping, NamedTuple, Tuple

import paretofleet_graph as graph
from paretofleet_graph import Description, GraphRefused, Law

from . import samples
from .failure import RunFailed

#: Inputs of which a run records what it fed; a model with more is recorded by these.
RECORDED_MAX = 32
HASH_STEP_BYTES = 1 << 20
#: In the place of a name: a file feeds every input that has an array in it.
ALL = ""


class Feeding(NamedTuple):
    """What is fed, by the inputs' names: `shapes`, numpy's `types`, and `laws` of what is drawn.

    `samples`: the user's own arrays, numpy's, and `batch_axes`: along which axis they are put together, None
    where each is a whole input. `files`: where they come from.
    """

    shapes: Dict[str, Tuple[int, ...]]
    types: Dict[str, str]
    laws: Dict[str, Law]
    samples: Dict[str, Any]
    batch_axes: Dict[str, Any]
    files: Dict[str, str]
    seed: int


def describe(request: Mapping[str, Any]) -> Description:
    """What the graph of the model of `request` asks for. Raises RunFailed where nobody can read it."""
    about = request.get("graph")
    if about is not None:
        return graph.from_json(about)
    try:
        return graph.read(request["artifact"])
    except GraphRefused as error:
        raise RunFailed("unsupported", str(error)) from error


def feeding(description: Description, request: Mapping[str, Any]) -> Feeding:
    """What the run of `request` is fed, whose graph `description` describes.

    Raises RunFailed, with one sentence, where that cannot be.
    """
    try:
        return _feeding(description, request)
    except GraphRefused as error:
        raise RunFailed("unsupported", str(error)) from error


def _feeding(description: Description, request: Mapping[str, Any]) -> Feeding:
    values = {name: dict(about) for name, about in (request.get("inputs") or {}).items()}
    everywhere = values.pop(ALL, None)
    if everywhere is not None:
        names = samples.names_in(everywhere["file"], [each.name for each in description.inputs])
        values = dict(dict.fromkeys(names, everywhere), **values)
    graph.laws(description, values)  # names and laws, before any file is opened
    items = {each.name: each for each in description.inputs}
    files = {name: about["file"] for name, about in values.items() if "file" in about}
    given = {name: samples.load(path, items[name], description) for name, path in files.items()}
    for name, array in given.items():
        values[name]["shape"] = samples.shape_of(array, items[name], description)
    shapes = graph.shapes(description, request["batch_size"], request.get("sizes") or {}, values)
    samples.check_counts({name: each.values for name, each in given.items() if each.rotates})
    return Feeding(
        shapes=shapes,
        types={name: each.type for name, each in items.items()},
        laws={
            name: _settled(law, shapes, description) for name, law in graph.laws(description, values).items()
        },
        samples={name: each.values for name, each in given.items()},
        batch_axes={name: each.batch_axis for name, each in given.items() if each.rotates},
        files=files,
        seed=request["seed"],
    )


def fed(feeding: Feeding) -> Dict[str, Any]:
    """What a run records of its `feeding`: of each input the shape, the law, or the file's hash."""
    recorded: Dict[str, Any] = {}
    for name in list(feeding.shapes)[:RECORDED_MAX]:
        about: Dict[str, Any] = {"shape": list(feeding.shapes[name])}
        if name in feeding.laws:
            about.update(graph.law_json(feeding.laws[name]))
        else:
            about["sha256"] = _sha256(feeding.files[name])
            about["samples"] = len(feeding.samples[name]) if name in feeding.batch_axes else 1
        recorded[name] = about
    if len(feeding.shapes) > RECORDED_MAX:
        recorded["..."] = {"inputs": len(feeding.shapes)}
    return recorded


def _settled(law: Law, shapes: Mapping[str, Tuple[int, ...]], description: Description) -> Law:
    """The `law` with the size of the axis by which it is bounded."""
    if not isinstance(law.below, str):
        return law
    for each in description.inputs:
        for axis, size in zip(each.axes or (), shapes[each.name]):
            if axis == law.below:
                return law._replace(below=size)
    raise GraphRefused("axis %s, which bounds the values of an input, has no size" % law.below)


def _sha256(path: str) -> str:
    """The hash of a file, or of all in a folder in the order of their names."""
    digest = hashlib.sha256()
    paths = [path]
    if os.path.isdir(path):
        paths = [os.path.join(path, name) for name in sorted(os.listdir(path))]
    for each in paths:
        with open(each, "rb") as handle:
            for part in iter(lambda: handle.read(HASH_STEP_BYTES), b""):
                digest.update(part)
    return digest.hexdigest()
