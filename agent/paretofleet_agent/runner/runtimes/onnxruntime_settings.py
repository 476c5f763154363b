"""The settings of ONNX Runtime: nothing that changes numbers or speed is left to a default."""

import os
import re
from typing import Any, Dict, Mapping, Tuple

from ..run import Options

CPU = "CPUExecutionProvider"
#: Option `provider` -> its name, the kind of target it is for, and the precisions it computes fp32 files in.
PROVIDERS: Mapping[str, Tuple[str, str, Tuple[str, ...]]] = {
    "cpu": (CPU, "cpu", ("fp32",)),
    "openvino": ("OpenVINOExecutionProvider", "cpu", ("fp32",)),
    "cuda": ("CUDAExecutionProvider", "cuda", ("fp32", "tf32")),
    "tensorrt": ("TensorrtExecutionProvider", "cuda", ("fp32", "tf32", "fp16")),
}
#: Heeded by all of NVIDIA's libraries, and all there is for the TensorRT provider, which sets TF32 itself.
TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"
#: The first release whose CUDA provider knows `use_tf32` and does not refuse it.
USE_TF32_SINCE = (1, 18)
#: The least in which products with weights of four bits are computed that the file dequantises: 1 for fp32,
#: 2 for fp16, 3 for bf16, 4 for int8, 0 for any; releases that do not know it do not read it.
ACCURACY_LEVEL = "session.qdq_matmulnbits_accuracy_level"
LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
OPTIONS: Options = {
    "provider": (None, (None, *PROVIDERS)),
    "graph_optimization_level": ("all", tuple(LEVELS)),
    "allow_spinning": (True, (True, False)),
    "cpu_memory_arena": (True, (True, False)),
    "memory_pattern": (True, (True, False)),
    "denormal_as_zero": (False, (True, False)),
    "int4_accuracy_level": (4, (0, 1, 2, 3, 4)),
    "cudnn_conv_algo_search": ("EXHAUSTIVE", ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")),
}


def variables(kind: str, precision: str) -> Dict[str, str]:
    """Sets and returns the variables that a GPU's libraries read when they are loaded: call it before.

    `kind` is that of the target, `precision` that of the run.
    """
    if kind != "cuda":
        return {}
    if precision == "tf32":
        os.environ.pop(TF32_VARIABLE, None)
        return {}
    os.environ[TF32_VARIABLE] = "0"
    return {TF32_VARIABLE: "0"}


def provider_options(options: Mapping[str, Any], request: Mapping[str, Any], version: str) -> Dict[str, str]:
    """The settings of the provider in `options`, for this `request` and the `version` of onnxruntime."""
    if options["provider"] == "cuda":
        settings = {"cudnn_conv_algo_search": options["cudnn_conv_algo_search"]}
        if tuple(map(int, re.findall(r"\d+", version)[:2])) >= USE_TF32_SINCE:
            settings["use_tf32"] = "%d" % (request["precision"] == "tf32")
        return settings
    if options["provider"] == "tensorrt":
        fp16 = "True" if request["precision"] == "fp16" else "False"
        return {"trt_fp16_enable": fp16, "trt_int8_enable": "False"}
    if options["provider"] == "openvino":
        return {"device_type": "CPU", "precision": "FP32", "num_of_threads": "%d" % request["threads"]}
    return {}


def session_options(ort: Any, threads: int, options: Mapping[str, Any]) -> Any:
    """The settings of a session of the module `ort`: `threads`, and spinning and the rest by `options`."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = getattr(
        ort.GraphOptimizationLevel, LEVELS[options["graph_optimization_level"]]
    )
    settings.enable_cpu_mem_arena = options["cpu_memory_arena"]
    settings.enable_mem_pattern = options["memory_pattern"]
    settings.log_severity_level = 3
    settings.add_session_config_entry("session.intra_op.allow_spinning", "%d" % options["allow_spinning"])
    settings.add_session_config_entry("session.set_denormal_as_zero", "%d" % options["denormal_as_zero"])
    settings.add_session_config_entry(ACCURACY_LEVEL, "%d" % options["int4_accuracy_level"])
    return settings
