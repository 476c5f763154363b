"""What the layers of an engine compute in, as `trtexec` tells it in the file of --exportLayerInfo."""

import json
import re
from typing import Any, Dict, Mapping, Optional

from ..failure import RunFailed

#: Flags of releases that tell it: at the build, and when an engine is run.
BUILD, EXPORT = "--profilingVerbosity", "--exportLayerInfo"
#: Types of layers that hold a network's work; names of fused ones begin with them, too.
WORK = re.compile(
    r"conv|gemm|matmul|matrixmultiply|fullyconnected|rnn|lstm|mha|attention|myelin", re.IGNORECASE
)
#: The end of "Format/Datatype", such as "Row major linear FP32" -> the precision.
TYPES = {"fp32": "fp32", "float": "fp32", "fp16": "fp16", "half": "fp16", "bf16": "bf16", "bfloat16": "bf16"}
TYPES.update({"int8": "int8", "fp8": "fp8", "int4": "int4"})
#: Precisions whose numbers lie in memory as those of fp32.
AS_FP32 = ("fp32", "tf32")


def layers_of(path: str) -> Optional[Dict[str, int]]:
    """How many of the layers that work take each precision, by the file at `path`; None: it says none."""
    try:
        with open(path, encoding="utf-8") as handle:
            layers = json.load(handle)["Layers"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    counts: Dict[str, int] = {}
    for layer in layers if isinstance(layers, list) else ():
        precision = _precision(layer) if isinstance(layer, dict) else None
        if precision is not None:
            counts[precision] = counts.get(precision, 0) + 1
    return counts or None


def effective_precision(requested: str, layers: Optional[Mapping[str, int]]) -> str:
    """The precision of most of the `layers`; the `requested` one where they do not tell.

    Raises RunFailed where another one was requested.
    """
    precision = "fp32" if requested == "native" else requested
    if not layers:
        return precision
    executed = max(sorted(layers), key=lambda name: layers[name])
    if executed == precision or (executed == "fp32" and precision in AS_FP32):
        return precision
    if requested == "native":
        return executed
    raise RunFailed(
        "unsupported",
        "%s was asked for, but TensorRT runs this file in %s (layers: %s)"
        % (precision, executed, dict(layers)),
    )


def _precision(layer: Mapping[str, Any]) -> Optional[str]:
    """What a layer takes as its first input, if it works and says so."""
    if not WORK.search(str(layer.get("LayerType", ""))):
        return None
    tensors = layer.get("Inputs") or [{}]
    words = re.findall(r"[A-Za-z]+\d*", str(tensors[0].get("Format/Datatype", "")).lower())
    return next((TYPES[word] for word in reversed(words) if word in TYPES), None)
