"""ONNX Runtime on one of its execution providers: host array in, host array out."""

import functools
import gc
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Set

from .. import process
from ..failure import RunFailed, refusal
from ..inputs import buffers
from ..ort_arrays import array_of, is_without_arrays, valuing
from ..run import Run, missing, show_gpu
from . import onnx_precision
from . import onnxruntime_placement as placement
from .onnxruntime_settings import CPU, OPTIONS, PROVIDERS, provider_options, session_options, variables

#: `nodes`: executed by provider, None on the CPU alone; `fused`: products with packed weights; `taken`: the
#: types that working kernels took.
Looked = NamedTuple("Looked", [("nodes", Optional[Dict[str, int]]), ("fused", int), ("taken", Set[str])])


class OnnxRuntime(Run):
    """One session; every iteration is one `session.run`, which waits, on one of the rotated inputs."""

    def __init__(self, request: Mapping[str, Any], clock: Any) -> None:
        super(OnnxRuntime, self).__init__(request, clock, OPTIONS)

    def load(self) -> None:
        """Opens the session; one with another provider than the CPU only after its placement was checked."""
        request, options = self.request, self.options
        kind = "cpu" if request["target_id"] == "cpu" else "cuda"
        options["provider"] = options["provider"] or kind
        name, provider_kind, _ = PROVIDERS[options["provider"]]
        if provider_kind != kind:
            raise RunFailed(
                "unsupported",
                "provider %s is not for target %s" % (options["provider"], request["target_id"]),
            )
        if kind == "cuda":
            show_gpu(request["target_id"])
        settings = variables(kind, request["precision"])
        ort = import_runtime()
        if kind == "cuda":
            load_cuda_libraries(ort)
        if name not in ort.get_available_providers():
            raise RunFailed(
                "unsupported",
                "this onnxruntime %s has no %s for the target %s, only %s"
                % (ort.__version__, name, request["target_id"], ort.get_available_providers()),
            )
        computed = onnx_precision.precision_here(self.graph, kind)
        precision = computed if request["precision"] == "native" else request["precision"]
        provider_settings = provider_options(options, dict(request, precision=precision), ort.__version__)
        providers = [(name, provider_settings)]
        if name != CPU:
            providers.append((CPU, {}))
        looked = self._looked_at(ort, name, providers, computed)
        fused, computed = looked.fused, onnx_precision.precision_here(self.graph, kind, looked.taken)
        if fused and options["int4_accuracy_level"] == onnx_precision.INT8_LEVEL:
            computed = "int8"
        begin = self.clock()
        session = self._open(ort, name, providers, None)
        self.load_ns = self.clock() - begin
        self.feeds = self.draw_inputs()
        self.names = [output.name for output in session.get_outputs()]
        self.step = self._step_of(ort, session)
        self.effective = {
            "precision": self._effective_precision(computed),
            "provider": name,
            "runtime_version": ort.__version__,
            "settings": dict(provider_settings, **settings),
        }
        self.effective.update(onnx_precision.packed_facts(self.graph, fused, options))
        if looked.nodes is not None:
            self.effective["nodes"] = looked.nodes

    def _step_of(self, ort: Any, session: Any) -> Callable[[Dict[str, Any]], Any]:
        """What is timed; by values of ONNX Runtime where numpy has not the types of inputs or outputs."""
        if not is_without_arrays(session):
            return functools.partial(session.run, None)
        try:
            values_of = valuing(ort, session)
        except ValueError as error:
            raise RunFailed("unsupported", str(error)) from error
        return lambda feed: session.run_with_ort_values(None, values_of(feed))

    def infer(self, feed: Dict[str, Any]) -> List[Any]:
        """One inference; its outputs as arrays where they are tensors of numbers."""
        return [array_of(each) for each in self.step(feed)]

    def _open(self, ort: Any, name: str, providers: List[Any], profile: Optional[str]) -> Any:
        settings = session_options(ort, self.request["threads"], self.options)
        if profile is not None:
            settings.enable_profiling, settings.profile_file_prefix = True, profile
        try:
            session = ort.InferenceSession(self.request["artifact"], settings, providers=providers)
        except Exception as error:
            raise refusal("ONNX Runtime %s cannot load the model" % ort.__version__, error) from error
        if session.get_providers()[:1] != [name]:
            raise RunFailed("unsupported", "ONNX Runtime chose %s" % session.get_providers())
        return session

    def _looked_at(self, ort: Any, name: str, providers: List[Any], computed: str) -> Looked:
        """What the profile of an inference says, where something of it is not known without.

        `computed`: what the file says that it is computed in.
        """
        may_be_fused = onnx_precision.may_be_fused(self.graph, computed)
        profiled = self._profiled(ort, name, providers)
        if name != CPU:
            looked = Looked(placement.check(name, profiled), 0, set())
        elif may_be_fused or onnx_precision.may_be_half(self.graph):
            events = placement.events_of(profiled)
            fused = onnx_precision.packed_products(events) if may_be_fused else 0
            looked = Looked(None, fused, placement.types_taken(events))
        else:
            return Looked(None, 0, set())
        gc.collect()
        process.forget_memory_peak()  # this is no memory that the run needs
        return looked

    def _profiled(self, ort: Any, name: str, providers: List[Any]) -> Callable[[str], str]:
        """What makes one inference with a profile, whose file begins with a prefix, and returns its path."""

        def profiled(prefix: str) -> str:
            session = self._open(ort, name, providers, prefix)
            feed = buffers(self.feeding)[0]
            try:
                self._step_of(ort, session)(feed)
            except Exception as error:
                raise refusal("the model fails with %s" % name, error) from error
            return str(session.end_profiling())

        return profiled

    def _effective_precision(self, computed: str) -> str:
        """What the file is `computed` in; refuses a precision that would be another one in silence."""
        requested, options = self.request["precision"], self.options
        if computed == "fp32" and requested in PROVIDERS[options["provider"]][2]:
            return str(requested)
        if requested not in ("native", computed):
            raise RunFailed(
                "unsupported",
                "%s was asked for, but this file computes in %s with the provider %s%s"
                % (requested, computed, options["provider"], onnx_precision.hint(self.graph, computed)),
            )
        return computed


def import_runtime() -> Any:
    """The onnxruntime module. Raises RunFailed where this interpreter has none."""
    try:
        import onnxruntime
    except ImportError as error:
        raise missing("onnxruntime", error) from error
    return onnxruntime


def load_cuda_libraries(ort: Any) -> None:
    """Loads CUDA and cuDNN from the packages beside `ort`, where its wheel looks for neither by itself.

    Versions before 1.21 have no such function; they find the libraries of the system.
    """
    preload = getattr(ort, "preload_dlls", None)
    if preload is not None:
        preload()
