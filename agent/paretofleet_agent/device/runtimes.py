"""Which runtimes this device has, with their targets; for an absent one why, and the fix."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from paretofleet_agent.config import VariableSettings
from paretofleet_agent.device.device import TRTEXEC
from paretofleet_agent.hardware import environment, nvml
from paretofleet_agent.hardware.boards import has_gpu_folder, is_jetson
from paretofleet_agent.hardware.variables import runner_variables
from paretofleet_agent.model import RuntimeInfo, Target, Unavailable
from paretofleet_agent.runner.failure import one_line
from paretofleet_agent.runner.runtimes.trtexec_command import PLACES

CPU, CUDA = "cpu", "cuda"
#: Importing a runtime from a slow card takes its time; two minutes are a hang.
IMPORT_TIMEOUT_S = 120
#: The GPU of a Jetson, which no library names by a UUID.
JETSON_GPU = "gpu.0"


@dataclass(frozen=True)
class ImportProbe:
    """What is asked of a runtime's interpreter, which prints [version, kinds of targets]."""

    program: str
    packages: str


IMPORT_PROBES: Mapping[str, ImportProbe] = {
    "onnxruntime": ImportProbe(
        "import json, onnxruntime as o, numpy; p = o.get_available_providers(); "
        "print(json.dumps([o.__version__, [k for k, n in (('cpu', 'CPUExecutionProvider'), "
        "('cuda', 'CUDAExecutionProvider')) if n in p]]))",
        "onnxruntime numpy",
    ),
    "torch": ImportProbe(
        "import importlib.util as u, json, sys, torch, numpy; "
        "u.find_spec('torchvision') or sys.exit('torchvision, whose networks torch runs, is not there'); "
        "print(json.dumps([torch.__version__, ['cpu'] + ['cuda'] * torch.cuda.is_available()]))",
        "torch torchvision numpy",
    ),
    "openvino": ImportProbe(
        "import json, openvino as o, numpy; "
        "print(json.dumps([o.__version__.split('-')[0], ['cpu'] * ('CPU' in o.Core().available_devices)]))",
        "openvino numpy",
    ),
    "litert": ImportProbe(
        "import importlib as i, importlib.util as u, json, numpy; "
        "n = 'ai_edge_litert' if u.find_spec('ai_edge_litert') else 'tflite_runtime'; "
        "i.import_module(n + '.interpreter'); print(json.dumps([i.import_module(n).__version__, ['cpu']]))",
        "ai-edge-litert numpy",
    ),
}


def find_gpus(sysroot: Path) -> tuple[Target, ...]:
    """The CUDA GPUs of the device at `sysroot`: those that NVML names by UUID, or the one of a Jetson."""
    library = nvml.load(sysroot, None)
    if not isinstance(library, Unavailable):
        targets = tuple(
            Target(target_id=gpu.uuid, alias=f"{CUDA}:{at}", description=gpu.name or "")
            for at, gpu in enumerate(nvml.gpus(library))
        )
        library.nvmlShutdown()
        return targets
    if has_gpu_folder(sysroot) or (is_jetson(sysroot) and environment.gpu_devfreq(sysroot)):
        return (Target(target_id=JETSON_GPU, alias=f"{CUDA}:0", description="the module's own GPU"),)
    return ()


def find_runtimes(
    interpreters: Mapping[str, str], targets: Sequence[Target], variables: Mapping[str, str] | None = None
) -> tuple[tuple[RuntimeInfo, ...], tuple[Unavailable, ...]]:
    """All runtimes that can use one of `targets`, and why the others cannot; looked for side by side.

    `interpreters` maps a runtime to its Python (trtexec: to the program). `variables`: what runners start
    with; None: what they do without settings.
    """
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(find_runtime, name, interpreters.get(name, sys.executable), targets, variables)
            for name in IMPORT_PROBES
        ]
        answers = [job.result() for job in jobs]
    answers.append(find_trtexec(interpreters.get(TRTEXEC), targets, variables))
    return (
        tuple(answer for answer in answers if isinstance(answer, RuntimeInfo)),
        tuple(answer for answer in answers if isinstance(answer, Unavailable)),
    )


def find_runtime(
    name: str, interpreter: str, targets: Sequence[Target], variables: Mapping[str, str] | None = None
) -> RuntimeInfo | Unavailable:
    """Imports the runtime `name` in its `interpreter`: which of `targets` it can use, or why it is absent.

    `variables`: what runners start with; None: what they do without settings.
    """
    probe = IMPORT_PROBES[name]
    fix = (
        f"{interpreter} -m pip install {probe.packages}; "
        f"or name another interpreter in agent.ini: [runtimes] {name} = /path/to/python"
    )
    try:
        done = _output([interpreter, "-c", probe.program], variables)
    except OSError as error:
        return Unavailable(name, f"the interpreter {interpreter} does not start: {error.strerror}", fix)
    except subprocess.TimeoutExpired:
        return Unavailable(name, f"importing it in {interpreter} took more than {IMPORT_TIMEOUT_S} s", fix)
    if done.returncode == -signal.SIGILL:
        why = "its wheel uses an instruction that this CPU does not have (SIGILL)"
        return Unavailable(name, why, f"an older {name} that was built for this CPU")
    lines = (done.stderr if done.returncode else done.stdout).decode("utf-8", "replace").strip().splitlines()
    last = one_line(lines[-1]) if lines else f"exit code {done.returncode}"
    try:
        version, kinds = json.loads(last)
    except ValueError:
        return Unavailable(name, f"{interpreter} cannot import it: {last}", fix)
    usable = tuple(target.target_id for target in targets if target.alias.partition(":")[0] in kinds)
    if not usable:
        return Unavailable(name, f"version {version} can use no target of this device", fix)
    return RuntimeInfo(name=name, version=version, target_ids=usable)


def find_trtexec(
    program: str | None, targets: Sequence[Target], variables: Mapping[str, str] | None = None
) -> RuntimeInfo | Unavailable:
    """TensorRT's `program`, or where it usually is, with the GPUs among `targets`; or why it is absent.

    `variables`: what runners start with; None: what they do without settings.
    """
    path = program or shutil.which(TRTEXEC) or next((place for place in PLACES if Path(place).exists()), None)
    fix = "install TensorRT, or name the program in agent.ini: [runtimes] trtexec = /path/to/trtexec"
    if path is None:
        return Unavailable(TRTEXEC, "it is not in PATH and not where JetPack puts it", fix)
    usable = tuple(target.target_id for target in targets if target.alias.startswith(CUDA))
    if not usable:
        return Unavailable(TRTEXEC, f"{path} has no CUDA GPU to use", None)
    try:
        help_text = _output([path, "--help"], variables)
    except OSError as error:
        return Unavailable(TRTEXEC, f"{path} does not start: {error.strerror}", fix)
    except subprocess.TimeoutExpired:
        return Unavailable(TRTEXEC, f"{path} --help took more than {IMPORT_TIMEOUT_S} s", fix)
    version = re.search(rb"\[TensorRT v(\d+)\]", help_text.stdout + help_text.stderr)
    return RuntimeInfo(
        name=TRTEXEC, version=version.group(1).decode() if version else "unknown", target_ids=usable
    )


def _output(
    command: Sequence[str], variables: Mapping[str, str] | None
) -> subprocess.CompletedProcess[bytes]:
    if variables is None:
        variables = runner_variables(Path("/"), VariableSettings()).all
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=IMPORT_TIMEOUT_S,
        cwd="/",
        env=variables,
        check=False,
    )
