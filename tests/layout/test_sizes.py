"""Sizes at which a thought wants to be split: files, functions; what ruff counts stands in pyproject.toml."""

from __future__ import annotations

import statistics

from sources import DISTRIBUTIONS, functions, report, sources

FILE_MAX, FILE_MEDIAN_MAX, FUNCTION_MAX = 400, 130, 60


def lines_of(path) -> int:
    return path.read_text().count("\n")


def test_files_and_functions_stay_small() -> None:
    wrong = []
    for source in (each for distribution in DISTRIBUTIONS for each in sources(distribution)):
        if lines_of(source.path) > FILE_MAX:
            wrong.append(f"{source.name} has {lines_of(source.path)} lines, {FILE_MAX} are allowed")
        for node in functions(source.tree):
            length = (node.end_lineno or node.lineno) - node.lineno
            if length > FUNCTION_MAX:
                wrong.append(
                    f"{source.name}:{node.lineno} {node.name} has {length} lines, {FUNCTION_MAX} are allowed"
                )
    assert not wrong, report(wrong)


def test_the_usual_file_is_read_at_one_sitting() -> None:
    sizes = [lines_of(source.path) for distribution in DISTRIBUTIONS for source in sources(distribution)]
    assert statistics.median(sizes) <= FILE_MEDIAN_MAX
