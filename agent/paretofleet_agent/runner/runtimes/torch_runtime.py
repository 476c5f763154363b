"""torch on the CPU or a CUDA GPU: host array in, host array out, nothing cast behind the network's back."""

import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from paretofleet_graph import OnnxFile

from .. import time_limit, training
from ..failure import RunFailed, refusal
from ..run import Options, Run, missing, show_gpu
from .torch_training import Trainer, inference

OPTIONS: Options = {
    "channels_last": (False, (True, False)),
    "compile": (False, (True, False)),
    "cudnn_benchmark": (False, (True, False)),
}
PRECISIONS = {"cpu": ("fp32", "bf16", "fp16"), "cuda": ("fp32", "tf32", "bf16", "fp16")}
TYPES = {"fp32": "float32", "tf32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class Torch(Run):
    """One network in one precision. On a GPU copies and work go to one stream and are waited for outside.

    `trainer`: what trains it in mode `training`; it is looked at and compared as it is used all the same.
    """

    trainer: Optional[Trainer] = None

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int]) -> None:
        super(Torch, self).__init__(request, clock, OPTIONS)

    def load(self) -> None:
        """Builds the network, gives it the file's weights, moves it to its place and precision."""
        request, options = self.request, self.options
        kind = "cpu" if request["target_id"] == "cpu" else "cuda"
        precision = "fp32" if request["precision"] == "native" else request["precision"]
        if options["compile"] and request["mode"] == training.MODE:
            raise RunFailed("unsupported", "option compile is for inference: leave it out in mode training")
        if precision not in PRECISIONS[kind]:
            raise RunFailed(
                "unsupported", "torch on %s computes in %s, not in %s" % (kind, PRECISIONS[kind], precision)
            )
        torch = import_torch(request["target_id"])
        if kind == "cuda" and not torch.cuda.is_available():
            raise RunFailed("unsupported", "torch %s sees no CUDA GPU here" % torch.__version__)
        settings = explicit_settings(torch, request["threads"], precision, options)
        from .torch_architecture import network

        file = OnnxFile(request["artifact"])
        begin = self.clock()
        layout = torch.channels_last if options["channels_last"] else torch.contiguous_format
        dtype = getattr(torch, TYPES[precision])
        try:
            net = network(torch, file).to(device=kind, dtype=dtype, memory_format=layout)
            net.requires_grad_(False)
            where = {(str(p.device.type), p.dtype) for p in net.parameters()}
            run = torch.compile(net) if options["compile"] else net
        except Exception as error:
            raise refusal("torch %s cannot load the model" % torch.__version__, error) from error
        self.load_ns = self.clock() - begin
        if where != {(kind, dtype)}:
            raise RunFailed("unsupported", "the network's weights are on %s, not on %s" % (where, kind))
        self._torch, self._cuda = torch, kind == "cuda"
        self.feeds = self._host_tensors()
        self.names = [output.name for output in file.graph.outputs]
        name = file.inputs[0].name
        self._net = net
        self.step = self._forward = step_of(torch, run, name, kind=kind, dtype=dtype, layout=layout)
        if request["mode"] == training.MODE:
            self.trainer = Trainer(torch, net, name, kind=kind, layout=layout, seed=request["seed"])
            self.step = self.trainer.step
        self.synchronise = torch.cuda.synchronize if self._cuda else None
        self.effective = {
            "precision": precision,
            "provider": torch.cuda.get_device_name(0) if self._cuda else "CPU",
            "runtime_version": torch.__version__,
            "settings": settings,
        }

    def _host_tensors(self) -> List[Dict[str, Any]]:
        """The inputs as tensors on the host; pinned for a GPU, so that a copy need not wait."""
        feeds = self.draw_inputs()
        tensors = [{name: self._torch.from_numpy(value) for name, value in feed.items()} for feed in feeds]
        if not self._cuda:
            return tensors
        return [{name: value.pin_memory() for name, value in feed.items()} for feed in tensors]

    def infer(self, feed: Dict[str, Any]) -> List[Any]:
        """One inference, waited for; its output as an array."""
        with self._torch.inference_mode():
            is_trained = self.trainer is not None
            output = inference(self._net, lambda: self._forward(feed)) if is_trained else self._forward(feed)
            if self.synchronise is not None:
                self.synchronise()
            return [output.numpy()]

    def ready(self) -> Dict[str, Any]:
        """As `Run.ready`; where it trains, with the times of the first two steps in the place of theirs."""
        ready = super(Torch, self).ready()
        if self.trainer is not None:
            ready["effective"]["training"] = self.trainer.begin(self.infer(self.feeds[0]))
            ready["first_inference_ns"], ready["second_inference_ns"] = self._step_ns(), self._step_ns()
        return ready

    def _step_ns(self) -> int:
        """How long one step of the training takes, which is looked at afterwards."""
        _, (duration,) = self.block(0.0, 1)
        time_limit.check_first(self.request, duration)
        return duration

    def arrays(self, feed: Dict[str, Any]) -> Dict[str, Any]:
        """A feed as arrays."""
        return {name: value.numpy() for name, value in feed.items()}

    def block(self, seconds: float, max_iterations: int) -> Tuple[List[int], List[int]]:
        """As `Run.block`, without the bookkeeping of gradients unless it trains."""
        if self.trainer is None:
            with self._torch.inference_mode():
                return super(Torch, self).block(seconds, max_iterations)
        try:
            columns = super(Torch, self).block(seconds, max_iterations)
        except Exception as error:
            size = self.request["batch_size"]
            raise refusal("the model does not train at batch size %d" % size, error) from error
        self.trainer.check()
        return columns

    def finish(self) -> Dict[str, Any]:
        """Checks once more; on a GPU with the peak of torch's allocator, which leaves out CUDA's context."""
        result = super(Torch, self).finish()
        if self.trainer is not None:
            result["training"] = self.trainer.result()
        if self._cuda:
            result["device_memory_peak_bytes"] = self._torch.cuda.max_memory_reserved()
        return result


