"""What `paretofleet-agent bench` prints, of simulated devices."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from paretofleet_agent.device.device import Simulation
from paretofleet_agent.device.probe import probe_device
from paretofleet_agent.standalone import bench
from paretofleet_agent.standalone.run_options import BenchRequest

from reference.markdown import page, paragraph

MODEL, MODEL_BYTES = "net.onnx", 10**6
#: A heading, with the options of the command below it.
RUNS: Mapping[str, str] = {
    "One run": "--simulate jetson-tx2 --window-s 5",
    "Three runs": "--simulate cpu-server --window-s 5 --runs 3",
    "A window that is too short": "--simulate jetson-nano",
}


def benches() -> str:
    """The page docs/reference/bench.md."""
    intro = (
        "The output of `paretofleet-agent bench` on simulated devices: latency, and the energy of an item "
        "with its interval at 95 %, or why it has none. Of one run the interval is how far its own "
        "measurement may be off; of three and more it is that of their mean. The gain of the sensor is "
        "apart: it is the same in every run of a device."
    )
    return page("# What bench prints", paragraph(intro), *map(section, RUNS))


def section(title: str) -> str:
    """The command under a `title`, and what it prints."""
    options = RUNS[title]
    command = f"paretofleet-agent bench {MODEL} {options}"
    return f"## {title}\n\n```sh\n{command}\n```\n\n```text\n{printed(options)}\n```"


def printed(options: str) -> str:
    """What the command prints with these `options`."""
    words = options.split()
    values = dict(zip(words[::2], words[1::2], strict=True))
    request = BenchRequest(window_min_s=float(values.get("--window-s", 0)))
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out):
        model = Path(folder) / MODEL
        model.write_bytes(bytes(MODEL_BYTES))
        with contextlib.redirect_stderr(io.StringIO()):
            device = probe_device(Path("/"), Simulation(values["--simulate"]), {})
            bench.run(model, device, request, runs=int(values.get("--runs", 1)))
    text = out.getvalue().replace(f"{folder}/", "")
    return "\n".join(line.rstrip() for line in text.splitlines())
