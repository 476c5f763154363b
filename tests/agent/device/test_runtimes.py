"""Which GPUs a device has: those of NVML, or a Jetson's own, wherever its kernel shows it."""

from __future__ import annotations

import pytest
from paretofleet_agent.device import runtimes
from paretofleet_agent.hardware.boards import GPUS

JETPACK_6 = "ina3221_orin_nx_jetpack6"
DEVFREQ = "sys/class/devfreq/17000000.ga10b/governor"


def targets_of(root):
    return [(target.target_id, target.alias) for target in runtimes.find_gpus(root)]


def put(root, path):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("0\n")


@pytest.mark.parametrize("path", [*(f"{folder}/load" for folder in GPUS), DEVFREQ])
def test_the_gpu_of_a_jetson_is_found_where_its_kernel_shows_it(tree, path):
    root = tree("ina3221_orin_nx")
    assert targets_of(root) == []
    put(root, path)
    assert targets_of(root) == [("gpu.0", "cuda:0")]


def test_an_orin_with_jetpack_6_has_its_gpu(tree):
    assert targets_of(tree(JETPACK_6)) == [("gpu.0", "cuda:0")]


def test_a_container_without_a_device_tree_has_its_gpu_and_no_nvml(tree):
    root = tree("ina3221_container")
    put(root, "sys/devices/platform/gpu.0/load")
    assert targets_of(root) == [("gpu.0", "cuda:0")]


def test_the_gpu_of_another_board_is_no_cuda_target(tmp_path):
    put(tmp_path, "sys/class/devfreq/ff9a0000.gpu/governor")
    assert targets_of(tmp_path) == []
