"""A page is one file that holds everything and asks for nothing; names from files stay text."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.errors import RequestError
from paretofleet_analysis.figures.front import describe
from paretofleet_analysis.figures.points import drawn_numbers
from paretofleet_analysis.page.content import gather
from paretofleet_analysis.page.library import vega_script
from paretofleet_analysis.page.packed import packed, short_numbers
from paretofleet_analysis.page.render import render, write_figures
from paretofleet_analysis.page.studies import study_answers
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.ranking.verdicts import BEATEN
from paretofleet_analysis.report import files
from paretofleet_analysis.studies.answer import Answer, Chart, left_out

pytest.importorskip("vl_convert")

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"
HOSTILE = '</script><img src=x onerror="window.broken=1">{{7*7}}\'&\u2028'


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script by its id."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def ranked():
    return rank_runs(files.read(REPORT))


@pytest.fixture(scope="module")
def page(ranked):
    return gather(ranked, title="stored sweep")


@pytest.fixture(scope="module")
def html(page):
    return render(page)


def data_of(html: str) -> dict:
    kept = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(kept[1])


def unpacked(column: dict) -> list[str]:
    return column.get("cells") or [column["values"][at] for at in column.get("index", [])]


def test_a_page_asks_for_nothing(html):
    elements = Elements(html).elements
    assert not [name for name, _ in elements if name in {"link", "img", "iframe", "base", "object"}]
    assert not [attributes for _, attributes in elements if "src" in attributes]
    assert {a["href"][0] for _, a in elements if "href" in a} == {"#"}
    assert "default-src 'none'" in next(a["content"] for _, a in elements if "http-equiv" in a)


def test_names_from_files_are_text_everywhere(fleet):
    models = {HOSTILE: (60.0, 0.010), "large": (76.0, 0.080)}
    hostile = rank_runs(fleet(models, device=HOSTILE))
    html = render(gather(hostile, title=HOSTILE, notes=[HOSTILE]))
    elements = Elements(html)
    assert "img" not in {name for name, _ in elements.elements}
    assert not [a for _, a in elements.elements if any(key.startswith("onerror") for key in a)]
    assert "{{7*7}}" in "".join(elements.text)
    assert HOSTILE in unpacked(data_of(html)["table"]["columns"][1])


def test_what_to_take_comes_first_then_the_picture_then_the_table(html, page):
    order = [
        html.index(f">{head}<") for head in ("What to take", "The frontier", "The ranking", "The devices")
    ]
    assert order == sorted(order)
    assert page.recommended[1].split(":")[0] in html


def test_the_page_holds_every_row_with_its_runs_blocks_and_flags(html, ranked):
    data = data_of(html)
    evidence, rows = data["evidence"], ranked.rows
    assert data["table"]["count"] == len(rows)
    assert unpacked(data["table"]["verdicts"]) == [row.verdict for row in ranked.ranking.rows]
    assert evidence["blocks"] == [row["run_blocks"] for row in rows]
    flags = [[evidence["flag_names"][at][0] for at in places] for places in evidence["row_flags"]]
    assert flags == [sorted(row["flags"]) for row in rows]
    assert all(meaning for _, meaning in evidence["flag_names"])
    latency = next(each for each in evidence["measures"] if each["title"].startswith(("p90", "mean")))
    assert [len(runs) for runs in latency["runs"]] == [len(row["run_ids"]) for row in rows]


def test_every_figure_says_that_its_data_are_simulated_and_has_its_words(html, page):
    for figure in page.figures:
        assert figure.simulated == "SIMULATED DEVICES"
        assert figure.specification["description"] == figure.alternative
        assert figure.alternative[:60] in html


def test_a_real_fleet_is_not_marked(fleet):
    real = rank_runs(fleet({"small": (60.0, 0.010), "large": (76.0, 0.080)}))
    figures = gather(real, title="real").figures
    assert {figure.simulated for figure in figures} == {""}


def test_words_name_what_is_not_beaten(ranked):
    text = describe(ranked.ranking)
    for row in ranked.ranking.rows:
        assert (f"row {row.number}, " in text) == (row.verdict != BEATEN)


def test_every_two_objectives_have_a_panel_and_runs_are_in_it(page, ranked):
    spec = page.front.specification
    objectives = len(ranked.ranking.objectives)
    panels = spec.get("concat", [spec])
    assert len(panels) == objectives * (objectives - 1) // 2
    assert len(spec["datasets"]["rows"]) == len(ranked.rows)
    assert len(spec["datasets"]["runs"]) == sum(len(runs) for runs in ranked.runs)


def test_a_study_has_its_verdict_its_table_and_its_picture_or_a_sentence_in_its_place(ranked):
    points = ({"model": HOSTILE, "share": 0.5, "lo": 0.4, "hi": 0.6},)
    answers = [
        Answer("efficiency", "A claim", "cannot tell", "Open.", ("model", "share"), ((HOSTILE, None),),
               Chart("point", "model", "share", None, points, "", "share")),
        Answer("efficiency", "No place", "told", "None.", ("model", "share"), ((HOSTILE, None),),
               Chart("point", "model", "share", None, ({"model": HOSTILE, "share": None},), "", "share")),
        left_out("efficiency", "Another", "there is one batch size only"),
    ]  # fmt: skip
    made = gather(ranked, title="studies", answers=answers)
    html = render(made)
    assert [figure.name for figure in made.figures][:2] == ["frontier", "efficiency-1"]
    assert {figure.simulated for figure in made.figures} == {"SIMULATED DEVICES"}
    assert "cannot tell" in html
    assert "Left out: there is one batch size only." in html
    assert "img" not in {name for name, _ in Elements(html).elements}


def test_an_unknown_study_is_refused_with_those_there_are(ranked):
    with pytest.raises(RequestError, match="efficiency"):
        study_answers(["effort"], files.read(REPORT), ranked)


def test_one_objective_is_a_sentence_in_place_of_the_picture(fleet):
    one = rank_runs(fleet({"a": (60.0, 0.01), "b": (70.0, 0.02)}), objectives=["batch_latency_p90_s"])
    assert "it takes two objectives" in render(gather(one, title="one"))


def test_others_tables_have_no_recommendation_but_what_is_best_by_the_means(published):
    ranked = rank_runs(published)
    page = gather(ranked, title="theirs")
    assert page.recommended[0].startswith("No recommendation")
    best = max(ranked.ranking.rows, key=lambda row: row.compared("top1").mean)
    assert page.recommended[1].startswith(f"Best top1: row {best.number} ({best.identity['model']}), ")
    assert len(page.recommended) == 1 + len(ranked.ranking.objectives)


def test_what_nobody_knows_of_others_devices_is_unknown(published):
    devices = gather(rank_runs(published), title="theirs").devices
    known = dict(zip(devices.heads, devices.rows[0], strict=True))
    assert known["rows"] == "40"
    unknown = ("runs", "set aside", "boots", "environments")
    assert {known[name] for name in unknown} == {"unknown"}


def test_a_column_of_a_study_that_nothing_is_known_of_is_left_out(ranked):
    answers = [
        Answer("efficiency", "A claim", "told", "Open.", ("model", "low", "share"), (("a", None, 0.25),))
    ]
    html = render(gather(ranked, title="studies", answers=answers))
    assert '<th scope="col" class="number">share</th>' in html
    assert ">low<" not in html


def test_of_a_large_fleet_all_that_lead_are_drawn_and_some_of_the_beaten(fleet):
    models = {f"m{k}": (60 + k / 10, 0.01 + 0.001 * ((7 * k) % 24)) for k in range(24)}
    ranking = rank_runs(fleet(models)).ranking
    numbers = drawn_numbers(ranking, 12)
    leading = [row.number for row in ranking.rows if row.verdict != BEATEN]
    assert set(leading[:12]) <= set(numbers)
    assert len(numbers) <= 12 < len(ranking.rows)


def test_figures_become_files_of_three_kinds(page, tmp_path):
    paths = write_figures(page, tmp_path)
    begins = {".svg": b"<svg", ".pdf": b"%PDF", ".png": b"\x89PNG"}
    assert {path.suffix for path in paths} == set(begins)
    assert all(path.read_bytes().startswith(begins[path.suffix]) for path in paths)
    assert b"SIMULATED DEVICES" in paths[0].read_bytes()


def test_the_script_is_bundled_once_and_again_where_it_was_cut(monkeypatch, tmp_path):
    made = []
    bundle = "x" * 600_000 + "'</script>'"
    stub = SimpleNamespace(
        javascript_bundle=lambda vl_version: made.append(vl_version) or bundle,
        get_vegalite_versions=lambda: ["5.21", "6.1", "6.4"],
    )
    monkeypatch.setitem(sys.modules, "vl_convert", stub)
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    first = vega_script(environment)
    assert "</script" not in first
    assert vega_script(environment) == first
    assert len(made) == 1
    (kept,) = (tmp_path / "paretofleet").iterdir()
    kept.write_text(first[:1000])
    assert vega_script(environment) == first
    assert made == ["6.4", "6.4"]
    assert vega_script({}) == first
    assert vega_script({"XDG_CACHE_HOME": str(kept)}) == first


@given(st.lists(st.sampled_from(["a", "b", "ü", ""])))
def test_packing_loses_nothing(cells):
    assert unpacked(packed(cells)) == cells


@given(st.floats(1e-6, 1e9))
def test_numbers_keep_five_digits(value):
    assert short_numbers([value])[0] == pytest.approx(value, rel=6e-5)
