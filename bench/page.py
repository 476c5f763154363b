"""What a page of `paretofleet analyze` costs: `python bench/page.py [--short]`.

The fleet of `rank_speed.py` in 24 and 10,000 rows (`--short`: 24): CPU seconds of the page and its
figure's specification without the ranking, which is printed beside, and the page's size. In Chromium, where
that and playwright are installed: the first paint with content, and until every figure stands. Exit code 1
where a limit is missed: 3 s and 3 MB for 24 rows, 30 s and 8 MB for 10,000, a first paint within 2 s.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import machine
import rank_speed
from paretofleet_analysis.page.content import gather
from paretofleet_analysis.page.render import render
from paretofleet_analysis.ranking.rank import rank_runs

#: Rows to the limits of CPU seconds and of bytes.
LIMITS = {24: (3.0, 3e6), 10_000: (30.0, 8e6)}
PAINT_S = 2.0


def paint_s(path: Path) -> tuple[float, float] | None:
    """Seconds to the first paint with content and to the last figure; None without a browser."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        ready = page.evaluate("performance.now()")
        paints = page.evaluate("performance.getEntriesByType('paint').map(each => each.startTime)")
        browser.close()
    return max(paints) / 1e3, ready / 1e3


def main() -> int:
    """Prints a line for each size; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    sizes = [24] if parser.parse_args().short else list(LIMITS)
    kept = []
    for rows in sizes:
        table = rank_speed.fleet(rows)
        begin = time.process_time()
        ranked = rank_runs(table)
        ranking_s = time.process_time() - begin
        begin = time.process_time()
        text = render(gather(ranked, title="bench"))
        page_s = time.process_time() - begin
        size = len(text.encode())
        watch = machine.Watch()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            path.write_text(text, encoding="utf-8")
            painted = paint_s(path)
        limit_s, limit_bytes = LIMITS[rows]
        is_kept = page_s < limit_s and size < limit_bytes
        line = f"{rows:6} rows: ranking {ranking_s:.1f} s, page {page_s:.2f} s CPU, {size / 1e6:.2f} MB"
        if painted is None:
            line += "; no browser"
        else:
            verdict = machine.judged(kept=painted[0] < PAINT_S, idle=watch.had(1))
            line += f"; first paint {painted[0]:.2f} s, all figures {painted[1]:.2f} s {verdict}"
            is_kept = is_kept and verdict != "MISSED"
        print(line if is_kept else f"{line} MISSED")
        kept.append(is_kept)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
