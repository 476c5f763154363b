"""Sweeps trained models and ranks them by accuracy, latency and what their training cost."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.cli.output import clean_lines
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.specification import of_values
from paretofleet_collector.cli.sweep_follow import follow_sweep, submit_spec
from paretofleet_collector.cli.sweep_options import SweepFlags

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

#: What such models are compared by.
OBJECTIVES = ("top1", "batch_latency_mean_s", "training_s")
#: Trainings of all models beyond the first of each from which their spread is known (`next_trainings`).
_SPARE_MIN = 3


def sweep_models(
    client: Client, models: Sequence[str], target: Path, *, name: str, repeats: int, devices: list[str] | None
) -> int:
    """Measures the `models` (NAME@VARIANT), an item a call, by the protocol `quick`.

    The report goes to `target`. `name`: the sweep's. `repeats`: runs of each. `devices`: by name or label,
    None for all. Returns the exit code that the sweep's end stands for.
    """
    value = {
        "name": name,
        "models": list(models),
        "batch_sizes": [1],
        "protocol": "quick",
        "repeats": {"min": repeats, "max": repeats},
    }
    spec = of_values(value, SweepFlags(models=None, devices=devices))
    sweep, _ = submit_spec(client, spec, secrets.token_hex(16), keep_name=False)
    code = follow_sweep(client, sweep.sweep_id)
    with working("pulling the report"):
        client.pull_report(sweep.sweep_id, target)
    notify(f"the report is {target}; `paretofleet analyze {target} -o page.html` makes a page of it")
    return code


def show_ranking(report: Path, models: int, seeds: int) -> None:
    """Ranks the `report` of so many `models` of so many `seeds` each, and prints the ranking.

    What one more training would show is asked where trainings enough tell of their spread.
    """
    from paretofleet_analysis.present import ranking_text
    from paretofleet_analysis.ranking.rank import rank
    from paretofleet_analysis.report import files

    question = "seeds" if models * (seeds - 1) >= _SPARE_MIN else "fixed"
    with working("ranking"):
        found = rank(files.read(report), objectives=OBJECTIVES, accuracy_question=question)
    columns = shutil.get_terminal_size((100, 24)).columns
    sys.stdout.write("\n" + clean_lines(ranking_text.render(found, columns=columns, top=None)))
    flags = " ".join(f"--objective {name}" for name in OBJECTIVES)
    notify(f"ask otherwise with `paretofleet rank {report} {flags} --accuracy-question {question}`")
