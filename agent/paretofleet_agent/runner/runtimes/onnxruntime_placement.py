"""Which execution provider really ran the nodes of a model, from ONNX Runtime's own profile."""

import json
import os
import tempfile
from typing import Any, Callable, Dict, Iterable, List, Set, Tuple

from ..failure import RunFailed

#: The work of a network. Shapes and indices may stay on the CPU, these may not.
WORK = ("Conv", "Gemm", "MatMul", "Attention", "LSTM", "GRU", "RNN", "Einsum")


def check(provider: str, profiled: Callable[[str], str]) -> Dict[str, int]:
    """Nodes executed by provider. `profiled(prefix)` runs once and returns the profile that it wrote.

    Raises RunFailed with `unsupported` where `provider` ran nothing, or another one ran the network's work.
    """
    nodes = dict(executed(events_of(profiled)))
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


def events_of(profiled: Callable[[str], str]) -> List[Any]:
    """The events of a profile. `profiled(prefix)` runs once and returns the profile that it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        path = profiled(os.path.join(folder, "profile"))
        with open(path, encoding="utf-8") as handle:
            events: List[Any] = json.load(handle)
    return events


def executed(events: Iterable[Any]) -> Iterable[Tuple[str, Tuple[str, str]]]:
    """(node, (provider, operator)) of the kernels among the `events` of a profile."""
    for event in events:
        about = event.get("args") or {}
        if event.get("cat") == "Node" and about.get("provider"):
            yield event["name"], (about["provider"], about.get("op_name", ""))


def types_taken(events: Iterable[Any]) -> Set[str]:
    """The types, in ONNX Runtime's words, of what the kernels that work take first, by a profile's `events`.

    Releases that write no types there give none.
    """
    taken: Set[str] = set()
    for event in events:
        about = event.get("args") or {}
        if event.get("cat") == "Node" and any(name in about.get("op_name", "") for name in WORK):
            taken.update(*(about.get("input_type_shape") or [()])[:1])
    return taken
