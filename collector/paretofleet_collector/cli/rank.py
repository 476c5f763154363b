"""`paretofleet rank`: the choices by their probability to be on the frontier. Local; works anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from paretofleet_collector.cli.output import Format, Output
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import connected
from paretofleet_collector.errors import Refused

EXAMPLE = "Example: paretofleet rank edge-classifiers --for deadline=30ms --max power_w=10"


def rank(
    context: typer.Context,
    *,
    sources: Annotated[
        list[str], typer.Argument(metavar="SWEEP|REPORT..", help="Sweeps, or pulled report files.")
    ],
    use: Annotated[
        str, typer.Option("--for", metavar="USE", help="realtime, offline or deadline=30ms.")
    ] = "realtime",
    objectives: Annotated[
        list[str] | None,
        typer.Option("--objective", metavar="COLUMN", help="Rank by these instead. Repeatable."),
    ] = None,
    margins: Annotated[
        list[str] | None,
        typer.Option("--margin", metavar="COLUMN=2%", help="How much better counts. Repeatable."),
    ] = None,
    maxima: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="COLUMN=VALUE", help="Leave out what is above. Repeatable."),
    ] = None,
    power_scope: Annotated[
        str | None, typer.Option(help="The scope whose energy counts, such as module.")
    ] = None,
    allow_mixed_scopes: Annotated[
        bool, typer.Option("--allow-mixed-scopes", help="Rank energies of unlike scopes.")
    ] = False,
    with_simulated: Annotated[
        bool, typer.Option("--with-simulated", help="Rank simulated and real together.")
    ] = False,
    question: Annotated[
        str, typer.Option(metavar="mean|run", help="The typical behaviour, or that of one more run.")
    ] = "mean",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 1,
    why: Annotated[
        str | None, typer.Option(metavar="ROW", help="Explain one row, by its number or id.")
    ] = None,
    output: Output = Format.table,
) -> None:
    """Rank what sweeps or reports hold, with probabilities and the evidence for them."""
    from paretofleet_analysis import rank as ranking
    from paretofleet_analysis import rank_text, report
    from paretofleet_analysis.objectives import parse_margin, parse_use

    preset, deadline_s = parse_use(use)
    with _files(context, sources) as paths:
        table = report.concatenate([report.read(path) for path in paths])
    with working(f"ranking {table.num_rows} rows"):
        result = ranking.rank(
            table,
            use=preset,
            deadline_s=deadline_s,
            objectives=objectives or None,
            margins={key: parse_margin(value) for key, value in _pairs("--margin", margins, "2%")},
            maxima={key: _number(key, value) for key, value in _pairs("--max", maxima, "10")},
            power_scope=power_scope,
            allow_mixed_scopes=allow_mixed_scopes,
            allow_simulated_mix=with_simulated,
            question=question,
            seed=seed,
        )
    typer.echo(rank_text.render(result))


@contextmanager
def _files(context: typer.Context, sources: Sequence[str]) -> Iterator[list[Path]]:
    """The report file of each source: itself where it is one, else pulled from the collector for now."""
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        paths = []
        for at, source in enumerate(dict.fromkeys(sources)):
            path = Path(source)
            if not path.exists():
                if path.suffix == ".parquet" or len(path.parts) > 1:
                    raise Refused(
                        f"{source} does not exist; pull it with `paretofleet report pull SWEEP -o {source}`."
                    )
                path = Path(folder) / f"{at}.parquet"
                with connected(context) as client, working(f"pulling the report of {source}"):
                    client.pull_report(source, path)
            paths.append(path)
        yield paths


def _pairs(option: str, texts: Sequence[str] | None, example: str) -> Iterator[tuple[str, str]]:
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not key or not equals or not value:
            raise typer.BadParameter(
                f"{option} '{text}': write COLUMN=VALUE, as in batch_latency_p90_s={example}"
            )
        yield key, value


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--max {key}={text}: '{text}' is not a number") from None
