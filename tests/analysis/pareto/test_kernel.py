"""All forms of the kernel are one function, down to the bit."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import moocore
import numpy as np
import pytest
from paretofleet_analysis.pareto import (
    Shared,
    attainment,
    dominance_probability,
    dominator_distribution,
    efficiency_survival,
    front_probability,
)
from paretofleet_analysis.pareto.kernel import build, engine
from paretofleet_analysis.pareto.kernel.native import LEVELS, NativeEngine, NativeUnavailable
from paretofleet_analysis.pareto.kernel.query import batch_by_configuration
from paretofleet_analysis.pareto.kernel.rank_codes import RankCodes, float_keys

from .fleets import noisy_shell

MARGIN = [0.02, 0.0, 0.05]


def known_levels() -> list[str]:
    found = []
    for name in LEVELS:
        try:
            NativeEngine(name)
        except NativeUnavailable:
            continue
        found.append(name)
    return found


def needs_native() -> None:
    if not known_levels():
        pytest.skip("no native kernel: nothing was compiled here")


def fleets():
    """Continuous values, and coarse ones full of ties; configurations of 1 to 40 runs."""
    smooth = noisy_shell(4, 90, 3, 0.15, low=1, high=40)
    return {"smooth": smooth, "coarse": [np.round(x, 1) for x in smooth]}


def everything(samples, threads: int = 1) -> dict[str, np.ndarray]:
    costs = [False] * 3
    groups = np.arange(len(samples)) % 13
    values = [np.round(np.linspace(0.6, 0.6 + 0.01 * (g + 1), g + 1), 2) for g in range(13)]
    shared = Shared(groups=groups, values=values, maximize=True, margin=[0.01])
    targets = np.array([[t, t, t] for t in np.linspace(0.2, 2, 40)])
    return {
        "front": front_probability(samples, maximize=costs, threads=threads),
        "near": front_probability(samples, maximize=costs, margin=MARGIN, threads=threads),
        "shared": front_probability(samples, maximize=costs, shared=shared, threads=threads),
        "pairs": dominance_probability(samples, maximize=costs, threads=threads).toarray(),
        "ranks": dominator_distribution(samples, maximize=costs, up_to=6, threads=threads),
        "efficiency": efficiency_survival(
            [x + 0.05 for x in samples], maximize=costs, thresholds=[0.5, 0.9, 1.0], threads=threads
        ),
        "attainment": attainment(samples, maximize=costs, targets=targets, threads=threads),
    }


@pytest.fixture(params=["smooth", "coarse"])
def samples(request):
    return fleets()[request.param]


def test_every_instruction_set_gives_the_same_bits(samples, monkeypatch):
    needs_native()
    first, *others = known_levels()
    monkeypatch.setenv(engine.VARIABLE, first)
    expected = everything(samples)
    for level in others:
        monkeypatch.setenv(engine.VARIABLE, level)
        for name, found in everything(samples).items():
            np.testing.assert_array_equal(found, expected[name], err_msg=f"{name} with {level}")


def test_every_number_of_threads_gives_the_same_bits(samples):
    expected = everything(samples)
    for threads in (2, 3, 7):
        for name, found in everything(samples, threads).items():
            np.testing.assert_array_equal(found, expected[name], err_msg=f"{name} with {threads} threads")


def test_numpy_gives_the_same_bits(samples, monkeypatch):
    """With shared values the groups are met in another order, which moves the last bits."""
    needs_native()
    expected = everything(samples)
    monkeypatch.setenv(engine.VARIABLE, "numpy")
    for name, found in everything(samples).items():
        if name == "shared":
            np.testing.assert_allclose(found, expected[name], rtol=0, atol=1e-14)
        else:
            np.testing.assert_array_equal(found, expected[name], err_msg=name)


@pytest.mark.parametrize("size", [0, 15, 16, 17, 300, 5000])
def test_any_number_of_configurations(size):
    """The index has more levels from 257 and from 4,097 configurations on."""
    rng = np.random.default_rng(size)
    points = rng.random((size + 1, 4))
    found = front_probability(list(points[:, None]), maximize=[False] * 4)
    np.testing.assert_array_equal(found, moocore.is_nondominated(points, keep_weakly=True))


@pytest.mark.parametrize("d", [1, 2, 3, 5, 7, 20])
def test_any_number_of_objectives(d):
    rng = np.random.default_rng(d)
    points = np.round(rng.random((200, d)), 1 + (d < 3))
    found = front_probability(list(points[:, None]), maximize=[False] * d)
    np.testing.assert_array_equal(found, moocore.is_nondominated(points, keep_weakly=True))


def test_extreme_values_keep_their_order():
    values = np.array([-1e308, -1.0, -1e-300, 0.0, 5e-324, 1e-300, 1.0, 1.0 + 2**-40, 1e308])
    down, up = float_keys(values, up=False), float_keys(values, up=True)
    assert (np.diff(down) >= 0).all()
    assert (np.diff(up) >= 0).all()
    assert (up >= down).all()
    assert (up[:-1] <= down[1:]).sum() >= 5
    spread = [np.array([[a, -a]]) for a in values]
    np.testing.assert_array_equal(front_probability(spread, maximize=[False, False]), 1.0)
    line = [np.array([[a, a]]) for a in values]
    np.testing.assert_array_equal(front_probability(line, maximize=[False, False]), [1.0] + [0.0] * 8)


def test_batches_hold_at_most_sixteen_points():
    codes = RankCodes(np.random.default_rng(0).random((100, 2))).codes
    owners = np.repeat([2, 0, 1], [50, 33, 17]).astype(np.int32)
    from paretofleet_analysis.pareto.kernel.query import Rule

    points, order = batch_by_configuration(codes, owners, Rule.AT_MOST)
    assert np.diff(points.batches).max() <= 16
    assert sorted(order) == list(range(100))
    for b, place in enumerate(points.owners):
        assert (owners[order[points.batches[b] : points.batches[b + 1]]] == place).all()


def test_no_memory_is_wasted_on_a_thread_count_of_nothing():
    with pytest.raises(ValueError, match="threads is 0"):
        front_probability([np.ones((2, 2)), np.zeros((2, 2))], maximize=[False, False], threads=0)


def test_without_a_library_numpy_announces_itself_once(monkeypatch, caplog):
    def missing(_name: str = "auto"):
        raise NativeUnavailable("libkernel.so cannot be loaded")

    monkeypatch.delenv(engine.VARIABLE, raising=False)
    monkeypatch.setattr(engine, "NativeEngine", missing)
    engine._engine.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert engine.engine().name == "numpy"
    finally:
        engine._engine.cache_clear()
    assert [r.message for r in caplog.records if "numpy is used" in r.message] == [
        "no native kernel (libkernel.so cannot be loaded); numpy is used, about a hundred times slower"
    ]


def test_an_unknown_kernel_is_refused(monkeypatch):
    needs_native()
    monkeypatch.setenv(engine.VARIABLE, "abacus")
    with pytest.raises(ValueError, match=r"abacus cannot be used: this processor knows .*scalar"):
        engine.engine()


def test_the_build_succeeds_without_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "no C compiler" in build.compile_kernel(tmp_path / "libkernel.so")
    monkeypatch.setenv("CC", "false")
    assert "could not compile" in build.compile_kernel(tmp_path / "libkernel.so")
    assert list(tmp_path.iterdir()) == []


def test_the_build_step_makes_a_library_that_loads(tmp_path):
    if build.compiler() is None:
        pytest.skip("no C compiler here")
    target = tmp_path / "libkernel.so"
    assert build.compile_kernel(target) is None
    code = f"import ctypes; print(ctypes.CDLL({str(target)!r}).pf_supports(0))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "1"


def test_a_library_is_compiled_again_once_something_that_it_is_made_of_is_younger(tmp_path, monkeypatch):
    library = tmp_path / "libkernel.so"
    monkeypatch.setattr(build, "LIBRARY", library)
    assert not build.is_compiled()
    library.write_bytes(b"")
    os.utime(library, (2e9, 2e9))
    assert build.is_compiled()
    os.utime(library, (1e9, 1e9))
    assert not build.is_compiled()
