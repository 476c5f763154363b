"""Outputs of ONNX Runtime whose types numpy has not: bfloat16, and integers of four bits."""

import ctypes
from typing import Any, Dict, List

#: Types that `session.run` cannot give, and those of two values a byte among them.
WITHOUT_ARRAY = ("bfloat16", "int4", "uint4", "int2", "uint2", "float4e2m1")


def outputs_without_array(session: Any) -> bool:
    """Whether an output of `session` has a type that numpy has not."""
    types = [each.type for each in session.get_outputs()]
    return any(kind == "tensor(%s)" % name for kind in types for name in WITHOUT_ARRAY)


def values_of(ort: Any, feed: Dict[str, Any]) -> Dict[str, Any]:
    """The arrays of a `feed` as values of the module `ort`."""
    return {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in feed.items()}


def run_without_arrays(ort: Any, session: Any, feed: Dict[str, Any]) -> List[Any]:
    """The outputs of `session` of the module `ort` for the arrays of `feed`, as `array_of` gives them."""
    return [array_of(each) for each in session.run_with_ort_values(None, values_of(ort, feed))]


def array_of(value: Any) -> Any:
    """An output, a `value`, as an array: bfloat16 as float32, packed integers as their bytes.

    What is no tensor stays as it is.
    """
    if not hasattr(value, "data_type"):
        return value
    if not value.has_value():
        return None
    if not value.is_tensor():
        return value
    kind = value.data_type()[len("tensor(") : -1]
    return _held(value, kind) if kind in WITHOUT_ARRAY else value.numpy()


def _held(value: Any, kind: str) -> Any:
    """What lies in memory; of bfloat16 the float32 whose upper half it is."""
    import numpy as np

    shape = value.shape()
    count = int(np.prod(shape, dtype=np.int64))
    if kind == "bfloat16":
        halves = np.frombuffer(ctypes.string_at(value.data_ptr(), 2 * count), np.uint16)
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(shape)
    per_byte = 4 if kind in ("int2", "uint2") else 2
    return np.frombuffer(ctypes.string_at(value.data_ptr(), -(-count // per_byte)), np.uint8)
