"""`paretofleet search`: an architecture search with measured costs. Local; `replay` works anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli import (
    search_confirm,
    search_kept,
    search_plan,
    search_run,
    search_show,
    search_statements,
)
from paretofleet_collector.cli.output import Format, Output, column, show
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.search_columns import device_columns
from paretofleet_collector.cli.session import notify
from paretofleet_collector.errors import misused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paretofleet_analysis.search.replay import Replayed
    from paretofleet_analysis.search.table import ColumnMap, Join

#: At these numbers of trials a score is shown, and at the last.
_SHOWN_AT = (25, 50, 100, 200, 400, 800, 1600)
_EXAMPLE = (
    "Example: paretofleet search replay nb201.csv.gz --letters ops --graph same_graph_as "
    "--accuracy cifar10_top1 --device tx2=tx2_ms,tx2_mj --worst-error 60 --method gp --seeds 12"
)
_SEARCH_EXAMPLE = "Example: paretofleet search start space.yaml --budget 4h --watch"

app = typer.Typer(
    no_args_is_help=True,
    help="Architecture searches with measured times and energies.",
    epilog=_SEARCH_EXAMPLE,
)
app.command("plan", epilog=search_plan.PLAN_EXAMPLE)(search_plan.plan)
app.command("start", epilog=search_run.START_EXAMPLE)(search_run.start)
app.command("stop", epilog=search_run.STOP_EXAMPLE)(search_run.stop)
app.command("resume", epilog=search_run.RESUME_EXAMPLE)(search_run.resume)
app.command("show", epilog=search_show.EXAMPLE)(search_show.show_)
app.command("confirm", epilog=search_confirm.EXAMPLE)(search_confirm.confirm)
app.command("statements", epilog=search_statements.EXAMPLE)(search_statements.statements)
app.command("list", epilog=search_kept.LIST_EXAMPLE)(search_kept.list_)
app.command("delete", epilog=search_kept.DELETE_EXAMPLE)(search_kept.delete)


Table = Annotated[Path, typer.Argument(metavar="TABLE", help="The table: .parquet, .csv or .csv.gz.")]
Accuracy = Annotated[str, typer.Option(metavar="COLUMN", help="The column of accuracies in percent.")]
Devices = Annotated[
    list[str],
    typer.Option(
        "--device", metavar="NAME=TIME[,ENERGY]", help="A device's times, perhaps energies. Repeatable."
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="COLUMN", help="A column that is a parameter. Repeatable."),
]
Letters = Annotated[
    str, typer.Option(metavar="COLUMN", help="A column of texts whose letters are parameters.")
]
Graph = Annotated[str, typer.Option(metavar="COLUMN", help="Alike where architectures are the same.")]
Failed = Annotated[str, typer.Option(metavar="COLUMN", help="Not empty, 0 or false where a member fails.")]
Joins = Annotated[
    list[str] | None,
    typer.Option(
        "--join",
        metavar="NAME=FILE:OURS=THEIRS[:COLUMN=TEXT]",
        help="Columns of another table as NAME.column. Repeatable.",
    ),
]
WorstError = Annotated[
    float | None, typer.Option(metavar="PERCENT", help="The error of the reference point.")
]
MethodName = Annotated[str, typer.Option(metavar="NAME", help="gp, tpe, nsga2 or random.")]
TrialCount = Annotated[int, typer.Option(min=1, help="How many members are tried.")]
Batch = Annotated[int, typer.Option(min=1, help="How many are proposed at a time.")]
Seeds = Annotated[int, typer.Option(min=1, help="How many searches.")]
FirstSeed = Annotated[int, typer.Option(min=0, help="The first one's seed.")]
Noise = Annotated[float, typer.Option(min=0.0, help="Times 1 % of time, 2 % of energy, 0.4 points.")]


@app.command(epilog=_EXAMPLE)
def replay(
    table: Table,
    *,
    accuracy: Accuracy,
    devices: Devices,
    parameters: Parameters = None,
    letters: Letters = "",
    graph: Graph = "",
    failed: Failed = "",
    joins: Joins = None,
    worst_error: WorstError = None,
    method: MethodName = "gp",
    trials: TrialCount = 200,
    batch: Batch = 1,
    seeds: Seeds = 12,
    first_seed: FirstSeed = 0,
    noise: Noise = 1.0,
    output: Output = Format.table,
) -> None:
    """Run a search method against a published table, and score it by the table's true front.

    The score is the hypervolume of what was tried over that of the true front.
    """
    from paretofleet_analysis.search.replay import replay as replayed
    from paretofleet_analysis.search.samplers import method_of, search_of
    from paretofleet_analysis.search.table import read_table

    if not table.is_file():
        raise misused(f"{table} is not a file; name one that holds the table.")
    columns = _columns(accuracy, devices, parameters or (), letters=letters, graph=graph, failed=failed)
    chosen = method_of(method)
    published = read_table(table, columns, [_join(text) for text in joins or ()], worst_error=worst_error)
    notify(f"{published.space.size:,} members, {len(set(published.graphs.tolist())):,} graphs")
    with working(f"searching {seeds} times"):
        searches = [
            replayed(
                published,
                search_of(published, method, seed),
                chosen,
                trials=trials,
                batch=batch,
                noise=noise,
            )
            for seed in range(first_seed, first_seed + seeds)
        ]
    show(_rows(method, searches), _COLUMNS, output)
    cpu_s = sum(each.cpu_s for each in searches) / len(searches)
    late = sum(each.late_failures for each in searches) / len(searches)
    notify(f"{cpu_s:.3f} CPU s a proposal; {late:.1%} of the proposals after the 20th failed")


_COLUMNS = (
    column("method", kept=True),
    column("device", kept=True),
    column("trials", right=True),
    column("score", right=True),
    column("worst", right=True),
    column("seeds", right=True),
)


def _rows(method: str, searches: Sequence[Replayed]) -> list[dict[str, Any]]:
    """Scores by device after so many trials: the mean over searches, and the worst."""
    rows = []
    for device in searches[0].scores:
        last = min(len(each.rows) for each in searches)
        for count in [*(at for at in _SHOWN_AT if at < last), last]:
            values = [float(each.scores[device][count - 1]) for each in searches]
            rows.append(
                {
                    "method": method,
                    "device": device,
                    "trials": count,
                    "score": round(sum(values) / len(values), 4),
                    "worst": round(min(values), 4),
                    "seeds": len(values),
                }
            )
    return rows


def _columns(
    accuracy: str, devices: Sequence[str], parameters: Sequence[str], *, letters: str, graph: str, failed: str
) -> ColumnMap:
    from paretofleet_analysis.search.table import ColumnMap

    if not parameters and not letters:
        raise typer.BadParameter("name the parameters: --parameter COLUMN for each, or --letters COLUMN")
    mapped = device_columns("--device", devices)
    return ColumnMap(accuracy, mapped, tuple(parameters), letters, graph, failed)


def _join(text: str) -> Join:
    """NAME=FILE:OURS=THEIRS[:COLUMN=TEXT]; BadParameter for anything else."""
    from paretofleet_analysis.search.table import Join

    name, _, rest = text.partition("=")
    parts = rest.split(":")
    pairs = [part.partition("=")[::2] for part in parts[1:]]
    if not name or not parts[0] or not pairs or not all(ours and theirs for ours, theirs in pairs):
        raise typer.BadParameter(
            f"--join '{text}': write NAME=FILE:OURS=THEIRS, as in tx2=tx2.csv:arch=index, "
            "and perhaps :COLUMN=TEXT"
        )
    return Join(name, Path(parts[0]), pairs[0][0], pairs[0][1], dict(pairs[1:]))
