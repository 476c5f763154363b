"""From SPEC.yaml and flags to a specification; the flags change what the file says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.models import add_one, name_of
from paretofleet_collector.errors import Refused
from paretofleet_collector.planning.specification import PRECISIONS, Spec, from_mapping, mapping_of

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

SpecFile = Annotated[
    Path | None, typer.Argument(metavar="[SPEC.yaml]", help="A specification; flags change it.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A model: zoo:NAME, NAME, NAME@VARIANT or a file. Repeatable."),
]
Devices = Annotated[
    list[str] | None,
    typer.Option("--device", help="A device's name, or KEY=VALUE of a label or class. Repeatable."),
]
Targets = Annotated[
    str | None, typer.Option("--target", metavar="LIST", help="cpu, cuda:0, cuda (all of them), ...")
]
Runtimes = Annotated[str | None, typer.Option("--runtime", metavar="LIST", help="onnxruntime, ...")]
Precisions = Annotated[
    str | None, typer.Option("--precision", metavar="LIST", help=f"{', '.join(PRECISIONS)}.")
]
BatchSizes = Annotated[
    str | None, typer.Option("--batch-size", metavar="LIST", help="Batch sizes, as in 1,2,4.")
]
Threads = Annotated[
    str | None, typer.Option("--threads", metavar="LIST", help="Numbers of threads, or `default`.")
]
Protocol = Annotated[str | None, typer.Option("--protocol", help="quick, standard or sustained.")]
Repeats = Annotated[
    str | None, typer.Option("--repeats", metavar="N|MIN-MAX", help="Runs of each configuration.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the order of the runs.")]
Adaptive = Annotated[
    bool | None,
    typer.Option(
        "--adaptive/--no-adaptive",
        help="After the least runs, run what the ranking leaves open. The file may say for which use.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None, typer.Option("--name", help="The sweep's name; one is made where none is given.")
]


def build(file: Path | None, **flags: Any) -> Spec:
    """The specification of the file with the flags that are not None; raises Refused and BadParameter."""
    if file is None and not flags.get("models"):
        raise typer.BadParameter("give a SPEC.yaml or at least --model")
    value: Any = {}
    base = Path()
    if file is not None:
        base = file.parent
        value = _read(file)
    given = {key: _parsed(key, flag) for key, flag in flags.items() if flag is not None}
    if isinstance(value, dict):
        if "repeats" in given and isinstance(value.get("repeats"), dict):
            given["repeats"] = {**value["repeats"], **given["repeats"]}  # its boots and its precision stay
        if given.get("adaptive") is True and isinstance(value.get("adaptive"), str):
            del given["adaptive"]  # the file says for which use
        value = {**value, **given}
    try:
        spec = from_mapping(value)
    except Refused as error:
        raise type(error)(f"{file}: {error}" if file else str(error)) from None
    if "models" in given:
        base = Path()
    return spec.resolved(base)


def add_files(client: Client, spec: Spec) -> Spec:
    """Adds the local model files to the collector and returns the specification with their names instead."""
    if not spec.local_models():
        return spec
    from paretofleet_collector.rpc.client import sha256_of

    known = client.list_models()
    names: dict[str, str] = {}
    for path in spec.local_models():
        if not Path(path).is_file():
            raise Refused(f"{path} is not a file; give an ONNX file, the name of a model or zoo:NAME.")
        sha256 = sha256_of(Path(path))
        there = next((one for one in known if one.sha256 == sha256 and one.stored), None)
        one = there or add_one(client, path)
        names[path] = f"{one.model}@{one.variant}"
    return spec.with_models(names)


def build_zoo(client: Client, models: Sequence[str]) -> None:
    """Builds what of the zoo is asked for and not stored yet; the plan has refused unknown names."""
    missing = {one.model for one in client.list_models() if not one.stored}
    names = dict.fromkeys(model.removeprefix("zoo:").partition("@")[0] for model in models)
    wanted = [name for name in names if name in missing]
    for at, name in enumerate(wanted, start=1):
        add_one(client, f"zoo:{name}", f"[{at}/{len(wanted)}] ")


def named(spec: Spec, file: Path | None = None) -> Spec:
    """The specification with a name: its own, the file's, or its first model's.

    The collector adds a number where the name is taken.
    """
    if spec.name:
        return spec
    first = file.stem if file else spec.models[0].removeprefix("zoo:").partition("@")[0]
    return replace(spec, name=name_of(Path(first))[:60])


def _read(file: Path) -> Any:
    try:
        return mapping_of(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{file} does not exist; write a specification there, or use --model.") from None
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Refused(f"{file} is not a text in UTF-8; a specification is YAML.") from None
    except Refused as error:
        raise Refused(f"{file}: {error}") from None


def _parsed(key: str, flag: Any) -> Any:
    """A flag's text as the value that the YAML would hold."""
    if key == "devices":
        return _selector(flag)
    if key in ("batch_sizes", "threads"):
        return [_number(key, text) for text in _words(flag)]
    if key == "repeats":
        found = re.fullmatch(r"(\d+)(?:\s*[-:.]+\s*(\d+))?", flag.strip())
        if not found:
            raise Refused(f"--repeats: '{flag}' is not a number of runs such as 5, or a range such as 5-20.")
        return {"min": int(found[1]), "max": int(found[2] or found[1])}
    if key == "models":
        return [word for text in flag for word in _words(text)]
    return _words(flag) if key in ("targets", "runtimes", "precisions") else flag


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(key: str, text: str) -> int | str | None:
    if key == "threads" and text == "default":
        return None
    return int(text) if text.isdecimal() else text


def _selector(flags: Sequence[str]) -> dict[str, list[str]]:
    """`NAME` chooses by name, `KEY=VALUE` by class or label; several values of a key are alternatives."""
    selector: dict[str, list[str]] = {}
    for text in flags:
        for word in _words(text):
            key, equals, value = word.partition("=")
            selector.setdefault(key if equals else "name", []).append(value if equals else key)
    return selector
