"""What is known of a graph: frozen data, no logic."""

from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

#: A number, the name of an axis of any size, or None for an axis without size and name.
Axis = Union[int, str, None]

#: The laws by which values are drawn, as users write them; a number is a law, too: a constant.
LAWS = ("normal", "bytes", "zipf", "uniform", "ones", "zeros")
#: The formats of files; all runtimes but LiteRT read ONNX.
ONNX, TFLITE = "onnx", "tflite"
#: A law that only the graph gives: every value is the size of an axis.
LENGTH = "length"


class Law(NamedTuple):
    """How the values of an input are drawn.

    `values`: one of LAWS, or LENGTH. `below`: integers are 0 to below - 1; a number, or the key of an axis
    whose size it is. `sure`: whether the graph itself says so; `why`: which part of it. `quantised`: scale
    and zero point of integers that stand for reals, whose law it then is; None of all others.
    """

    values: str
    below: Union[int, str, None] = None
    sure: bool = True
    why: str = ""
    quantised: Optional[Tuple[float, int]] = None
    span: Optional[Tuple[float, float]] = None


class Input(NamedTuple):
    """An input: its name, its type in the words of ONNX Runtime, its axes (None: it is no tensor with axes).

    `law`: how its values are drawn, None where nothing can be drawn. `decides`: what its values decide, so
    that somebody has to give them; else empty.
    """

    name: str
    type: str
    axes: Optional[Tuple[Axis, ...]]
    law: Optional[Law] = None
    decides: str = ""


class Output(NamedTuple):
    """An output: its name, its type in the words of ONNX Runtime, its axes (None: not declared)."""

    name: str
    type: str
    axes: Optional[Tuple[Axis, ...]]


class Description(NamedTuple):
    """What a graph asks for.

    `batch`: the key of the batch axis, None where it has none or where it cannot be told; `candidates`: the
    keys between which nothing decides. `fixed_batch_size`: the only batch size that the file takes, None for
    any. `free`: keys of the axes whose sizes must be given. `precision`: what its operators compute in, by
    their types: fp64, fp32, fp16, bf16, fp8, int8, int4, int2 or mixed; `precisions`: every one of them.
    `random`: operators that draw numbers. `mixes`: operators in which items of a batch change one another's
    values. `format`: of the file, ONNX or TFLITE. `parameters`: how many weights it has, None where an
    operator may hide some; `weights_precision`: in what 90 % of their bytes are kept. `accuracy_levels`: of
    its products with packed weights.
    """

    name: str
    inputs: Tuple[Input, ...]
    outputs: Tuple[Output, ...]
    batch: Optional[str]
    candidates: Tuple[str, ...]
    fixed_batch_size: Optional[int]
    free: Tuple[str, ...]
    precision: str
    random: Tuple[str, ...]
    mixes: Tuple[str, ...]
    operators: Dict[str, int]
    precisions: Tuple[str, ...] = ()
    format: str = ONNX
    parameters: Optional[int] = None
    weights_precision: str = ""
    accuracy_levels: Tuple[int, ...] = ()


def axis_key(name: str, number: int, axis: Axis) -> str:
    """How the free `axis`, the `number`-th of the input `name`, is called: its own name, or INPUT.NUMBER.

    >>> axis_key("x", 2, "height"), axis_key("x", 2, None)
    ('height', 'x.2')
    """
    return axis if isinstance(axis, str) and axis and axis != "?" else "%s.%d" % (name, number)


def as_json(description: Description) -> Dict[str, Any]:
    """The `description` as JSON holds it; what only tflite files have is absent from that of others."""
    about = dict(description._asdict())
    if description.format == ONNX:
        del about["format"]
    about["inputs"] = [dict(each._asdict(), law=_law_json(each.law)) for each in description.inputs]
    about["outputs"] = [dict(each._asdict()) for each in description.outputs]
    return about


def from_json(about: Mapping[str, Any]) -> Description:
    """The description of which `about` is the JSON, also of another version of this package.

    Raises KeyError and TypeError for anything else.
    """
    fields = {name: about[name] for name in Description._fields if name in about}
    fields["inputs"] = tuple(_input(each) for each in about["inputs"])
    fields["outputs"] = tuple(
        Output(each["name"], each["type"], _axes(each["axes"])) for each in about["outputs"]
    )
    for name in ("candidates", "free", "precisions", "random", "mixes", "accuracy_levels"):
        fields[name] = tuple(about.get(name, ()))
    return Description(**fields)


def _law_json(law: Optional[Law]) -> Optional[Dict[str, Any]]:
    if law is None:
        return None
    about = dict(law._asdict())
    if law.quantised is None:
        del about["quantised"]
    if law.span is None:
        del about["span"]
    return about


def _input(each: Mapping[str, Any]) -> Input:
    law = None if each["law"] is None else Law(**each["law"])
    if law is not None and law.quantised is not None:
        law = law._replace(quantised=(law.quantised[0], law.quantised[1]))
    if law is not None and law.span is not None:
        law = law._replace(span=(law.span[0], law.span[1]))
    return Input(each["name"], each["type"], _axes(each["axes"]), law, each["decides"])


def _axes(axes: Optional[Sequence[Axis]]) -> Optional[Tuple[Axis, ...]]:
    return None if axes is None else tuple(axes)
