"""LiteRT (once TensorFlow Lite) on the CPU, reading tflite files: host array in, host array out."""

import sys
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from paretofleet_graph import TFLITE

from ..failure import RunFailed, refusal
from ..run import Options, Run, missing
from .litert_reference import interpreter_module

OPTIONS: Options = {"xnnpack": (True, (True, False))}
#: Whether XNNPACK executes what it can -> the name of the kernels.
RESOLVERS = {True: "AUTO", False: "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}


class LiteRt(Run):
    """One interpreter; every iteration sets the inputs, invokes, and takes the outputs, which waits."""

    format = TFLITE

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int]) -> None:
        super(LiteRt, self).__init__(request, clock, OPTIONS)

    def load(self) -> None:
        """Opens the file, resizes its inputs, and looks at whether XNNPACK executes it."""
        if self.request["target_id"] != "cpu":
            raise RunFailed("unsupported", "LiteRT is driven on the target cpu only")
        module, version = import_runtime()
        names = [each.name for each in self.graph.inputs]
        begin = self.clock()
        interpreter = self._opened(module, version, names)
        self.load_ns = self.clock() - begin
        outputs = interpreter.get_output_details()
        self.feeds = self.draw_inputs()
        self.names = [each["name"] for each in outputs]
        indices = [each["index"] for each in interpreter.get_input_details()]
        self.step = _step(interpreter, list(zip(names, indices)), [each["index"] for each in outputs])
        parts = partitions(interpreter)
        self.effective = {
            "precision": self._precision(),
            "provider": "XNNPACK" if parts else "built-in kernels",
            "runtime_version": version,
            "operators": self.graph.operators,
            "settings": {"xnnpack_partitions": parts},
        }
        by = {"version": version, "inputs": names, "xnnpack": self.options["xnnpack"]}
        self.request = dict(self.request, reference_python=sys.executable, litert=by)

    def infer(self, feed: Dict[str, Any]) -> List[Any]:
        """One inference; only then outputs have a shape that follows from values."""
        inferred: List[Any] = self.step(feed)
        self._refuse_unbatched(inferred)
        return inferred

    def _opened(self, module: Any, version: str, names: Sequence[str]) -> Any:
        resolver = getattr(module.OpResolverType, RESOLVERS[self.options["xnnpack"]])
        try:
            interpreter = module.Interpreter(
                model_path=self.request["artifact"],
                num_threads=self.request["threads"],
                experimental_op_resolver_type=resolver,
            )
            for detail, name in zip(interpreter.get_input_details(), names):
                interpreter.resize_tensor_input(detail["index"], list(self.feeding.shapes[name]))
            interpreter.allocate_tensors()
        except Exception as error:
            raise refusal("LiteRT %s cannot load the model" % version, error) from error
        return interpreter

    def _refuse_unbatched(self, outputs: Sequence[Any]) -> None:
        """Refuses a file whose inputs grow with the batch, and whose outputs do not: it mixes the items."""
        size = self.request["batch_size"]
        if self.graph.batch is None or size == 1 or not outputs:
            return
        if not any(size in each.shape for each in outputs):
            raise RunFailed(
                "unsupported",
                "the file says that its batch may grow, but at %d items its outputs have the shapes %s; "
                "measure it at batch size 1" % (size, [list(each.shape) for each in outputs]),
            )

    def _precision(self) -> str:
        """What the file computes in; refuses a precision that would be another in silence."""
        requested, computed = self.request["precision"], self.graph.precision
        if requested not in ("native", computed):
            raise RunFailed(
                "unsupported", "%s was asked for, but this file computes in %s" % (requested, computed)
            )
        return computed


def import_runtime() -> Tuple[Any, str]:
    """LiteRT's module and its version. Raises RunFailed where this interpreter has none."""
    try:
        module = interpreter_module()
    except ImportError as error:
        raise missing("ai_edge_litert", error) from error
    package = sys.modules[module.__name__.partition(".")[0]]
    return module, str(getattr(package, "__version__", "unknown"))


def partitions(interpreter: Any) -> int:
    """How many parts of the graph of `interpreter` a delegate executes; nothing public lists them."""
    operators = interpreter._get_ops_details()  # noqa: SLF001
    return sum(operator["op_name"] == "DELEGATE" for operator in operators)


def _step(
    interpreter: Any, inputs: Sequence[Tuple[str, int]], outputs: Sequence[int]
) -> Callable[[Dict[str, Any]], List[Any]]:
    """Sets the inputs, invokes, takes the outputs: copies in and out."""
    set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

    def step(feed: Dict[str, Any]) -> List[Any]:
        for name, index in inputs:
            set_tensor(index, feed[name])
        invoke()
        return [get_tensor(index) for index in outputs]

    return step
