"""The runner under the interpreter of JetPack 4, which has neither the agent nor its grammar."""

from __future__ import annotations

import dataclasses
import glob
import os
import shutil
import subprocess

import pytest
from paretofleet_agent.measure.attempt import measure


def find_python36():
    pattern = os.path.expanduser("~/.pyenv/versions/3.6.*/bin/python")
    for path in [*sorted(glob.glob(pattern)), shutil.which("python3.6")]:
        if path:
            done = subprocess.run([path, "--version"], stdout=subprocess.PIPE, check=False)
            if done.stdout.startswith(b"Python 3.6"):
                return path
    return None


PYTHON = find_python36()
pytestmark = pytest.mark.skipif(PYTHON is None, reason="NOT TRIED: no CPython 3.6 was found")


def test_a_3_6_interpreter_drives_the_same_simulated_run(kit, tx2):
    runs = {}
    for name, interpreters in (("this", {}), ("3.6", {"simulated": PYTHON})):
        samples = kit.Samples()
        device = dataclasses.replace(tx2, interpreters=interpreters)
        outcome = measure(kit.lease_of(size_bytes=10**7), None, samples, kit.Watch(), device)
        assert outcome.ok, outcome.message
        runs[name] = samples.puts
    assert runs["3.6"] == runs["this"]


def test_a_3_6_interpreter_without_the_runtime_says_so(kit, here, model):
    device = dataclasses.replace(here, interpreters={"onnxruntime": PYTHON})
    outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), device)
    assert outcome.reason == "runtime_missing"
    assert "onnxruntime" in outcome.message
