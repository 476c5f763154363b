"""Folders of images, one folder a class: also an ImageNet-style validation folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paretofleet_collector.datasets.labelled import (
    ItemShape,
    LabelledSet,
    check_size,
    checked_labels,
    normalised,
)
from paretofleet_collector.errors import Refused

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
#: Names of all classes in the model's order, a line each, where folders are called by them.
CLASSES_FILE = "classes.txt"
#: What nearly every published classifier was trained on, of values from 0 to 1: torchvision's constants.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: The shorter side over the crop where nobody says it: 256 to 224.
RESIZE_OVER_CROP = 256 / 224


@dataclass(frozen=True)
class ImageItems:
    """The images of a set, called `name`, at their `paths`."""

    name: str
    paths: tuple[Path, ...]

    def prepared(self, shape: ItemShape, preparing: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """As `labelled.Items.prepared`: the shorter side resized, the middle cropped, then mean and std.

        Where `preparing` is empty, real numbers are from 0 to 1 less ImageNet's mean and over its std, and
        whole numbers are from 0 to 255.
        """
        how = _stated(shape, preparing, self.name)
        channels = 3 if how["colour"] == "RGB" else 1
        item = [channels, *how["crop"]] if how["layout"] == "nchw" else [*how["crop"], channels]
        check_size(len(self.paths), item, shape.dtype, self.name)
        made = np.empty((len(self.paths), *item), dtype=shape.dtype)
        for place, path in enumerate(self.paths):
            pixels = _pixels(path, how)
            if made.dtype.kind == "f":
                scaled = pixels.astype(np.float32) * np.float32(how["range"] / 255)
                pixels = normalised(scaled, how, channels)
            made[place] = pixels.transpose(2, 0, 1) if how["layout"] == "nchw" else pixels
        return made, how


def _stated(shape: ItemShape, preparing: Mapping[str, Any], name: str) -> dict[str, Any]:
    """How images become items of a `shape`, every choice named; raises Refused where they cannot."""
    layout = preparing.get("layout") or _layout(shape.axes)
    if layout is None or len(shape.axes) != 3:
        axes = " x ".join(map(str, shape.axes)) or "a number"
        raise Refused(
            f"{name} holds images, and one item of the model is {axes}: say `layout` as nchw or nhwc."
        )
    channels, height, width = (shape.axes[place] for place in ((0, 1, 2) if layout == "nchw" else (2, 0, 1)))
    crop = [size if isinstance(size, int) else int(preparing.get("crop", 0)) for size in (height, width)]
    if channels not in (1, 3) or not all(crop):
        raise Refused(f"{name}: the model's images may be of any size: say which, as in `crop: 224`.")
    if "crop" in preparing and crop != [preparing["crop"]] * 2:
        raise Refused(
            f"`data.crop` is {preparing['crop']}, and the model takes images of {crop[0]} x {crop[1]}."
        )
    resize = preparing.get("resize") or round(max(crop) * RESIZE_OVER_CROP)
    if resize < max(crop):
        raise Refused(f"`data.resize` is {resize}, and {max(crop)} are cropped of it: give as many at least.")
    how = {"resize": resize, "crop": crop, "interpolation": "bilinear", "layout": layout}
    how |= {"colour": "RGB" if channels == 3 else "grey", "dtype": shape.dtype}
    if np.dtype(shape.dtype).kind == "f":
        is_plain = not preparing.keys() & {"range", "mean", "std"}
        how["range"] = preparing.get("range", 1.0)
        if is_plain and channels == 3:
            how |= {"mean": list(MEAN), "std": list(STD)}
        how |= {key: preparing[key] for key in ("mean", "std") if key in preparing}
    elif preparing.keys() & {"range", "mean", "std"} or shape.dtype != "uint8":
        raise Refused(
            f"{name}: the model is fed {shape.dtype}; images are real numbers, or bytes as they are."
        )
    return how


def _layout(axes: tuple[int | str, ...]) -> str | None:
    """Where the colours stand among the axes of an item; None where nothing says it."""
    first, last = (axes[0] in (1, 3), axes[-1] in (1, 3)) if axes else (False, False)
    return "nchw" if first and not last else "nhwc" if last and not first else None


def _pixels(path: Path, how: Mapping[str, Any]) -> np.ndarray:
    """The image at `path` resized and cropped, as bytes (height, width, channels)."""
    image_of = _pillow()
    try:
        with image_of.open(path) as opened:
            image = opened.convert("RGB" if how["colour"] == "RGB" else "L")
    except Exception as error:  # noqa: BLE001 - a decoder raises what it likes at a damaged file
        raise Refused(
            f"{path} cannot be read as an image ({error}): leave it out, or save it again."
        ) from None
    scale = how["resize"] / min(image.size)
    width, height = (max(how["resize"], round(side * scale)) for side in image.size)
    image = image.resize((width, height), image_of.Resampling.BILINEAR)
    tall, wide = how["crop"]
    left, top = (width - wide) // 2, (height - tall) // 2
    cropped = np.asarray(image.crop((left, top, left + wide, top + tall)), dtype=np.uint8)
    return cropped.reshape(tall, wide, -1)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise Refused(
            "Images are read with Pillow, which is not here: pip install 'paretofleet-collector[images]'."
        ) from None
    return Image


def image_set(path: Path) -> LabelledSet:
    """The set in the folder at `path`, a folder of images for each class. Raises Refused.

    A folder called by a whole number holds the class of that number; else classes are numbered in the order
    of `classes.txt` where that is there, or of the folders' names.
    """
    _pillow()  # before a large folder is walked through
    folders = sorted(each for each in path.iterdir() if each.is_dir())
    numbers = _numbers(path, [each.name for each in folders])
    paths: list[Path] = []
    labels: list[int] = []
    digest = hashlib.sha256()
    for folder, number in zip(folders, numbers, strict=True):
        images = sorted(
            each for each in folder.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file()
        )
        if not images:
            raise Refused(f"{folder} holds no images ({', '.join(SUFFIXES)}): remove it, or fill it.")
        for image in images:
            paths.append(image)
            labels.append(number)
            digest.update(b"%d/%s" % (number, hashlib.sha256(image.read_bytes()).digest()))
    if not paths:
        raise Refused(f"{path} holds no folder of images: give each class a folder of its own.")
    made = checked_labels(np.array(labels), len(paths), f"{path.name}")
    return LabelledSet(path.name, digest.hexdigest(), ImageItems(path.name, tuple(paths)), made)


def _numbers(path: Path, names: list[str]) -> list[int]:
    """The number of the class of each folder called by one of `names`."""
    file = path / CLASSES_FILE
    if file.is_file():
        listed = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        odd = next((name for name in names if name not in listed), None)
        if odd is not None:
            raise Refused(f"{file} has no line {odd}, and there is such a folder: list every class once.")
        return [listed.index(name) for name in names]
    if names and all(name.isdecimal() for name in names):
        return [int(name) for name in names]
    return list(range(len(names)))
