"""How many weights a file has and in which type, wherever they lie: tensors, packed bytes, attributes."""

from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from .onnx_file import BITS, Graph, Node, OnnxFile, Weight
from .precision import BITS_OF_WEIGHTS, BITS_UNSAID, WEIGHT_PRECISIONS, graphs_within, nodes_of

#: Operator -> inputs that hold statistics, scales, bounds and shapes rather than weights.
ARGUMENTS: Mapping[str, Tuple[int, ...]] = {
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "Dropout": (1, 2),
    "DynamicQuantizeLSTM": (4, 5, 6, 8, 9, 10, 11),
    "DynamicQuantizeMatMul": (2, 3),
    "GatherBlockQuantized": (2, 3),
    "MatMulBnb4": (2,),
    "MatMulInteger": (2, 3),
    "MatMulIntegerToFloat": (2, 3, 4, 5),
    "MatMulNBits": (2, 3, 4),
    "Pad": (1, 2, 3),
    "QAttention": (3, 4, 5, 6, 7),
    "QEmbedLayerNormalization": tuple(range(7, 18)),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QMoE": (3, 6, 9),
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2, 3),
    "Upsample": (1,),
}
#: A constant of a single element is a weight only here; elsewhere it is a factor or a bound.
TAKES_WEIGHTS = (
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "Gemm",
    "LayerNormalization",
    "MatMul",
    "PRelu",
)
#: Where whole numbers of 32 bits are weights: quantised biases.
TAKES_INT32 = {("DequantizeLinear", 0), ("QLinearConv", 8), ("QGemm", 6)}
NO_WEIGHTS = ("bool", "string", "int64", "uint64", "type 0")
#: Operator -> inputs in whose bytes several weights may lie.
PACKED: Mapping[str, Tuple[int, ...]] = {
    "MatMulNBits": (1,),
    "MatMulBnb4": (1,),
    "GatherBlockQuantized": (0,),
    "QMoE": (2, 5, 8),
}
#: Operator of ai.onnx.ml -> its attributes that hold weights.
IN_ATTRIBUTES: Mapping[str, Tuple[str, ...]] = {
    "LinearRegressor": ("coefficients", "intercepts"),
    "LinearClassifier": ("coefficients", "intercepts"),
    "SVMRegressor": ("coefficients", "rho", "support_vectors"),
    "SVMClassifier": ("coefficients", "rho", "support_vectors", "prob_a", "prob_b"),
    "TreeEnsemble": ("nodes_splits", "leaf_weights"),
    "TfIdfVectorizer": ("weights",),
}
#: Trees whose thresholds lie beside what stands in for them at leaves; the names of their leaves' values.
TREES: Mapping[str, Tuple[str, ...]] = {
    "TreeEnsembleRegressor": ("target_weights", "target_weights_as_tensor"),
    "TreeEnsembleClassifier": ("class_weights", "class_weights_as_tensor"),
}
THRESHOLDS = ("nodes_values", "nodes_values_as_tensor")
#: Domains whose other operators keep no weights in attributes.
PLAIN_DOMAINS = ("", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "ai.onnx.preview.training")
#: A compiled network as an attribute of a node.
COMPILED = ("EPContext",)
MAIN_SHARE = 0.9

Uses = Dict[str, Set[Tuple[str, int]]]


class Constant(NamedTuple):
    """Constant values: their name, type and number; `is_parameter` False for shapes and other arguments."""

    name: str
    type: str
    elements: int
    is_parameter: bool

    @property
    def size_bytes(self) -> int:
        """Bytes of its values in memory."""
        return (self.elements * BITS.get(self.type, 8) + 7) // 8


def parameters_of(file: OnnxFile, constants: Iterable[Constant]) -> Optional[int]:
    """How many weights the `constants` of the `file` are; None where an operator may hold others unseen."""
    for graph in _graphs(file):
        if any(_is_opaque(node, file) for node in graph.nodes):
            return None
    return sum(each.elements for each in constants if each.is_parameter)


def weights_precision(constants: Iterable[Constant], input_type: str) -> str:
    """The precision that holds 90 % of the bytes of the weights among `constants`, else mixed.

    Without weights it is that of `input_type`, the element type of the first input.
    """
    size: Dict[str, int] = {}
    for each in constants:
        if each.is_parameter:
            word = WEIGHT_PRECISIONS.get(each.type, "mixed")
            size[word] = size.get(word, 0) + each.size_bytes
    if not size:
        return WEIGHT_PRECISIONS.get(input_type, "mixed")
    word = max(sorted(size), key=lambda each: size[each])
    return word if size[word] >= MAIN_SHARE * sum(size.values()) else "mixed"


def constants_of(file: OnnxFile) -> List[Constant]:
    """Every constant of the `file`: tensors, what constant nodes make, weights in attributes."""
    formal: Dict[Tuple[str, str], List[Set[Tuple[str, int]]]] = {}
    made = []
    for graph in _graphs(file):
        uses = _uses(file, graph, formal)
        packed = _packed(graph)
        for weight in _tensors(file, graph):
            kind, elements = weight.type, weight.elements
            if weight.name in packed and BITS.get(kind) == 8:
                bits, most = packed[weight.name]
                kind, elements = "int%d" % bits, elements * 8 // bits
                elements = elements if most is None else min(most, elements)
            used = uses.get(weight.name, set())
            made.append(Constant(weight.name, kind, elements, _is_parameter(kind, elements, used)))
        for node in graph.nodes:
            made += _in_attributes(node)
    return made


