"""What `paretofleet-agent probe` says of boards, from the copied trees of the tests."""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from paretofleet_agent.device import description, probe
from paretofleet_agent.device.runtimes import IMPORT_PROBES

from reference.markdown import page, paragraph

TREES = Path(__file__).parents[2] / "tests" / "agent"
#: Of a board that has another source, these say only that it is no PC.
OTHER_SOURCES = {"nvml", "ina3221", "rapl", "amdgpu", "intel_gpu", "battery", "meter"}
RUNTIMES = {*IMPORT_PROBES, "trtexec"}
#: The first line of what belongs to the machine that makes this page.
MACHINE = "CPUs"
BOARDS: Mapping[str, str] = {
    "Jetson TX2 developer kit": "ina3221_tx2_l4t32",
    "Jetson AGX Orin": "ina3221_agx_orin_load",
    "Jetson AGX Thor developer kit": "ina3221_thor",
    "TX2i on another maker's carrier board": "ina3221_tx2i_foreign",
    "A container without the device tree": "ina3221_container",
    "Raspberry Pi 5": "raspberry_pi5",
}


def boards() -> str:
    """The page docs/reference/boards.md."""
    intro = (
        "The output of `paretofleet-agent probe` for copied trees of six boards. Left out are runtimes, "
        "CPUs, memory and environment, and sources that a board cannot have. The trees follow drivers and "
        "device trees; no such board has run this code."
    )
    sections = [f"## {title}\n\n```text\n{probed(name)}\n```" for title, name in BOARDS.items()]
    return page("# What probe says of six boards", paragraph(intro), *sections)


def probed(name: str) -> str:
    """What probe prints of the sensors of the tree `name`."""
    if str(TREES) not in sys.path:
        sys.path.insert(0, str(TREES))
    import trees

    nowhere = dict.fromkeys(RUNTIMES, "/nowhere")
    with tempfile.TemporaryDirectory() as folder:
        root = trees.unpack(name, Path(folder))
        with mock.patch.dict(os.environ, PATH=f"{root}/usr/bin:/usr/bin:/bin"):
            device = probe.probe_device(root, None, nowhere)
    absent = [each for each in device.absent if each.name not in OTHER_SOURCES | RUNTIMES]
    lines = description.describe(dataclasses.replace(device, absent=tuple(absent))).splitlines()
    ours = next(place for place, line in enumerate(lines) if line.startswith(MACHINE))
    return "\n".join(line.rstrip() for line in lines[:ours]).replace(folder, "")
