"""All sensors together: one protocol, sensors of other distributions, two that claim the same power."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys

import pytest
import trees
from paretofleet_agent import sensors
from paretofleet_agent.model import Unavailable
from paretofleet_agent.power import characterise
from paretofleet_agent.power.sampler import SensorRecorder
from paretofleet_agent.sensors import Rail

TREES = sorted(
    path.parent.name
    for path in trees.FIXTURES.glob("*/tree.txt")
    if path.parent.name.startswith(tuple(sensors.BUILT_IN))
)
WITHOUT_POWER = (
    "ina3221_nano_2gb",
    "ina3221_label_twice",
    "raspberry_pi4",
    "rapl_blocks",
    "rapl_dangling",
    "battery_two_packs",
    "battery_weak_charger",
)

PLUGIN = """
from paretofleet_agent.sensors import Rail
class Sensor:
    def rails(self): return [Rail("probe9000", "x", "wall", "instant", primary=True)]
    def read(self): return [[(1, 2)]]
    def close(self): pass
def find(sysroot, settings): return [Sensor()], []
def broken(sysroot, settings): raise RuntimeError("no licence")
def silent(sysroot, settings): return None
def alien(sysroot, settings): return [object()], []
def bare(sysroot, settings):
    one = Sensor()
    one.rails = lambda: []
    return [one], []
def odd(sysroot, settings):
    one = Sensor()
    one.rails = lambda: [Rail("odd", "x", "wall", "guess")]
    return [one], []
def found_with(read):
    one = Sensor()
    one.read, one.close = read, lambda: 1 / 0
    return [one], []
