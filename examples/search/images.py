"""The images that members learn: Fashion-MNIST of Debian's package, or without it scikit-learn's digits."""

import gzip
import os
import sys
from pathlib import Path

import numpy as np
from space import SIDE

FOLDER = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))


def read_images(split):
    """The set's name, its images (n, 1, 14, 14) and labels (n,) of a split: train, validation or test."""
    if FOLDER.is_dir():
        return "fashion-mnist", *fashion(split)
    return "digits", *digits(split)


def fashion(split):
    """The last 4,000 of what Fashion-MNIST has to learn from are the validation split."""
    kind = "t10k" if split == "test" else "train"
    rows = {"train": slice(-4000), "validation": slice(-4000, None), "test": slice(None)}[split]
    images = gzip.decompress((FOLDER / f"{kind}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FOLDER / f"{kind}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, SIDE, 2, SIDE, 2)[rows]
    means = pixels.mean((3, 5), dtype=np.float32) / 128 - 0.57
    return means, np.frombuffer(labels, np.uint8, offset=8)[rows].astype(np.int64)


def digits(split):
    """Of 1,797 digits of 8 x 8 pixels, the last 400 are the test split and 300 before them for validation."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit(
            f"{FOLDER} is not there, nor scikit-learn's digits: apt-get install dataset-fashion-mnist, or "
            f"install scikit-learn for {sys.executable}"
        )
    rows = {"train": slice(-700), "validation": slice(-700, -400), "test": slice(-400, None)}[split]
    data, near = load_digits(), np.arange(SIDE) * 8 // SIDE
    pixels = data.images[rows][:, near][:, :, near]
    return (pixels[:, None] / 8 - 0.61).astype(np.float32), data.target[rows].astype(np.int64)
