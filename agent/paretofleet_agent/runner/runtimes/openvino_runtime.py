"""OpenVINO on the CPU, reading ONNX as it is: host array in, host array out."""

from typing import Any, Callable, Dict, List, Mapping, Tuple

from ..failure import RunFailed, refusal
from ..run import Options, Run, missing

OPTIONS: Options = {
    "cpu_pinning": (False, (True, False)),
    "hyper_threading": (True, (True, False)),
}
#: Asked for -> the hint. A quantised file runs its own int8 operators and the rest in fp32.
HINTS = {"native": "f32", "fp32": "f32", "int8": "f32", "int4": "f32", "bf16": "bf16", "fp16": "f16"}
EXECUTED = {"f32": "fp32", "bf16": "bf16", "f16": "fp16", "i8": "int8", "u8": "int8", "f64": "fp64"}
EXECUTED.update({"i4": "int4", "u4": "int4", "nf4": "int4", "f8e4m3": "fp8", "f8e5m2": "fp8"})
#: Types of inputs that numpy has not, or that hold no numbers.
UNFED = ("tensor(bfloat16)", "tensor(string)")
#: How many values of what is multiplied with compressed weights share a scale of int8; 0: they stay real.
QUANTISES = "DYNAMIC_QUANTIZATION_GROUP_SIZE"
#: The layers that hold a network's work; their precision is the run's.
WORK = ("Convolution", "FullyConnected", "MatMul", "Deconvolution", "RNN", "ScaledDotProductAttention")


class OpenVino(Run):
    """One compiled model. Throughput mode keeps as many requests in flight as OpenVINO finds best."""

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int]) -> None:
        super(OpenVino, self).__init__(request, clock, OPTIONS)

    def load(self) -> None:
        """Reads and compiles the model for the batch size, then looks at what its layers are executed in."""
        request = self.request
        if request["target_id"] != "cpu":
            raise RunFailed("unsupported", "OpenVINO is driven on the target cpu only")
        if request["precision"] not in HINTS:
            raise RunFailed("unsupported", "OpenVINO on the CPU has no precision %s" % request["precision"])
        odd = next((name for name, kind in self.feeding.types.items() if kind in UNFED), None)
        if odd is not None:
            raise RunFailed(
                "unsupported", "input %s is %s, which onnxruntime can be fed" % (odd, self.feeding.types[odd])
            )
        ov = import_openvino()
        begin = self.clock()
        core = ov.Core()
        try:
            model = core.read_model(request["artifact"])
            names = [_name(each, self.feeding.shapes) for each in model.inputs]
            model.reshape({name: self.feeding.shapes[name] for name in names})
            compiled = core.compile_model(model, "CPU", self._configuration())
        except Exception as error:
            raise refusal("OpenVINO %s cannot load the model" % ov.__version__, error) from error
        self.load_ns = self.clock() - begin
        self.feeds = [{name: feed[name] for name in names} for feed in self.draw_inputs()]
        self.names = [output.get_any_name() for output in compiled.outputs]
        layers = executed(compiled.get_runtime_model())
        self._single = compiled.create_infer_request()
        self._set_step(ov, compiled)
        self.effective = {
            "precision": effective_precision(request["precision"], layers),
            "provider": "CPU",
            "runtime_version": ov.__version__.split("-")[0],
            "layers": layers,
            "settings": {
                name: str(compiled.get_property(name))
                for name in (*self._configuration(), "NUM_STREAMS", "OPTIMAL_NUMBER_OF_INFER_REQUESTS")
            },
        }
        if QUANTISES in compiled.get_property("SUPPORTED_PROPERTIES"):
            self.effective["settings"][QUANTISES] = str(compiled.get_property(QUANTISES))

    def _configuration(self) -> Dict[str, Any]:
        request, options = self.request, self.options
        return {
            "PERFORMANCE_HINT": "THROUGHPUT" if request["mode"] == "throughput" else "LATENCY",
            "INFERENCE_PRECISION_HINT": HINTS[request["precision"]],
            "INFERENCE_NUM_THREADS": request["threads"],
            "ENABLE_CPU_PINNING": options["cpu_pinning"],  # the runner is pinned as a whole already
            "ENABLE_HYPER_THREADING": options["hyper_threading"],
        }

    def _set_step(self, ov: Any, compiled: Any) -> None:
        infer = self._single.infer
        if self.request["mode"] != "throughput":
            self.step = lambda feed: infer(feed, share_inputs=True)
            return
        queue = ov.AsyncInferQueue(compiled)
        self.step = lambda feed: queue.start_async(feed, share_inputs=True)
        self.synchronise = queue.wait_all

    def infer(self, feed: Dict[str, Any]) -> List[Any]:
        """One inference, waited for; its outputs as arrays."""
        result = self._single.infer(feed)
        return [result[at] for at in range(len(self.names))]


def import_openvino() -> Any:
    """The openvino module. Raises RunFailed where this interpreter has none."""
    try:
        import openvino
    except ImportError as error:
        raise missing("openvino", error) from error
    return openvino


def executed(model: Any) -> Dict[str, int]:
    """How many of the layers that work run in each precision; `model` is the executed graph."""
    counts: Dict[str, int] = {}
    for node in model.get_ordered_ops():
        about = node.get_rt_info()
        kind = _value(about, "layerType")
        if any(kind.startswith(name) for name in WORK):
            precision = _value(about, "runtimePrecision").lower()
            precision = EXECUTED.get(precision, precision)
            counts[precision] = counts.get(precision, 0) + 1
    return counts


def effective_precision(requested: str, layers: Mapping[str, int]) -> str:
    """The precision of most of the `layers` that work, given as their number by precision.

    Raises RunFailed where another one was `requested`.
    """
    executed_in = max(sorted(layers), key=lambda name: layers[name]) if layers else "fp32"
    if requested not in ("native", executed_in):
        raise RunFailed(
            "unsupported",
            "%s was asked for, but OpenVINO runs this file on this CPU in %s (layers: %s)"
            % (requested, executed_in, dict(layers)),
        )
    return executed_in


def _name(port: Any, inputs: Mapping[str, Any]) -> str:
    """The name by which the graph calls an input, one of `inputs`; a port may have several names."""
    names = sorted(name for name in port.get_names() if name in inputs)
    if not names:
        raise RunFailed("unsupported", "OpenVINO knows no input %s" % port.get_any_name())
    return str(names[0])


def _value(about: Any, key: str) -> str:
    """A text of a layer's information, which is wrapped in some versions."""
    value: Tuple[Any, ...] = (about[key],) if key in about else ("",)
    return str(getattr(value[0], "value", value[0]))
