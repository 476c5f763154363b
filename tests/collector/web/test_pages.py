"""The pages beside the first: a sweep with its matrix and frontier, a run, a device, files to take along."""

from __future__ import annotations

import asyncio
import http.client
import io
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.lake.samples import Stream
from paretofleet_collector.service import sweeps
from paretofleet_collector.service.frontiers import Frontiers
from paretofleet_collector.service.run_details import RunSamples
from paretofleet_collector.web import rendering, sweep_view, trace
from rig import end_of, samples_of


@pytest.fixture
def measured(browser):
    """A browser that is signed in, and a sweep of three configurations, one of which failed."""
    rig = browser.rig
    session = rig.joined()
    rig.submit(batch_sizes=(1, 2, 4), name="sweep")
    for _ in range(2):
        rig.upload(session, rig.lease(session), chunks=2, each=50)
    rig.fail(session, rig.lease(session), "wrong_output")
    rig.seal()
    browser.sign_in()
    return browser


def run_ids(browser) -> list[str]:
    text = browser.ask("/sweeps/sweep").text
    pages = [browser.ask(path).text for path in re.findall(r'href="(/sweeps/\w+/[0-9a-f]{16})"', text)]
    return [run for page in pages for run in re.findall(r'href="/runs/(\w+)"', page)]


def test_a_sweep_shows_each_configuration_on_each_device(rig):
    for name in ("one", "two"):
        rig.joined(name)
    rig.submit(batch_sizes=(1, 2), name="sweep", runs_min=3, runs_max=3)
    session = rig.joined("one", instance=2)
    rig.upload(session, rig.lease(session))
    detail = rig.do(sweeps.show(rig.context, "sweep"))
    devices, rows = sweep_view.matrix(detail.configurations)
    assert devices == ["one", "two"]
    assert [name[:3] for name in rows] == [("tiny", "native", "1"), ("tiny", "native", "2")]
    cells = [(cell.measured, cell.runs, cell.state) for row in rows.values() for cell in row.values()]
    assert sorted(cells) == [(0, 3, "pending")] * 3 + [(1, 3, "going")]


def test_what_all_rows_of_a_matrix_have_alike_takes_no_column():
    one = ("tiny", "native", "1", "onnxruntime, cpu")
    assert sweep_view.heads({one: {}, (*one[:2], "2", one[3]): {}}) == ([0, 2], "native, onnxruntime, cpu")
    assert sweep_view.heads({one: {}}) == ([0], "native, batch size 1, onnxruntime, cpu")
    assert sweep_view.heads({}) == ([0, 1, 2, 3], "")


def test_heads_and_rows_of_a_matrix_have_the_same_columns(measured):
    text = measured.ask("/sweeps/sweep").text
    table = text[text.index('<table class="matrix">') :].partition("</table>")[0]
    first = re.search(r"<tbody.*?</tr>", table, re.DOTALL).group()
    assert table.count('<th scope="col">') == first.count("<td") + 1
    assert "All: native, " in text


def test_of_sweeps_that_are_compared_all_that_one_lacks_is_there():
    lacking = [f"tiny native, batch {size}: only in B" for size in range(30)]
    result = {"why": "", "names": ("one", "two"), "environment": [], "changes": [], "notes": []}
    frame = {"title": "", "visitor": "", "form_token": "", "watches": "", "epoch": "", "version": 0}
    values = {**frame, "sweeps": [], "chosen": ("", ""), "result": {**result, "unmatched": lacking}}
    text = rendering.render("compare.html", values)
    assert text.count("only in B") == 30
    assert "30 configurations of one sweep only" in text


def test_a_sweeps_page_has_its_failures_its_matrix_and_what_to_take_along(measured):
    text = measured.ask("/sweeps/sweep").text
    assert "wrong_output" in text
    assert text.count(">1 of 1</a>") == 2
    assert "Retry what failed" in text
    report = measured.ask("/sweeps/sweep/report.csv")
    assert report.headers["content-disposition"] == 'attachment; filename="sweep.csv"'
    assert report.text.count("\n") == 4, "a head and three rows"


