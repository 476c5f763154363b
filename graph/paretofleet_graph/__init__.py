"""What an ONNX file asks for, so that the collector and every device follow one rule.

Python 3.6 grammar and the standard library only: a board's runner reads it, too.
"""

from .apart import read_apart
from .description import read
from .errors import GraphRefused
from .model import LAWS, Axis, Description, Input, Law, Output, as_json, axis_key, from_json
from .onnx_file import OnnxFile, Weight
from .precision import operators_of
from .sizes import shapes, sizes_of, to_give
from .values import constant_of, law_json, laws

__all__ = [
    "LAWS",
    "Axis",
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
    "from_json",
    "law_json",
    "laws",
    "operators_of",
    "read",
    "read_apart",
    "shapes",
    "sizes_of",
    "to_give",
]
