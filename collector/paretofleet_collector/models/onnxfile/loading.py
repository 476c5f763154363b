"""Whether a runtime takes what ONNX's strictest check refuses."""

from __future__ import annotations

from pathlib import Path


def runtime_loads(path: Path) -> bool:
    """Whether ONNX Runtime, where it is installed beside the collector, loads the file at `path`.

    Call it in a process with limits: it is C++, and the file is a stranger's. Nothing is executed.
    """
    try:
        import onnxruntime
    except ImportError:
        return False
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - whatever it raises, it does not load
        return False
    return True
