"""A user's samples become one .npz, the same bytes for the same arrays; and the options that name them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.cli import specification
from paretofleet_collector.cli.fed_options import inputs_of, sizes_of
from paretofleet_collector.cli.sample_files import packed
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.errors import Refused

IDS = np.arange(12).reshape(3, 4)


def content(path: Path) -> tuple[bytes, dict[str, list[int]]]:
    with packed(path) as file:
        arrays = np.load(file)
        return file.read_bytes(), {name: arrays[name].tolist() for name in arrays.files}


def test_a_folder_of_arrays_is_always_the_same_file(tmp_path: Path) -> None:
    for name, order in (("one", ("ids", "mask")), ("other", ("mask", "ids"))):
        (tmp_path / name).mkdir()
        for array in order:
            np.save(tmp_path / name / f"{array}.npy", IDS + (array == "mask"))
    os.utime(tmp_path / "other" / "ids.npy", (1, 1))
    first, arrays = content(tmp_path / "one")
    assert arrays == {"ids": IDS.tolist(), "mask": (IDS + 1).tolist()}
    assert content(tmp_path / "other")[0] == first


def test_samples_of_several_files_stand_behind_one_another(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    np.savez(tmp_path / "s" / "b.npz", ids=IDS[1:])
    np.savez(tmp_path / "s" / "a.npz", ids=IDS[:1])
    assert content(tmp_path / "s")[1] == {"ids": IDS.tolist()}


def test_an_npz_is_sent_as_it_is_and_an_npy_by_its_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "s.npz", x=IDS)
    assert content(tmp_path / "s.npz")[0] == (tmp_path / "s.npz").read_bytes()
    np.save(tmp_path / "x.npy", IDS)
    assert content(tmp_path / "x.npy")[1] == {"x": IDS.tolist()}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "absent.npz", "does not exist"),
        (lambda folder: folder, r"no \.npy and no \.npz file"),
        (lambda folder: write(folder, "s.txt"), "is not a file of samples"),
        (lambda folder: write(folder, "x.npy"), "cannot be read as samples"),
        (lambda folder: write(folder, "x.npz").parent, "cannot be read as samples"),
        (lambda folder: write(folder, "x.npz", "y.npy").parent, r"both \.npy and \.npz files"),
        (
            lambda folder: huge(folder / "huge.npz"),
            r"huge\.npz holds 3,221,225,472 bytes; at most 2,147,483,648",
        ),
    ],
)
def test_what_holds_no_samples_is_refused_in_a_sentence(make, words, tmp_path):
    with pytest.raises(Refused, match=words), packed(make(tmp_path)):
        pass


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"nothing that numpy knows")
    return folder / names[0]


def huge(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(3 << 30)
    return path


def test_files_whose_samples_do_not_fit_one_another_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", ids=IDS)
    np.savez(tmp_path / "b.npz", ids=IDS[:, :2])
    with pytest.raises(Refused, match="its files do not fit one another"), packed(tmp_path):
        pass
    np.savez(tmp_path / "b.npz", idz=IDS)
    with pytest.raises(Refused, match=r"b\.npz has the arrays idz, other files ids"), packed(tmp_path):
        pass


def test_options_say_what_the_yaml_would() -> None:
    assert sizes_of(["sequence=32,128", "image.2=640"]) == {"sequence": [32, 128], "image.2": [640]}
    assert inputs_of(["ids=zipf", "n=50", "t=0.5", "flag=true"]) == {
        "ids": "zipf",
        "n": 50,
        "t": 0.5,
        "flag": True,
    }
    assert inputs_of(["x=s.npz"]) == {"x": str(Path("s.npz").absolute())}
    assert inputs_of(["all.npz"]) == str(Path("all.npz").absolute())
    assert (sizes_of(None), inputs_of(None)) == (None, None)
    with pytest.raises(Refused, match="write AXIS=N"):
        sizes_of(["128"])
    with pytest.raises(Refused, match="stands alone"):
        inputs_of(["all.npz", "x=1"])


def test_options_change_what_the_file_says_and_leave_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("{models: [a], sizes: {h: 8, w: 9}, inputs: {x: s.npz, y: 1}}")
    spec = specification.build(file, SweepFlags(sizes=["h=16,32"], inputs=["y=zipf"], models=["b"]))
    assert spec.sizes == {"h": (16, 32), "w": (9,)}
    assert spec.inputs == {"x": {"file": str(tmp_path / "s.npz")}, "y": {"values": "zipf"}}
