"""A search replayed against tables: how far it gets, what it does twice, what it does after failures."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.search.replay import replay
from paretofleet_analysis.search.samplers import METHODS, method_of, search_of
from paretofleet_analysis.search.table import ColumnMap, Join, read_table
from published_tables import CELLS, nas_table, scores_at, synthetic, written

HAS_OPTUNA = importlib.util.find_spec("optuna") is not None


def searched(table, seed, *, name="gp", trials=60, batch=1, **options):
    return replay(table, search_of(table, name, seed), method_of(name), trials=trials, batch=batch, **options)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return synthetic(tmp_path_factory.mktemp("cells"))


def test_it_gets_further_than_random(cells):
    ours = scores_at([searched(cells, seed) for seed in range(4)], 60)
    random = scores_at([searched(cells, seed, name="random") for seed in range(4)], 60)
    assert (ours > random).all()
    assert ours.mean() > random.mean() + 0.05
    assert ours.min() > 0.9


def test_scores_never_fall_and_end_at_one_when_all_was_tried(cells):
    scores = next(iter(searched(cells, 1, name="random", trials=5000).scores.values()))
    assert (np.diff(scores) >= 0.0).all()
    assert scores[-1] == pytest.approx(1.0)
    assert len(scores) == len(np.unique(cells.graphs))


def test_batches_do_not_ask_one_thing_four_times(cells):
    done = searched(cells, 2, batch=4)
    assert len(done.rows) == 60
    assert next(iter(done.scores.values()))[-1] > 0.9


@pytest.mark.parametrize("name", sorted(METHODS))
def test_no_graph_is_tried_twice(cells, name):
    if name in ("tpe", "nsga2") and not HAS_OPTUNA:
        pytest.skip("Optuna is not installed")
    done = searched(cells, 3, name=name, trials=30)
    graphs = cells.graphs[done.rows].tolist()
    assert len(set(graphs)) == len(graphs) == 30


def test_what_does_not_fit_in_memory_is_soon_left_alone(tmp_path):
    table = synthetic(tmp_path, failed="broken")
    assert 0.01 < table.has_failed.mean() < 0.05
    done = [searched(table, seed) for seed in range(3)]
    assert np.mean([each.late_failures for each in done]) <= 0.05


def test_devices_take_turns_and_all_get_a_front(tmp_path):
    table = synthetic(tmp_path, devices=2)
    done = searched(table, 4)
    assert set(done.scores) == {"board", "other"}
    assert all(scores[-1] > 0.85 for scores in done.scores.values())


def test_noise_is_added_to_what_the_search_sees_and_never_to_the_score(cells):
    still, noisy = searched(cells, 5, noise=0.0, trials=20), searched(cells, 5, noise=3.0, trials=20)
    assert still.trials.costs == pytest.approx(cells.costs[still.rows])
    off = (noisy.trials.costs - cells.costs[noisy.rows]) / (3.0 * cells.noise)
    assert 0.6 < off.std() < 1.4
    assert still.scores["board"].tolist() == noisy.scores["board"].tolist()


def test_a_search_on_a_real_table_gets_further_than_random():
    table = nas_table()
    ours = scores_at([searched(table, seed, trials=100) for seed in (50, 51)], 100)
    random = scores_at([searched(table, seed, trials=100, name="random") for seed in (50, 51)], 100)
    assert ours.mean() > 0.9
    assert ours.mean() > random.mean()


def test_a_table_is_read_with_what_is_joined_to_it(tmp_path):
    energies = tmp_path / "energies.csv"
    energies.write_text("name,kind,mj\n" + "".join(f"{c},a,2\n{c},b,3\n" for c in CELLS[:500]))
    join = Join("on", energies, "cell", "name", {"kind": "b"})
    columns = ColumnMap("accuracy", {"board": ("ms", "on.mj")}, letters="cell")
    with pytest.raises(SearchError, match="no column cells"):
        read_table(written(tmp_path), replace(columns, letters="cells"), [join])
    table = read_table(written(tmp_path), columns, [join])
    assert len(table.costs) == 500
    assert table.costs[:, 2] == pytest.approx(np.full(500, np.log10(3.0)))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (ColumnMap("top1", {"board": ("ms",)}, letters="cell"), "no column top1"),
        (ColumnMap("accuracy", {"board": ("ms", "word")}, letters="cell"), "no number"),
        (ColumnMap("accuracy", {"board": ("ms",)}, parameters=("graph",)), "two rows of one member"),
        (ColumnMap("accuracy", {"board": ("ms", "mj", "ms")}, letters="cell"), "3 columns"),
    ],
)
def test_a_column_that_is_not_there_is_named(tmp_path, columns, sentence):
    with pytest.raises(SearchError, match=sentence):
        read_table(written(tmp_path), columns)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("", "no row with an accuracy and a time above 0"),
        ("1,,2\n2,,3\n", "no row with an accuracy and a time above 0"),
        ("1,50,-2\n2,50,0\n", "no row with an accuracy and a time above 0"),
        ("1,50,2\n", "1 member"),
        ("1,0.93,2\n2,0.5,3\n", "at most 0.93: give accuracies in percent"),
        ("1,150,2\n2,50,3\n", "has 150, which is no percentage"),
    ],
)
def test_a_table_of_which_nothing_can_be_made_is_refused(tmp_path, rows, sentence):
    path = tmp_path / "table.csv"
    path.write_text(f"width,accuracy,ms\n{rows}")
    with pytest.raises(SearchError, match=sentence):
        read_table(path, ColumnMap("accuracy", {"board": ("ms",)}, parameters=("width",)))


def test_where_all_are_over_the_limit_it_says_by_how_much(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("width,accuracy,ms\n1,5,2\n2,8,3\n")
    columns = ColumnMap("accuracy", {"board": ("ms",)}, parameters=("width",))
    with pytest.raises(SearchError, match="objective 1 is 92 at best, 32 beyond it"):
        read_table(path, columns, worst_error=60.0).scale("board")


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(SearchError, match="gp, tpe, nsga2, random"):
        method_of("annealing")
