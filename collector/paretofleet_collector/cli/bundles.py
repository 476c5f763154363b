"""What is asked of reports so that somebody else can ask it again: of a command line, or of a bundle."""

from __future__ import annotations

import hashlib
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from paretofleet_collector.cli.sources import Reported
from paretofleet_collector.errors import Refused, misused

if TYPE_CHECKING:
    import pyarrow as pa
    from paretofleet_analysis.ranking.request import RankingKeywords
    from paretofleet_analysis.report.redaction import Pseudonyms

RANK, ANALYZE, COMPARE = "rank", "analyze", "compare"
BundleFile = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="FILE.zip", help="Also write all that computing it again needs."),
]
Redact = Annotated[
    str | None, typer.Option(metavar="models,hosts", help="Show, and bundle, under pseudonyms.")
]
WithSamples = Annotated[
    bool, typer.Option("--with-samples", help="With the samples of pulled sweeps in the bundle.")
]
#: The options of a command behind a keyword, where they are called otherwise.
_OPTIONS = {
    "rate_hz": ("rate",),
    "maxima": ("maxima", "requirements"),
    "allow_simulated_mix": ("with_simulated",),
}
_RANKED: Mapping[str, tuple[type, ...]] = {
    "use": (str,),
    "power_scope": (str, type(None)),
    **dict.fromkeys(("objectives", "devices"), (list, type(None))),
    **dict.fromkeys(("margins", "maxima"), (dict, type(None))),
    **dict.fromkeys(("allow_mixed_scopes", "allow_simulated_mix"), (bool,)),
    "rate_hz": (int, float, type(None)),
    "seed": (int,),
}
#: What a bundle may say of each keyword, by its kind: others are refused before they are used.
_TYPES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    RANK: {
        **_RANKED,
        **dict.fromkeys(("question", "promise", "accuracy_question"), (str,)),
        "why": (str, type(None)),
        **dict.fromkeys(("with_no_work", "robust"), (bool,)),
    },
    ANALYZE: {**_RANKED, "title": (str,), "studies": (list,)},
    COMPARE: {
        "measures": (list, type(None)),
        "margins": (list,),
        "boot_share": (str,),
        "reports_before": (int,),
    },
}
#: How a bundle is asked again, by its kind.
_AGAIN = {
    RANK: "paretofleet rank {}",
    ANALYZE: "paretofleet analyze {} -o report.html",
    COMPARE: "paretofleet compare {}",
}


