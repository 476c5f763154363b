"""The options of each runtime that we know, and what they take: the agents refuse every other.

Held against the agent's tables by `tests/conformance`. A runtime that is not here is left to its device.
"""

from __future__ import annotations

from collections.abc import Mapping

from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import shown
from paretofleet_collector.suggest import did_you_mean

_FLAG = (True, False)
_COMMON: Mapping[str, tuple[object, ...]] = {"check_reference": _FLAG, "check_outputs": _FLAG}
#: Runtime to option to the values that it takes.
OPTIONS: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "onnxruntime": {
        **_COMMON,
        "provider": ("cpu", "openvino", "cuda", "tensorrt"),
        "graph_optimization_level": ("disable", "basic", "extended", "all"),
        "allow_spinning": _FLAG,
        "cpu_memory_arena": _FLAG,
        "memory_pattern": _FLAG,
        "denormal_as_zero": _FLAG,
        "int4_accuracy_level": (0, 1, 2, 3, 4),
        "cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    },
    "torch": {**_COMMON, "channels_last": _FLAG, "compile": _FLAG, "cudnn_benchmark": _FLAG},
    "openvino": {**_COMMON, "cpu_pinning": _FLAG, "hyper_threading": _FLAG},
    "litert": {**_COMMON, "xnnpack": _FLAG},
    "trtexec": {
        **_COMMON,
        "cuda_graph": _FLAG,
        "spin_wait": _FLAG,
        "engine": ("rebuilt", "pinned"),
    },
}


def check_option(runtime: str, key: str, setting: object) -> None:
    """Raises Refused where a listed `runtime` has no option `key`, or that does not take the `setting`."""
    offered = OPTIONS.get(runtime)
    if offered is None:
        return
    if key not in offered:
        raise Refused(
            f"`options.{runtime}.{key}`: {runtime} has no such option, "
            f"{did_you_mean(key, offered, names_max=len(offered))}"
        )
    allowed = offered[key]
    if not any(setting == each and type(setting) is type(each) for each in allowed):
        choices = ", ".join(str(each).lower() if isinstance(each, bool) else str(each) for each in allowed)
        raise Refused(f"`options.{runtime}.{key}`: {shown(setting)} is not offered; it takes {choices}.")
