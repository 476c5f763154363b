"""A search's specification: its defaults, its digest, and what is refused with one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.parsing import parse_search
from paretofleet_collector.searches.specification import METHODS, SEARCH_KEYS
from search_spaces import SPECIFICATION, written

ISSUE = """
name: edge1
space: {module: ./space.py, parameters: {width: [8, 12, 16, 24], block0: [conv, dw, ib],
        expand0: {values: [2, 4], if: {block0: ib}}}}
train: {command: [python, train.py], seeds: 1, timeout: 10m, memory: 4GiB}
measure: {devices: {class: [cpu, jetson-tx2]}, runtimes: [onnxruntime], batch_sizes: [1], protocol: quick,
          repeats: {min: 3, max: 3}, anchor: zoo:squeezenet1_1}
objectives: [top1, batch_latency_p90_s, energy_j_per_item]
limits: {top1: 60, batch_latency_p90_s: 0.05, memory_peak_bytes: 500000000}
method: gp
start: 20
seeds: [{width: 8, block0: ib, expand0: 2}]
control: 0.1
"""


def changed(**values: object) -> str:
    """The specification of the tests with other values by key; None drops it, `a__b` is inside another."""
    whole = yaml.safe_load(SPECIFICATION)
    for name, value in values.items():
        *outer, key = name.split("__")
        place = whole
        for each in outer:
            place = place[each]
        place[key] = value
        if value is None:
            del place[key]
    return yaml.safe_dump(whole)


def test_a_whole_specification_is_read(tmp_path: Path) -> None:
    search = written(tmp_path, text=ISSUE)
    assert search.module == tmp_path / "space.py"
    assert search.space().size == 16
    assert search.train.command == ("python", str(tmp_path / "train.py"))
    assert (search.train.timeout_s, search.train.memory_bytes) == (600.0, 4 * 2**30)
    assert search.measure.devices == {"class": ("cpu", "jetson-tx2")}
    assert (search.measure.protocol, search.measure.repeats.runs_min) == ("quick", 3)
    assert search.anchor == "zoo:squeezenet1_1"
    assert search.limits == {"top1": 60.0, "batch_latency_p90_s": 0.05, "memory_peak_bytes": 5e8}
    assert search.hand_made == ({"width": 8, "block0": "ib", "expand0": 2},)
    assert search.control == 0.1


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    search = written(tmp_path)
    assert (search.method, search.start, search.control) == ("gp", 20, pytest.approx(1 / 12))
    assert (search.measure.protocol, search.train.seeds) == ("quick", 1)
    assert (search.limits, search.hand_made) == ({}, ())


def test_an_anchor_may_be_a_file_beside_the_specification(tmp_path: Path) -> None:
    assert written(tmp_path, text=changed(measure__anchor="./a.onnx")).anchor == str(tmp_path / "a.onnx")


def test_the_digest_is_of_all_that_decides_a_trial(tmp_path: Path) -> None:
    before = written(tmp_path)
    assert set(before.files) == {"specification", "space.py", "train.py"}
    assert written(tmp_path, text=f"# a comment\n{SPECIFICATION}").digest == before.digest
    assert written(tmp_path, text=changed(start=21)).digest != before.digest
    assert written(tmp_path, training="print()").digest != before.digest
    after = written(tmp_path, module="def build(): pass")
    assert [name for name in after.files if after.files[name] != before.files[name]] == ["space.py"]


def test_an_argument_that_is_no_file_is_an_argument(tmp_path: Path) -> None:
    cache = f"[python, train.py, {tmp_path / 'cache'}]"
    text = SPECIFICATION.replace("[python, train.py]", cache)
    (tmp_path / "cache").mkdir()
    assert set(written(tmp_path, text=text).files) == {"specification", "space.py", "train.py"}


def test_a_folder_that_was_moved_holds_the_same_search(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    assert written(tmp_path / "here").digest == written(tmp_path / "there").digest


BAD = [
    ({"objective": ["top1"]}, r"unknown key 'objective'.* did you mean objectives"),
    ({"space__paramters": {}}, r"`space` has the unknown key 'paramters'.* did you mean parameters"),
    ({"train__time_out": "1m"}, "did you mean timeout"),
    ({"measure__model": "a"}, "unknown key 'model'"),
    ({"measure__mode": "throughput"}, "unknown key 'mode'"),
    ({"space": None}, "`space` is missing"),
    ({"train": None}, "`train` is missing"),
    ({"space": "space.py"}, "write a mapping"),
    ({"space__module": "./other.py"}, r"other\.py is no file; write one there with `build"),
    ({"space__parameters": {"width": []}}, "0 members"),
    ({"space__parameters": {}}, "0 members"),
    ({"space__parameters": {"width": [4]}}, "1 member"),
    ({"space__parameters": {f"p{i}": list(range(10)) for i in range(13)}}, "more than 1e12 members"),
    ({"space__parameters": {"a": {"values": [1, 2], "if": {"b": 1}}, "c": [1, 2]}}, "which is no parameter"),
    (
        {
            "space__parameters": {
                "a": {"values": [1, 2], "if": {"b": 1}},
                "b": {"values": [1, 2], "if": {"a": 1}},
            }
        },
        "run in a circle",
    ),
    ({"train__command": []}, "`train.command` is empty"),
    ({"train__command": None}, "`train` has no `command`"),
    ({"train__command": ["python", "other.py"]}, r"other\.py is no file"),
    ({"train__seeds": 0}, "whole number from 1 to 20"),
    ({"train__timeout": "soon"}, "no time from 1 s to a week"),
    ({"train__timeout": "0s"}, "no time from 1 s to a week"),
    ({"train__memory": "4 G"}, "no size from 64 MiB"),
    ({"train__memory": "1kB"}, "no size from 64 MiB"),
    ({"measure__anchor": None}, "`measure` has no `anchor`"),
    ({"measure__runtimes": ["onnxruntime", "torch"]}, "has 2 entries: give one"),
    ({"measure__batch_sizes": [1, 8]}, "has 2 entries: give one"),
    ({"measure__sizes": {"height": [32, 64]}}, "`measure.sizes.height` has several: give one"),
    ({"measure__protocol": "fast"}, "`measure`: `protocol`: 'fast' is not offered"),
    ({"objectives": ["batch_latency_p90_s"]}, "has no `top1`"),
    ({"objectives": ["top1"]}, "`top1` alone"),
    ({"objectives": ["top1", "latency"]}, "'latency' is not offered"),
    ({"objectives": ["top1", "batch_latency_mean_s", "time_per_item_s"]}, "functions of each other"),
    ({"objectives": ["top1", "training_s"]}, "no cost of a member in use"),
    ({"limits": {"latency_s": 1}}, "unknown key 'latency_s'"),
    ({"limits": {"batch_latency_p90_s": "50ms"}}, "no number above 0, in s"),
    ({"limits": {"batch_latency_p90_s": 0}}, "no number above 0"),
    ({"limits": {"top1": 0.6}}, "write 60 for a share of 0.6"),
    ({"limits": {"top1": 100}}, "nothing reaches it"),
    ({"method": "bayes"}, "'bayes' is not offered"),
    ({"start": -1}, "whole number from 0"),
    ({"control": 0.7}, "no share from 0 to 0.5"),
    ({"seeds": [{"width": 5, "depth": 1}]}, "in entry 1 width is 5, but it is one of 4, 8, 12"),
    ({"seeds": [{"width": 4}]}, "lacks depth"),
    ({"seeds": [{"width": 4, "depth": 1, "size": 2}]}, "'size' is no parameter"),
    ({"seeds": [{"width": 4, "depth": 1}] * 2}, "entries 1 and 2 are one member"),
    ({"seeds": {"width": 4}}, "no list of at most"),
    ({"seeds": [4]}, "entry 1 is 4"),
    ({"name": "no name"}, "is not a sweep's name"),
]


@pytest.mark.parametrize(("values", "why"), BAD, ids=[why for _, why in BAD])
def test_what_cannot_be_meant_is_refused_with_one_sentence(
    values: dict[str, object], why: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as refused:
        written(tmp_path, text=changed(**values))
    said = str(refused.value)
    assert re.search(why, said), said
    assert "\n" not in said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = [key.name.replace(".", "__") for key in SEARCH_KEYS] + ["space", "train"]


@settings(deadline=None, max_examples=150)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_whatever_stands_at_a_key_is_read_or_refused(tmp_path_factory, place: str, value: object) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    try:
        search = written(folder, text=changed(**{place: value}))
    except Refused as error:
        said = str(error)
    else:
        said = f"{search.method}, {search.space().size} members"
        assert search.method in METHODS
        assert search.space().size >= 2
    assert "\n" not in said


@settings(deadline=None, max_examples=200)
@given(text=st.text(max_size=80))
def test_whatever_the_text_is_it_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(Refused):
        parse_search(text, Path())
