"""Folders of images: how classes are numbered, how pixels become values, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.datasets.labelled import ItemShape
from paretofleet_collector.datasets.reading import read_set
from paretofleet_collector.errors import Refused

image_module = pytest.importorskip("PIL.Image", reason="images are read with Pillow")
NCHW = ItemShape((3, 8, 8), "float32")


def folder(root: Path, *names: str, size: tuple[int, int] = (20, 16), each: int = 1) -> Path:
    """A folder of images for each of `names`; each image is of one colour."""
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for at in range(each):
            image_module.new("RGB", size, (10 * number, 100, 255 - at)).save(root / name / f"{at}.png")
    return root


def test_classes_are_numbered_by_folders_in_order_by_their_number_or_by_a_list(tmp_path: Path) -> None:
    names = folder(tmp_path / "names", "cat", "ant", "bee", each=2)
    assert read_set(str(names)).labels.tolist() == [0, 0, 1, 1, 2, 2]
    numbers = read_set(str(folder(tmp_path / "numbers", "10", "9", "281")))
    assert (numbers.labels.tolist(), numbers.classes) == ([10, 281, 9], 282)
    listed = folder(tmp_path / "listed", "ant", "cat")
    (listed / "classes.txt").write_text("cow\ncat\nant\n")
    assert read_set(str(listed)).labels.tolist() == [2, 1]
    (listed / "classes.txt").write_text("cow\ncat\n")
    with pytest.raises(Refused, match="has no line ant"):
        read_set(str(listed))


def test_an_image_is_resized_cropped_and_normalised_as_it_is_stated(tmp_path: Path) -> None:
    given = read_set(str(folder(tmp_path / "set", "0", "1")))
    values, how = given.items.prepared(NCHW, {})
    assert (values.shape, values.dtype) == ((2, 3, 8, 8), np.float32)
    assert (how["resize"], how["crop"], how["layout"], how["range"]) == (9, [8, 8], "nchw", 1.0)
    pixel = np.array([10, 100, 255]) / 255
    assert values[1, :, 4, 4] == pytest.approx((pixel - how["mean"]) / how["std"], abs=1e-5)
    asked = {"range": 255.0, "mean": [127.0], "std": [128.0], "resize": 8}
    values, how = given.items.prepared(ItemShape((8, 8, 3), "float32"), asked)
    assert values[1, 4, 4] == pytest.approx((pixel * 255 - 127) / 128)
    assert (how["layout"], how["resize"]) == ("nhwc", 8)
    plain, how = given.items.prepared(ItemShape((8, 8, 3), "uint8"), {})
    assert plain[1, 4, 4].tolist() == [10, 100, 255]
    assert "mean" not in how


def test_the_middle_is_cropped_of_the_shorter_sides_size(tmp_path: Path) -> None:
    """A white square in the middle of a wide image fills the crop."""
    (tmp_path / "0").mkdir()
    pixels = np.zeros((16, 48, 3), np.uint8)
    pixels[:, 16:32] = 255
    image_module.fromarray(pixels).save(tmp_path / "0" / "a.png")
    values, _ = read_set(str(tmp_path)).items.prepared(ItemShape((3, 8, 8), "uint8"), {"resize": 8})
    assert values[0, :, :, 1:7].min() > 250


def test_another_image_is_another_set_and_names_of_folders_do_not_matter(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "a", "x", "y"), folder(tmp_path / "b", "p", "q")
    assert read_set(str(one)).sha256 == read_set(str(two)).sha256
    image_module.new("RGB", (9, 9)).save(two / "q" / "1.png")
    assert read_set(str(one)).sha256 != read_set(str(two)).sha256


MISFITS = {
    "an open size": (ItemShape((3, "height", "width"), "float32"), {}, "as in `crop: 224`"),
    "another crop": (NCHW, {"crop": 9}, "takes images of 8 x 8"),
    "fewer pixels than are cropped": (NCHW, {"resize": 7}, "8 are cropped"),
    "no image": (ItemShape((64,), "float32"), {}, "say `layout`"),
    "whole numbers": (ItemShape((3, 8, 8), "int64"), {}, "real numbers, or bytes"),
    "bytes less a mean": (ItemShape((3, 8, 8), "uint8"), {"mean": [1.0]}, "bytes as they are"),
    "colours of a grey one": (ItemShape((1, 8, 8), "float32"), {"mean": [1.0, 2.0, 3.0]}, "1 channels"),
}


@pytest.mark.parametrize("case", list(MISFITS))
def test_images_that_a_model_does_not_take_are_refused(tmp_path: Path, case: str) -> None:
    shape, preparing, says = MISFITS[case]
    given = read_set(str(folder(tmp_path / "set", "0")))
    with pytest.raises(Refused, match=says):
        given.items.prepared(shape, preparing)


def test_a_broken_image_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", "0")
    (root / "0" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    with pytest.raises(Refused, match=r"torn\.jpg cannot be read as an image"):
        read_set(str(root)).items.prepared(NCHW, {})
    (root / "1").mkdir()
    with pytest.raises(Refused, match="1 holds no images"):
        read_set(str(root))
    (tmp_path / "none").mkdir()
    with pytest.raises(Refused, match="holds no folder of images"):
        read_set(str(tmp_path / "none"))
