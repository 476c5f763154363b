"""The options --size and --input, by which a user says what is fed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector.errors import misused

Sizes = Annotated[
    list[str] | None,
    typer.Option(
        "--size",
        metavar="AXIS=N[,N]",
        help="Size of a free axis beside the batch; several are measured in turn. Repeatable.",
    ),
]
FedInputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="[NAME=]VALUE",
        help="What an input is fed: a law (zipf, uniform, ones, ...), a number, a file or folder of "
        "samples. Repeatable.",
    ),
]


def sizes_of(texts: Sequence[str] | None) -> dict[str, list[int | str]] | None:
    """`AXIS=N,N` as the YAML has it, None for no option; raises Refused for another form."""
    if texts is None:
        return None
    sizes: dict[str, list[int | str]] = {}
    for text in texts:
        name, equals, numbers = text.rpartition("=")
        if not equals or not name:
            raise misused(f"--size {text}: write AXIS=N, as in sequence=128 or sequence=128,512.")
        each = [number.strip() for number in numbers.split(",") if number.strip()]
        sizes.setdefault(name, []).extend(int(number) if number.isdecimal() else number for number in each)
    return sizes


def inputs_of(texts: Sequence[str] | None) -> dict[str, Any] | str | None:
    """`NAME=VALUE` as the YAML has it, a file alone as text, None for no option; raises Refused."""
    if texts is None:
        return None
    inputs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            if len(texts) > 1:
                raise misused(f"--input {text}: a file for every input stands alone; write NAME=VALUE.")
            return str(Path(text).absolute())
        inputs[name] = _value(value.strip())
    return inputs


def _value(text: str) -> Any:
    """A number, true, false, a law, or the absolute path of a file."""
    from paretofleet_collector.planning.inputs import is_file

    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return str(Path(text).absolute()) if is_file(text) else text
