"""A run's streams as pictures over time: lines, the phases behind them, and which part of it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from paretofleet_collector.service.run_details import Line, RunSamples

#: In pixels: the picture, and the space beside its axes.
WIDTH, HEIGHT = 960, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 22, 30
#: Ticks of an axis, about.
TICKS = 6


@dataclass(frozen=True)
class Window:
    """The span of time that is shown, in seconds since the run's first mark, of `end_s` in all."""

    begin_s: float
    until_s: float
    end_s: float
    measured: tuple[float, float] | None

    def part(self, begin: float, end: float) -> tuple[float, float]:
        """The span from a share `begin` of this one to a share `end`, within the run."""
        length = self.until_s - self.begin_s
        from_s = max(0.0, self.begin_s + begin * length)
        return round(from_s, 6), round(min(self.end_s, self.begin_s + end * length), 6)


@dataclass(frozen=True)
class Drawn:
    """A stream's picture: a `path` in pixels, ticks as (pixel, text), phases as (name, pixel, width)."""

    stream: str
    title: str
    path: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    phases: tuple[tuple[str, float, float], ...]
    caption: str
    size: tuple[int, int] = (WIDTH, HEIGHT)

    @property
    def file(self) -> str:
        """The stream's name as a part of a file's."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.stream)


def window_of(samples: RunSamples, given: Mapping[str, str]) -> Window:
    """The span of `samples` from `given["from"]` to `given["to"]`, in seconds; all where that is none."""
    inside = [(begin, end) for name, begin, end in samples.phases if name == "measure"]
    measured = (inside[0][0], inside[-1][1]) if inside else None
    try:
        begin, until = float(given.get("from", "0")), float(given.get("to", "inf"))
    except ValueError:
        begin, until = 0.0, math.inf
    begin, until = max(0.0, begin), min(samples.end_s, until)
    if not begin < until:
        begin, until = 0.0, samples.end_s
    return Window(begin, until, samples.end_s, measured)


def draw(samples: RunSamples, window: Window) -> list[Drawn]:
    """The pictures of the iterations and of every power stream of `samples` in a `window`."""
    names = [name for name in samples.streams if name == "iterations" or name.startswith("power:")]
    names.sort(key=lambda name: (name != "iterations", name))
    made = []
    for name in names:
        line = samples.line(name, window.begin_s, window.until_s)
        if line.seconds.size:
            made.append(_drawn(name, line, samples, window))
    return made


def _drawn(name: str, line: Line, samples: RunSamples, window: Window) -> Drawn:
    is_times = name == "iterations"
    scale, unit = (1e3, "ms") if is_times else (1.0, "W")
    values = line.values * scale
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(abs(high), 1e-9):
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    span = max(window.until_s - window.begin_s, 1e-9)
    x = LEFT + (line.seconds - window.begin_s) / span * (WIDTH - LEFT - RIGHT)
    y = TOP + (high - values) / (high - low) * (HEIGHT - TOP - BOTTOM)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))

    def place_x(second: float) -> float:
        inside = min(max(second, window.begin_s), window.until_s)
        return LEFT + (inside - window.begin_s) / span * (WIDTH - LEFT - RIGHT)

    phases = tuple(
        (phase, place_x(begin), place_x(end) - place_x(begin))
        for phase, begin, end in samples.phases
        if end > window.begin_s and begin < window.until_s and end > begin
    )
    title = "Duration of an iteration, ms" if is_times else f"Power of {name.removeprefix('power:')}, W"
    kind = "every sample" if line.is_exact else "the least and the most of equal parts"
    caption = (
        f"{title}: {line.samples} samples from {window.begin_s:.3f} s to {window.until_s:.3f} s, "
        f"from {float(values.min()):.4g} to {float(values.max()):.4g} {unit}; drawn is {kind}."
    )
    y_ticks = tuple(
        (TOP + (high - at) / (high - low) * (HEIGHT - TOP - BOTTOM), f"{at:.6g}") for at in ticks(low, high)
    )
    x_ticks = tuple((place_x(at), f"{at:.9g}") for at in ticks(window.begin_s, window.until_s))
    return Drawn(name, title, points, x_ticks, y_ticks, phases, caption)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`, about TICKS of them.

    >>> ticks(0.0, 10.0), ticks(0.12, 0.19)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.12, 0.14, 0.16, 0.18])
    """
    rough = (high - low) / (TICKS - 1)
    if not rough > 0:
        return [low]
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(each * size for each in (1, 2, 5, 10) if each * size >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(each * step, 12) for each in range(first, math.floor(high / step + 1e-9) + 1)]
