"""In which precision ONNX Runtime computes an ONNX file: as the file says, and as it was fused."""

from typing import Any, Collection, Dict, Iterable

from paretofleet_graph import Description, precision_of

from . import onnxruntime_placement as placement

#: On a CPU half precision is cast to float and back around the operators, but where it has kernels for it.
ON_CPU = {"fp16": "fp32", "bf16": "fp32"}
#: ONNX Runtime's words for the types that kernels take -> the precision that they work in.
TAKEN = {"float16": "fp16", "bfloat16": "bf16", "float": "fp32"}
#: The product with packed weights; dequantised weights and a product are fused to it.
PACKED_PRODUCT = "MatMulNBits"
INT8_LEVEL = 4


def precision_here(description: Description, kind: str, taken: Collection[str] = ()) -> str:
    """What the file of a `description` is computed in on targets of the `kind`: cpu, cuda.

    `taken`: the types that working kernels took where that was looked at. CPUs of ARM compute in half
    precision what they have kernels for, and cast around the rest.
    """
    if kind != "cpu":
        return description.precision
    seen = {TAKEN[each] for each in taken if each in TAKEN}
    here = []
    for each in description.precisions or (description.precision,):
        here += [each] if each in seen or each not in ON_CPU else []
        here += [ON_CPU[each]] if each in ON_CPU and (each not in seen or ON_CPU[each] in seen) else []
    return precision_of(list(dict.fromkeys(here)))


def may_be_half(description: Description) -> bool:
    """Whether the file of a `description` asks for half precision somewhere."""
    return any(each in ON_CPU for each in description.precisions or (description.precision,))


def may_be_fused(description: Description, precision: str) -> bool:
    """Whether products may be fused with dequantised weights.

    `description`: the file's, `precision`: what it says that it computes in.
    """
    return precision.startswith(("fp", "bf", "mixed")) and "DequantizeLinear" in description.operators


def packed_products(events: Iterable[Any]) -> int:
    """How many products with packed weights are executed, by the `events` of a profile."""
    return sum(operator == PACKED_PRODUCT for _, operator in dict(placement.executed(events)).values())


def packed_facts(description: Description, products: int, options: Dict[str, Any]) -> Dict[str, Any]:
    """What a run records of its products with packed weights; nothing where it has none.

    `description`: the file's; `products`: how many were fused; `options`: of the runtime. The levels are
    those in which what is multiplied with the weights may be: 0 any, 1 fp32, 2 fp16, 3 bf16, 4 int8.
    """
    levels = list(description.accuracy_levels)
    if products or (description.weights_precision in ("int2", "int4") and not levels):
        levels.append(options["int4_accuracy_level"])
    facts: Dict[str, Any] = {"accuracy_levels": levels} if levels else {}
    if products:
        facts["fused_products"] = products
    return facts


def hint(description: Description, computed: str) -> str:
    """What to do where a file of a `description` is `computed` in int8 though it says no such thing."""
    if computed != "int8" or "int8" in description.precisions:
        return ""
    return ": its dequantised weights are fused; the option int4_accuracy_level: 1 keeps products in fp32"
