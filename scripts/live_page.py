"""Pictures of the live page: `python scripts/live_page.py [FOLDER] [--every-width]`; docs by default.

A real collector with three simulated boards, which measure three networks; one sweep has ended, and one
goes on. Needs chromium and playwright; takes some minutes. Pixels differ between machines and moments, so
nothing compares them: whoever changes the page takes them anew and looks at them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "system"))

from farm import Farm, wait_until

ROOT = Path(__file__).parents[1]
BOARDS = {"tx2-a": "jetson-tx2", "tx2-b": "jetson-tx2", "nano": "jetson-nano"}
NETWORKS = ["zoo:squeezenet1_1", "zoo:mobilenet_v2", "zoo:resnet18"]
ENDED, GOING = "edge-classifiers", "batch-sizes"
#: By file name: the page, and the width, height and scheme of colours that it is opened in.
PICTURES = {
    "live-page.png": ("/", 1280, 655, "light"),
    "live-page-narrow.png": (f"/sweeps/{ENDED}", 390, 1020, "dark"),
}
#: With --every-width: what a pair of eyes looks over.
PAGES = {"fleet": "/", "ended": f"/sweeps/{ENDED}", "going": f"/sweeps/{GOING}", "device": "/devices/nano"}
WIDTHS = (390, 1280, 2560)
#: No picture of the documentation is larger.
BYTES_MAX = 150_000


def measured(farm: Farm) -> None:
    """Boards that have ended one sweep and are in the next."""
    for name, kind in BOARDS.items():
        farm.start_agent(name, "--simulate", kind)
    for name, sizes, repeats in ((ENDED, [1, 4], 3), (GOING, [1, 2, 4, 8], 10)):
        spec = {"name": name, "models": NETWORKS, "batch_sizes": sizes, "protocol": "quick"}
        (farm.root / "spec.json").write_text(json.dumps({**spec, "repeats": repeats}))
        farm.command("sweep", "submit", farm.root / "spec.json")
    wait_until(lambda: farm.has_ended(ENDED), "the end of a sweep", 900)
    wait_until(lambda: farm.sweep(GOING)["runs_by_state"].get("sealed", 0) > 5, "some runs", 300)


def shoot(
    page: Any, origin: str, path: str, window: tuple[int, int, str], file: Path, *, whole: bool
) -> None:
    """Writes the page at a `path` of the live page at `origin`, opened in a `window`, to `file`."""
    width, height, scheme = window
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    page.goto(origin + path)
    if ENDED in path:
        page.wait_for_selector("#drawn svg", timeout=180_000)
    page.wait_for_timeout(1500)
    file.write_bytes(page.screenshot(full_page=whole))


def main() -> int:
    """Takes the pictures; 1 where one is too large for the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs")
    parser.add_argument("--every-width", action="store_true", help="Also whole pages at 390, 1280 and 2560.")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        web = f"127.0.0.1:{probe.getsockname()[1]}"
    farm = Farm(Path(tempfile.mkdtemp()))
    try:
        farm.start_collector(web=web)
        measured(farm)
        link = farm.command("open", "--print").strip()
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = chromium.new_page()
            page.goto(link)
            page.wait_for_selector("#devices tr")
            for name, (path, *window) in PICTURES.items():
                shoot(page, f"http://{web}", path, tuple(window), given.folder / name, whole=False)
            for name, path in PAGES.items() if given.every_width else ():
                for width in WIDTHS:
                    file = given.folder / f"{name}-{width}.png"
                    shoot(page, f"http://{web}", path, (width, 900, "light"), file, whole=True)
            chromium.close()
    finally:
        farm.close()
        shutil.rmtree(farm.root, ignore_errors=True)
    sizes = {name: (given.folder / name).stat().st_size for name in PICTURES}
    for name, size in sizes.items():
        print(f"{name}: {size / 1e3:.0f} kB" + (" is too large" if size > BYTES_MAX else ""))
    return int(max(sizes.values()) > BYTES_MAX)


if __name__ == "__main__":
    sys.exit(main())
