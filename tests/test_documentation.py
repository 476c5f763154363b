"""The pages are right: commands parse, examples run, links lead somewhere, lines and pages are short."""

from __future__ import annotations

import re
import shlex
import shutil
import tarfile
from pathlib import Path

import pytest
import typer.main
from paretofleet_agent.main.command_line import parser
from paretofleet_collector.cli import app
from paretofleet_collector.planning.parsing import parse_yaml

ROOT = Path(__file__).parent.parent
DOCS, DECISIONS = ROOT / "docs", ROOT / "docs" / "decisions"
STORED = ROOT / "tests" / "fixtures" / "stored_sweep"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "deploy" / "README.md"])
DECIDED = sorted(DECISIONS.glob("[0-9]*.md"))
COMMAND = re.compile(r"^(?:\S+/)?(paretofleet|paretofleet-agent) ([a-z-].*)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE_DOCUMENT = re.compile(r"<<'YAML'\n(.*?)^YAML", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:agent|analysis|bench|collector|deploy|docs|proto|scripts|tests)/[^`\s]*)`")
#: A decision's parts, in their order.
PARTS = ("Context", "Decision", "Why not", "Evidence", "Reconsider when")
COLUMNS, README_LINES, DECISION_LINES = 100, 80, 30


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def without_code(page: Path) -> str:
    """The page's text with its fenced code blanked, line by line."""
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), page.read_text(encoding="utf-8"))


def commands() -> list[str]:
    lines = [
        f"{name} {rest}"
        for page in PAGES
        for text in blocks(page, "sh")
        for name, rest in COMMAND.findall(text)
    ]
    return list(dict.fromkeys(lines))


def documents() -> list[str]:
    here = [text for page in PAGES for text in HERE_DOCUMENT.findall(page.read_text(encoding="utf-8"))]
    return [text for page in PAGES for text in blocks(page, "yaml")] + here


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def is_broken(page: Path, link: str) -> bool:
    if "://" in link:
        return False
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return not target.exists() or (bool(anchor) and anchor not in anchors(target))


def test_there_is_something_to_look_at() -> None:
    assert len(commands()) > 30
    assert len(documents()) > 3
    assert len(PAGES) > 90


@pytest.mark.parametrize("line", commands())
def test_commands_parse(line: str) -> None:
    program, *words = [word for word in shlex.split(line, comments=True) if word != "&"]
    if program == "paretofleet-agent":
        parser().parse_args(words)
        return
    command = typer.main.get_command(app)
    context = None
    while True:
        context = command.make_context(words[0] if words else program, words, parent=context)
        rest = [*context._protected_args, *context.args]
        if not hasattr(command, "resolve_command"):
            assert rest == [], "words that nothing takes"
            return
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command = found


@pytest.mark.parametrize("text", documents())
def test_specifications_are_read(text: str) -> None:
    assert parse_yaml(text, ROOT).models


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, beside a pulled report and its samples."""
    shutil.copy(STORED / "report.parquet", tmp_path)
    with tarfile.open(STORED / "collector.tar.xz") as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own
    shutil.move(tmp_path / "collector" / "lake" / "samples", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks(page, "python")), name_of(page), "exec"), {"__name__": "example"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(without_code(page)) if is_broken(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_that_are_named_exist(page: Path) -> None:
    paths = [path for path in PATH.findall(without_code(page)) if not set(path) & set("<>*{}")]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_short(page: Path) -> None:
    lines = enumerate(without_code(page).splitlines(), 1)
    long = [(number, line) for number, line in lines if len(line) > COLUMNS]
    assert [at for at in long if not at[1].startswith("|") and "](" not in at[1]] == []


def test_the_readme_is_a_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", DECIDED, ids=name_of)
def test_a_decision_is_short_and_whole(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= DECISION_LINES
    assert re.match(rf"# {page.name[:4]}\. \S", lines[0])
    assert re.match(r"Status: \w+", lines[2])
    parts = [match[1] for line in lines if (match := re.match(r"\*\*([A-Z][a-z ]+)\.\*\* \S", line))]
    assert parts == list(PARTS)


def test_the_index_lists_every_decision_by_its_title() -> None:
    titles = [page.read_text(encoding="utf-8").splitlines()[0][len("# 0000. ") :] for page in DECIDED]
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(\d{4})\]\((.+?)\) (.+)$", index, re.MULTILINE)
    assert listed == [(page.name[:4], page.name, title) for page, title in zip(DECIDED, titles, strict=True)]
    assert [page.name[:4] for page in DECIDED] == [f"{n:04d}" for n in range(1, len(DECIDED) + 1)]


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        left += [page.parent / link.partition("#")[0] for link in LINK.findall(without_code(page))]
    assert [name_of(page) for page in DOCS.rglob("*.md") if page.resolve() not in reached] == []


def rooms_of_the_architecture() -> dict[str, list[str]]:
    """Folder of each room in ARCHITECTURE.md, with the files that its row names."""
    rooms: dict[str, list[str]] = {}
    distribution = ""
    section = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The rooms")[2]
    for line in section.partition("\n## ")[0].splitlines():
        if match := re.match(r"\| \*\*(\w+)\*\* \|", line):
            distribution = match[1]
        elif match := re.match(r"\| `([\w/]+)/` \| .*? \| (.*) \|$", line):
            room = f"{distribution}/paretofleet_{distribution}/{match[1]}"
            assert room not in rooms, f"ARCHITECTURE.md shows {room} twice"
            rooms[room] = re.findall(r"`([\w./]+)`", match[2])
    return rooms


def test_the_architecture_shows_every_room_and_files_that_are_there() -> None:
    rooms = rooms_of_the_architecture()
    folders = {
        str(path.parent.relative_to(ROOT))
        for distribution in ("graph", "agent", "collector", "analysis")
        for path in (ROOT / distribution / f"paretofleet_{distribution}").glob("*/__init__.py")
    }
    assert folders - set(rooms) == set()
    missing = [
        f"{room}/{name}"
        for room, names in rooms.items()
        for name in names
        if not any((ROOT / room / at).exists() for at in (name, f"{name}.py"))
    ]
    assert missing == []


def test_what_the_architecture_says_to_look_at_is_there() -> None:
    section = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Look here")[2]
    rows = re.findall(r"^\| .*? \| (.*) \|$", section.partition("\n## ")[0], re.MULTILINE)[1:]
    assert len(rows) > 10
    missing = []
    for row in rows:
        folder = ROOT
        for name in re.findall(r"`([\w/]+)`", row):
            if name in {"graph", "agent", "collector", "analysis"}:
                folder = ROOT / name / f"paretofleet_{name}"
            elif not any((folder / at).exists() for at in (name, f"{name}.py")):
                missing.append(name)
    assert missing == []
