"""Inputs and outputs of ONNX Runtime whose types numpy has not: bfloat16, and integers of four bits."""

import ctypes
import functools
from typing import Any, Callable, Dict, List

#: Types that `session.run` cannot give, and those of two values a byte among them.
WITHOUT_ARRAY = ("bfloat16", "int4", "uint4", "int2", "uint2", "float4e2m1")


#: TensorProto.DataType of bfloat16, and how numpy holds its bits.
BFLOAT16, BITS = 16, "tensor(bfloat16)"


def is_without_arrays(session: Any) -> bool:
    """Whether an input or an output of `session` has a type that numpy has not."""
    types = [each.type for each in (*session.get_inputs(), *session.get_outputs())]
    return any(kind == "tensor(%s)" % name for kind in types for name in WITHOUT_ARRAY)


def valuing(ort: Any, session: Any) -> Callable[[Dict[str, Any]], Dict[str, Any]]:
    """What makes values of the module `ort` of the arrays of a feed for `session`; bfloat16 is fed as bits.

    Raises ValueError where this release takes no bfloat16.
    """
    plain = ort.OrtValue.ortvalue_from_numpy
    typed = getattr(ort.OrtValue, "ortvalue_from_numpy_with_onnx_type", None)
    halves = frozenset(each.name for each in session.get_inputs() if each.type == BITS)
    if not halves:
        return lambda feed: {name: plain(value) for name, value in feed.items()}
    if typed is None:
        raise ValueError(
            "onnxruntime %s cannot be fed bfloat16, as input %s is: upgrade it, or export a float input"
            % (ort.__version__, min(halves))
        )
    of_bits = functools.partial(typed, onnx_element_type=BFLOAT16)
    return lambda feed: {
        name: of_bits(value) if name in halves else plain(value) for name, value in feed.items()
    }


def run_without_arrays(ort: Any, session: Any, feed: Dict[str, Any]) -> List[Any]:
    """The outputs of `session` of the module `ort` for the arrays of `feed`, as `array_of` gives them."""
    return [array_of(each) for each in session.run_with_ort_values(None, valuing(ort, session)(feed))]


def bits_of(values: Any) -> Any:
    """Real `values` as the bits of bfloat16, rounded to the nearest, in 16-bit integers."""
    import numpy as np

    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


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
