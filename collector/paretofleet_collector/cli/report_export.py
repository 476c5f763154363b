"""`paretofleet report export`: reports go to the tools of others."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.sources import read_sources
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    from paretofleet_analysis.exports.mlflow_runs import MlflowParent, MlflowRun

_EXAMPLE = "Example: paretofleet report export mlflow report.parquet --experiment edge"
#: The tag by which a report is found again that was exported whole.
_EXPORTED = "paretofleet.report_sha256"
#: Nothing goes anywhere but to the tracking server; one that is away is soon said to be.
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "GIT_PYTHON_REFRESH": "quiet",
}
#: So much of what MLflow says is passed on.
_WHY_LETTERS = 300
_MISSING = (
    "the export to MLflow needs the extra: pip install 'paretofleet-collector[mlflow]' where this command is"
)

app = typer.Typer(no_args_is_help=True, help="Give reports to the tools of others.", epilog=_EXAMPLE)


@app.command(epilog=_EXAMPLE)
def mlflow(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SWEEP|REPORT", help="A sweep, or its pulled report.")],
    *,
    experiment: Annotated[str, typer.Option(metavar="NAME", help="The experiment; made where it is not.")],
    tracking_uri: Annotated[
        str,
        typer.Option(
            metavar="URI",
            envvar="MLFLOW_TRACKING_URI",
            help="Where the runs go, as in http://HOST:5000 or sqlite:///mlflow.db.",
            show_default="MLflow's own",
        ),
    ] = "",
) -> None:
    """Export a report to MLflow: a run for its sweep, below it one for each row.

    A measure is three metrics: its mean, and the ends of its interval, `_lo` and `_hi`. A report goes there
    once.
    """
    from paretofleet_analysis.exports.mlflow_runs import mlflow_runs

    reported = read_sources(context, [source])
    parents = mlflow_runs(reported.table)
    for note in reported.notes:
        notify(note)
    with _tracking(tracking_uri) as client, working("exporting"):
        place = client.get_experiment_by_name(experiment)
        identity = client.create_experiment(experiment) if place is None else place.experiment_id
        sha256 = ", ".join(reported.sha256)
        _check_new(client, identity, sha256)
        for parent in parents:
            _export(client, identity, parent, sha256)
    rows = sum(len(parent.children) for parent in parents)
    notify(f"exported {counted(rows, 'row')} to the experiment {experiment}")


@contextmanager
def _tracking(uri: str) -> Iterator[Any]:
    """A client of the tracking server at `uri`; what it says is one sentence. Raises Refused."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise Refused(_MISSING) from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        yield MlflowClient(tracking_uri=uri or None)
    except (MlflowException, OSError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:_WHY_LETTERS]
        raise Refused(f"MLflow did not take the report: {why}") from None


def _check_new(client: Any, experiment: str, sha256: str) -> None:
    """Raises Refused where the report is in the experiment already, whole."""
    there = client.search_runs([experiment], f"tags.`{_EXPORTED}` = '{sha256}'", max_results=1)
    if there:
        raise Refused(
            f"This report is in that experiment already, as run {there[0].info.run_id}: delete it there "
            "first, or choose another --experiment."
        )


def _export(client: Any, experiment: str, parent: MlflowParent, sha256: str) -> None:
    """Writes the runs of a sweep; the parent is marked as exported when all the others are there."""
    top = _write(client, experiment, parent.run, {})
    is_whole = False
    try:
        for child in parent.children:
            run = _write(client, experiment, child, {"mlflow.parentRunId": top})
            client.set_terminated(run, "FINISHED")
        client.set_tag(top, _EXPORTED, sha256)
        is_whole = True
    finally:
        client.set_terminated(top, "FINISHED" if is_whole else "FAILED")


def _write(client: Any, experiment: str, run: MlflowRun, tags: Mapping[str, str]) -> str:
    """Writes a `run` without ending it; returns its id."""
    from mlflow.entities import Metric, Param

    begun = None if run.started_s is None else round(run.started_s * 1e3)
    made = client.create_run(experiment, start_time=begun, tags={**run.tags, **tags}, run_name=run.name)
    at = made.info.start_time
    client.log_batch(
        made.info.run_id,
        metrics=[Metric(name, value, at, 0) for name, value in run.metrics.items()],
        params=[Param(name, value) for name, value in run.params.items()],
    )
    return str(made.info.run_id)
