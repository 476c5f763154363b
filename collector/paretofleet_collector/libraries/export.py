"""The program that exports a network of torchvision or timm: `python export.py JSON`.

Its argument says `library`, `name`, `target` (the file to write) and `weights` (a file, or empty). It prints
one JSON object: what it exported; or `missing`, a module that cannot be imported; or `names` of the library
where the name is none; or `refused`, a sentence. It imports nothing of paretofleet and downloads nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import Any

OPSET = 17  # ONNX Runtime 1.19 and older load it
SEED = 1
#: Builders that take long to draw weights which are replaced anyway.
_SLOW = ("googlenet", "inception_v3")


def import_torchvision() -> Any:
    """The module torchvision, also where its compiled operators do not load."""
    try:
        import torchvision
    except RuntimeError:
        for loaded in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[loaded]
        meta = "torchvision._meta_registrations"
        sys.modules[meta] = types.ModuleType(meta)
        import torchvision
    return torchvision


def write_onnx(net: Any, side: int, target: str) -> None:
    """Writes the network `net`, of images of `side` x `side` pixels, to `target`; the batch stays open.

    Batch normalisations stay nodes of their own, so that its parameters are those that are published.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.rand(1, 3, side, side),),
            target,
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        )


def from_torchvision(name: str, weights: str) -> tuple[Any, dict[str, Any]]:
    """The network and what is known of it, or None and why; `name` may end in .IMAGENET1K_V2.

    `weights`: the file of its weights, empty for what the hub has kept.
    """
    import torch

    models = import_torchvision().models
    names = models.list_models(module=models)
    plain, _, tag = name.partition(".")
    if plain not in names:
        return None, {"names": names}
    published = list(models.get_model_weights(plain))
    if tag and tag not in [each.name for each in published]:
        return None, {"names": [f"{plain}.{each.name}" for each in published]}
    default = models.get_model_weights(plain).DEFAULT
    ordered = [
        each for each in sorted(published, key=lambda each: each is not default) if tag in ("", each.name)
    ]
    side = int(ordered[0].transforms().crop_size[0])
    file, checkpoint = _torchvision_file(ordered, weights)
    if checkpoint is None:
        slow = {"init_weights": False} if plain in _SLOW else {}
        torch.manual_seed(SEED)
        net = models.get_model(plain, weights=None, **slow)
        facts = _loaded(net, file, f"torchvision {plain}", "BSD-3-Clause")
        return net, {"name": plain, "side": side, **facts}
    with tempfile.TemporaryDirectory() as hub:  # the builder takes the file for what the hub has kept
        (Path(hub) / "checkpoints").mkdir()
        os.symlink(Path(file).resolve(), Path(hub) / "checkpoints" / Path(checkpoint.url).name)
        torch.hub.set_dir(hub)
        net = models.get_model(plain, weights=checkpoint)
    accuracy = checkpoint.meta.get("_metrics", {}).get("ImageNet-1K", {})
    return net, {
        "name": plain,
        "side": int(checkpoint.transforms().crop_size[0]),
        "licence": checkpoint.meta.get("license", "BSD-3-Clause"),
        "weights_source": f"torchvision {checkpoint}",
        "is_trained": True,
        "top1": accuracy.get("acc@1"),
        "top5": accuracy.get("acc@5"),
    }


def _torchvision_file(published: list[Any], weights: str) -> tuple[str, Any]:
    """The file of weights, empty for none, and which of those `published` it is, None for the user's own.

    torchvision's files carry the beginning of their SHA-256 in their name.
    """
    import torch

    if not weights:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        for each in published:
            file = folder / Path(each.url).name
            if file.is_file() and _sha256(file).startswith(_prefix(each)):
                return str(file), each
        return "", None
    digest = _sha256(Path(weights))
    return weights, next((each for each in published if digest.startswith(_prefix(each))), None)


def _prefix(weights: Any) -> str:
    """The hexadecimal digits at the end of a file's name: name-0676ba61.pth."""
    return str(Path(weights.url).stem.rpartition("-")[2])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def from_timm(name: str, weights: str) -> tuple[Any, dict[str, Any]]:
    """The network and what is known of it, or None and why; `name` may end in a tag, such as .a1_in1k.

    `weights`: the file of its weights, empty for what the hub has kept.
    """
    import torch

    import_torchvision()
    import timm

    plain, _, tag = name.partition(".")
    if plain not in timm.list_models():
        return None, {"names": timm.list_models()}
    tagged = timm.list_pretrained(f"{plain}.*")
    if tag and name not in tagged:
        return None, {"names": tagged}
    default = timm.get_pretrained_cfg(name) if tag or tagged else None
    timm.layers.set_fused_attn(False)  # the products of the attention as nodes of their own
    torch.manual_seed(SEED)
    net = timm.create_model(name, pretrained=False)
    config = default.to_dict() if default is not None else net.pretrained_cfg
    facts = {"name": plain, "side": int(config["input_size"][-1])}
    full = f"{plain}.{config['tag']}" if config.get("tag") else plain
    licence = config.get("license") or "Apache-2.0"
    cached = "" if weights else _hub_file(config.get("hf_hub_id"))
    facts.update(_loaded(net, weights or cached, f"timm {plain}", licence))
    if cached:
        facts.update(weights_source=f"timm {full}", published=full, licence=licence)
    return net, facts


def _hub_file(repository: str | None) -> str:
    """The file of weights of a `repository` that the hub's cache on this machine has, else nothing."""
    if not repository:
        return ""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:  # installed without what it needs
        return ""
    for name in ("model.safetensors", "pytorch_model.bin"):
        file = try_to_load_from_cache(repository, name)
        if isinstance(file, str):
            return file
    return ""


def _loaded(net: Any, file: str, origin: str, licence: str) -> dict[str, Any]:
    """Loads the weights in a `file`, where there is one, into `net`; says whose they are, or `refused`."""
    import torch

    if not file:
        with torch.no_grad():  # the exporter makes one of equal tensors, such as biases of zero
            for tensor in [*net.parameters(), *net.buffers()]:
                if tensor.dtype.is_floating_point:
                    tensor.add_(0.01 * torch.randn_like(tensor))
        source = f"seeded by torch, the structure of {origin}"
        return {"licence": licence, "weights_source": source, "is_trained": False}
    try:
        if file.endswith(".safetensors"):
            from safetensors.torch import load_file

            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
        net.load_state_dict(state.get("state_dict", state))
    except Exception as error:  # noqa: BLE001 - of a stranger's file; whatever it is, it does not fit
        why = " ".join(str(error).split())[:200]
        return {"refused": f"{file} does not hold its weights ({why}): give a file of the same network"}
    return {"licence": "", "weights_source": f"a file of the user's for {origin}", "is_trained": True}


def main() -> dict[str, Any]:
    """Does what the argument asks; the answer."""
    request = json.loads(sys.argv[1])
    library = request["library"]
    for module in ("torch", "onnx", "torchvision", library):
        try:
            import_torchvision() if module == "torchvision" else __import__(module)
        except ImportError:
            return {"missing": module}
    make = from_torchvision if library == "torchvision" else from_timm
    net, facts = make(request["name"], request["weights"])
    if net is not None and "refused" not in facts:
        write_onnx(net.train(False), facts["side"], request["target"])
    return facts


if __name__ == "__main__":
    # What libraries print goes to standard error, the answer alone to standard output.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    json.dump(main(), out)
