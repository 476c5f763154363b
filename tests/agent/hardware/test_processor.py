"""What bounds a processor's speed is told as the machine tells it, and left out where it does not."""

from __future__ import annotations

import pytest
from paretofleet_agent.hardware.processor import processor
from paretofleet_agent.measure.attempt import measure

X86 = "processor : 0\nflags\t\t: fpu sse2 avx avx2 fma rdrand\ncpu MHz\t\t: 2596.136\n\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd asimddp crc32\n"
LIMIT = "sys/devices/system/cpu/cpu%d/cpufreq/cpuinfo_max_freq"


@pytest.mark.parametrize(
    ("files", "facts"),
    [
        ({}, {}),
        ({"proc/cpuinfo": X86}, {"clock_khz": 2596136, "isa": ["avx", "avx2", "fma", "sse2"]}),
        (
            {"proc/cpuinfo": X86, LIMIT % 0: "1200000", LIMIT % 1: "5100000", LIMIT % 2: "9000000"},
            {"clock_khz": 5100000, "isa": ["avx", "avx2", "fma", "sse2"]},
        ),
        ({"proc/cpuinfo": ARM}, {"isa": ["asimd", "asimddp"]}),
        ({LIMIT % 0: "rubbish"}, {}),
    ],
    ids=["nothing", "no driver", "the fastest of the CPUs", "no clock", "rubbish"],
)
def test_the_clock_and_the_instructions_are_those_that_are_told(tmp_path, files, facts):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    assert processor(tmp_path, (0, 1)) == facts


def test_a_run_keeps_them_outside_of_its_environment(kit, here, model):
    pytest.importorskip("onnxruntime")
    outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), here)
    assert outcome.facts.get("processor", {}) == processor(here.sysroot, here.inventory.cpus)
    assert "processor" not in outcome.facts["environment"]
