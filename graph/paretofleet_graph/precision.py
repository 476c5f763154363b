"""In which precision a graph computes, by its operators and the types that they take."""

from typing import Dict, Iterator, List, Sequence

from .onnx_file import Graph, Node, OnnxFile

#: Operators that hold a network's work -> the inputs whose type is what they compute in.
WORK = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN", "Einsum", "Attention", "FusedConv")
QUANTISED = ("QuantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
QUANTISED_PREFIXES = ("QLinear", "DynamicQuantize", "QAttention", "QGemm", "QEmbed")
FOUR_BITS = ("MatMulNBits", "MatMulBnb4", "GatherBlockQuantized")
PRECISIONS = {"float": "fp32", "float16": "fp16", "double": "fp64", "bfloat16": "bf16"}


def nodes_of(graph: Graph) -> Iterator[Node]:
    """Every node of the `graph` and of the graphs in it."""
    for node in graph.nodes:
        yield node
        for content in node.attributes.values():
            if isinstance(content, Graph):
                for inner in nodes_of(content):
                    yield inner


def all_nodes(file: OnnxFile) -> Iterator[Node]:
    """Every node of the `file`, those of its functions too."""
    for graph in (file.graph, *file.functions.values()):
        for node in nodes_of(graph):
            yield node


def operators_of(file: OnnxFile) -> Dict[str, int]:
    """How many nodes of each operator the `file` has; calls of its own functions are none."""
    counts: Dict[str, int] = {}
    for node in all_nodes(file):
        if (node.domain, node.op) not in file.functions:
            counts[node.op] = counts.get(node.op, 0) + 1
    return counts


def is_quantised(op: str) -> bool:
    """Whether the operator `op` makes or takes integers that stand for reals."""
    return op in QUANTISED or op.startswith(QUANTISED_PREFIXES)


def precisions_of(operators: Dict[str, int], worked: Dict[str, int], types: Sequence[str]) -> List[str]:
    """What a graph with these `operators` computes in: fp64, ..., int4, the coarsest first.

    `worked`: how many operators of WORK take each type. `types`: those of weights and inputs, by which a
    graph without such operators is judged, the first real one first.
    """
    present = []
    if any(op in operators for op in FOUR_BITS) or any(word in ("int4", "uint4") for word in types):
        present.append("int4")
    if any(is_quantised(op) for op in operators):
        present.append("int8")
    words = [PRECISIONS[word] for word in ("bfloat16", "float16", "float", "double") if word in worked]
    if not present and not words:
        words = [PRECISIONS[word] for word in types if word in PRECISIONS][:1] or ["fp32"]
    return present + words


def precision_of(precisions: Sequence[str]) -> str:
    """The one word for `precisions`: a quantised file's own, that of all working operators, else mixed."""
    if precisions[0] in ("int4", "int8") or len(precisions) == 1:
        return precisions[0]
    return "mixed"
