"""A member's file is built by the user's module, apart; equal architectures are known as such."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.building import BuiltMember, CandidateFailed, build, misfit, read_member
from paretofleet_collector.searches.graph_hash import graph_hash
from paretofleet_graph import OnnxFile
from search_spaces import MEMBER, MODULE, built_in, written
from small_networks import small_network


def test_a_member_is_a_file_with_its_counts(tmp_path: Path) -> None:
    built = built_in(tmp_path, written(tmp_path))
    assert built.model.is_file()
    assert (built.parameters, built.macs) == (4 * 9 + 4 * 10, 4 * 9 * 64 + 4 * 10)
    assert built.size_bytes == built.model.stat().st_size
    assert built.inputs == (("image", "float", (None, 1, 8, 8)),)
    assert list(built.model.parent.iterdir()) == [built.model]


def test_members_of_one_architecture_have_one_graph_whatever_the_weights(tmp_path: Path) -> None:
    search = written(tmp_path)
    first = built_in(tmp_path, search)
    same = build(search, {"width": 4, "depth": 2}, tmp_path / "same", seed=7, lock_folder=tmp_path)
    other = build(search, {"width": 8, "depth": 1}, tmp_path / "other", lock_folder=tmp_path)
    assert isinstance(same, BuiltMember)
    assert isinstance(other, BuiltMember)
    assert same.graph == first.graph
    assert same.model.read_bytes() != first.model.read_bytes()
    assert other.graph != first.graph


def test_the_module_may_take_from_what_stands_beside_it(tmp_path: Path) -> None:
    alone, beside = tmp_path / "alone", tmp_path / "beside"
    alone.mkdir()
    beside.mkdir()
    (beside / "blocks.py").write_text(MODULE)
    taken = built_in(beside, written(beside, module="from blocks import build"))
    assert taken.graph == built_in(alone, written(alone)).graph


BAD_MEMBERS = [
    ("raise ValueError('no such width')", "build", r"`build` failed (ValueError in line"),
    ("pass", "build", "`build` wrote no file"),
    ("original(member, path, seed + COUNT.__next__())", "build", "two files for one member"),
    ("open(path, 'w').write('rubbish')", "model", "is not an ONNX file"),
    ("original(member, path, seed, batch=1)", "model", "has no batch axis"),
    ("original(member, path, seed, batch=4)", "model", "has no batch axis"),
    ("original(member, path, seed, spoilt=True)", "model", "weights that are not a number, in kernel"),
    (
        (
            "original(member, path, 1); os.chdir(path.parent); onnx.save(onnx.load(path.name), path.name, "
            "save_as_external_data=True, location='w', size_threshold=0); os.chdir(here)"
        ),
        "model",
        "in another file",
    ),
    (
        (
            "original(member, path, 1); onnx.save(onnx.load(path), path, "
            "save_as_external_data=True, location='w', size_threshold=0)"
        ),
        "model",
        "in another file",
    ),
    ("import os; os._exit(3)", "build", "ended with code 3: it printed nothing"),
    ("import os; os.kill(os.getpid(), 11)", "build", "ended with signal 11"),
]


@pytest.mark.parametrize(("line", "reason", "sentence"), BAD_MEMBERS, ids=[each[2] for each in BAD_MEMBERS])
def test_a_member_that_cannot_be_built_fails_with_one_sentence(
    line: str, reason: str, sentence: str, tmp_path: Path
) -> None:
    module = (
        f"{MODULE}\nimport itertools, os\noriginal, COUNT, here = build, itertools.count(), os.getcwd()\n"
        f"def build(member, path, seed):\n    {line}\n"
    )
    failed = build(written(tmp_path, module=module), MEMBER, tmp_path / "built", lock_folder=tmp_path)
    assert isinstance(failed, CandidateFailed), failed
    assert failed.reason == reason
    assert sentence in failed.sentence
    assert "\n" not in failed.sentence
    assert list((tmp_path / "built").iterdir()) == []


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate((2 << 30) + 1)
    failed = read_member(tmp_path / "large.onnx", tmp_path / "read", lock_folder=tmp_path)
    assert isinstance(failed, CandidateFailed)
    assert "larger than 2 GiB" in failed.sentence


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("import nosuchmodule", "space.py cannot be imported (ModuleNotFoundError in line 1"),
        ("def make(): pass", "space.py has no function `build(member, path, seed)`"),
        ("build = (", "space.py cannot be imported (SyntaxError"),
    ],
)
def test_a_module_at_fault_ends_the_search_with_one_sentence(
    module: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as refused:
        build(written(tmp_path, module=module), MEMBER, tmp_path / "built", lock_folder=tmp_path)
    assert sentence in str(refused.value)


def test_building_can_be_stopped(tmp_path: Path) -> None:
    began = tmp_path / "began"
    module = (
        f"def build(member, path, seed):\n    open({str(began)!r}, 'w')\n    import time; time.sleep(600)\n"
    )
    search = written(tmp_path, module=module)
    built = build(
        search,
        MEMBER,
        tmp_path / "built",
        lock_folder=tmp_path,
        is_stopped=began.exists,
    )
    assert built is None


def test_members_of_other_inputs_do_not_fit(tmp_path: Path) -> None:
    built = built_in(tmp_path, written(tmp_path))
    wider = dataclasses.replace(built, inputs=(("x", "float", (None, 1, 28, 28)),))
    assert misfit(built, dataclasses.replace(built, inputs=(("x", "float", (None, 1, 8, 8)),))) == ""
    assert misfit(built, wider) == (
        "The member takes float N x 1 x 28 x 28, the first one took float N x 1 x 8 x 8: let all members of "
        "a space take the same."
    )


def hash_of(model: onnx.ModelProto, tmp_path: Path) -> str:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.onnx"
    onnx.save(model, path)
    return graph_hash(OnnxFile(str(path)))


def renamed(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """The same with other names of everything."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    for node in graph.node:
        node.name = f"{prefix}{node.output[0]}"
        node.input[:] = [f"{prefix}{name}" for name in node.input]
        node.output[:] = [f"{prefix}{name}" for name in node.output]
    for each in (*graph.initializer, *graph.input, *graph.output):
        each.name = f"{prefix}{each.name}"
    graph.name = prefix
    return changed


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), prefix=st.text("abc_/", min_size=1, max_size=6), shuffled=st.randoms())
def test_names_weights_and_the_files_order_do_not_matter(tmp_path_factory, seed, prefix, shuffled) -> None:
    folder = tmp_path_factory.mktemp("hashes")
    other = renamed(small_network(seed), prefix)
    for part in (other.graph.initializer, other.graph.node):
        each = list(part)
        shuffled.shuffle(each)
        del part[:]
        part.extend(each)
    assert hash_of(other, folder) == hash_of(small_network(), folder)