def cable_out(): raise OSError(5, "Input/output error")
def unplugged(sysroot, settings): return found_with(cable_out)
def talkative(sysroot, settings): return found_with(lambda: [[(1, 2)], [(1, 2)]])
def inexact(sysroot, settings): return found_with(lambda: [[(1, 2.5)]])
def endless(sysroot, settings): return found_with(lambda: [[(1, 2**63)]])
"""


class Claims:
    def __init__(self, source, scope, target_id=None):
        self.rail = Rail(source, target_id or "x", scope, "instant", primary=True, target_id=target_id)
        self.closed = False

    def rails(self):
        return [self.rail]

    def read(self):
        return [[(1, 2)]]

    def close(self):
        self.closed = True


@pytest.mark.parametrize("name", TREES)
def test_every_tree_keeps_to_the_protocol(tree, name, monkeypatch):
    root = tree(name)
    monkeypatch.setenv("PATH", f"{root}/usr/bin:/usr/bin:/bin")
    found, absent = sensors.find_all(root)
    assert bool(found) == (name not in WITHOUT_POWER)
    rails = [rail for sensor in found for rail in sensor.rails()]
    readings = [new for sensor in found for new in sensor.read()]
    for sensor in found:
        sensor.close()
    assert len(rails) == len(readings)
    assert len({rail.stream for rail in rails}) == len(rails)
    for rail, new in zip(rails, readings):
        ((t_ns, value),) = new
        assert isinstance(t_ns, int)
        assert isinstance(value, int)
        assert rail.schema == ("energy/1" if rail.kind == "counter" else "power/1")
        assert rail.kind in {"counter", "instant", "boxcar", "filtered"}
        assert rail.facts()["stream"] == rail.stream
    assert all(each.why for each in absent)


def test_a_machine_without_any_sensor_hears_why_of_each(tmp_path):
    found, absent = sensors.find_all(tmp_path)
    assert found == []
    assert {each.name for each in absent} == set(sensors.BUILT_IN) - {"hwmon_power", "raspberry"}


def test_no_descriptor_stays_open(tree):
    before = len(os.listdir("/proc/self/fd"))
    for sensor in sensors.find_all(tree("ina3221_tx2_l4t32"))[0]:
        sensor.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def installed(tmp_path, monkeypatch, request):
    """A distribution with one good sensor and one that breaks, or with the one that is asked for."""
    only = getattr(request, "param", None)
    points = f"worse = probe9000:{only}" if only else "probe9000 = probe9000:find\nworse = probe9000:broken"
    (tmp_path / "probe9000.py").write_text(PLUGIN)
    folder = tmp_path / "probe9000-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: probe9000\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[paretofleet.sensors]\n{points}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("probe9000", None)


@pytest.mark.usefixtures("installed")
def test_another_distribution_adds_a_sensor_by_an_entry_point(tree):
    found, absent = sensors.find_all(tree("rapl_amd"))
    streams = [rail.stream for sensor in found for rail in sensor.rails()]
    for sensor in found:
        sensor.close()
    assert "power:probe9000/x" in streams
    assert "power:rapl/package-0" in streams
    (broken,) = [each for each in absent if each.name == "worse"]
    assert broken.why == "RuntimeError: no licence (from the entry point probe9000:broken)"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("installed", ["silent", "alien", "bare", "odd"], indirect=True)
def test_what_is_no_sensor_becomes_a_line_of_probe(tmp_path):
    found, absent = sensors.find_all(tmp_path)
    assert found == []
    (broken,) = [each for each in absent if each.name == "worse"]
    assert "from the entry point probe9000:" in broken.why
    assert broken.refused


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("installed", ["unplugged", "talkative", "inexact", "endless"], indirect=True)
def test_a_strangers_failing_read_costs_its_own_readings_only(tmp_path, monkeypatch):
    good = Claims("a", "package")
    monkeypatch.setattr(sensors, "BUILT_IN", {"x": lambda _root, _settings: ([good], [])})
    found, _ = sensors.find_all(tmp_path)
    recorder = SensorRecorder(found, 0.1)
    recorder.tick()
    kept, failed = recorder.take({})
    assert len(kept[0]) == 1
    assert len(failed[0]) == 0
    assert recorder.report()["failed"] == {"power:probe9000/x": 1}
    plan = characterise.Plan(refresh_s=0.05, settle_s=0.0, steady_s=0.05, step_s=0.02, steps=2)
    measured = characterise.measure(found[1], NoLoad(), plan)
    assert measured["power:probe9000/x"]["period_s"] is None
    found[1].close()


class NoLoad:
    def set(self, *, busy):
        pass


def test_two_sensors_that_claim_one_scope_are_both_left_out(monkeypatch, tmp_path):
    one, two, three = Claims("a", "wall"), Claims("b", "wall"), Claims("c", "package")
    monkeypatch.setattr(
        sensors, "BUILT_IN", {"x": lambda _root, _settings: ([one, two, three], [Unavailable("y", "z")])}
    )
    found, absent = sensors.find_all(tmp_path)
    assert found == [three]
    assert (one.closed, two.closed, three.closed) == (True, True, False)
    assert "power:a/x and power:b/x all claim the scope wall" in absent[-1].why


def test_two_gpus_claim_their_own_boards(monkeypatch, tmp_path):
    one, two = Claims("nvml", "gpu-board", "GPU-1"), Claims("nvml", "gpu-board", "GPU-2")
    monkeypatch.setattr(sensors, "BUILT_IN", {"nvml": lambda _root, _settings: ([one, two], [])})
    assert sensors.find_all(tmp_path)[0] == [one, two]


def test_a_source_of_no_single_target_disputes_every_target_of_its_scope(monkeypatch, tmp_path):
    boards = [Claims("nvml", "gpu-board", "GPU-1"), Claims("nvml", "gpu-board", "GPU-2")]
    other, chip = Claims("lab", "gpu-board"), Claims("amdgpu", "gpu-chip", "0000:03:00.0")
    monkeypatch.setattr(sensors, "BUILT_IN", {"x": lambda _root, _settings: ([*boards, other, chip], [])})
    found, absent = sensors.find_all(tmp_path)
    assert found == [chip]
    assert all(one.closed for one in (*boards, other))
    assert absent[-1].refused
    assert "power:lab/x all claim the scope gpu-board" in absent[-1].why


def test_two_sources_of_one_name_are_both_left_out_whatever_their_scopes(monkeypatch, tmp_path):
    one, two, three = Claims("meter", "wall"), Claims("meter", "usb-input"), Claims("c", "package")
    monkeypatch.setattr(sensors, "BUILT_IN", {"x": lambda _root, _settings: ([one, two, three], [])})
    found, absent = sensors.find_all(tmp_path)
    assert found == [three]
    assert (one.closed, two.closed, three.closed) == (True, True, False)
    told = absent[-1]
    assert (told.name, told.fix, told.refused) == ("meter/x", "give each its own id", True)
    assert told.why.startswith("2 sources call themselves meter/x")


def opened_with(monkeypatch, root, settings, *found):
    """What stays open of what was found, by stream, and what is said of the rest."""
    monkeypatch.setattr(sensors, "BUILT_IN", {"x": lambda _root, _settings: (list(found), [])})
    opened, absent = sensors.find_all(root, settings)
    return [rail.stream for sensor in opened for rail in sensor.rails()], absent, opened


class Board(Claims):
    """A sensor with a total and a part of it, or with other rails."""

    def __init__(self, source, *rails):
        super().__init__(source, "module")
        self.all = rails or (self.rail, Rail(source, "part", "part", "instant"))

    def rails(self):
        return list(self.all)

    def read(self):
        return [[(1, number)] for number, _ in enumerate(self.all)]


def test_a_dispute_closes_the_disputed_rails_only(monkeypatch, tmp_path):
    board, rival = Board("board"), Claims("lab", "module")
    streams, absent, (opened,) = opened_with(monkeypatch, tmp_path, {}, board, rival)
    assert streams == ["power:board/part"]
    assert opened.read() == [[(1, 1)]]
    assert (board.closed, rival.closed) == (False, True)
    assert absent[-1].name == "power of scope module"
    assert "power:board/x and power:lab/x all claim the scope module" in absent[-1].why
    assert "part" not in absent[-1].why
    opened.close()
    assert board.closed


def test_what_settles_a_dispute_is_a_setting(monkeypatch, tmp_path):
    board, rival = Board("board"), Claims("lab", "module")
    _, absent, _ = opened_with(monkeypatch, tmp_path, {}, board, rival)
    assert absent[-1].fix.endswith("in [sensors] of agent.ini, such as ignore = lab")
    settings = {"ignore": "lab"}
    streams, absent, opened = opened_with(monkeypatch, tmp_path, settings, board, rival)
    assert streams == ["power:board/x", "power:board/part"]
    assert opened == [board]
    assert [(each.name, each.refused) for each in absent] == [("lab/x", False)]


def test_rails_of_one_source_are_settled_by_their_own_names(monkeypatch, tmp_path):
    one, two = Board("meter", Rail("meter", "a", "wall", "boxcar", primary=True)), Claims("meter", "wall")
    _, absent, _ = opened_with(monkeypatch, tmp_path, {}, one, two)
    assert absent[-1].fix.endswith("ignore = meter/x")


def test_a_name_to_be_ignored_that_is_nothing_here_is_told(monkeypatch, tmp_path):
    streams, absent, _ = opened_with(monkeypatch, tmp_path, {"ignore": "lap/x"}, Claims("lab", "wall"))
    assert streams == ["power:lab/x"]
    assert (absent[-1].name, absent[-1].fix) == ("lap/x", "the rails are lab/x")


@pytest.mark.parametrize("answers", [True, False])
def test_a_meter_of_the_settings_wins_over_what_the_board_has(monkeypatch, tmp_path, answers):
    """Also a silent one: else the board would speak in those runs in which the meter does not."""
    board = Board("ina3221", *Board("ina3221").all, Rail("ina3221", "all", "wall", "instant", primary=True))
    meter = [Claims("meter", "module")] if answers else []
    settings = {"meter": "module@tcp://127.0.0.1:1"}
    streams, absent, _ = opened_with(monkeypatch, tmp_path, settings, board, *meter)
    named = ["power:meter/x"] if answers else []
    assert streams == ["power:ina3221/part", "power:ina3221/all", *named]
    assert absent[-1].name == "ina3221/x"
    assert "the settings name a meter for the scope module" in absent[-1].why
    assert not absent[-1].refused


@pytest.mark.parametrize("closed_by", [{"ignore": "rapl/package-1"}, {}])
def test_what_adds_up_with_a_closed_rail_is_closed_too(monkeypatch, tmp_path, closed_by):
    """What is left would be a part of a sum, and pass for the whole."""
    packages = [Rail("rapl", f"package-{n}", "package", "counter", primary=True) for n in (0, 1)]
    board = Board("rapl", *packages, Rail("rapl", "dram", "dram", "counter"))
    namesakes = [] if closed_by else [Board("rapl", dataclasses.replace(packages[1], scope="wall"))]
    streams, absent, _ = opened_with(monkeypatch, tmp_path, closed_by, board, *namesakes)
    assert streams == ["power:rapl/dram"]
    assert absent[-1].name == "rapl/package-1"
    assert absent[-1].why.endswith("what adds up with it is closed too: power:rapl/package-0")


def test_permission_that_is_denied_is_a_refusal_where_the_energy_comes_from(tree, monkeypatch):
    opened = os.open

    def refuse(path, *arguments):
        if str(path).endswith("energy_uj"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    found, absent = sensors.find_all(tree("rapl_amd"))
    assert found == []
    told = {each.name: each.refused for each in absent if "permission denied" in each.why}
    assert told == {"rapl/package-0": True, "rapl/package-0-core": False}


def test_rails_of_one_sensor_share_a_scope_in_peace(tree):
    found, absent = sensors.find_all(tree("rapl_intel"))
    for sensor in found:
        sensor.close()
    assert [rail.rail for rail in found[0].rails() if rail.primary] == ["package-0", "package-1"]
    assert not any(each.refused for each in absent)


def test_a_monitor_that_polls_the_same_sensors_is_named_by_probe_and_flags_a_run(tree):
    root = tree("ina3221_nano")
    calm = sensors.states(root)
    for number, name in enumerate(("bash", "tegrastats", "jtop"), 101):
        (root / f"proc/{number}").mkdir(parents=True)
        (root / f"proc/{number}/comm").write_text(f"{name}\n")
    (sensor,), absent = sensors.find_all(root)
    sensor.close()
    (told,) = [each for each in absent if each.name == "undisturbed power"]
    assert told.why.startswith("jtop, tegrastats polls the power sensors too")
    busy = sensors.states(root)
    assert sensors.flags(busy, busy) == ["power_polled"]
    assert sensors.flags(calm, calm) == sensors.flags(calm, busy) == []


def test_a_rail_is_a_value():
    rail = Rail("a", "b", "wall", "instant")
    with pytest.raises(dataclasses.FrozenInstanceError):
        rail.scope = "module"
    assert rail.facts()["window_s"] is None


@pytest.mark.parametrize(
    ("fixture", "path"),
    [
        ("rapl_intel", "sys/class/powercap/intel-rapl:0/name"),
        ("rapl_intel", "sys/class/powercap/intel-rapl:0/max_energy_range_uj"),
        ("ina3221_orin_nx", "{chip}/in1_label"),
        ("ina3221_orin_nx", "{chip}/name"),
        ("amdgpu_discrete", "{chip}/name"),
    ],
)
def test_a_label_that_never_answers_is_named_and_the_rest_is_looked_for(tmp_path, monkeypatch, fixture, path):
    root = trees.unpack(fixture, tmp_path)
    chip = next((each.parent for each in sorted(root.rglob("*/name")) if "hwmon" in str(each)), root)
    file = root / path.format(chip=chip.relative_to(root))
    file.unlink()
    os.mkfifo(file)
    brief = functools.partial(sensors.find_within, limit_s=1.0)
    monkeypatch.setattr(sensors, "find_within", brief)
    absent = sensors.find_all(root)[1]
    assert any(str(file) in each.why and "does not return" in each.why for each in absent)
    for each in absent:
        assert each.name != "nvml" or "does not return" not in each.why