def test_a_run_that_waits_for_its_seal_counts_as_over_at_the_head_as_in_the_matrix(browser):
    rig = browser.rig
    session = rig.joined()
    rig.submit(batch_sizes=(1, 2), name="sweep")
    rig.upload(session, rig.lease(session))
    browser.sign_in()
    text = browser.ask("/sweeps/sweep").text
    assert "1 of 2 runs</span>, 1 not sealed yet" in text
    assert ">1 of 1</a>" in text
    assert '<span class="of">1 of 2</span>' in browser.ask("/").text
    assert rig.sweep("sweep").ended_runs == 1, "as the command says it"


def test_a_viewer_sees_a_sweep_without_buttons(measured):
    measured.sign_in(Peer("viewer", "ada"))
    text = measured.ask("/sweeps/sweep").text
    assert "hx-post" not in text.replace('hx-post="/session/end"', "")
    assert measured.ask("/sweeps/sweep/report.csv").status == 200


def test_an_action_says_which_command_does_the_same(measured):
    answer = measured.act("/sweeps/sweep/retry")
    assert answer.status == 200
    assert "paretofleet sweep retry sweep" in answer.text
    again = measured.act("/sweeps/sweep/retry")
    assert again.status == 409
    assert "no failed, skipped or cancelled run" in again.text


def test_a_device_is_paused_and_goes_on_from_its_row_of_the_fleet(browser):
    browser.rig.joined()
    browser.sign_in(Peer("viewer", "ada"))
    assert "/devices/id-box/pause" not in browser.ask("/").text
    browser.sign_in(Peer("admin", "ada"))
    assert 'title="paretofleet devices pause box">Pause</button>' in browser.ask("/").text
    answer = browser.act("/devices/id-box/pause")
    assert "paretofleet devices pause box" in answer.text
    assert "hx-swap-oob" not in answer.text, "the row comes by the stream"
    text = browser.ask("/").text
    assert "/devices/id-box/resume" in text
    assert '<span class="state paused">paused</span>' in text
    browser.act("/devices/id-box/resume")
    assert "/devices/id-box/pause" in browser.ask("/").text


def test_a_sweep_is_paused_and_goes_on_by_its_button(browser):
    browser.rig.joined()
    sweep = browser.rig.submit(name="sweep")
    browser.sign_in(Peer("admin", "ada"))
    assert ">Pause</button>" in browser.ask("/sweeps/sweep").text
    answer = browser.act(f"/sweeps/{sweep.sweep_id}/pause")
    assert "paretofleet sweep pause sweep" in answer.text
    text = browser.ask("/sweeps/sweep").text
    assert '<span class="state paused">paused</span>' in text
    assert "UTC by ada; `paretofleet sweep resume sweep` ends that" in text
    assert ">Pause</button>" not in text
    assert ">Put first</button>" not in text
    again = browser.act(f"/sweeps/{sweep.sweep_id}/pause")
    assert (again.status, "by ada already" in again.text) == (409, True), "as by a second tab"
    answer = browser.act(f"/sweeps/{sweep.sweep_id}/resume")
    assert "paretofleet sweep resume sweep" in answer.text
    assert ">Resume</button>" not in browser.ask("/sweeps/sweep").text


