"""Three networks by runtime, precision and batch size, swept as a user would: what the report shows of them.

    PARETOFLEET_RUNTIMES_TORCH=PYTHON PARETOFLEET_RUNTIMES_OPENVINO=PYTHON python bench/runtimes.py

The variables name interpreters that have torch with torchvision and OpenVINO; a runtime without one is left
out and named. int8 files are made by ONNX Runtime's own quantiser (static, calibrated on seeded noise) and
added as variants; a file whose activations are quantised at run time is a model of its own. Times are
medians of a batch, ratios are to ONNX Runtime in fp32 within the same blocks, both with their 95 % interval.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import parts
import yaml
from paretofleet_analysis.diagnostics.paired import compare
from paretofleet_analysis.report import files
from paretofleet_analysis.report.access import by_block

NETWORKS = ("mobilenet_v2", "resnet18", "resnet50")
BATCH_SIZES = (1, 4, 16)
PRECISIONS = ("fp32", "bf16", "int8")
INTERPRETERS = {"torch": "PARETOFLEET_RUNTIMES_TORCH", "openvino": "PARETOFLEET_RUNTIMES_OPENVINO"}
COMMAND = str(Path(sys.executable).with_name("paretofleet"))
START_S = 60.0
#: The end of the name of a model whose activations are quantised at run time; one tells, and takes long.
DYNAMIC, DYNAMIC_OF = "-dynamic", "mobilenet_v2"
MEASURE = "batch_latency_p50_s"


def quantised(name: str, kind: str) -> Path:
    """The network in int8, made once: "static" or "dynamic"."""
    import numpy as np
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source, path = parts.network(name), parts.MODELS / f"{name}-{kind}-int8.onnx"
    if path.exists():
        return path
    if kind == "dynamic":
        quantization.quantize_dynamic(source, path)
        return path
    draws = np.random.default_rng(1)
    feeds = [{"input": draws.standard_normal((1, 3, 224, 224), dtype=np.float32)} for _ in range(8)]

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            return feeds.pop() if feeds else None

    # Folds batch-normalisation into the convolutions, which in int8 would stay apart.
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    unsigned = quantization.QuantType.QUInt8
    quantization.quantize_static(prepared, path, Reader(), per_channel=True, activation_type=unsigned)
    prepared.unlink()
    return path


@contextlib.contextmanager
def fleet(home: Path) -> Iterator[None]:
    """A collector and an agent on this machine, ended at the end; their address goes to the environment."""
    process = subprocess.Popen(
        [COMMAND, "up", "--home", str(home), "--listen", "127.0.0.1:0", "--name", "here"],
        stdout=subprocess.DEVNULL,
        stderr=(home / "up.log").open("w"),
        start_new_session=True,
    )
    endpoint, begin_s = home / "collector" / "endpoint", time.monotonic()
    try:
        while not endpoint.exists() or "online" not in _said("devices", "list", endpoint=endpoint):
            if process.poll() is not None or time.monotonic() - begin_s > START_S:
                raise RuntimeError((home / "up.log").read_text())
            time.sleep(0.5)
        os.environ["PARETOFLEET_COLLECTOR_ADDRESS"] = endpoint.read_text().strip()
        yield
    finally:
        process.terminate()
        process.wait()


def _said(*words: str, endpoint: Path | None = None) -> str:
    variables = dict(os.environ)
    if endpoint is not None:
        variables["PARETOFLEET_COLLECTOR_ADDRESS"] = endpoint.read_text().strip()
    return subprocess.run(
        [COMMAND, *words], env=variables, check=False, capture_output=True, text=True
    ).stdout


def sweep(home: Path, runtimes: Sequence[str], repeats: int, *, short: bool) -> list[dict[str, Any]]:
    """The rows of the report."""
    networks = NETWORKS[:1] if short else NETWORKS
    for name in networks:
        static = [str(quantised(name, "static")), "--variant-of", name, "--precision", "int8"]
        for words in ([f"zoo:{name}"], static):
            subprocess.run([COMMAND, "models", "add", *words], check=True)
    own = [str(quantised(DYNAMIC_OF, "dynamic")), "--name", DYNAMIC_OF + DYNAMIC, "--precision", "int8"]
    subprocess.run([COMMAND, "models", "add", *own], check=True)
    specification, path = home / "runtimes.yaml", home / "runtimes.parquet"
    asked = {
        "name": "runtimes",
        "models": [*networks, DYNAMIC_OF + DYNAMIC],
        "runtimes": list(runtimes),
        "precisions": list(PRECISIONS),
        "batch_sizes": list(BATCH_SIZES[:1] if short else BATCH_SIZES),
        "protocol": "quick",
        "repeats": {"min": repeats, "max": repeats},
    }
    specification.write_text(yaml.safe_dump(asked))
    # Exit code 3 says that some configurations failed: they are rows too.
    subprocess.run([COMMAND, "sweep", "submit", str(specification), "--watch"], check=False)
    subprocess.run([COMMAND, "report", "pull", "runtimes", "-o", str(path)], check=True)
    rows: list[dict[str, Any]] = files.read(path).to_pylist()
    return rows


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """The table, and how many rows have which flag."""
    base = {
        (row["model"], row["batch_size"]): row
        for row in rows
        if row["runtime"] == "onnxruntime" and row["precision"] == "fp32"
    }
    print("\nmodel                  runtime      precision  batch  median ms            times fp32 of ORT")
    for row in sorted(
        rows, key=lambda row: (row["model"], row["batch_size"], row["runtime"], row["precision"])
    ):
        head = f"{row['model']:22} {row['runtime']:12} {row['precision']:10} {row['batch_size']:5}"
        if row[MEASURE] is None:
            print(f"{head}  {row['status']} {row['reason'] or ''}")
            continue
        low, high = (1e3 * (row[f"{MEASURE}_{end}"] or float("nan")) for end in ("lo", "hi"))
        line = f"{head}  {1e3 * row[MEASURE]:8.2f} ({low:.2f} to {high:.2f})"
        against = base.get((row["model"].removesuffix(DYNAMIC), row["batch_size"]))
        if against is not None and against is not row:
            found = compare(by_block(row, MEASURE), by_block(against, MEASURE))
            if found.ratio is not None and found.lo is not None and found.hi is not None:
                line += f"  {found.ratio:.2f} ({found.lo:.2f} to {found.hi:.2f})"
        print(line)
    flags: dict[str, int] = {}
    for row in rows:
        for flag in row["flags"] or ():
            flags[flag] = flags.get(flag, 0) + 1
    print(f"{len(rows)} configurations; flags by rows: {json.dumps(flags, sort_keys=True)}")


def main() -> int:
    """Sweeps with the runtimes that are here and prints the table."""
    parser = parts.arguments(__doc__ or "")
    parser.add_argument("--runtimes", nargs="+", help="instead of all that are here")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each configuration")
    asked = parser.parse_args()
    here = ["onnxruntime", *(name for name, variable in INTERPRETERS.items() if os.environ.get(variable))]
    runtimes = asked.runtimes or here
    for name in sorted(set(INTERPRETERS) - set(runtimes)):
        print(f"{name}: NOT TRIED, {INTERPRETERS[name]} names no Python that has it")
    print(parts.conditions())
    with tempfile.TemporaryDirectory(prefix="runtimes-") as folder, fleet(Path(folder)):
        show(sweep(Path(folder), runtimes, 3 if asked.short else asked.repeats, short=asked.short))
    return 0


if __name__ == "__main__":
    sys.exit(main())
