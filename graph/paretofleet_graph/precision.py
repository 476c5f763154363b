"""In which precision a graph computes, by its operators and the types that they take."""

from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from .onnx_file import TYPES, Graph, Node, OnnxFile

#: Operators that hold a network's work; the type of their first input is what they compute in.
WORK: Tuple[str, ...] = (
    "Conv",
    "ConvTranspose",
    "MatMul",
    "Gemm",
    "LSTM",
    "GRU",
    "RNN",
    "Einsum",
    "Attention",
)
WORK += ("FusedConv", "FusedMatMul", "FusedGemm", "MultiHeadAttention", "GroupQueryAttention")
QUANTISED = ("QuantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
QUANTISED_PREFIXES = ("QLinear", "DynamicQuantize", "QAttention", "QGemm", "QEmbed")
PRECISIONS = {"float": "fp32", "float16": "fp16", "double": "fp64", "bfloat16": "bf16"}
#: Operator -> the attribute that says how many bits a weight of it has; four where nothing says it.
BITS_OF_WEIGHTS = {"MatMulNBits": "bits", "MatMulBnb4": "", "GatherBlockQuantized": "bits"}
BITS_OF_WEIGHTS["QMoE"] = "expert_weight_bits"
BITS_UNSAID = 4
#: The precision of weights that are kept in a type.
WEIGHT_PRECISIONS = dict(PRECISIONS, int8="int8", uint8="int8", int16="int16", uint16="int16")
WEIGHT_PRECISIONS.update({"int4": "int4", "uint4": "int4", "int2": "int2", "uint2": "int2"})
WEIGHT_PRECISIONS.update({"float4e2m1": "fp4"})
WEIGHT_PRECISIONS.update(dict.fromkeys(("float8e4m3fn", "float8e4m3fnuz", "float8e5m2"), "fp8"))
#: Whole numbers of 32 bits are biases of int8 networks.
WEIGHT_PRECISIONS.update({"float8e5m2fnuz": "fp8", "int32": "int8", "uint32": "int8"})
#: Precisions of quantised networks, the coarsest first; real types in the order in which they are named.
COARSE = ("int2", "int4", "int8", "fp8")
REALS = ("bfloat16", "float16", "float", "double")
#: Operators that pick from a quantised table and multiply nothing with it.
LOOKS_UP = ("GatherBlockQuantized",)


def graphs_within(graph: Graph) -> Iterator[Graph]:
    """The `graph` and every graph in it."""
    yield graph
    for node in graph.nodes:
        for content in node.attributes.values():
            if isinstance(content, Graph):
                for inner in graphs_within(content):
                    yield inner


def nodes_of(graph: Graph) -> Iterator[Node]:
    """Every node of the `graph` and of the graphs in it."""
    for each in graphs_within(graph):
        for node in each.nodes:
            yield node


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


def precisions_of(
    file: OnnxFile, types: Mapping[str, str], worked: Mapping[str, int], others: Mapping[str, int]
) -> List[str]:
    """What the graph of the `file` computes in: int2, int4, int8, fp8, then real types; never nothing.

    `types`: of its constants, by name. `worked`: how many operators of WORK take each type; `others`: of the
    rest that compute, by which a graph without such operators is judged.
    """
    low = {word for node in all_nodes(file) for word in _low(node, types)}
    present = [word for word in COARSE if word in low]
    words = [PRECISIONS[word] for word in REALS if word in worked]
    if not present and not words:
        real = [word for word in REALS if word in others]
        words = [PRECISIONS[word] for word in sorted(real, key=lambda word: -others[word])[:1]] or ["fp32"]
    return present + words


def precision_of(precisions: Sequence[str]) -> str:
    """The word for `precisions`: a quantised file's coarsest, that of all working operators, else mixed."""
    if precisions[0] in COARSE or len(precisions) == 1:
        return precisions[0]
    return "mixed"


def accuracy_levels(file: OnnxFile) -> Tuple[int, ...]:
    """The levels that products with packed weights ask for in the `file`, in ascending order.

    0 any, 1 fp32, 2 fp16, 3 bf16, 4 int8: the least in which what is multiplied with the weights may be.
    """
    levels = {
        node.attributes.get("accuracy_level", 0) for node in all_nodes(file) if node.op == "MatMulNBits"
    }
    return tuple(sorted(level for level in levels if isinstance(level, int)))


def _low(node: Node, types: Mapping[str, str]) -> List[str]:
    """The coarse precisions that a `node` computes in, or makes for others to compute in.

    `types`: of constants, by name. Weights of 8 bits that are only dequantised are computed with as reals.
    """
    if node.op in BITS_OF_WEIGHTS and node.op not in LOOKS_UP:
        return ["int%s" % node.attributes.get(BITS_OF_WEIGHTS[node.op], BITS_UNSAID)]
    kinds = [WEIGHT_PRECISIONS.get(types.get(name, ""), "") for name in node.inputs]
    if node.op == "DequantizeLinear":
        return [word for word in kinds[:1] if word in ("int2", "int4")]
    if node.op == "QuantizeLinear":
        made = kinds[2] if len(kinds) > 2 else WEIGHT_PRECISIONS.get(_made(node), "")
        return [made if made in COARSE else "int8"]
    return ["int8"] if is_quantised(node.op) else []


def _made(node: Node) -> str:
    return TYPES.get(node.attributes.get("output_dtype", 0), "")