def test_a_run_shows_its_iterations_with_the_phases(measured):
    first = run_ids(measured)[0]
    text = measured.ask(f"/runs/{first}").text
    assert "Duration of an iteration, ms: 100 samples" in text
    assert "drawn is every sample" in text
    assert "<polyline" in text
    picture = measured.ask(f"/runs/{first}/trace.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert measured.ask(f"/runs/{first}/trace.svg?stream=nothing").status == 404
    zoomed = measured.ask(f"/runs/{first}?from=0.1&to=0.3").text
    assert 15 <= int(re.search(r"ms: (\d+) samples", zoomed)[1]) <= 22
    assert measured.ask(f"/runs/{first}?from=nonsense&to=-1").status == 200


def test_a_run_that_was_not_measured_says_so(measured):
    pages = [measured.ask(f"/runs/{run}").text for run in run_ids(measured)]
    assert sum("Its samples are not here yet" in page for page in pages) == 1
    assert sum("wrong_output" in page for page in pages) == 1


@pytest.mark.parametrize(
    "path", ["/sweeps/none", "/sweeps/sweep/none", "/runs/none", "/devices/none", "/compare?a=x&b=y", "/x"]
)
def test_what_is_not_there_is_said_in_a_sentence(measured, path):
    answer = measured.ask(path)
    assert answer.status == 404
    assert "Not shown" in answer.text


def test_a_device_shows_its_sensors_and_the_environments_it_measured_in(measured):
    text = measured.ask("/devices/box").text
    assert "onnxruntime 1.19.2" in text
    assert "Environments it measured in" in text
    assert '<span class="under">it has no power sensor</span>' in text
    assert '<td class="number">2</td>' in text, "two runs in one environment"


def test_the_frontier_is_made_beside_the_page_and_not_again_without_news(measured):
    rig = measured.rig
    frontiers = Frontiers(rig.context)
    sweep_id = rig.sweep("sweep").sweep_id

    async def newest():
        number, _ = frontiers.newest(sweep_id, 2)
        assert number == 0
        for _ in range(1200):
            number, result = frontiers.newest(sweep_id, 2)
            if number:
                return number, result
            await asyncio.sleep(0.05)
        raise AssertionError("no frontier in a minute")

    number, result = rig.do(newest())
    assert number == 1
    assert "why" in result
    assert result["timing"][0] == "drift of box: unknown, no configuration ran in 3 blocks"
    assert rig.do(newest_number(frontiers, sweep_id)) == 1


async def newest_number(frontiers: Frontiers, sweep_id: str) -> int:
    return frontiers.newest(sweep_id, 2)[0]


def long_run(count: int) -> RunSamples:
    starts = np.arange(count, dtype=np.int64) * 1_000_000
    durations = np.full(count, 900_000, dtype=np.int64)
    durations[count // 3] = 50_000_000
    return RunSamples(
        {"iterations": Stream("iterations/1", starts, durations)},
        (("measure", 0.0, count / 1e3),),
        0,
        count / 1e3,
    )


def test_a_million_iterations_are_thinned_and_the_slowest_stays():
    samples = long_run(1_000_000)
    (drawn,) = trace.draw(samples, trace.window_of(samples, {}))
    assert drawn.path.count(",") <= 1600
    assert "1000000 samples" in drawn.caption
    assert "to 50 ms; drawn is the least and the most" in drawn.caption
    near = trace.window_of(samples, {"from": "333.0", "to": "333.6"})
    (zoomed,) = trace.draw(samples, near)
    assert "drawn is every sample" in zoomed.caption
    assert zoomed.path.count(",") == 601


def test_a_counter_is_drawn_as_power():
    times = np.array([0, 10**9, 2 * 10**9], dtype=np.int64)
    counter = np.array([5_000_000, 15_000_000, 18_000_000], dtype=np.int64)
    samples = RunSamples({"power:rapl/package-0": Stream("energy/1", times, counter)}, (), 0, 2.0)
    assert samples.line("power:rapl/package-0", 0.0, 2.0).values.tolist() == [10.0, 3.0]


def test_a_report_comes_as_parquet_too(measured):
    connection = http.client.HTTPConnection(measured.address, timeout=60)
    headers = {"Cookie": measured.cookie}

    def fetched() -> bytes:
        connection.request("GET", "/sweeps/sweep/report.parquet", headers=headers)
        return connection.getresponse().read()

    assert pq.read_table(io.BytesIO(measured.rig.do(asyncio.to_thread(fetched)))).num_rows == 3
    connection.close()


def test_a_device_says_which_facts_of_its_environment_changed(measured):
    rig = measured.rig
    rig.submit(batch_sizes=(8,), name="after")
    session = rig.joined("box", instance=2)
    key = rig.lease(session).key
    chunks = samples_of(key)
    for one in chunks:
        rig.send(session, one)
    rig.clock[0] += 60
    rig.end(session, end_of(key, chunks, facts={"environment": {"kernel": "7", "gpu": {"clock": "max"}}}))
    rig.seal()
    text = measured.ask("/devices/box").text
    assert re.findall(r"<li><code>([\w.]+)</code> (.+?)</li>", text) == [
        ("gpu.clock", "absent → max"),
        ("kernel", "6 → 7"),
    ]


def test_a_button_of_a_device_gives_way_to_its_opposite_and_says_both_commands(measured):
    page = measured.ask("/devices/box").text
    assert "paretofleet devices pause box" in page
    answer = measured.act("/devices/box/pause", "/devices/box").text
    assert 'hx-swap-oob="true"' in answer
    assert "/resume" in answer
    assert "paretofleet devices resume box" in answer
    assert "paretofleet devices resume box" in measured.ask("/devices/box").text
    measured.sign_in(Peer("viewer", "ada"))
    assert "/resume" not in measured.ask("/devices/box").text
