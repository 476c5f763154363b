"""What strangers may call themselves, on a terminal and in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from command_harness import Command, Done
from fake_control import FakeControl, serve
from paretofleet_collector.cli.output import cell, clean, clean_lines, escaped
from paretofleet_collector.model.entities import Variant
from paretofleet_graph import Description, Input, Law, as_json
from paretofleet_proto.v1 import control_pb2

EVIL = "=cmd|'/c calc'\x1b[31m\x9b2J\u202e\x00\x7f\r\n"
#: Replies whose text the command itself has to find again.
KEPT = {"sweep_id", "sha256", "path", "spec_json"}


def poison(message: Any) -> Any:
    """The message with EVIL before every text in it."""
    for field, value in message.ListFields():
        if field.name in KEPT or field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            for key in list(value):
                if isinstance(value[key], str):
                    value[EVIL + key] = EVIL + value.pop(key)
        elif field.type == field.TYPE_STRING:
            if field.is_repeated:
                value[:] = [EVIL + each for each in value]
            else:
                setattr(message, field.name, EVIL + value)
        else:
            for inner in value if field.is_repeated else (value,):
                poison(inner)
    return message


class HostileControl(FakeControl):
    """Answers as the other does, with EVIL in every text."""


def _poisoned(name: str) -> Any:
    method = getattr(FakeControl, name)
    service = control_pb2.DESCRIPTOR.services_by_name["Control"].methods_by_name[name]

    def single(self: Any, request: Any, context: Any) -> Any:
        return poison(type(reply := method(self, request, context)).FromString(reply.SerializeToString()))

    def stream(self: Any, request: Any, context: Any) -> Iterator[Any]:
        for reply in method(self, request, context):
            yield poison(type(reply).FromString(reply.SerializeToString()))

    return stream if service.server_streaming else single


for _name in ("ListDevices", "ListModels", "ListSweeps", "ShowSweep", "WatchSweep", "PlanSweep"):
    setattr(HostileControl, _name, _poisoned(_name))
for _name in ("SubmitSweep", "CancelSweep", "RetrySweep", "RebuildReport", "ChangeDevice", "ChangeModel"):
    setattr(HostileControl, _name, _poisoned(_name))
for _name in ("AddZooModel",):
    setattr(HostileControl, _name, _poisoned(_name))


@pytest.fixture
def control() -> FakeControl:
    return HostileControl(ends_as="finished")


COMMANDS = [
    ("devices", "list"),
    ("devices", "show", "pc"),
    ("devices", "pause", "pc"),
    ("devices", "label", "pc", "a=b"),
    ("models", "list"),
    ("models", "add", "zoo:resnet50"),
    ("models", "remove", "resnet50", "--yes"),
    ("devices", "rename", "pc", "other"),
    ("sweep", "list"),
    ("sweep", "plan", "--model", "resnet50"),
    ("sweep", "submit", "--model", "resnet50", "--name", "first"),
    ("sweep", "show", "first"),
    ("sweep", "watch", "first"),
    ("sweep", "cancel", "first"),
    ("sweep", "retry", "first"),
    ("report", "rebuild", "first"),
]


def test_no_text_of_a_stranger_reaches_a_terminal_or_a_spreadsheet_as_it_is(
    control: FakeControl, capsys: pytest.CaptureFixture[str]
) -> None:
    server, address = serve(control)
    command = Command(address, capsys)
    try:
        command("sweep", "submit", "--model", "resnet50", "--name", "first", code=None)
        for words in COMMANDS:
            takes_output = words[1] in {"list", "show", "plan"}
            for output in ("table", "json", "csv") if takes_output else ("",):
                done = command(*words, *(("-o", output) if output else ()), code=None)
                for line in [*done.out.split("\n"), *done.err.split("\n")]:
                    assert line.isprintable(), (words, line)
                if done.code == 0 and output:
                    check_document(done, output)
    finally:
        server.stop(0).wait()


def test_names_in_a_model_file_are_printed_without_what_they_smuggle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = Input(f"ids{EVIL}", "tensor(int64)", ("batch", f"seq{EVIL}"), Law("ones"), decides=f"Loop {EVIL}")
    graph = Description(
        "g", (named,), (), batch="batch", candidates=(), fixed_batch_size=None, free=(f"seq{EVIL}",),
        precision="fp32", random=(), mixes=(), operators={},
    )  # fmt: skip
    evil = Variant("evil", "file", "ab" * 32, 10, inputs={f"x{EVIL}": {"values": 1}}, graph=as_json(graph))
    server, address = serve(FakeControl(variants=[evil]))
    command = Command(address, capsys)
    try:
        for words in (("list",), ("show", "evil"), ("show", "evil", "-o", "json"), ("list", "-o", "csv")):
            done = command("models", *words)
            assert "seq" in done.out
            for line in [*done.out.split("\n"), *done.err.split("\n")]:
                assert line.isprintable(), (words, line)
        refused = command("sweep", "plan", "--model", "evil", code=1)
        assert "--size" in refused.err
        assert all(line.isprintable() for line in refused.err.split("\n"))
    finally:
        server.stop(0).wait()


def check_document(done: Done, output: str) -> None:
    """JSON holds the texts as they are, CSV nothing that a spreadsheet computes."""
    if output == "json":
        assert any(EVIL in text for text in flat(done.json))
    if output == "csv":
        cells = [each for row in csv.reader(io.StringIO(done.out)) for each in row]
        assert cells
        assert not [each for each in cells if each.startswith(("=", "+", "-", "@", "\t", "\r"))]


def flat(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in (*value, *value.values()) for text in flat(each)]
    if isinstance(value, list):
        return [text for each in value for text in flat(each)]
    return [value] if isinstance(value, str) else []


def test_a_cell_of_csv_computes_nothing_and_numbers_stay_numbers():
    for text in ("=1+1", "+cmd", "-x", "@SUM(A1)", "  =1", "\t=1", "\r=1"):
        assert cell(text) == f"'{clean(text)}"
    for text in ("-1.5", "+3", "-1e-3", "plain", "a=b", ""):
        assert cell(text) == text


def test_json_and_lines_are_made_safe_without_changing_what_they_hold():
    import json

    value = {"a\x1b": ["\x9b\x7f\u202e\ud83d\ude00é😀"]}
    document = escaped(json.dumps(value, ensure_ascii=False, indent=2))
    assert all(line.isprintable() for line in document.split("\n"))
    assert json.loads(document) == json.loads(json.dumps(value))
    assert clean_lines("a\x1b\nb") == "a?\nb"
