"""The page as a reader uses it, in Chromium: sort, filter, open, point, print; nothing leaves the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from paretofleet_analysis.imports.hwnas import import_hwnas
from paretofleet_analysis.imports.timm import import_timm
from paretofleet_analysis.page.content import gather
from paretofleet_analysis.page.render import render
from paretofleet_analysis.page.studies import STUDIES, study_answers
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.report import files

pytest.importorskip("vl_convert")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="the page's tests drive Chromium by playwright"
)
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("no chromium is installed: the page is not opened", allow_module_level=True)

#: Beside the repository: the tables belong to their authors.
DATA = Path(__file__).parents[4] / "shared" / "data"
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


def written(folder, name, report):
    """The page of a report with its studies, but for the one that takes longest, and what is ranked."""
    ranked = rank_runs(report)
    answers = study_answers([name for name in STUDIES if name != "efficiency"], report, ranked)
    path = folder / f"{name}.html"
    path.write_text(render(gather(ranked, title=name, answers=answers)), encoding="utf-8")
    return path.as_uri(), ranked


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return written(tmp_path_factory.mktemp("page"), "demo", files.read(REPORT))


@pytest.fixture(scope="module")
def pi5(tmp_path_factory):
    """Time, energy and accuracy in two runtimes: of the cells of NAS-Bench-201 every eightieth."""
    folder = tmp_path_factory.mktemp("page")
    table = pq.read_table(DATA / "nas" / "nb201_pi5_latency_energy.parquet")
    pq.write_table(table.take(list(range(0, len(table), 80))), folder / "pi5.parquet")
    imported = import_hwnas([folder / "pi5.parquet"])
    return written(folder, "pi5", files.conform(imported.report, name="pi5"))


@pytest.fixture(scope="module")
def timm(tmp_path_factory):
    """Of the architectures on a processor every tenth."""
    folder = DATA / "timm"
    times = folder / "benchmark-infer-fp32-nchw-pt240-cpu-i9_10940x-dynamo.csv"
    report = import_timm([folder / "results-imagenet.csv", times]).report
    report = report.take(list(range(0, len(report), 10)))
    return written(tmp_path_factory.mktemp("page"), "timm", files.conform(report, name="timm"))


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
        "count => [...document.querySelectorAll('#figure-frontier path[aria-roledescription=point]')]"
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


@pytest.fixture(
    params=[
        "demo",
        pytest.param(
            "pi5", marks=pytest.mark.skipif(not DATA.is_dir(), reason=f"no tables of others in {DATA}")
        ),
        pytest.param(
            "timm", marks=pytest.mark.skipif(not DATA.is_dir(), reason=f"no tables of others in {DATA}")
        ),
    ]
)
def each_page(request):
    """The address of a page with all its studies, and what is ranked on it."""
    return request.getfixturevalue(request.param)


def test_our_page_and_those_of_others_tables_are_read_to_the_end(opened, each_page):
    """Sort, filter, open a row, point, go from panel to panel and to the table, print."""
    address, ranked = each_page
    rows = ranked.ranking.rows
    page = opened(at=address)
    for figure in page.locator("[data-figure]").all():
        assert figure.locator("svg path").count() > 0, "no panel is empty"

    page.get_by_role("button", name="top1").click()
    shown = [float(text.split()[0]) for text in column(page, "top1")]
    assert shown == sorted(shown, reverse=True)
    page.get_by_label("Find").fill(rows[0].identity["model"])
    expected = sum(rows[0].identity["model"] in row.identity["model"] for row in rows)
    assert 0 < page.locator("#rows tbody tr.row").count() == expected

    page.locator("#rows tbody button").first.press("Enter")
    assert ranked.rows[0]["configuration_id"] in page.locator("tr.opened").first.inner_text()
    page.get_by_label("Find").fill("")

    panels = len(ranked.ranking.objectives) * (len(ranked.ranking.objectives) - 1) // 2
    page.mouse.move(0, 0)
    pointed_at(page)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "undefined" not in page.locator("#vg-tooltip-element").inner_text()
    shown_large(page, panels)
    assert widest(page) <= 1280
    assert page.pdf().startswith(b"%PDF")


def test_on_a_telephone_no_page_is_wider_than_its_window(opened, each_page):
    assert widest(opened(390, at=each_page[0])) <= 390


def widest(page):
    """How far to the right the page or one of its figures reaches, in pixels."""
    boxes = [figure.bounding_box() for figure in page.locator("[data-figure] svg").all()]
    ends = [box["x"] + box["width"] for box in boxes]
    return max(page.evaluate("document.documentElement.scrollWidth"), *ends)


def test_a_click_on_a_point_opens_its_row(opened):
    page = opened()
    page.get_by_label("Find").fill("no such row")
    pointed_at(page)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("tr.opened")
    assert page.locator("tr.opened").count() == 1


def test_dark_windows_get_a_dark_page(opened):
    light, dark = opened(), opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert light.evaluate(ground) == "rgb(255, 255, 255)"
    assert max(map(int, dark.evaluate(ground)[4:-1].split(","))) < 40


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
