"""What tells a machine and an agent's folder from a copy."""

from __future__ import annotations

import shutil

from paretofleet_agent.uplink.machine import machine_of


def board(tmp_path, name, serial, mac="02:00:00:00:00:01"):
    root = tmp_path / name
    for path, text in (
        ("proc/device-tree/serial-number", serial + "\0"),
        ("sys/class/net/eth0/address", mac),
        ("sys/class/net/veth7/address", name),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "sys/class/net/eth0/device").mkdir()
    return root


def test_it_is_the_same_after_a_reboot_and_another_on_another_board(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    first = board(tmp_path, "boot-1", "0324")
    assert machine_of(home, "id", first) == machine_of(home, "id", board(tmp_path, "boot-2", "0324"))
    assert machine_of(home, "id", first) != machine_of(home, "id", board(tmp_path, "other", "0325"))
    other_card = board(tmp_path, "card", "0324", mac="02:00:00:00:00:02")
    assert machine_of(home, "id", first) != machine_of(home, "id", other_card)


def test_a_copied_folder_on_the_same_machine_is_another(tmp_path):
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    shutil.copytree(home, copy)
    assert machine_of(home, "id") != machine_of(copy, "id")
    home.rename(tmp_path / "away")
    copy.rename(home)
    assert machine_of(home, "id") != machine_of(tmp_path / "away", "id")


def test_it_says_nothing_of_the_machine(tmp_path):
    assert "0324" not in machine_of(tmp_path, "id", board(tmp_path, "a", "0324"))
    assert machine_of(tmp_path, "id") != machine_of(tmp_path, "id-2")
