"""The page as a reader uses it, in Chromium: sort, filter, open, point, print; nothing leaves the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from paretofleet_analysis.page.content import gather
from paretofleet_analysis.page.render import render
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.report import files

pytest.importorskip("altair")
pytest.importorskip("vl_convert")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="the page's tests drive Chromium by playwright"
)
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("no chromium is installed: the page is not opened", allow_module_level=True)

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"
HOSTILE = '</script><img src=x onerror="window.broken=1"><b>net</b>'
POINT = "path[aria-roledescription=point]"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def ranked():
    return rank_runs(files.read(REPORT))


@pytest.fixture(scope="module")
def address(ranked, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(gather(ranked, title="stored sweep")), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A page of three objectives."""
    path = tmp_path_factory.mktemp("page") / "tx2.html"
    ranked = rank_runs(files.read(REPORT), devices=["tx2"])
    path.write_text(render(gather(ranked, title="tx2")), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """Opens the page at a width; afterwards nothing was requested and nothing was complained of."""
    contexts, complaints, requests = [], [], []

    def open_page(width=1280, at=address, **context):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda said: said.type in {"error", "warning"} and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(at)
        page.wait_for_selector("html[data-ready=yes]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def column(page, title):
    """The texts of a column of the table, by its head."""
    heads = [head.strip() for head in page.locator("#rows thead th").all_inner_texts()]
    at = next(k for k, head in enumerate(heads) if head.startswith(title))
    return page.locator(f"#rows tbody tr.row > :nth-child({at + 1})").all_inner_texts()


def test_a_head_sorts_by_its_numbers_and_again_the_other_way(opened):
    page = opened()
    heads = page.locator("#rows thead button")
    name = next(text for text in heads.all_inner_texts() if text.startswith("top1"))
    head = page.get_by_role("button", name=name)
    head.click()
    falling = [float(text.split()[0]) for text in column(page, "top1")]
    assert falling == sorted(falling, reverse=True)
    head.press("Enter")
    rising = [float(text.split()[0]) for text in column(page, "top1")]
    assert rising == sorted(falling)
    assert page.locator("th[aria-sort=ascending]").count() == 1


def test_words_and_verdicts_filter(opened, ranked):
    page = opened()
    page.get_by_label("Find").fill("tx2 alexnet")
    expected = sum(
        row.identity["device"] == "tx2" and row.identity["model"] == "alexnet" for row in ranked.ranking.rows
    )
    assert page.locator("#rows tbody tr.row").count() == expected > 0
    page.get_by_label("Find").fill("")
    page.get_by_role("checkbox", name="beaten").uncheck()
    assert "beaten" not in column(page, "verdict")
    assert f"of {len(ranked.rows)} rows" in page.locator("#count").inner_text()


def test_a_row_opens_by_the_keyboard_and_shows_runs_blocks_and_flags_in_words(opened, ranked):
    page = opened()
    page.locator("#rows tbody button").first.focus()
    page.keyboard.press("Enter")
    inside = page.locator("tr.opened")
    assert inside.count() == 1
    assert inside.locator("tbody tr").count() == len(ranked.rows[0]["run_ids"])
    assert ranked.rows[0]["environment_id"] in inside.inner_text()
    assert "does not wait for a steady device" in inside.inner_text()
    page.keyboard.press("Enter")
    assert inside.count() == 0


def shown_large(page, count):
    """Waits until so many points are drawn large."""
    page.wait_for_function(
        "count => [...document.querySelectorAll('path[aria-roledescription=point]')]"
        ".filter(path => path.getBBox().width > 13).length === count",
        arg=count,
    )


def pointed_at(page):
    """Points at the first point of the frontier's first panel."""
    figure = page.locator("#figure-frontier")
    figure.scroll_into_view_if_needed()
    box = figure.locator(POINT).first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_a_point_is_shown_in_every_panel_and_its_row_marked_and_a_row_shows_its_points(opened, three):
    page = opened(at=three)
    panels = 3
    pointed_at(page)
    page.wait_for_selector("#vg-tooltip-element.visible")
    shown_large(page, panels)
    assert page.locator("#rows tr.hovered").count() == 1
    page.mouse.move(0, 0)
    shown_large(page, 0)
    page.locator("#rows tbody button").first.focus()
    shown_large(page, panels)


def test_a_click_on_a_point_opens_its_row(opened):
    page = opened()
    page.get_by_label("Find").fill("no such row")
    pointed_at(page)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("tr.opened")
    assert page.locator("tr.opened").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_as_wide_as_its_window(opened, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#figure-frontier svg").bounding_box()["width"] <= width


def test_dark_windows_get_a_dark_page(opened):
    light, dark = opened(), opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert light.evaluate(ground) == "rgb(255, 255, 255)"
    assert max(map(int, dark.evaluate(ground)[4:-1].split(","))) < 40


def test_it_prints(opened):
    assert opened().pdf().startswith(b"%PDF")


def test_names_from_files_run_nothing(opened, fleet, tmp_path):
    ranked = rank_runs(fleet({HOSTILE: (60.0, 0.010), "large": (76.0, 0.080)}))
    path = tmp_path / "hostile.html"
    path.write_text(render(gather(ranked, title=HOSTILE)), encoding="utf-8")
    page = opened(at=path.as_uri())
    page.locator("#rows tbody button").first.click()
    box = page.locator(POINT).first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.evaluate("window.broken") is None
    assert page.locator("img").count() == 0
    assert HOSTILE in column(page, "model")
