"""What ONNX's own checker raises, and a stranger's text in a sentence of ours."""

from __future__ import annotations

import onnx
import onnx.shape_inference
from google.protobuf.message import EncodeError

# What the C++ library raises, which depends on its version.
CHECKER_ERRORS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
    IndexError,
    UnicodeDecodeError,
    EncodeError,
)


#: Domains of ONNX, and of the operators that come with ONNX Runtime.
_DOMAINS = ("ai.onnx", "com.microsoft", "com.ms.")


def custom_operator(graph: onnx.GraphProto) -> str | None:
    """The first operator of `graph`, with functions in line, that neither ONNX nor its runtime brings.

    As DOMAIN::NAME; None where there is none. The checker lets such pass.
    """
    for node in graph.node:
        if node.domain and not node.domain.startswith(_DOMAINS):
            return printable(f"{node.domain}::{node.op_type}")
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                name = custom_operator(inner)
                if name is not None:
                    return name
    return None


def first_line(error: Exception) -> str:
    """The first line of what an `error` of the checker says, fit to be shown."""
    return printable(str(error).strip().split("\n")[0].strip(" ."), 160)


def printable(text: str | bytes, length: int = 60) -> str:
    """A stranger's `text`, fit for one line of a terminal, cut after `length` letters.

    Protobuf gives bytes for what is not UTF-8.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= length else plain[:length] + "..."