def step_of(torch: Any, net: Callable[[Any], Any], name: str, *, kind: str, dtype: Any, layout: Any) -> Any:
    """The timed function: copy in and cast, run, cast and copy out.

    `net` computes in `dtype` and the memory `layout` on a device of this `kind` (cpu, cuda), `torch` is the
    module, `name` the input's. On a GPU everything is queued on one stream and nothing waits: the caller
    synchronises.
    """
    if kind == "cpu":

        def step(feed: Dict[str, Any]) -> Any:
            return net(feed[name].to(dtype=dtype, memory_format=layout)).to(dtype=torch.float32)

        return step

    out: List[Any] = []

    def queue(feed: Dict[str, Any]) -> Any:
        moved = feed[name].to(device=kind, non_blocking=True)
        result = net(moved.to(dtype=dtype, memory_format=layout)).to(dtype=torch.float32)
        if not out:
            out.append(torch.empty(result.shape, dtype=torch.float32, pin_memory=True))
        return out[0].copy_(result, non_blocking=True)

    return queue


def import_torch(target_id: str) -> Any:
    """The torch module, which sees only the target `target_id`. Raises RunFailed where there is none here."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of compilers stays beside the measurement
    if target_id != "cpu":
        show_gpu(target_id)
    try:
        import torch
    except ImportError as error:
        raise missing("torch", error) from error
    return torch


def explicit_settings(torch: Any, threads: int, precision: str, options: Mapping[str, Any]) -> Dict[str, Any]:
    """Sets in the module `torch` what changes numbers or speed, and returns it as it is in force.

    That is the number of `threads`, TF32 by `precision`, and what `options` say.
    """
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = options["cudnn_benchmark"]
    return {
        "threads": torch.get_num_threads(),
        "allow_tf32": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "onednn": torch.backends.mkldnn.is_available(),
        "memory_format": "channels_last" if options["channels_last"] else "contiguous",
    }
