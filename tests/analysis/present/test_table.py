"""Tables in terminals of any width: what is kept, what is folded, what is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.present.table import TableColumn, columns_of, fold, lay_out
from paretofleet_analysis.present.wrapping import wrapped

NAME = st.text(alphabet="abc-_./模é", min_size=1, max_size=40)
CELL = st.text(alphabet="ab ü板", max_size=30)


@given(st.text(alphabet="ab-_ 模\u0301", max_size=60), st.integers(2, 40))
def test_folding_loses_nothing_and_fits(text: str, width: int) -> None:
    lines = fold(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(columns_of, lines)) <= width


@given(st.lists(st.sampled_from(["resnet50", "模型", "on", "desk"]), max_size=8), st.integers(8, 30))
def test_no_word_is_broken_that_fits(words: list[str], width: int) -> None:
    assert [word for line in fold(" ".join(words), width) for word in line.split()] == words


@given(
    st.lists(st.tuples(NAME, CELL, st.floats(0, 1e6)), min_size=1, max_size=4),
    st.sampled_from([60, 80, 120, 200]),
)
def test_every_table_fits_with_all_its_names(rows: list[tuple[str, str, float]], width: int) -> None:
    names, texts, values = zip(*rows, strict=True)
    columns = [
        TableColumn("name", names, kept=True),
        TableColumn("what it is", texts),
        *(TableColumn(f"value {k}", [f"{value:.3f}" for value in values], right=True) for k in range(9)),
    ]
    lines, left_out = lay_out(columns, width)
    assert max(map(columns_of, lines)) <= width
    assert "name" not in left_out
    titles = [column.title for column in columns]
    assert left_out == titles[len(titles) - len(left_out) :]
    first = "".join(line.split("  ")[0] for line in lines[1:])
    assert all(letter in first for name in names for letter in name)


def test_columns_go_from_the_right_but_what_is_kept_stays() -> None:
    columns = [
        TableColumn("name", ["resnet50"], kept=True),
        TableColumn("p90 ms", ["12.5"], right=True),
        TableColumn("efficiency", ["1.00"], right=True),
        TableColumn("verdict", ["front"], kept=True),
    ]
    assert lay_out(columns, 30) == (
        ["name      p90 ms  verdict", "resnet50    12.5  front"],
        ["efficiency"],
    )


def test_an_interval_goes_below_its_mean_before_a_column_goes() -> None:
    columns = [
        TableColumn("model", ["resnet50"], kept=True),
        TableColumn("p90 ms", ["9.2 (3.9 to 21.6)"], right=True),
        TableColumn("p_front", ["0.97"], right=True),
    ]
    lines, left_out = lay_out(columns, 34)
    assert [line.split() for line in lines[1:]] == [["resnet50", "9.2", "0.97"], ["(3.9", "to", "21.6)"]]
    assert left_out == []


def test_prose_with_wide_letters_fits_as_well() -> None:
    lines = wrapped("  " + "模型网络 on 板子 is the fastest. " * 9, 60)
    assert max(map(columns_of, lines)) <= 60
    assert " ".join(" ".join(lines).split()) == ("模型网络 on 板子 is the fastest. " * 9).strip()


def test_a_name_of_usual_length_is_whole_before_other_columns_are_shown() -> None:
    columns = [
        TableColumn("device", ["jetson-orin-nano-left"], kept=True),
        TableColumn("for", ["fastest within one point of the best accuracy"], kept=True),
        TableColumn("winner", ["squeezenet1_1"], kept=True),
        TableColumn("probability", [">0.99"], right=True),
        TableColumn("price", ["takes 5.6 times the mean latency of squeezenet1_0"]),
        TableColumn("value", ["mean 107 (72 to 158) ms"]),
    ]
    for width in (60, 80, 120, 200):
        lines, _ = lay_out(columns, width)
        words = [word for line in lines for word in line.split()]
        assert "squeezenet1_1" in words, f"it is broken at {width} columns"
        assert "jetson-orin-nano-left" in words, f"it is broken at {width} columns"
