"""Writing the bundle of a result, and holding a result against that of the bundle that was asked again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from paretofleet_collector.cli.bundles import Prepared
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.sources import Reported
from paretofleet_collector.cli.units import size
from paretofleet_collector.errors import misused

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.rank import Ranking


def ranking_json(result: Ranking) -> str:
    """A `result` as the JSON that a bundle holds of it; its versions are among its evidence."""
    from paretofleet_analysis.present import ranking_text

    return ranking_text.to_json(result)


def recorded(versions: Mapping[str, str], packages: Sequence[str], **result: Any) -> str:
    """A `result`, JSON-ready, as the JSON that a bundle holds: with `versions` and those of `packages`."""
    here = {**versions, **{name: version(name) for name in packages}}
    return json.dumps({**result, "evidence": {"versions": here}}, indent=1, sort_keys=True)


def finish(
    context: typer.Context, prepared: Prepared, result: str, target: Path | None, *, with_samples: bool
) -> None:
    """Writes the bundle `target` where one is asked for, and says whether the `result`, a JSON object with
    the versions that made it in its `evidence`, is what the bundle holds that was asked again.

    Raises Refused and ReportError where the bundle cannot be written so.
    """
    if target is not None:
        _write(context, target, result, prepared, with_samples=with_samples)
    _compare_with_stored(result, prepared.question.recorded)


def _write(
    context: typer.Context, target: Path, result: str, prepared: Prepared, *, with_samples: bool
) -> None:
    from paretofleet_analysis.report.bundle import Bundle, write_bundle
    from paretofleet_analysis.report.environment import environments_of

    reported, question, names = prepared.reported, prepared.question, prepared.names
    if with_samples and names.columns:
        raise misused("--with-samples: samples hold the names of their runs; leave --redact out.")
    specifications = _specifications(context, reported)
    bundle = Bundle(
        kind=prepared.kind,
        keywords=question.flags,
        reports=reported.contents,
        command=question.command,
        versions=_versions(result),
        specifications={names.text(name): names.value(each) for name, each in specifications.items()},
        environments=environments_of(reported.table.select(["environment_id", "environment"]).to_pylist()),
        notes=question.notes,
        result=result,
    )
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        samples = _samples(context, reported.sweeps, Path(folder)) if with_samples else {}
        with working(f"writing {target}"):
            write_bundle(bundle, target, samples)
    written = size(target.stat().st_size)
    notify(f"wrote {target} ({written}); anybody computes it again with {prepared.again(target)}")


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


def _compare_with_stored(result: str, stored: str | None) -> None:
    """Says whether a `result` is byte for byte what was `stored`, and why not."""
    if stored is None:
        return
    if result == stored:
        notify("the same as in the bundle, byte for byte")
        return
    here, there = _versions(result), _versions(stored)
    unlike = [
        f"{name} {here[name]} here, {there[name]} there"
        for name in here
        if there.get(name, here[name]) != here[name]
    ]
    notify(f"not the same as in the bundle ({', '.join(unlike) or 'no version differs'})")


def _versions(result: str) -> Mapping[str, Any]:
    """The versions in a `result`; empty where it is none."""
    try:
        known = json.loads(result)["evidence"]["versions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
