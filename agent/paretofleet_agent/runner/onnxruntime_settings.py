"""What ONNX Runtime is told: nothing that changes numbers or speed is left to a default."""

from typing import Any, Dict, Mapping, Tuple

from .run import Options

CPU = "CPUExecutionProvider"
#: Option `provider` -> its name, the kind of target it is for, and the precisions it computes fp32 files in.
PROVIDERS: Mapping[str, Tuple[str, str, Tuple[str, ...]]] = {
    "cpu": (CPU, "cpu", ("fp32",)),
    "openvino": ("OpenVINOExecutionProvider", "cpu", ("fp32",)),
    "cuda": ("CUDAExecutionProvider", "cuda", ("fp32", "tf32")),
    "tensorrt": ("TensorrtExecutionProvider", "cuda", ("fp32", "fp16")),
}
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
    "cudnn_conv_algo_search": ("EXHAUSTIVE", ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")),
}


def provider_options(options: Mapping[str, Any], request: Mapping[str, Any]) -> Dict[str, str]:
    """What the provider is told: nothing that changes numbers or speed is left to a default."""
    if options["provider"] == "cuda":
        use_tf32 = "%d" % (request["precision"] == "tf32")
        return {"cudnn_conv_algo_search": options["cudnn_conv_algo_search"], "use_tf32": use_tf32}
    if options["provider"] == "tensorrt":
        fp16 = "True" if request["precision"] == "fp16" else "False"
        return {"trt_fp16_enable": fp16, "trt_int8_enable": "False"}
    if options["provider"] == "openvino":
        return {"device_type": "CPU", "precision": "FP32", "num_of_threads": "%d" % request["threads"]}
    return {}


def session_options(ort: Any, threads: int, options: Mapping[str, Any]) -> Any:
    """The session's settings: threads and spinning explicit, nothing left to a default."""
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
    return settings
