"""Which execution provider really ran the nodes of a model, from ONNX Runtime's own profile."""

import json
import os
import tempfile
from typing import Any, Callable, Dict, Iterable, Tuple

from ..failure import RunFailed

#: The work of a network. Shapes and indices may stay on the CPU, these may not.
WORK = ("Conv", "Gemm", "MatMul", "Attention", "LSTM", "GRU", "RNN", "Einsum")


def check(provider: str, profiled: Callable[[str], str]) -> Dict[str, int]:
    """Nodes executed by provider. `profiled(prefix)` runs once and returns the profile that it wrote.

    Raises RunFailed with `unsupported` where `provider` ran nothing, or another one ran the network's work.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = profiled(os.path.join(folder, "profile"))
        with open(path, encoding="utf-8") as handle:
            nodes = dict(executed(json.load(handle)))
    counts: Dict[str, int] = {}
    strayed = set()
    for where, operator in nodes.values():
        counts[where] = counts.get(where, 0) + 1
        if where != provider and any(name in operator for name in WORK):
            strayed.add(operator)
    if not counts.get(provider):
        raise RunFailed("unsupported", "no node of the model ran on %s but on %s" % (provider, counts))
    if strayed:
        raise RunFailed(
            "unsupported",
            "%s left %s to another provider (nodes executed: %s)"
            % (provider, ", ".join(sorted(strayed)), counts),
        )
    return counts


def executed(events: Iterable[Any]) -> Iterable[Tuple[str, Tuple[str, str]]]:
    """(node, (provider, operator)) of the kernels among the `events` of a profile."""
    for event in events:
        about = event.get("args") or {}
        if event.get("cat") == "Node" and about.get("provider"):
            yield event["name"], (about["provider"], about.get("op_name", ""))
