"""The processes of a run: they end with their parent, survive printing, and their ends are told apart."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from paretofleet_agent.measure import child
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.requests import RUNNER


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def children_of(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture
def fake_runtime(tmp_path):
    """Puts a module called onnxruntime before the real one; `body` is what its sessions do."""

    def make(body):
        folder = tmp_path / "fake"
        folder.mkdir()
        (folder / "onnxruntime.py").write_text(
            textwrap.dedent(
                """
                import os, signal, sys, time
                __version__ = "0"
                def get_available_providers(): return ["CPUExecutionProvider"]
                class SessionOptions:
                    def add_session_config_entry(self, name, value): pass
                class _Any:
                    def __getattr__(self, name): return 0
                ExecutionMode = GraphOptimizationLevel = _Any()
                class Input:
                    name, type, shape = "x", "tensor(float)", ["N", 4]
                class InferenceSession:
                    calls = 0
                    def __init__(self, *a, **k): pass
                    def get_providers(self): return ["CPUExecutionProvider"]
                    def get_inputs(self): return [Input]
                    def get_outputs(self): return []
                    def run(self, names, feed):
                        InferenceSession.calls += 1
                        calls = InferenceSession.calls
                        time.sleep(0.002)
                """
            )
            + textwrap.indent(textwrap.dedent(body), " " * 8)
            + "\n        return []\n"
        )
        python = tmp_path / "python-with-fake"
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        return {"onnxruntime": str(python)}

    return make


def test_a_runtime_that_prints_on_standard_output_harms_no_frame(kit, here, model, fake_runtime):
    noise = 'print("noise" * 1000); os.write(1, b"\\0" * 100); sys.stdin.read(1); os.system("echo more")'
    device = dataclasses.replace(here, interpreters=fake_runtime(noise))
    outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message


ENDS = {
    "crashed": "os.kill(os.getpid(), signal.SIGSEGV)",
    "unsupported_isa": "os.kill(os.getpid(), signal.SIGILL)",
    "oom": 'sys.stderr.write("terminate called after throwing std::bad_alloc\\n"); os.abort()',
    "timeout": "time.sleep(60)",
}


@pytest.mark.parametrize("calls", [0, 20], ids=["at once", "in the window"])
@pytest.mark.parametrize("reason", list(ENDS))
def test_the_end_of_a_runner_has_a_reason(kit, here, model, fake_runtime, reason, calls):
    body = f"if calls > {calls}: {ENDS[reason]}"
    device = dataclasses.replace(here, interpreters=fake_runtime(body))
    limits = dataclasses.replace(kit.QUICK, timeout_s=1.5 if reason == "timeout" else 60.0)
    outcome = measure(kit.lease_of(model, limits=limits), model, kit.Samples(), kit.Watch(), device)
    assert (outcome.ok, outcome.reason) == (False, reason)
    assert outcome.message


def test_an_exception_for_memory_is_oom_and_any_other_a_crash(kit, here, model, fake_runtime):
    device = dataclasses.replace(here, interpreters=fake_runtime("if calls > 9: raise MemoryError"))
    assert measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), device).reason == "oom"


def test_samples_before_a_crash_are_kept_with_their_marks(kit, here, model, fake_runtime):
    device = dataclasses.replace(here, interpreters=fake_runtime("if calls > 40: os._exit(3)"))
    samples = kit.Samples()
    outcome = measure(kit.lease_of(model), model, samples, kit.Watch(), device)
    assert outcome.reason == "crashed"
    assert "exit code 3" in outcome.message
    assert samples.columns("iterations")[0]
    assert samples.columns("marks")[0]


@pytest.mark.parametrize(
    ("code", "last", "for_memory", "reason"),
    [
        (-signal.SIGKILL, "", True, "oom"),
        (-signal.SIGKILL, "", False, "crashed"),
        (-signal.SIGILL, "", False, "unsupported_isa"),
        (-signal.SIGABRT, "Cannot allocate memory", False, "oom"),
        (-signal.SIGABRT, "assertion", True, "crashed"),
        (1, "ValueError", True, "crashed"),
    ],
)
def test_exits_are_told_apart(code, last, for_memory, reason):
    got, message = child.explain_exit("runner", code, last, killed_for_memory=for_memory)
    assert got == reason
    assert last in message or reason == "oom"


PARENT = """
import dataclasses, sys
from pathlib import Path
from paretofleet_agent.device import probe
from paretofleet_agent.measure.attempt import measure
sys.path.insert(0, {folder!r})
import conftest as kit
device = probe.probe_device(Path({sysroot!r}), None, {{}})
limits = dataclasses.replace(kit.QUICK, window_min_s=60.0, iterations_max=10**9)
path = Path({model!r})
watch = kit.Watch()
told = watch.phase
def phase(name, iterations):
    told(name, iterations)
    if name == "measure" and iterations:
        print("measuring", flush=True)
watch.phase = phase
measure(kit.lease_of(path, limits=limits), path, kit.Samples(), watch, device)
"""


def test_sigkill_of_the_parent_ends_runner_and_sampler(kit, model, tmp_path):
    sysroot = kit.unpack_tree("rapl_intel", tmp_path / "root")
    source = PARENT.format(folder=str(Path(kit.__file__).parent), sysroot=str(sysroot), model=str(model))
    parent = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    try:
        assert parent.stdout.readline() == b"measuring\n"
        ours = children_of(parent.pid)
        assert len(ours) == 2, "a runner and a sampler"
        for pid in ours:
            assert os.getpgid(pid) != os.getpgid(parent.pid), "Ctrl-C reaches the daemon alone"
        scores = sorted(int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in ours)
        assert scores[1] == 1000, "the runner offers itself to the kernel"
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    assert until(lambda: not any(alive(pid) for pid in ours))


def test_the_file_of_a_read_that_does_not_return_is_named(tmp_path):
    """A FIFO that nobody writes to stands in for a sensor whose driver hangs."""
    path = tmp_path / "power1_input"
    os.mkfifo(path)
    source = f"import os; os.read(os.open({str(path)!r}, os.O_RDWR), 64)"
    hung = child.Child("sampler", [sys.executable, "-c", source], sysroot=Path("/"), stopped=bool)
    try:
        assert until(lambda: hung.blocked_file() == str(path))
        hung.kill()
        assert hung.blocked_file() is None
    finally:
        hung.close()


def test_a_runner_ends_at_the_end_of_its_input():
    runner = subprocess.Popen([sys.executable, str(RUNNER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    runner.stdin.close()
    assert runner.wait(60) == 0
    runner.stdout.close()
