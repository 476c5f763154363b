"""What an ONNX or tflite file asks for, so that the collector and every device follow one rule.

Python 3.6 grammar and the standard library only: a board's runner reads it, too.
"""

from .apart import facts_apart, read_apart
from .counts import Constant, constants_of
from .description import read
from .errors import GraphRefused
from .model import LAWS, ONNX, TFLITE, Axis, Description, Input, Law, Output, as_json, axis_key, from_json
from .onnx_file import BITS, TYPES, OnnxFile, Weight
from .precision import operators_of, precision_of
from .sizes import shapes, sizes_of, to_give
from .tflite_file import is_tflite
from .values import constant_of, law_json, laws

__all__ = [
    "BITS",
    "LAWS",
    "ONNX",
    "TFLITE",
    "TYPES",
    "Axis",
    "Constant",
    "Description",
    "GraphRefused",
    "Input",
    "Law",
    "OnnxFile",
    "Output",
    "Weight",
    "as_json",
    "axis_key",
    "constant_of",
    "constants_of",
    "facts_apart",
    "from_json",
    "is_tflite",
    "law_json",
    "laws",
    "operators_of",
    "precision_of",
    "read",
    "read_apart",
    "shapes",
    "sizes_of",
    "to_give",
]
