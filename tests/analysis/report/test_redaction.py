"""Names replaced everywhere, the same for the same name, and nothing else changed."""

from __future__ import annotations

from dataclasses import replace
from re import compile as compiled

import pytest
from paretofleet_analysis.errors import RequestError
from paretofleet_analysis.report import redaction
from paretofleet_analysis.report.redaction import parse_redaction, pseudonyms, redacted
from paretofleet_analysis.report.rows import build_report

SECRETS = ("secretnet", "OtherNet", "lab-host-17", "my-board")


@pytest.fixture
def report(configuration):
    facts = {
        "environment": {"note": "mounted from LAB-HOST-17", "kernel": "6.1"},
        "effective": {"precision": "fp32"},
    }
    rows = [
        configuration(
            "secretnet", device="lab-host-17", sweep="nightly-secretnet", accuracy_group="secretnet"
        ),
        configuration(
            "OtherNet", device="my-board", options={"cache": "/data/secretnet/x"}, accuracy_group="family"
        ),
    ]
    hidden = [
        replace(
            row,
            configuration_id=f"{at:016x}",
            runs=[replace(run, facts=facts, run_id=f"{at}-{run.block}") for run in row.runs],
        )
        for at, row in enumerate(rows)
    ]
    return build_report(hidden)


def texts(table):
    return "\n".join(str(value) for row in table.to_pylist() for value in row.values()).lower()


def test_no_name_is_left_and_numbers_are_as_they_were(report):
    names = pseudonyms([report], parse_redaction("models,hosts"))
    hidden = redacted(report, names)
    assert [name for name in (*SECRETS, "family") if name.lower() in texts(hidden)] == []
    first, second = hidden.to_pylist()
    assert (first["model"], first["device"], second["model"]) == ("model-2", "host-1", "model-1")
    assert first["accuracy_group"] == "model-2"
    same = [
        c
        for c in report.column_names
        if c.endswith("_runs") or c in ("top1", "batch_size", "runtime", "target")
    ]
    assert hidden.select(same).equals(report.select(same))


def test_rows_are_redacted_alike_in_parts_and_at_once(report, monkeypatch):
    names = pseudonyms([report], ["models", "hosts"])
    at_once = redacted(report, names)
    monkeypatch.setattr(redaction, "_TOGETHER", 1)
    assert redacted(report, names).equals(at_once)
    assert redacted(report.slice(0, 0), names).equals(at_once.slice(0, 0))


def test_the_names_are_made_one_pattern_once(report, monkeypatch):
    names = pseudonyms([report], ["models"])
    searched = []
    monkeypatch.setattr(redaction.re, "compile", lambda *given: searched.append(given) or compiled(*given))
    redacted(report, names)
    assert len(searched) == 1


def test_what_is_not_asked_for_stays(report):
    hidden = redacted(report, pseudonyms([report], parse_redaction("hosts"))).to_pylist()
    assert [row["model"] for row in hidden] == ["secretnet", "OtherNet"]
    assert [row["device"] for row in hidden] == ["host-1", "host-2"]
    assert "lab-host-17" not in hidden[0]["environment"].lower()


def test_a_checksum_that_could_be_looked_up_is_none_any_more(report):
    hidden = redacted(report, pseudonyms([report], ["models"]))
    assert not set(hidden["variant_sha256"].to_pylist()) & set(report["variant_sha256"].to_pylist())


def test_the_same_name_has_the_same_pseudonym_in_every_report(report):
    both = pseudonyms([report, report.slice(1)], ["models"])
    assert both.columns["model"] == pseudonyms([report], ["models"]).columns["model"]


def test_a_short_name_is_replaced_as_a_word_only(configuration):
    table = build_report([configuration("a", options={"path": "/data/a/x"}, sweep="a-day")])
    row = redacted(table, pseudonyms([table], ["models"])).to_pylist()[0]
    assert row["options"] == '{"path":"/data/model-1/x"}'
    assert row["sweep"] == "model-1-day"
    assert row["device_class"] == "cpu"


def test_a_word_that_cannot_be_redacted_is_refused():
    assert parse_redaction("models, hosts") == ("models", "hosts")
    with pytest.raises(RequestError, match="cannot redact 'people': choose from models, hosts"):
        parse_redaction("people")
