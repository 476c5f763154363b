"""What a specification may say, what it means when it is silent, and how it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.planning.parsing import parse_json, parse_yaml, spec_from_mapping
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.planning.specification import PRECISIONS, Mode, Spec

BASE = Path("/models")

FULL = """
name: edge-classifiers
models: [zoo:resnet50, zoo:mobilenet_v2, ./mine.onnx]
devices: {class: jetson-tx2}
targets: [cpu]
runtimes: [onnxruntime]
options: {onnxruntime: {}}
precisions: [fp32, int8]
batch_sizes: [1, 2, 4, 8, 16, 32, 64]
threads: [1]
mode: latency
timing_scope: copy+compute
protocol: standard
repeats: {min: 5, max: 20, relative_half_width: 0.02}
seed: 1
"""


def test_the_specification_of_the_design_is_read_as_it_stands():
    spec = parse_yaml(FULL, BASE)
    assert spec == Spec(
        name="edge-classifiers",
        models=("zoo:resnet50", "zoo:mobilenet_v2", "/models/mine.onnx"),
        devices={"class": ("jetson-tx2",)},
        precisions=("fp32", "int8"),
        batch_sizes=(1, 2, 4, 8, 16, 32, 64),
        threads=(1,),
        protocol="standard",
        repeats=Repeats(5, 20, 0.02, seed=1),
    )
    assert spec.local_models() == ("/models/mine.onnx",)


def test_only_models_are_needed():
    spec = parse_yaml("models: zoo:resnet18", BASE)
    assert spec == Spec(models=("zoo:resnet18",))
    assert spec.devices == {}
    assert spec.threads == (None,)
    assert spec.repeats == Repeats(5, 20, 0.02, seed=1)


def test_repeats_follow_the_protocol_unless_given():
    assert parse_yaml("{models: [a], protocol: quick}", BASE).repeats == Repeats(5, 5, 0.02, seed=1)
    assert parse_yaml("{models: [a], repeats: 7}", BASE).repeats == Repeats(7, 7, 0.02, seed=1)
    assert parse_yaml("{models: [a], repeats: {min: 30}}", BASE).repeats == Repeats(30, 30, 0.02, seed=1)
    assert parse_yaml("{models: [a], repeats: {max: 3}}", BASE).repeats == Repeats(3, 3, 0.02, seed=1)


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("models: [a]", None),
        ("{models: [a], adaptive: false}", None),
        ("{models: [a], adaptive: true}", "realtime"),
        ("{models: [a], adaptive: true, batch_sizes: [8, 16]}", "offline"),
        ("{models: [a], adaptive: offline, batch_sizes: [1, 8]}", "offline"),
    ],
)
def test_adaptive_names_the_use_whose_ranking_chooses(text: str, use: str | None):
    spec = parse_yaml(text, BASE)
    assert spec.repeats.adaptive == use
    assert parse_json(spec.to_json()) == spec


def test_a_value_written_twice_counts_once():
    assert parse_yaml("{models: [a, a], batch_sizes: [2, 1, 2]}", BASE).batch_sizes == (2, 1)


def test_a_list_of_devices_is_a_list_of_names():
    assert parse_yaml("{models: [a], devices: [tx2-a, tx2-b]}", BASE).devices == {"name": ("tx2-a", "tx2-b")}


def test_local_models_are_replaced_by_the_names_they_got():
    spec = parse_yaml("models: [./mine.onnx, zoo:resnet18]", BASE)
    assert spec.with_models({"/models/mine.onnx": "mine"}).models == ("mine", "zoo:resnet18")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "mapping with at least `models"),
        ("[1, 2]", "mapping with at least `models"),
        ("models: [a\nname: b", "not YAML in line 2"),
        ("{models: [a], name: x, name: y}", "'name' is written twice"),
        ("name: a", "`models` is missing"),
        ("models: []", "`models` is empty"),
        ("models: [1]", "1 is not a name"),
        ("{models: [a], batchsizes: [1]}", "Unknown key 'batchsizes': did you mean batch_sizes"),
        ("{models: [a], batch_sizes: [two]}", "'two' is not a whole number from 1"),
        ("{models: [a], batch_sizes: [0]}", "0 is not a whole number from 1"),
        ("{models: [a], batch_sizes: [true]}", "True is not a whole number"),
        ("{models: [a], batch_sizes: [1.5]}", "1.5 is not a whole number"),
        ("{models: [a], threads: [0]}", "`threads`: 0 is not"),
        ("{models: [a], precisions: [fp31]}", "'fp31' is not offered; did you mean fp32"),
        ("{models: [a], protocol: quik}", "'quik' is not offered; did you mean quick"),
        ("{models: [a], mode: energy}", "'energy' is not offered; known: accuracy"),
        ("{models: [a], timing_scope: compute}", "known: copy\\+compute|did you mean copy\\+compute"),
        ("{models: [a], repeats: {min: 9, max: 3}}", "min 9 is more than max 3"),
        ("{models: [a], repeats: {mn: 9}}", "Unknown key 'repeats.mn': did you mean min"),
        ("{models: [a], repeats: {relative_half_width: 2}}", "not a fraction between 0 and 1"),
        ("{models: [a], repeats: {min: 3, boots: 4}}", "4 boots need at least as many blocks"),
        ("{models: [a], repeats: {boots: 0}}", "`repeats.boots`: 0 is not"),
        (
            "{models: [a], repeats: {min: 3, days: 4}}",
            "4 days need at least as many blocks; raise min from 3",
        ),
        ("{models: [a], adaptive: maybe}", "'maybe' is not offered; write true, false, realtime or offline"),
        ("{models: [a], adaptive: true, protocol: quick}", "nothing to choose where every .* 5 runs"),
        ("{models: [a], adaptive: true, repeats: {min: 2}}", "raise `repeats.min` from 2 to 3"),
        ("{models: [a], adaptive: realtime, batch_sizes: [2]}", "`batch_sizes` does not have; write `off"),
        ("{models: [a], seed: -1}", "`seed`: -1 is not"),
        ("{models: [a], wait_s: -1}", "`wait_s`: -1 is no number of seconds from 0"),
        ("{models: [a], wait_s: .inf}", "it must not hold the number inf"),
        ("{models: [a], name: 'a b'}", "is not a sweep's name"),
        ("{models: [a], options: {torch: {}}}", "names the runtime 'torch', which is not in `runtimes`"),
        ("{models: [a], options: {onnxruntime: {x: [1]}}}", "options.onnxruntime.x"),
        ("{models: [a], options: {onnxruntime: {provdier: cpu}}}", "no such option, did you mean provider"),
        (
            "{models: [a], options: {onnxruntime: {provider: gpu}}}",
            "'gpu' is not offered; it takes cpu, open",
        ),
        ("{models: [a], options: {onnxruntime: {allow_spinning: 1}}}", "1 is not offered; it takes true"),
        ("{models: [a], devices: 3}", "list of names or a selector"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_a_wrong_specification_is_refused_by_name(text: str, sentence: str):
    with pytest.raises(Refused, match=sentence):
        parse_yaml(text, BASE)


def test_json_that_is_none_is_refused():
    for text in ("{", "[" * 100_000, "null"):
        with pytest.raises(Refused):
            parse_json(text)


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
specs = st.builds(
    dict,
    name=names,
    models=st.lists(names, min_size=1, max_size=3),
    devices=st.dictionaries(names, st.lists(names, min_size=1, max_size=2), max_size=2),
    precisions=st.lists(st.sampled_from(PRECISIONS), min_size=1, max_size=3),
    batch_sizes=st.lists(st.integers(1, 512), min_size=1, max_size=4),
    threads=st.lists(st.none() | st.integers(1, 64), min_size=1, max_size=3),
    protocol=st.sampled_from(sorted(PROTOCOLS)),
    seed=st.integers(0, 2**63 - 1),
)


@given(specs)
def test_json_says_the_same_as_the_specification(value: dict[str, object]):
    spec = spec_from_mapping(value)
    assert parse_json(spec.to_json()) == spec


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_anything_else_is_refused_and_never_breaks(value: object):
    for candidate in (
        value,
        {"models": value},
        {"models": ["a"], "devices": value, "options": value, "repeats": value},
    ):
        sentence, spec = "", None
        try:
            spec = spec_from_mapping(candidate)
        except Refused as refused:
            sentence = str(refused)
        assert sentence or (spec and spec.models)


def test_a_pace_is_a_mode_with_a_rate_and_comes_back_from_json():
    spec = spec_from_mapping({"models": ["a"], "mode": ["latency", {"paced": {"items_s": 5}}]})
    assert spec.modes == (Mode("latency"), Mode("paced", 5.0))
    assert [str(mode) for mode in spec.modes] == ["latency", "paced=5"]
    assert parse_json(spec.to_json()) == spec
    assert json.loads(spec_from_mapping({"models": ["a"]}).to_json())["mode"] == "latency"


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("paced", r"'paced' has no rate: write `mode: \{paced: \{items_s: 5\}\}`"),
        ({"paced": 5}, "has no rate"),
        ({"paced": {"items_s": 5, "burst": 2}}, "has no rate"),
        ({"latency": {"items_s": 5}}, "has no rate"),
        ({"paced": {"items_s": 0}}, "0 is no rate from 0.01 to 10000 items a second"),
        ({"paced": {"items_s": -5}}, "-5 is no rate"),
        ({"paced": {"items_s": 1e9}}, "no rate from"),
        ({"paced": {"items_s": math.nan}}, "nan is no rate"),
        ({"paced": {"items_s": math.inf}}, "inf is no rate"),
        ({"paced": {"items_s": "fast"}}, "'fast' is no rate"),
        ({"paced": {"items_s": True}}, "True is no rate"),
        ("pace", "'pace' is not offered; did you mean paced"),
    ],
)
def test_what_is_no_pace_is_refused_with_what_to_write(mode, sentence):
    with pytest.raises(Refused, match=sentence):
        spec_from_mapping({"models": ["a"], "mode": mode})


def test_adaptive_blocks_are_of_one_mode():
    with pytest.raises(Refused, match="`adaptive` ranks rows of one mode"):
        spec_from_mapping({"models": ["a"], "mode": ["latency", "throughput"], "adaptive": True})


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join([f'*{chr(97 + at)}'] * 9)}]\n" for at in range(20)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} {{<<: [{', '.join([f'*{chr(97 + at)}'] * 9)}]}}\n" for at in range(20)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (LAUGHS, "at most 50,000 values and keys"),
        (MERGES, "merge keys"),
        ("models: &a [*a]", "nested deeper than 32 levels"),
        ("models: " + "[" * 20 + "a" + "]" * 20, "a list of 1 is not a name"),
        ("models: " + "[" * 3000, "nested too deeply"),
        ("models: [a]\nseed: " + "9" * 4000, "a number of more than 40 digits"),
        ("models: [a]\nseed: " + "9" * 5000, "not YAML"),
        ("models: [a]\nmode: {paced: {items_s: .nan}}", "the number nan"),
        ("models: [a]\nmode: {paced: {items_s: .inf}}", "the number inf"),
        ('models: ["\\ud800"]', "surrogate|not YAML"),
        ('models: ["a\\0b"]', "is not plain text"),
        ('models: ["a\\e[31m"]', "is not plain text"),
        ("models: [" + "a" * 5000 + "]", r"'a{60}…' \(5,000 letters\) is not plain text of at most 4,096"),
        (f"models: {[f'm{at}' for at in range(1001)]}", "`models` has 1,001 entries; at most 1,000"),
        (f"models: [a]\ndevices: {{{', '.join(f'k{at}: v' for at in range(65))}}}", "65 keys; at most 64"),
        (f"models: [a]\noptions: {{onnxruntime: {{x: {'y' * 5000}}}}}", "text of at most 4,096 letters"),
        (f"models: [a]\nprotocol: {'q' * 100_000}", r"\(100,000 letters\) is not offered"),
        (f"models: [a]\n? {'k' * 1000}\n: 1", r"Unknown key 'k{60}…' \(1,000 letters\)"),
        ("#" * 1_100_000, "at most 1,048,576 letters"),
    ],
    ids=range(19),
)
def test_bombs_are_refused_in_short_sentences(text: str, sentence: str):
    with pytest.raises(Refused, match=sentence) as caught:
        parse_yaml(text, BASE)
    assert len(str(caught.value)) < 400


def test_bombs_in_json_are_refused_in_short_sentences():
    for text in ("[" * 100_000, '{"models": ["a"], "seed": ' + "9" * 4000 + "}", '{"name": "\\ud800"}'):
        with pytest.raises(Refused) as caught:
            parse_json(text)
        assert len(str(caught.value)) < 200


def test_a_time_limit_is_kept_and_left_out_where_none_is_given():
    assert "timeout_s" not in Spec(models=("a",)).to_json(), "collectors that do not know it take it"
    spec = spec_from_mapping({"models": ["a"], "timeout_s": 600})
    assert spec.timeout_s == 600.0
    assert parse_json(spec.to_json()) == spec


@pytest.mark.parametrize("value", [0, -1, 4.9, "long", True, 1e9, math.nan, math.inf, [600]])
def test_a_time_limit_that_is_none_is_refused_by_its_key(value):
    with pytest.raises(Refused, match="timeout_s"):
        spec_from_mapping({"models": ["a"], "timeout_s": value})
