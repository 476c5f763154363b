"""Trains the member in member.json on Fashion-MNIST for a few seconds, and says how accurate it is."""

import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
from space import CLASSES, layers

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit(
        f"{sys.executable} has no torch: install it there, or name a Python that has it in train.command"
    )

DATA = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
IMAGES, EPOCHS, BATCH, VALIDATION = 6000, 2, 50, 4000


def read(kind, rows):
    """Images at 14 x 14 and labels of a kind, "train" or "t10k", in these rows."""
    images = gzip.decompress((DATA / f"{kind}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((DATA / f"{kind}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 14, 2, 14, 2)[rows]
    means = pixels.mean((3, 5), dtype=np.float32) / 128 - 0.57
    return torch.tensor(means), torch.tensor(np.frombuffer(labels, np.uint8, offset=8)[rows].astype(np.int64))


class Network(nn.Module):
    """The layers of a member, each with a batch normalisation, which is folded into it afterwards."""

    def __init__(self, member):
        super().__init__()
        self.plan = list(layers(member))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False) for _, i, o, k, s, g, _, _ in self.plan
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(each.out_channels) for each in self.convolutions)
        self.head = nn.Linear(self.convolutions[-1].out_channels, CLASSES)

    def forward(self, x):
        entered = x
        for (name, *_, relu, adds), convolution, norm in zip(
            self.plan, self.convolutions, self.norms, strict=True
        ):
            entered = x if name.endswith("expand") else entered
            x = norm(convolution(x)) + (entered if adds else 0)
            x = x.relu() if relu else x
        return self.head(x.mean((2, 3)))

    def weights(self):
        """By the names of the ONNX file, normalisations folded in."""
        for (name, *_), convolution, norm in zip(self.plan, self.convolutions, self.norms, strict=True):
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            yield f"{name}.weight", convolution.weight * factor[:, None, None, None]
            yield f"{name}.bias", norm.bias - norm.running_mean * factor
        yield from {"head.weight": self.head.weight, "head.bias": self.head.bias}.items()


seed, split = int(os.environ["PARETOFLEET_SEED"]), os.environ["PARETOFLEET_SPLIT"]
torch.manual_seed(seed)
torch.set_num_threads(1)  # more only wait for one another in networks as small as these
network = Network(json.loads(Path("member.json").read_text()))
# the last images are the validation split, which no training sees
images, labels = read("train", np.random.default_rng(seed).permutation(60000 - VALIDATION)[:IMAGES])
optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
steps = EPOCHS * IMAGES // BATCH
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
for batch in (rows for _ in range(EPOCHS) for rows in torch.randperm(IMAGES).split(BATCH)):
    nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
    optimiser.step()
    schedule.step()
    optimiser.zero_grad()
kind, rows = ("train", slice(-VALIDATION, None)) if split == "validation" else ("t10k", slice(None))
images, labels = read(kind, rows)
with torch.no_grad():
    right = int((network.eval()(images).argmax(1) == labels).sum())
    weights = dict(network.weights())
model = onnx.load("built.onnx")  # as the member was measured, with other weights
for each in model.graph.initializer:
    each.CopyFrom(onnx.numpy_helper.from_array(weights[each.name].detach().numpy(), each.name))
onnx.save(model, "model.onnx")
result = {"top1": 100 * right / len(labels), "top1_n": len(labels), "split": split}
Path("result.json").write_text(json.dumps(result))