def branches(kernels: tuple[str, str], relu: str = "Relu", kernel: int = 3) -> onnx.ModelProto:
    """Two convolutions by the kernels of these names, added."""
    weights = dict.fromkeys(kernels, np.ones((2, 2, kernel, kernel), dtype=np.float32))
    pads = [kernel // 2] * 4
    nodes = [
        helper.make_node("Conv", ["x", kernels[0]], ["a"], pads=pads),
        helper.make_node("Conv", ["x", kernels[1]], ["b"], pads=pads),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node(relu, ["c"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            nodes,
            "branches",
            [value("x", 1, ["N", 2, 8, 8])],
            [value("y", 1, ["N", 2, 8, 8])],
            [numpy_helper.from_array(each, name) for name, each in weights.items()],
        )
    )


def test_what_is_another_architecture_has_another_graph(tmp_path: Path) -> None:
    different = [
        branches(("k", "l")),
        branches(("k", "k")),
        branches(("k", "l"), relu="Sigmoid"),
        branches(("k", "l"), kernel=1),
        small_network(),
        small_network(side=16),
    ]
    hashes = [hash_of(model, tmp_path) for model in different]
    assert len(set(hashes)) == len(different)


@pytest.mark.parametrize("bounds", [(0.0, 6.0), (0.0, 1.0)])
def test_bounds_are_architecture_and_constants_may_be_nodes(
    bounds: tuple[float, float], tmp_path: Path
) -> None:
    def clipped(low: float, high: float, as_nodes: bool) -> onnx.ModelProto:
        values = {"low": np.float32(low), "high": np.float32(high)}
        tensors = [numpy_helper.from_array(np.array(each), name) for name, each in values.items()]
        nodes = [helper.make_node("Constant", [], [each.name], value=each) for each in tensors]
        value = helper.make_tensor_value_info
        return helper.make_model(
            helper.make_graph(
                [*(nodes if as_nodes else []), helper.make_node("Clip", ["x", "low", "high"], ["y"])],
                "clip",
                [value("x", 1, ["N", 4])],
                [value("y", 1, ["N", 4])],
                [] if as_nodes else tensors,
            )
        )

    six = hash_of(clipped(0.0, 6.0, as_nodes=False), tmp_path)
    assert (hash_of(clipped(*bounds, as_nodes=True), tmp_path) == six) == (bounds == (0.0, 6.0))


def test_a_deep_network_is_written_without_recursion(tmp_path: Path) -> None:
    depth = 3 * sys.getrecursionlimit()
    nodes = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"]) for i in range(depth)]
    value = helper.make_tensor_value_info
    ends = [value("v0", 1, ["N", 4])], [value(f"v{depth}", 1, ["N", 4])]
    deep = helper.make_model(helper.make_graph(nodes, "deep", *ends))
    assert len(hash_of(deep, tmp_path)) == 32
