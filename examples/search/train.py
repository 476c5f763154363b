"""Trains the member in member.json for a few seconds, and says how accurate it is, and on which images."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
from images import read_images

try:
    import torch
    from network import Network
except ImportError:
    sys.exit(
        f"{sys.executable} has no torch: install it there, or name a Python that has it in train.command"
    )

IMAGES, STEPS, BATCH = 6000, 240, 50

seed, split = int(os.environ["PARETOFLEET_SEED"]), os.environ["PARETOFLEET_SPLIT"]
torch.manual_seed(seed)
torch.set_num_threads(1)  # more only wait for one another in networks as small as these
network = Network(json.loads(Path("member.json").read_text()))

_, *arrays = read_images("train")
chosen = np.random.default_rng(seed).permutation(len(arrays[0]))[:IMAGES]
images, labels = (torch.tensor(array[chosen]) for array in arrays)
passes = -(-STEPS * BATCH // len(images))
rows = torch.cat([torch.randperm(len(images)) for _ in range(passes)])
optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=STEPS)
for batch in rows.split(BATCH)[:STEPS]:
    torch.nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
    optimiser.step()
    schedule.step()
    optimiser.zero_grad()

name, *arrays = read_images(split)
images, labels = map(torch.tensor, arrays)
with torch.no_grad():
    right = int((network.eval()(images).argmax(1) == labels).sum())
    weights = dict(network.weights())
model = onnx.load("built.onnx")  # as the member was measured, with other weights
for each in model.graph.initializer:
    each.CopyFrom(onnx.numpy_helper.from_array(weights[each.name].detach().numpy(), each.name))
onnx.save(model, "model.onnx")
result = {"top1": 100 * right / len(labels), "top1_n": len(labels), "split": split, "data": name}
Path("result.json").write_text(json.dumps(result))
sys.stdout.write(f"{name}, {split}: {right} of {len(labels)} right\n")
