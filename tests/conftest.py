"""Which tests are timed, and which of the others are slow."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

HERE = Path(__file__).parent
#: Every run plays the same examples, and how long one takes says something of the machine only.
hypothesis.settings.register_profile(
    "the same everywhere",
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("the same everywhere")

#: Folders and files whose tests judge what real processes measured, or judge by the clock: they run alone.
TIMED = (
    "agent/device/test_contention.py",
    "agent/device/test_frequencies.py",
    "agent/hardware/test_real_cgroups.py",
    "agent/measure",
    "agent/power/test_sampler.py",
    "agent/runner/test_pace.py",
    "agent/standalone/test_bench_energy.py",
    "agent/standalone/test_selftest.py",
    "analysis/runs/test_bad_sensors.py",
    "analysis/runs/test_paced.py",
    "analysis/runs/test_rapl_sums.py",
    "collector/rpc/test_rude_clients.py",
    "system/faults/test_pair_reconnect.py",
    "system/faults/test_scenarios.py",
    "system/test_faults.py",
    "system/test_one_sweep.py",
)
#: What takes longest begins first, so that no worker is left with it when the others have ended.
LONGEST_FIRST = (
    *("system", "deploy", "collector/rpc", "collector/service", "collector", "conformance"),
    *("test_install.py", "test_documentation.py", "test_flags.py", "layout"),
)
PURE_MAX_S = 3.0
#: Tests of real processes wait for what a busy machine does: a limit is there for what hangs.
PROCESSES, PROCESSES_TIMEOUT_S = ("system", "deploy"), 900


def is_timed(path: Path) -> bool:
    """Whether the tests of a file want the machine for themselves."""
    name = path.relative_to(HERE).as_posix()
    return any(_is_in(name, each) for each in TIMED)


def _is_in(name: str, place: str) -> bool:
    """Whether a file of that `name` below the tests is a `place`, or stands in it."""
    return name == place or name.startswith(f"{place}/")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # by number of tests; the order of `_place` shall stand


def _folder(item: pytest.Item) -> str:
    """The folder of `tests` in which an item stands."""
    return item.path.relative_to(HERE).parts[0] if HERE in item.path.parents else ""


def _place(item: pytest.Item) -> int:
    name = item.path.relative_to(HERE).as_posix() if HERE in item.path.parents else ""
    places = [i for i, place in enumerate(LONGEST_FIRST) if _is_in(name, place)]
    return places[0] if places else len(LONGEST_FIRST)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A half loads no file of the other half."""
    half = {"timed": True, "not timed": False}.get(config.option.markexpr)
    if half is None or collection_path.suffix != ".py" or HERE not in collection_path.parents:
        return None
    return True if is_timed(collection_path) is not half else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and is_timed(item.path):
            item.add_marker(pytest.mark.timed)
        if _folder(item) in PROCESSES and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PROCESSES_TIMEOUT_S))
    items.sort(key=_place)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the tests that need no clock and take long all the same: they are where time can be won."""
    slow = sorted(
        (report.duration, report.nodeid)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        and "timed" not in report.keywords
        and report.duration > PURE_MAX_S
    )
    if slow:
        terminalreporter.section(f"pure tests above {PURE_MAX_S:g} s")
    for seconds, name in reversed(slow):
        terminalreporter.write_line(f"{seconds:8.1f} s  {name}")
