"""The law of each input's values: the graph's own, or what was given for it."""

from typing import Any, Dict, Mapping, Union

from .errors import GraphRefused
from .model import LAWS, Description, Input, Law
from .sizes import UNDRAWN, Values, example_of

REALS = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(bfloat16)")
GIVEN = "given"


def laws(description: Description, values: Values) -> Dict[str, Law]:
    """{name: law} of the inputs of `description` that no file feeds, by `values` where they say something.

    Raises GraphRefused for an input that there is not, a law that does not fit its type or its table, and
    an input that decides the work without a value.
    """
    items = {each.name: each for each in description.inputs}
    for name in values:
        if name not in items:
            raise GraphRefused("the model has no input %s; it has %s" % (name, ", ".join(items) or "none"))
    drawn = {}
    for name, item in items.items():
        about = values.get(name, {})
        if "file" in about or "sha256" in about:
            continue
        if "values" in about:
            drawn[name] = _given(item, about["values"])
        elif item.decides:
            raise GraphRefused(
                "input %s decides the work (%s): give its value, as in --input %s=%s"
                % (name, item.decides, name, example_of(item))
            )
        elif item.law is None:
            raise GraphRefused(UNDRAWN % (name, item.type, name))
        else:
            drawn[name] = item.law
    return drawn


def law_json(law: Law) -> Mapping[str, Any]:
    """What a run records of the `law`: what is there, and whether the graph was sure."""
    about: Dict[str, Any] = {"values": law.values, "below": law.below, "why": law.why or None}
    if law.quantised is not None:
        about["quantised"] = list(law.quantised)
    if law.span is not None:
        about["span"] = list(law.span)
    kept = {key: value for key, value in about.items() if value is not None}
    return kept if law.sure else dict(kept, unsure=True)


def constant_of(law: Law) -> Union[float, None]:
    """The number that every value is by the `law`; None where values differ."""
    try:
        return float(law.values)
    except ValueError:
        return {"ones": 1.0, "zeros": 0.0}.get(law.values)


def _given(item: Input, values: Any) -> Law:
    """The law of an input for which `values` were given: a word or a number."""
    is_real = item.type in REALS
    below = item.law.below if item.law is not None else None
    quantised = item.law.quantised if item.law is not None else None
    if isinstance(values, (bool, int, float)):
        number = float(values)
        if not is_real and number != int(number):
            raise GraphRefused("input %s is %s, and takes no %s" % (item.name, item.type, values))
        if isinstance(below, int) and not is_real and not -below <= number < below:
            raise GraphRefused(
                "input %s picks from a table of %d rows, and %s is beyond it" % (item.name, below, values)
            )
        return Law(repr(number) if is_real else str(int(number)), None, True, GIVEN)
    if values not in LAWS:
        raise GraphRefused(
            "input %s takes a number, a file or one of %s, not %s" % (item.name, ", ".join(LAWS), values)
        )
    if values == "normal" and quantised is not None:
        return Law(values, None, True, GIVEN, quantised)
    if (values == "normal") > is_real or (values == "zipf" and is_real and below is None):
        raise GraphRefused("input %s is %s, which is not drawn by %s" % (item.name, item.type, values))
    if values in ("zipf", "uniform") and not is_real and below is None and item.type != "tensor(bool)":
        raise GraphRefused(
            "the graph does not say how large the values of input %s may be: give a number or a file, "
            "as in --input %s=samples.npz" % (item.name, item.name)
        )
    span = item.law.span if item.law is not None and values == "uniform" else None
    return Law(values, below, True, GIVEN, None, span)
