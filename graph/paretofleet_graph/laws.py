"""The law of an input's values by its type, where nothing else is known."""

from typing import Optional

from .model import Law, Output

UNSURE = "its type alone"


def law_by_type(item: Output) -> Optional[Law]:
    """The law of the input `item` by its type alone; None where nothing can be drawn."""
    word = item.type[len("tensor(") : -1]
    if item.axes is None or not item.type.startswith("tensor("):
        return None
    if word in ("float", "float16", "double", "bfloat16"):
        return Law("normal")
    if word == "uint8":
        return Law("bytes")
    if word in ("int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool"):
        return Law("ones", None, False, UNSURE)
    return None