def _graphs(file: OnnxFile) -> Iterator[Graph]:
    for graph in (file.graph, *file.functions.values()):
        for each in graphs_within(graph):
            yield each


def _uses(file: OnnxFile, graph: Graph, formal: Dict[Tuple[str, str], List[Set[Tuple[str, int]]]]) -> Uses:
    """For every name of the `graph` the operators that take it, and as which input.

    A call of a function takes it as the function's own operators do, which `formal` remembers.
    """
    uses: Uses = {}
    for node in nodes_of(graph):
        key = (node.domain, node.op)
        function = file.functions.get(key)
        if function is not None and key not in formal:
            formal[key] = []  # a function that calls itself ends here
            inner = _uses(file, function, formal)
            formal[key] = [inner.get(each.name, set()) for each in function.inputs]
        for at, name in enumerate(node.inputs):
            if function is None:
                uses.setdefault(name, set()).add((node.op, at))
            elif at < len(formal[key]):
                uses.setdefault(name, set()).update(formal[key][at])
    return uses


def _packed(graph: Graph) -> Dict[str, Tuple[int, Optional[int]]]:
    """Of names whose bytes hold several weights: the bits of one, and how many there are where it is said."""
    packed: Dict[str, Tuple[int, Optional[int]]] = {}
    for node in nodes_of(graph):
        places = PACKED.get(node.op, ())
        bits = node.attributes.get(BITS_OF_WEIGHTS.get(node.op, ""), BITS_UNSAID)
        sizes = [node.attributes.get(each) for each in ("K", "N")]
        whole = [each for each in sizes if isinstance(each, int) and each > 0]
        most = whole[0] * whole[1] if len(whole) == 2 else None
        for at in places:
            if at < len(node.inputs) and bits in (2, 4, 8):
                packed[node.inputs[at]] = (bits, most)
    return packed


def _tensors(file: OnnxFile, graph: Graph) -> Iterator[Weight]:
    """The tensors of the `graph` itself, without those of the graphs in it."""
    shapes = dict(graph.weights)
    for weight in graph.weights.values():
        yield weight
    for node in graph.nodes:
        if not node.outputs or node.domain:
            continue
        value = node.attributes.get("value")
        if node.op == "Constant":
            made = _constant(node)
            if made is not None:
                shapes[made.name] = made
                yield made
        elif node.op == "ConstantOfShape" and node.inputs and node.inputs[0] in shapes:
            sizes = file.numbers(shapes[node.inputs[0]])
            if sizes is not None:
                kind = value.type if isinstance(value, Weight) else "float"
                yield Weight(node.outputs[0], kind, tuple(sizes), ())


def _constant(node: Node) -> Optional[Weight]:
    """What a Constant makes, whichever of its attributes says it."""
    for name, content in node.attributes.items():
        if isinstance(content, Weight):
            return content._replace(name=node.outputs[0])
        if name.startswith("value_") and content is not None:
            kind = {"f": "float", "i": "int64"}.get(name[len("value_")], "string")
            shape = (len(content),) if isinstance(content, list) else ()
            return Weight(node.outputs[0], kind, shape, ())
    return None


def _is_parameter(kind: str, elements: int, uses: Set[Tuple[str, int]]) -> bool:
    real = {(op, at) for op, at in uses if at not in ARGUMENTS.get(op, ())}
    if kind in ("int32", "uint32"):
        return bool(real & TAKES_INT32)
    if kind in NO_WEIGHTS:
        return False
    return bool(real) and (elements > 1 or any(op in TAKES_WEIGHTS for op, _ in real))


def _in_attributes(node: Node) -> Iterator[Constant]:
    """The weights that a `node` keeps in its attributes."""
    for name in IN_ATTRIBUTES.get(node.op, ()):
        yield _numbers(node, name, 0)
    leaves = TREES.get(node.op)
    if leaves is not None:
        modes = node.attributes.get("nodes_modes") or []
        for name in THRESHOLDS:
            yield _numbers(node, name, sum(mode == "LEAF" for mode in modes))
        for name in leaves:
            yield _numbers(node, name, 0)


def _numbers(node: Node, name: str, without: int) -> Constant:
    """The numbers in an attribute of a `node`, but for so many of them `without` a meaning."""
    content: Any = node.attributes.get(name)
    kind, count = "float", len(content) if isinstance(content, list) else int(content is not None)
    if isinstance(content, Weight):
        kind, count = content.type, content.elements
    return Constant(name, kind, max(0, count - without), is_parameter=True)


def _is_opaque(node: Node, file: OnnxFile) -> bool:
    """Whether a `node` is of no operator that is known here and has attributes that may be weights."""
    if node.op in COMPILED:
        return True
    if node.domain in PLAIN_DOMAINS or (node.domain, node.op) in file.functions:
        return False
    return any(_is_data(content) for content in node.attributes.values())


def _is_data(content: Any) -> bool:
    if isinstance(content, list):
        return any(isinstance(each, (float, Weight)) for each in content)
    return isinstance(content, Weight)
