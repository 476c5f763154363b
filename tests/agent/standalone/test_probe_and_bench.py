"""What a device says of itself, and one model measured without a collector."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys

import pytest
from paretofleet_agent import main
from paretofleet_agent.device import description, host_lock, probe, runtimes
from paretofleet_agent.errors import AttemptFailed, PfError
from paretofleet_agent.hardware import environment
from paretofleet_agent.main import command_line, commands
from paretofleet_agent.model import Target, Unavailable
from paretofleet_agent.runner import loop, serve
from paretofleet_agent.standalone import bench, bench_statistics, paced_times
from paretofleet_agent.standalone.run_options import (
    BenchRequest,
    RunOptions,
    inputs_of,
    mode_of,
    options_of,
    sizes_of,
)

CPU = Target(target_id="cpu", alias="cpu", description="")


def test_probe_names_what_is_there_and_why_the_rest_is_not(tmp_path):
    device = probe.probe_device(tmp_path, None, {"onnxruntime": "/nowhere/python"})
    text = description.describe(device)
    assert "absent" in text
    assert "rapl" in text
    assert "/nowhere/python does not start" in text
    assert "fix: " in text
    assert device.inventory.runtimes == ()
    told = description.as_json(device)
    assert {absent["what"] for absent in told["absent"]} >= {"rapl", "onnxruntime", "nvml", "ina3221"}
    assert json.loads(json.dumps(told))["inventory"]["targets"][0]["alias"] == "cpu"


def test_probe_finds_the_runtime_of_this_interpreter(here):
    (runtime,) = [one for one in here.inventory.runtimes if one.name == "onnxruntime"]
    assert runtime.version[0] == "1"
    assert runtime.target_ids == ("cpu",)


def test_an_interpreter_that_cannot_import_the_runtime_is_told_apart(tmp_path):
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -I "$@"\n')
    bare.chmod(0o755)
    absent = runtimes.find_runtime("onnxruntime", str(bare), (CPU,))
    assert "No module named" in absent.why
    assert "pip install onnxruntime" in absent.fix


def test_a_runtime_with_foreign_instructions_is_told_apart(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -ILL $$\n")
    python.chmod(0o755)
    assert "SIGILL" in runtimes.find_runtime("onnxruntime", str(python), (CPU,)).why


def test_the_environment_holds_what_stays_and_the_readings_what_moves(tmp_path):
    tree = {
        "proc/sys/kernel/osrelease": "4.9.253-tegra",
        "proc/sys/kernel/random/boot_id": "b007",
        "proc/cpuinfo": "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd07",
        "proc/loadavg": "0.50 0.25 0.10 1/200 999",
        "proc/meminfo": "MemTotal: 8000 kB\nMemAvailable: 7000 kB\nSwapFree: 5 kB",
        "proc/device-tree/model": "quill\0",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil",
        "sys/devices/system/cpu/cpufreq/policy1/scaling_governor": "schedutil",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "345600",
        "sys/class/thermal/thermal_zone0/type": "CPU-therm",
        "sys/class/thermal/thermal_zone0/temp": "41500",
        "sys/class/thermal/thermal_zone1/type": "PMIC-Die",
        "sys/class/thermal/thermal_zone1/temp": "100000",
        "sys/fs/cgroup/cpu.max": "150000 100000",
        "sys/fs/cgroup/memory.max": "max",
    }
    for name, content in tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    stays, moves = environment.environment(tmp_path, (0, 1)), environment.readings(tmp_path)
    assert stays["governor"] == ["schedutil"]
    assert stays["cpu_quota"] == 1.5
    assert stays["cpu_model"] == "0x41 0xd07"
    assert stays["board"] == "quill"
    assert "memory_limit_bytes" not in stays, "what is not there is left out"
    assert moves["temperatures_c"] == {"thermal_zone0:CPU-therm": 41.5}
    assert moves["load_average"] == [0.5, 0.25, 0.1]
    assert moves["frequencies_khz"] == [345600]
    assert not set(stays) & set(moves)
    assert environment.boot_id(tmp_path) == "b007"
    assert environment.memory_bytes(tmp_path) == 8000 * 1024


def test_bench_prints_a_table_and_progress_apart(here, model, capsys):
    assert bench.run(model, here, BenchRequest(batch_size=2, iterations=40, warm_up_s=0.02), runs=3) == 0
    out, err = capsys.readouterr()
    assert "median" in out
    assert "items/s" in out
    assert out.count("CPUExecutionProvider") == 1
    assert "run 3 of 3: 40 iterations" in err


def test_probe_and_a_run_leave_nothing_in_the_home(model, tmp_path):
    """ONNX Runtime from 1.32 writes a device id and events below the cache, if it is let."""
    empty = tmp_path / "home"
    empty.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    command = [sys.executable, "-m", "paretofleet_agent.main", "bench", model, "--iterations", "3"]
    done = subprocess.run(
        [*command, "--warm-up-s", "0", "--home", tmp_path / "agent"],
        env={**kept, "HOME": str(empty), "PARETOFLEET_HOST_LOCK_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "CPUExecutionProvider" in done.stdout
    assert list(empty.rglob("*")) == []


def test_bench_as_json_has_no_interval_where_there_are_too_few(here, model, capsys):
    assert bench.run(model, here, BenchRequest(iterations=10, warm_up_s=0.02), output="json") == 0
    told = json.loads(capsys.readouterr().out)
    (run,) = told["runs"]
    assert run["iterations"] == 10
    assert run["batch_latency_p50_s"] > 0
    assert run["batch_latency_p90_s"] is None
    assert told["total"]["batch_latency_mean_interval_s"] is None


def test_bench_of_a_file_that_is_not_there_is_one_sentence(here, tmp_path):
    with pytest.raises(PfError, match=r"cannot read the model .*none.onnx: No such file"):
        bench.run(tmp_path / "none.onnx", here)


def test_bench_of_what_cannot_run_names_file_and_reason(kit, here, tmp_path):
    path = kit.make_model(tmp_path / "fixed.onnx", shape=(1, 16))
    with pytest.raises(PfError, match=r"fixed.onnx.*fixed batch size 1.*\[unsupported\]"):
        bench.run(path, here, BenchRequest(batch_size=4))


def test_bench_goes_another_way_when_told_and_says_so(here, model, capsys):
    options = RunOptions(mode="throughput", precision="fp32", options={"allow_spinning": False})
    request = BenchRequest(iterations=40, warm_up_s=0.02, options=options)
    assert bench.run(model, here, request, runs=3, output="json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["requested"]["mode"] == told["effective"]["mode"] == "throughput"
    assert told["effective"]["options"]["allow_spinning"] is False
    assert told["effective"]["precision"] == "fp32"
    (run, *_), total = told["runs"], told["total"]
    assert run["batch_latency_p50_s"] is None, "in throughput mode nobody waits for one batch"
    assert run["throughput_items_s"] == pytest.approx(40 / run["window_s"])
    low, high = total["throughput_interval_items_s"]
    assert low < total["throughput_items_s"] < high


def test_bench_in_throughput_mode_prints_items_and_no_waits(here, model, capsys):
    request = BenchRequest(iterations=40, warm_up_s=0.02, options=RunOptions(mode="throughput"))
    assert bench.run(model, here, request) == 0
    out = capsys.readouterr().out
    assert "items/s" in out
    assert "median" not in out


def test_options_of_a_bench_are_what_they_look_like():
    texts = ["compile=true", "provider=openvino", "n=2", "path=a=b"]
    assert options_of(texts) == {"compile": True, "provider": "openvino", "n": 2, "path": "a=b"}
    for text in ("compile", "=true", "compile="):
        with pytest.raises(PfError, match="write KEY=VALUE"):
            options_of([text])


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("alow_spinning=false", "onnxruntime has no such option, did you mean allow_spinning?"),
        ("compile=true", "onnxruntime has no such option, it has allow_spinning, check_outputs"),
        ("allow_spinning=no", "option allow_spinning takes (True, False), not 'no'"),
    ],
)
def test_a_misspelt_option_is_refused_before_anything_starts(model, option, sentence, capsys):
    words = ["bench", str(model), "--simulate", "jetson-tx2", "--option", option]
    assert main.main(words) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--threads", "4096"], 2, "--threads 4096: this device allows 1 to"),
        (["--target", "cuda:7"], 1, "this device has no target cuda:7"),
        (["--input", "nobody=zipf"], 1, "nobody"),
        (["--mode", "fast"], 2, "--mode fast: choose from latency"),
    ],
)
def test_what_is_known_before_is_refused_before_the_machine_is_waited_for(
    here, model, words, code, sentence, capsys, monkeypatch
):
    def waits(*_):
        raise AssertionError("it waited for the machine")

    monkeypatch.setattr(host_lock, "host_lock", waits)
    monkeypatch.setattr(commands, "_look", lambda _: here)
    assert main.main(["bench", str(model), *words]) == code
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (RunOptions(runtime="trtexec"), r"trtexec cannot be used here, it is not in PATH: install TensorRT"),
        (
            RunOptions(runtime="torch"),
            r"torch cannot be used here, .*cannot import it: no torch: pip install",
        ),
        (RunOptions(target="cuda:7"), r"this device has no target cuda:7: it has cpu"),
        (RunOptions(options={"speed": "high"}), r"relu.onnx: option 'speed' is none of .*allow_spinning"),
        (RunOptions(precision="int8"), r"relu.onnx: .*int8.*\[unsupported\]"),
    ],
)
def test_what_a_bench_cannot_do_is_one_sentence_that_names_it(here, model, options, sentence):
    absent = (
        Unavailable("trtexec", "it is not in PATH", "install TensorRT"),
        Unavailable("torch", "/opt/python cannot import it: no torch", "pip install torch"),
    )
    runtimes = tuple(one for one in here.inventory.runtimes if one.name == "onnxruntime")
    inventory = dataclasses.replace(here.inventory, runtimes=runtimes)
    device = dataclasses.replace(here, inventory=inventory, absent=absent)
    with pytest.raises(PfError, match=sentence) as refused:
        bench.run(model, device, BenchRequest(iterations=5, warm_up_s=0.02, options=options))
    assert "\n" not in str(refused.value)


def test_the_command_s_choices_are_the_runtimes_and_modes_that_there_are():
    assert set(command_line.RUNTIMES) == set(serve.RUNTIMES) - {"simulated"}
    assert set(command_line.MODES) == set(loop.MODES)


def test_no_interval_of_a_rate_reaches_below_zero(here, model, capsys, monkeypatch):
    """Three runs of 12,000, 35,000 and 56,000 items a second once printed -23,877 to 93,089."""
    windows_s = iter([40 / 12_000, 40 / 35_000, 40 / 56_000])
    monkeypatch.setattr(bench.RunSamples, "span_s", lambda _: next(windows_s))
    request = BenchRequest(iterations=40, warm_up_s=0.02, options=RunOptions(mode="throughput"))
    assert bench.run(model, here, request, runs=3) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("items/s")]
    rate, low, high = map(float, re.findall(r"[\d.-]+", line.replace("95 %", "")))
    assert 0 < low < rate < high
    assert rate / low == pytest.approx(high / rate, rel=1e-3)


def test_what_is_not_positive_has_no_interval():
    assert bench_statistics.positive_interval([1.0, 0.0, 2.0], 1.0) is None


def test_an_interval_of_a_mean_is_students():
    low, high = bench_statistics.mean_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5), rel=1e-3)


@pytest.mark.parametrize(("name", "n"), [("p50", 6), ("p90", 29), ("p99", 299)])
def test_a_quantile_has_an_interval_only_from_the_count_where_one_exists(name, n):
    p = bench_statistics.QUANTILES[name]
    assert bench_statistics.quantile_interval(range(n), p, n) is not None
    assert bench_statistics.quantile_interval(range(n - 1), p, n - 1) is None


def test_correlated_iterations_count_for_less():
    assert bench_statistics.effective_count([1.0, 2.0] * 50) == 100
    assert bench_statistics.effective_count([1.0] * 50 + [2.0] * 50) < 5


def test_bench_by_the_clock_prints_how_late_its_items_began(here, model, capsys):
    options = RunOptions(mode="paced", items_s=50.0)
    request = BenchRequest(batch_size=2, iterations=30, warm_up_s=0.02, options=options)
    assert bench.run(model, here, request, output="json") == 0
    told = json.loads(capsys.readouterr().out)
    (run,) = told["runs"]
    assert run["batch_latency_p50_s"] >= 1 / 50.0, "the first item waits for the second"
    assert (run["throughput_items_s"], told["requested"]["items_s"]) == (50.0, 50.0)
    assert 0 <= run["lateness_p50_s"] < run["batch_latency_p50_s"]
    assert 0 <= run["late_share"] <= 1
    assert told["effective"]["pace"]["spin_ns"] <= 200_000
    assert bench.run(model, here, request) == 0
    assert "after it was due" in capsys.readouterr().out


def test_bench_says_which_rate_can_be_kept():
    with pytest.raises(
        AttemptFailed, match=r"takes 10 ms here, so 500 .* cannot be kept: ask for at most 100"
    ):
        paced_times.paced_values([0.009, 0.011], [0.0, 0.5], batch_size=1, items_s=500.0)


@pytest.mark.parametrize(
    "text", ["paced", "paced=0", "paced=-1", "paced=nan", "paced=1e9", "fast", "latency=5"]
)
def test_a_mode_that_is_none_is_one_sentence(text):
    with pytest.raises(PfError, match=f"--mode {text}: "):
        mode_of(text)


def test_what_decides_the_work_is_asked_for_and_what_is_fed_is_said(here, tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("TopK", ["x", "k"], ["y", "places"])],
        "g",
        [info("x", kinds.FLOAT, ["N", "width"]), info("k", kinds.INT64, [1])],
        [info("y", kinds.FLOAT, ["N", None])],
    )
    path = tmp_path / "top.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    short = {"iterations": 5, "warm_up_s": 0.02}
    with pytest.raises(PfError, match=r"input k decides the work .*--input k=50"):
        bench.run(path, here, BenchRequest(**short))
    with pytest.raises(PfError, match=r"--size width=N"):
        bench.run(path, here, BenchRequest(**short, options=RunOptions(inputs=inputs_of(["k=3"]))))
    options = RunOptions(inputs=inputs_of(["k=3"]), sizes=sizes_of(["width=9"]))
    assert bench.run(path, here, BenchRequest(**short, options=options)) == 0
    assert "fed: x normal, k 3\n" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["width", "width=", "width=-1", "width=x", "=3"])
def test_a_size_that_is_none_is_one_sentence(text):
    with pytest.raises(PfError, match=r"write AXIS=N"):
        sizes_of([text])


@pytest.mark.parametrize("text", ["ids", "ids=", "=ones", "ids=gamma", "ids=/nowhere.npz", "ids=nan"])
def test_an_input_that_is_none_is_one_sentence(text):
    with pytest.raises(PfError, match="--input "):
        inputs_of([text])
