"""A ranking that somebody else can compute again: written as a bundle, and asked again from one."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.sources import Reported
from paretofleet_collector.cli.units import size
from paretofleet_collector.errors import Refused, misused

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.rank import Ranking
    from paretofleet_analysis.ranking.request import RankingKeywords
    from paretofleet_analysis.report.redaction import Pseudonyms

RANK = "rank"
BundleFile = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="FILE.zip", help="Also write all that computing it again needs."),
]
Redact = Annotated[
    str | None, typer.Option(metavar="models,hosts", help="Rank, and bundle, under pseudonyms.")
]
WithSamples = Annotated[
    bool, typer.Option("--with-samples", help="With the samples of pulled sweeps in the bundle.")
]
#: The options of the command behind a keyword of `rank`, where they are called otherwise.
_OPTIONS = {
    "rate_hz": ("rate",),
    "maxima": ("maxima", "requirements"),
    "allow_simulated_mix": ("with_simulated",),
}
#: What a bundle may say of each keyword: other kinds are refused before they are used.
_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("use", "question", "promise", "accuracy_question"), (str,)),
    **dict.fromkeys(("power_scope", "why"), (str, type(None))),
    **dict.fromkeys(("objectives", "devices"), (list, type(None))),
    **dict.fromkeys(("margins", "maxima"), (dict, type(None))),
    **dict.fromkeys(("allow_mixed_scopes", "allow_simulated_mix", "with_no_work", "robust"), (bool,)),
    "rate_hz": (int, float, type(None)),
    "seed": (int,),
}


@dataclass(frozen=True)
class RankQuestion:
    """What a ranking is asked: its `flags`, keywords that are JSON-ready, the `command` that is recorded, and
    `notes`. `recorded`: the result that a bundle holds for the very same question.
    """

    flags: Mapping[str, Any]
    command: str
    notes: tuple[str, ...]
    recorded: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What is ranked, by which `question`, under which pseudonyms (`names`)."""

    reported: Reported
    question: RankQuestion
    names: Pseudonyms

    @property
    def keywords(self) -> RankingKeywords:
        """The keywords of `rank`."""
        recorded = {"command": self.question.command, "report_sha256": self.reported.sha256}
        return cast("RankingKeywords", {**self.question.flags, **recorded})


def prepare(
    context: typer.Context,
    reported: Reported,
    keywords: RankingKeywords,
    command: str,
    redact: str | None,
) -> Prepared:
    """What is `reported`, by the question of the command line, its `keywords` and the `command` itself, or of
    the bundle that it is; with the names that `redact` asks for replaced.

    Raises Refused for a bundle whose question cannot be asked, RequestError for a word that cannot be
    redacted.
    """
    question = _question(context, reported, dict(keywords), command)
    return _under_pseudonyms(reported, question, redact)


def finish(
    context: typer.Context, prepared: Prepared, result: Ranking, target: Path | None, *, with_samples: bool
) -> None:
    """Writes the bundle `target` where one is asked for, and says whether the `result` is what the bundle
    that was ranked holds. Raises Refused where it cannot be written so.
    """
    if target is not None:
        _write(context, target, result, prepared, with_samples=with_samples)
    _compare_with_recorded(result, prepared.question)


def _question(
    context: typer.Context, reported: Reported, flags: Mapping[str, Any], command: str
) -> RankQuestion:
    """The question of the command line, by its `flags`; of one bundle alone that which it was made for,
    changed by the options that were given.
    """
    typed = RankQuestion(flags, command, reported.notes)
    if len(reported.bundles) != 1 or len(reported.contents) != len(reported.bundles[0].reports):
        return typed
    bundle = reported.bundles[0]
    if bundle.kind != RANK:
        return typed
    stored = _checked(bundle.keywords)
    given = {key: value for key, value in flags.items() if _is_given(context, key)}
    if given:
        return replace(typed, flags={**flags, **stored, **given})
    return RankQuestion({**flags, **stored}, bundle.command, tuple(bundle.notes), bundle.result)


def _is_given(context: typer.Context, keyword: str) -> bool:
    """Whether the user typed an option behind a `keyword`."""
    sources = (context.get_parameter_source(name) for name in _OPTIONS.get(keyword, (keyword,)))
    return any(source is not None and source.name == "COMMANDLINE" for source in sources)


