"""In which precision ONNX Runtime computes an ONNX file, as far as the file says."""

#: On a CPU half precision is cast to float and back around the operators.
ON_CPU = {"fp16": "fp32", "bf16": "fp32"}


def precision_here(precision: str, kind: str) -> str:
    """What a file of operators of the `precision` is computed in on targets of the `kind`: cpu, cuda."""
    return ON_CPU.get(precision, precision) if kind == "cpu" else precision
