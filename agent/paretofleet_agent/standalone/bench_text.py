"""The table of a bench: a line for each run, what they come to, what was fed, flags."""

from __future__ import annotations

import sys
from typing import Any, Iterable, Iterator, Mapping, Sequence

from paretofleet_agent import terminal
from paretofleet_agent.standalone import bench_energy

_LATENCIES = {"p50": "median", "mean": "mean", "p90": "p90", "p99": "p99"}


def write(report: Mapping[str, Any], width: int | None) -> None:
    """Writes the `report` of a bench as a table of at most `width` columns; None folds nothing.

    What it has no room for is named on standard error.
    """
    effective, total = report["effective"], report["total"]
    how = (
        f"batch size {effective['batch_size']}, {effective['threads']} thread(s), {effective['precision']}, "
        f"{effective['provider']}, runtime {effective['runtime_version']}"
    )
    shown = {} if report["requested"]["mode"] == "throughput" else _LATENCIES
    headings = [terminal.Heading(title) for title in _titles(shown)]
    runs, left_out = terminal.table(headings, [_run_cells(run, shown) for run in report["runs"]], width)
    lines = [*terminal.hung(f"{report['model']}  ", how, width), "", *runs, ""]
    for label, value, text in _totals(total, shown):
        lines += terminal.hung(f"{label:>7} {value:>10} ", text, width)
    flags = sorted({flag for run in report["runs"] for flag in run["flags"]})
    fed = _fed_text(effective.get("inputs", {}))
    lines += terminal.hung("fed: ", fed, width) if fed else []
    lines += terminal.hung("flags: ", ", ".join(flags) or "none", width)
    lines += terminal.hung("intervals: ", total["intervals_of"], width)
    sys.stdout.write("\n".join(lines) + "\n")
    if left_out:
        said = terminal.hung("too narrow for: ", f"{', '.join(left_out)}; -o json has all", width)
        sys.stderr.write("\n".join(said) + "\n")


def _totals(total: Mapping[str, Any], shown: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What the runs come to, a line each: what it is, its value, and its unit with its interval."""
    for name, label in shown.items():
        interval = total[f"batch_latency_{name}_interval_s"]
        yield label, _ms(total[f"batch_latency_{name}_s"]), f"ms   {_interval(interval)}"
    ends = total.get("throughput_interval_items_s")
    rate = "" if ends is None else f"  95 %: {ends[0]:.2f} to {ends[1]:.2f}"
    yield "items/s", f"{total['throughput_items_s']:.2f}", rate
    if "late_share" in total:
        median_ms, most_ms = total["lateness_p50_s"] * 1e3, total["lateness_max_s"] * 1e3
        began = f"a batch began {median_ms:.3f} (median) to {most_ms:.3f} ms after it was due"
        yield "late", f"{100 * total['late_share']:.2f}", f"%    {began}; latencies hold that"
    yield ("energy", *bench_energy.texts_of(total))


def _fed_text(inputs: Mapping[str, Mapping[str, Any]]) -> str:
    """What was fed, by the fact `inputs`; empty where it is noise alone."""
    if all(about.get("values") == "normal" for about in inputs.values()):
        return ""
    parts = []
    for name, about in inputs.items():
        law = str(about.get("values", f"{about.get('samples')} samples of a file"))
        below = f" of {about['below']}" if "below" in about else ""
        parts.append(f"{name} {law}{below}{' (unsure)' if about.get('unsure') else ''}")
    return ", ".join(parts)


def _titles(shown: Mapping[str, str]) -> list[str]:
    """The columns of the table of runs; `shown` are the latencies in it, by their names in a run."""
    values = [f"{label} ms" for label in shown.values()] or ["items/s"]
    return ["run", "iterations", *values, "mJ/item", "load ms", "first ms", "peak MB"]


def _run_cells(run: Mapping[str, Any], shown: Iterable[str]) -> list[str]:
    values = [_ms(run[f"batch_latency_{name}_s"]) for name in shown]
    energy_j, peak = run["energy_j_per_item"], run["memory_peak_bytes"]
    return [
        str(run["run"]),
        str(run["iterations"]),
        *(values or [f"{run['throughput_items_s']:.2f}"]),
        "-" if energy_j is None else f"{energy_j * 1e3:.3f}",
        f"{run['load_s'] * 1e3:.1f}",
        f"{run['first_inference_s'] * 1e3:.2f}",
        "-" if peak is None else f"{peak / 1e6:.0f}",
    ]


def _interval(interval: Sequence[float] | None) -> str:
    if interval is None:
        return "no interval: too few"
    return f"95 %: {_ms(interval[0])} to {_ms(interval[1])}"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.3f}"
