"""Why two devices of a search cannot be compared: one is simulated, or their power is of unlike things."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def unlike_kinds(first: str, second: str, simulated: Collection[str]) -> str:
    """Why the devices `first` and `second` are not compared, by which are `simulated`; empty where they are.

    >>> unlike_kinds("tx2", "here", {"tx2"})
    'tx2 is simulated and here is not: they are not compared'
    """
    if (first in simulated) == (second in simulated):
        return ""
    model, real = (first, second) if first in simulated else (second, first)
    return f"{model} is simulated and {real} is not: they are not compared"


def unlike_scopes(first: str, second: str, scopes: Mapping[str, Collection[str]]) -> str:
    """Why the fronts on `first` and `second` are not compared; empty where they are.

    `scopes`: by device what its ranked powers and energies are of, such as module; none where none is ranked.

    >>> unlike_scopes("box", "tx2", {"box": {"package"}, "tx2": {"module"}})
    'the power of box is of package, that of tx2 of module: their fronts are not compared'
    """
    ours, theirs = (sorted(scopes.get(name, ())) for name in (first, second))
    if ours == theirs:
        return ""
    said = [" and ".join(each) or "nothing" for each in (ours, theirs)]
    return (
        f"the power of {first} is of {said[0]}, that of {second} of {said[1]}: their fronts are not compared"
    )