def _checked(keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    for key, value in keywords.items():
        if key not in _TYPES or not isinstance(value, _TYPES[key]) or not _are_plain(value):
            raise Refused(f"The bundle asks for {key[:40]!r} as it cannot be asked: it is damaged.")
    return keywords


def _are_plain(value: object) -> bool:
    """Whether lists hold texts, and mappings texts to texts or numbers."""
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    if isinstance(value, dict):
        return all(isinstance(each, str | int | float) for each in value.values())
    return True


def _under_pseudonyms(reported: Reported, question: RankQuestion, redact: str | None) -> Prepared:
    """What is `reported`, and the `question`, with the names that `redact` asks for replaced."""
    from paretofleet_analysis.report import files
    from paretofleet_analysis.report.redaction import parse_redaction, pseudonyms, redacted

    kinds = parse_redaction(redact or "")
    if not kinds:
        return Prepared(reported, question, pseudonyms((), ()))
    tables, contents = [], []
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        path = Path(folder) / "report.parquet"
        for content in reported.contents:
            path.write_bytes(content)
            tables.append(files.read(path))
        names = pseudonyms(tables, kinds)
        for table in tables:
            files.write(redacted(table, names), path)
            contents.append(path.read_bytes())
    hidden = replace(
        reported,
        table=files.concatenate([redacted(table, names) for table in tables]),
        sha256=tuple(hashlib.sha256(content).hexdigest() for content in contents),
        contents=tuple(contents),
    )
    return Prepared(hidden, _redacted(question, names), names)


def _redacted(question: RankQuestion, names: Pseudonyms) -> RankQuestion:
    """The question under pseudonyms; which files and options were typed is not told."""
    devices = names.columns.get("device", {})
    flags = dict(question.flags)
    flags["devices"] = [devices.get(name, names.text(name)) for name in flags["devices"]]
    return RankQuestion(flags, "paretofleet rank FILE.zip", tuple(map(names.text, question.notes)))


def _write(
    context: typer.Context, target: Path, result: Ranking, prepared: Prepared, *, with_samples: bool
) -> None:
    """Writes the bundle `target` of a ranking."""
    from paretofleet_analysis.present import ranking_text
    from paretofleet_analysis.report.bundle import Bundle, write_bundle
    from paretofleet_analysis.report.environment import environments_of

    reported, question, names = prepared.reported, prepared.question, prepared.names
    if target.suffix.lower() != ".zip":
        raise misused(f"--bundle {target}: let its name end in .zip, by which a bundle is known.")
    if with_samples and names.columns:
        raise misused("--with-samples: samples hold the names of their runs; leave --redact out.")
    specifications = _specifications(context, reported)
    bundle = Bundle(
        kind=RANK,
        keywords={key: value for key, value in question.flags.items() if key in _TYPES},
        reports=reported.contents,
        command=question.command,
        versions=result.evidence["versions"],
        specifications={names.text(name): names.value(each) for name, each in specifications.items()},
        environments=environments_of(reported.table.select(["environment_id", "environment"]).to_pylist()),
        notes=question.notes,
        result=ranking_text.to_json(result),
    )
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        samples = _samples(context, reported.sweeps, Path(folder)) if with_samples else {}
        with working(f"writing {target}"):
            write_bundle(bundle, target, samples)
    written = size(target.stat().st_size)
    notify(f"wrote {target} ({written}); anybody ranks it with `paretofleet rank {target}`")


def _specifications(context: typer.Context, reported: Reported) -> dict[str, Any]:
    """What was asked of each sweep, as far as it is known: from bundles, and of sweeps that were pulled."""
    known = {name: each for bundle in reported.bundles for name, each in bundle.specifications.items()}
    if reported.sweeps:
        with collector_client(context) as client:
            details = [client.show_sweep(sweep) for sweep in reported.sweeps]
        known |= {detail.sweep.name: json.loads(detail.spec_json) for detail in details}
    return known


def _samples(context: typer.Context, sweeps: Sequence[str], folder: Path) -> dict[str, Path]:
    """The samples of each of the `sweeps`, pulled into `folder`, by the names of their entries."""
    files: dict[str, Path] = {}
    for at, sweep in enumerate(sweeps, start=1):
        room = folder / str(at)
        with collector_client(context) as client, working(f"pulling the samples of {sweep}"):
            written = client.pull_samples(sweep, room)
        files |= {f"{at}/{path.relative_to(room).as_posix()}": path for path in written}
    return files


def _compare_with_recorded(result: Ranking, question: RankQuestion) -> None:
    """Says whether a `result` is byte for byte what the bundle of its `question` holds, and why not."""
    from paretofleet_analysis.present import ranking_text

    if question.recorded is None:
        return
    if ranking_text.to_json(result) == question.recorded:
        notify("the same as in the bundle, byte for byte")
        return
    here = result.evidence["versions"]
    there = _versions(question.recorded)
    unlike = [
        f"{name} {here[name]} here, {there[name]} there"
        for name in here
        if there.get(name, here[name]) != here[name]
    ]
    notify(f"not the same as in the bundle ({', '.join(unlike) or 'no version differs'})")


def _versions(recorded: str) -> dict[str, Any]:
    """The versions in a `recorded` result; empty where it is none."""
    try:
        known = json.loads(recorded)["evidence"]["versions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