@dataclass(frozen=True)
class Question:
    """What is asked: the `flags`, keywords that are JSON-ready, the `command` that is recorded, and `notes`.
    `recorded`: the result that a bundle holds for the very same question.
    """

    flags: Mapping[str, Any]
    command: str
    notes: tuple[str, ...]
    recorded: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What is `reported` and asked by which `question`, under which pseudonyms (`names`); `kind` as above."""

    kind: str
    reported: Reported
    question: Question
    names: Pseudonyms

    @property
    def ranking_keywords(self) -> RankingKeywords:
        """The keywords of `rank` among the flags."""
        flags = {key: each for key, each in self.question.flags.items() if key in _TYPES[RANK]}
        recorded = {"command": self.question.command, "report_sha256": self.reported.sha256}
        return cast("RankingKeywords", {**flags, **recorded})

    @property
    def tables(self) -> list[pa.Table]:
        """Each of the reports, in their order."""
        return tables_of(self.reported.contents)

    def again(self, bundle: Path) -> str:
        """How somebody else asks a `bundle` of this again."""
        return f"`{_AGAIN[self.kind].format(bundle)}`"


def check_target(bundle: Path | None) -> None:
    """Raises a usage error for a `bundle` by whose name nobody would know it."""
    if bundle is not None and bundle.suffix.lower() != ".zip":
        raise misused(f"--bundle {bundle}: let its name end in .zip, by which a bundle is known.")


def tables_of(contents: Sequence[bytes]) -> list[pa.Table]:
    """The reports whose files have these `contents`; raises ReportError."""
    from paretofleet_analysis.report import files

    tables = []
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        path = Path(folder) / "report.parquet"
        for content in contents:
            path.write_bytes(content)
            tables.append(files.read(path))
    return tables


def prepare(
    context: typer.Context,
    kind: str,
    reported: Reported,
    flags: Mapping[str, Any],
    redact: str | None,
) -> Prepared:
    """What is `reported`, by the question of the command line, its `flags`, or of the bundle of this `kind`
    that it is; with the names that `redact` asks for replaced.

    Raises Refused for a bundle whose question cannot be asked, RequestError for a word that cannot be
    redacted.
    """
    question = _question(context, kind, reported, flags)
    hidden, asked, names = _under_pseudonyms(kind, reported, question, redact)
    return Prepared(kind, hidden, asked, names)


def _question(context: typer.Context, kind: str, reported: Reported, flags: Mapping[str, Any]) -> Question:
    """The question of the command line, by its `flags`; of one bundle alone that which it was made for,
    changed by the options that were given.
    """
    typed = Question(flags, shlex.join(["paretofleet", *sys.argv[1:]]), reported.notes)
    if len(reported.bundles) != 1 or len(reported.contents) != len(reported.bundles[0].reports):
        return typed
    bundle = reported.bundles[0]
    if bundle.kind != kind:
        return typed
    stored = _checked(kind, bundle.keywords)
    given = {key: value for key, value in flags.items() if _is_given(context, key)}
    if given:
        return replace(typed, flags={**flags, **stored, **given})
    return Question({**flags, **stored}, bundle.command, tuple(bundle.notes), bundle.result)


def _is_given(context: typer.Context, keyword: str) -> bool:
    """Whether the user typed an option behind a `keyword`."""
    sources = (context.get_parameter_source(name) for name in _OPTIONS.get(keyword, (keyword,)))
    return any(source is not None and source.name == "COMMANDLINE" for source in sources)


def _checked(kind: str, keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    types = _TYPES[kind]
    for key, value in keywords.items():
        if key not in types or not isinstance(value, types[key]) or not _are_plain(value):
            raise Refused(f"The bundle asks for {key[:40]!r} as it cannot be asked: it is damaged.")
    return keywords


def _are_plain(value: object) -> bool:
    """Whether lists hold texts, and mappings texts to texts or numbers."""
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    if isinstance(value, dict):
        return all(isinstance(each, str | int | float) for each in value.values())
    return True


def _under_pseudonyms(
    kind: str, reported: Reported, question: Question, redact: str | None
) -> tuple[Reported, Question, Pseudonyms]:
    """What is `reported`, and the `question`, with the names that `redact` asks for replaced."""
    from paretofleet_analysis.report import files
    from paretofleet_analysis.report.redaction import parse_redaction, pseudonyms, redacted

    kinds = parse_redaction(redact or "")
    if not kinds:
        return reported, question, pseudonyms((), ())
    tables = tables_of(reported.contents)
    names = pseudonyms(tables, kinds)
    hidden = [redacted(table, names) for table in tables]
    contents = []
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        path = Path(folder) / "report.parquet"
        for table in hidden:
            files.write(table, path)
            contents.append(path.read_bytes())
    shown = replace(
        reported,
        table=files.concatenate(hidden),
        sha256=tuple(hashlib.sha256(content).hexdigest() for content in contents),
        contents=tuple(contents),
    )
    return shown, _redacted(kind, question, names), names


def _redacted(kind: str, question: Question, names: Pseudonyms) -> Question:
    """The question under pseudonyms; which files and options were typed is not told."""
    devices = names.columns.get("device", {})
    flags = dict(question.flags)
    if "devices" in flags:
        flags["devices"] = [devices.get(name, names.text(name)) for name in flags["devices"]]
    if "title" in flags:
        flags["title"] = names.text(flags["title"])
    return Question(flags, _AGAIN[kind].format("FILE.zip"), tuple(map(names.text, question.notes)))
