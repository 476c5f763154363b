"""A ranking's table for papers: nothing that stands in a name breaks it, and the caption stands alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.present import paper_table as paper
from paretofleet_analysis.present.methods_text import methods_paragraph
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "))
MARKUP = re.compile(
    r"\\ensuremath\{[^}]*\}|\\char34\{\}|\\text\w+\{\}|\{\[\}|\{\]\}|\\[{}$&#_%]|\{\}(?=[-'`,])"
)
TEX = next(filter(None, map(shutil.which, ("pdflatex", "lualatex", "xelatex", "tectonic"))), None)
KPSEWHICH = shutil.which("kpsewhich")
#: A small TeX has no booktabs; tectonic brings packages by itself.
HAS_BOOKTABS = KPSEWHICH is None or not subprocess.run([KPSEWHICH, "booktabs.sty"], check=False).returncode


@pytest.fixture
def ranking(configuration):
    rows = [
        configuration("a_b & 50%", [0.010, 0.0101, 0.0099], [0.5, 0.51, 0.5], top1=70.0),
        configuration("[x]|<y>", [0.020, 0.0201, 0.0199], [0.4, 0.41, 0.4], top1=71.0),
    ]
    return rank(build_report(rows))


@given(PRINTABLE)
def test_latex_prints_every_text_as_it_is(text):
    """What it writes is that text again once each escape is taken for its letter, and nothing else is TeX."""
    written = paper.latex_text(text)
    letters = {code: letter for letter, code in paper._LATEX.items()} | {"{}": ""}
    text = text.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")  # which are one letter in print
    letters[paper._LATEX["\N{MICRO SIGN}"]] = "\N{MICRO SIGN}"
    assert MARKUP.sub(lambda found: letters[found[0]], written) == text
    assert not set(MARKUP.sub("", written)) & set('\\{}$&#_%^~<>|[]"')
    assert re.search(r"--|''|``|,,|[!?]`", written) is None


@given(PRINTABLE)
def test_markdown_shows_every_text_as_it_is(text):
    written = paper.markdown_text(text)
    assert re.sub(r"\\(.)", r"\1", written) == text
    assert re.search(r"(?<!\\)(?:\\\\)*[|*_`<\[]", written) is None


def test_a_table_has_a_cell_for_every_column_whatever_the_names(ranking):
    table = paper.paper_table(ranking)
    lines = paper.render_paper_table(ranking, "latex").splitlines()
    rows = [line for line in lines if line.endswith("\\\\")]
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(table.heads) - 1}
    columns = "".join("r" if right else "l" for right in table.is_number)
    assert lines[5] == f"  \\begin{{tabular}}{{{columns}}}"
    markdown = paper.render_paper_table(ranking, "markdown").splitlines()[2:]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in markdown} == {len(table.heads) + 1}


def test_html_holds_the_same_cells(ranking):
    class Cells(HTMLParser):
        found: list[str] = []  # noqa: RUF012 - of this one parser

        def handle_data(self, data):
            if data.strip():
                self.found.append(data)

    parser = Cells()
    parser.feed(paper.render_paper_table(ranking, "html"))
    table = paper.paper_table(ranking)
    texts = [table.caption, *filter(None, table.heads), *(text for row in table.rows for text in row)]
    assert parser.found == texts


def test_values_are_rounded_to_their_interval(ranking):
    table = paper.paper_table(ranking)
    latency = table.heads.index("p90 ms")
    for cells in table.rows:
        mean, lo, hi = re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", cells[latency]).groups()
        assert len({len(each.partition(".")[2]) for each in (mean, lo, hi)}) == 1
        assert float(lo) < float(mean) < float(hi)
        assert 10 <= round((float(hi) - float(lo)) / 2 * 10 ** len(mean.partition(".")[2])) < 100


def test_the_caption_says_question_margins_scope_sensor_protocol_and_n(ranking):
    caption = paper.caption(ranking)
    for part in (
        "realtime",
        "top1 (more is better, margin 0.2 points)",
        "batch_latency_p90_s (less is better, margin 2 %)",
        "by the true means",
        "n = 3",
        "Protocol quick, timing scope copy+compute",
        "package by rapl",
        "published for the architecture",
    ):
        assert part in caption, part


def test_few_rows_are_the_first(ranking):
    assert len(paper.paper_table(ranking, top=1).rows) == 1


def test_methods_say_what_the_evidence_holds_and_nothing_of_what_it_lacks(ranking, fleet):
    text = methods_paragraph(ranking)
    assert "2 configurations" in text
    assert "6 runs was a process of its own" in text
    assert "Power was read as package by rapl" in text
    assert "Power" not in methods_paragraph(rank(fleet({"a": (70.0, 0.01), "b": (71.0, 0.02)})))
    doubted = replace(ranking, evidence={**ranking.evidence, "seed": 17})
    assert "seed 17" in methods_paragraph(doubted)


def test_methods_claim_no_blocks_of_runs_whose_order_nobody_wrote_down(configuration):
    given = configuration("imported", [0.010, 0.0101, 0.0099], top1=70.0)
    imported = replace(given, runs=[replace(run, started_s=None) for run in given.runs])
    text = methods_paragraph(rank(build_report([imported, configuration("b", [0.02, 0.021, 0.02])])))
    assert "in which order they ran the report does not say" in text
    assert "in blocks" not in text
    assert "process of its own" not in text


#: What names of models, devices and sensors may hold, and what makes each a trap for TeX.
NAMES = (
    "a_b & 50%", "#1 {x} $y$ ~ ^", "back\\slash", "[x]|<y>", 'a "quoted" name', "a--b---c",
    "1.5 \N{PLUS-MINUS SIGN} 0.2 \N{MICRO SIGN}s \N{GREEK SMALL LETTER MU}J \N{MULTIPLICATION SIGN} 3",
    "\N{LESS-THAN OR EQUAL TO} 85 \N{DEGREE SIGN}C", "Größe, naïve", "''*",
)  # fmt: skip


@pytest.mark.skipif(
    TEX is None or not HAS_BOOKTABS,
    reason="no TeX with booktabs is installed here: apt-get install texlive-latex-recommended",
)
def test_latex_compiles(configuration, tmp_path):
    rows = [
        configuration(name, [0.010 * k, 0.0101 * k, 0.0099 * k], [0.5, 0.51, 0.5], top1=60.0 + k, device=name)
        for k, name in enumerate(NAMES, start=1)
    ]
    table = paper.render_paper_table(rank(build_report(rows)), "latex")
    head = "\\documentclass{article}\\usepackage{booktabs,graphicx}"
    page = f"{head}\\begin{{document}}{table}\\end{{document}}"
    (tmp_path / "page.tex").write_text(page)
    command = [TEX, *(["-interaction=nonstopmode", "-halt-on-error"] if "tectonic" not in TEX else [])]
    done = subprocess.run([*command, "page.tex"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    assert (tmp_path / "page.pdf").stat().st_size > 0
    assert b"Overfull" not in done.stdout, "a usual page is as wide as that"
