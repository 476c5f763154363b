"""Which environment variables a runner starts with, and which of them make another environment.

Libraries that compute read dozens of variables: they choose kernels, threads, allocators and arithmetic. So
a runner gets a listed set and nothing else, and what of it changes speed or numbers is recorded. What is not
listed, such as a credential, neither reaches a runner nor leaves the device.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping

from paretofleet_agent.config import VariableSettings
from paretofleet_agent.hardware.environment import agents_variables

#: Passed and recorded: what changes speed or numbers. A `*` at the end stands for any rest.
RECORDED = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_BIND_NOW", "GLIBC_TUNABLES", "MALLOC_*"),
    *("MIMALLOC_*", "TCMALLOC_*", "JEMALLOC_*", "PYTHONMALLOC", "PYTHON_GIL", "PYTHON_JIT"),
    *("OMP_*", "GOMP_*", "KMP_*", "LIBOMP_*", "TBB_*", "ONEAPI_*", "SYCL_*", "UR_L0_*", "ZE_*", "IGC_*"),
    *("ONEDNN_*", "DNNL_*", "MKLDNN_*", "MKL_*", "OPENBLAS_*", "GOTO_NUM_THREADS", "BLIS_*", "VECLIB_*"),
    *("ARMPL_*", "ARM_COMPUTE_*", "KLEIDIAI_*", "XNNPACK_*", "XNN_*", "QNNPACK_*"),
    *("TFLITE_*", "LITERT_*", "TF_ENABLE_*", "TF_NUM_*", "TF_XLA_*", "TF_LITE_*", "XLA_*"),
    *("ORT_*", "ONNXRUNTIME_*", "OV_*", "OPENVINO_*", "ATEN_*", "TORCH_*", "PYTORCH_*"),
    *("TORCHINDUCTOR_*", "TORCHDYNAMO_*", "TRITON_*", "CUDA_*", "CUDNN_*", "CUBLAS_*", "CUBLASLT_*"),
    *("CUTLASS_*", "NVIDIA_TF32_OVERRIDE", "TENSORRT_*", "TRT_*", "NVRTC_*"),
    *("HIP_*", "HSA_*", "ROCR_*", "ROCBLAS_*", "HIPBLASLT_*", "MIOPEN_*", "GPU_MAX_*"),
)
#: Passed and not recorded: where things are, whose they are, which language messages have.
PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*"),
    *("TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CC", "CXX"),
    *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
)
#: What looks like a credential is on no list, whatever its name begins with.
CREDENTIAL = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|API_?KEY|(^|_)KEY($|_)", re.IGNORECASE)
#: A longer value is recorded by its beginning and its SHA-256.
RECORDED_LETTERS_MAX = 256


@dataclass(frozen=True)
class RunnerVariables:
    """`all`: what a runner starts with. `recorded`: what of it is part of its environment."""

    all: Mapping[str, str]
    recorded: Mapping[str, str]


def runner_variables(
    sysroot: Path, settings: VariableSettings, inherited: Mapping[str, str] | None = None
) -> RunnerVariables:
    """The variables of a runner on the device at `sysroot`.

    What is listed of the `inherited` ones (None: of this process), then what the agent sets itself, then the
    values of the `settings`. The agent's own are not recorded: they are the same everywhere.
    """
    inherited = os.environ if inherited is None else inherited
    passed = {
        name: value
        for name, value in inherited.items()
        if _is_known(name, (*RECORDED, *PASSED)) or _is_listed(name, settings.passed)
    }
    own = agents_variables(sysroot)
    merged = {**passed, **own, **settings.values}
    recorded = {
        name: _shown(value)
        for name, value in sorted(merged.items())
        if value and (name in settings.values or (_is_known(name, RECORDED) and name not in own))
    }
    return RunnerVariables({name: value for name, value in merged.items() if value}, recorded)


def _is_listed(name: str, listed: Iterable[str]) -> bool:
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in listed)


def _is_known(name: str, listed: Iterable[str]) -> bool:
    return _is_listed(name, listed) and not CREDENTIAL.search(name)


def _shown(value: str) -> str:
    """The value as text that any JSON can hold; a long one by its beginning and its hash."""
    octets = value.encode("utf-8", "surrogateescape")
    text = octets.decode("utf-8", "backslashreplace")
    if len(text) <= RECORDED_LETTERS_MAX:
        return text
    return f"{text[:RECORDED_LETTERS_MAX]}... sha256:{hashlib.sha256(octets).hexdigest()}"
