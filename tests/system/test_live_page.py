"""The live page in Chromium, over a real collector: from submit to frontier, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from farm import PATIENCE_S, Farm, wait_until
from networks import convolution
from paretofleet_proto.v1 import fleet_pb2, fleet_pb2_grpc
from secured import Secured

pytestmark = pytest.mark.system
playwright = pytest.importorskip("playwright.sync_api", reason="the live page's tests drive Chromium")
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("no chromium is installed: the live page is not opened", allow_module_level=True)
#: Widths of a phone, a laptop and a wall.
WIDTHS = (390, 1280, 2560)
#: What is looked at by eye goes there, where it is set.
SHOTS = os.environ.get("PARETOFLEET_TEST_SCREENSHOTS", "")


#: What a script on a page could do: call the address of a button that is not there.
CALL = """async (path) => {
    const token = document.querySelector("[name=form-token]").content;
    const reply = await fetch(path, {method: "POST", headers: {"X-Form-Token": token}});
    return [reply.status, await reply.text()];
}"""


class Visitor:
    """A browser of somebody's, with what it complained of and what it asked for."""

    def __init__(self, browser: Any, farm: Farm, web: str = "") -> None:
        self.farm, self.web = farm, web
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(1000 * PATIENCE_S)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console", lambda message: self.faults.append(message.text) if message.type == "error" else None
        )
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def open(self, path: str = "/", environment: dict[str, str] | None = None) -> None:
        """Opens a link of the command at a path, as the local user or as a person."""
        link = self.farm.command("open", "--print").strip() if environment is None else environment["link"]
        place, token = link.split("/#")
        self.origin = place
        self.page.goto(f"{place}{path}#{token}")
        self.page.wait_for_selector("#connection", state="attached")

    def see(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def shoot(self, name: str) -> None:
        if not SHOTS:
            return
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                self.page.set_viewport_size({"width": width, "height": 900})
                self.page.wait_for_timeout(400)
                self.page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=1000 * PATIENCE_S)
        yield launched
        launched.close()


@pytest.fixture
def watched(tmp_path: Path, browser: Any) -> Iterator[Visitor]:
    """A farm with the page, two simulated boards and a small network; and who looks at it."""
    farm = Farm(tmp_path)
    visitor = Visitor(browser, farm, farm.own_address())
    farm.start_collector(web=visitor.web)
    try:
        farm.command("models", "add", convolution(farm.root / "net.onnx"), "--top1", "70", "--top1-n", "1000")
        farm.start_agent("tx2", "--simulate", "jetson-tx2")
        farm.start_agent("nano", "--simulate", "jetson-nano")
        yield visitor
    finally:
        visitor.context.close()
        farm.close()


def submit(farm: Farm, name: str, **spec: Any) -> None:
    text = {"name": name, "models": ["net"], "batch_sizes": [1, 2], "protocol": "quick", "repeats": 2, **spec}
    (farm.root / f"{name}.yaml").write_text(json.dumps(text))
    farm.command("sweep", "submit", farm.root / f"{name}.yaml")


def faults_of(page: Any) -> list[str]:
    """What axe calls serious or critical on a page, a line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def test_a_sweep_is_watched_from_submit_to_frontier(watched: Visitor) -> None:
    page = watched.page
    watched.open()
    watched.see("2 of 2 devices online")
    submit(watched.farm, "seen", repeats=3)
    page.get_by_role("link", name="seen").wait_for()
    page.get_by_role("link", name="seen").click()
    watched.see("finished")
    watched.see("12 of 12 runs")
    assert page.locator("#matrix td.cell").all_inner_texts() == ["3 of 3"] * 4
    page.locator("#drawn svg").wait_for()
    assert "SIMULATED" in page.locator("#frontier").inner_text().upper()
    assert faults_of(page) == []
    watched.shoot("sweep")

    page.locator("#matrix td.cell a").first.click()
    page.locator("tbody a").first.wait_for()
    assert faults_of(page) == []
    page.locator("tbody a").first.click()
    page.get_by_text("Duration of an iteration, ms").first.wait_for()
    assert page.locator("svg polyline").count() >= 2, "iterations and power"
    assert faults_of(page) == []
    watched.shoot("run")
    page.get_by_role("link", name="Measured window").click()
    page.wait_for_url(lambda url: "from=" in url)
    page.go_back()
    page.wait_for_url(lambda url: "from=" not in url)
    page.goto(f"{watched.origin}/")
    watched.see("2 of 2 devices online")  # power is there only where the machine had time for readings
    assert faults_of(page) == []
    watched.shoot("fleet")
    page.goto(f"{watched.origin}/devices/tx2")
    watched.see("Environments it measured in")
    assert faults_of(page) == []
    watched.shoot("device")
    page.goto(f"{watched.origin}/compare?a=seen&b=seen")
    assert faults_of(page) == []
    watched.shoot("compare")
    assert watched.faults == []
    page.goto(f"{watched.origin}/devices/none")
    watched.see("There is no device 'none'")
    assert faults_of(page) == []
    watched.context.clear_cookies()
    page.goto(f"{watched.origin}/")
    watched.see("paretofleet open")
    assert faults_of(page) == []
    assert watched.hosts == {watched.web}, "no other host is asked"


def test_a_real_agent_is_watched_from_submit_to_frontier(tmp_path: Path, browser: Any) -> None:
    farm = Farm(tmp_path)
    watched = Visitor(browser, farm, farm.own_address())
    farm.start_collector(web=watched.web)
    page = watched.page
    try:
        farm.command("models", "add", convolution(farm.root / "net.onnx"), "--top1", "70", "--top1-n", "1000")
        farm.start_agent("here")
        watched.open()
        watched.see("1 of 1 device online")
        # Nothing runs until the page of the sweep is open, however long that takes.
        farm.command("devices", "pause", "here")
        submit(farm, "real")
        page.get_by_role("link", name="real").click()
        watched.see("0 of 4 runs")
        farm.command("devices", "resume", "here")
        page.locator("#running td").first.wait_for()
        watched.see("4 of 4 runs")
        watched.see("finished")
        page.locator("#drawn svg").wait_for()
        assert "SIMULATED" not in page.locator("#frontier").inner_text().upper()
        page.locator("#matrix td.cell a").first.click()
        page.locator("tbody a").first.click()
        page.get_by_text("Duration of an iteration, ms").first.wait_for()
        assert page.locator("svg polyline").count() >= 1
        assert watched.faults == []
    finally:
        watched.context.close()
        farm.close()


def test_names_from_boards_are_text_and_two_tabs_that_pause_at_once_agree(watched: Visitor) -> None:
    page, markup = watched.page, "<img src=x onerror=alert(1)>"
    with grpc.insecure_channel(watched.farm.address) as channel:
        board = fleet_pb2.JoinRequest(device_id="f" * 32, name="board", device_class=markup)
        fleet_pb2_grpc.FleetStub(channel).Join(board)
    watched.farm.command("devices", "pause", "tx2")  # the sweep shall not end before the tabs are open
    submit(watched.farm, "long", devices=["tx2"], note=markup)
    watched.open()
    watched.see(markup)
    page.goto(f"{watched.origin}/sweeps/long")
    watched.see(markup)
    assert page.locator("main img").count() == 0
    other = watched.context.new_page()
    other.goto(f"{watched.origin}/sweeps/long")
    for tab in (page, other):
        tab.get_by_role("button", name="Pause").wait_for()
    for tab in (page, other):
        tab.evaluate("document.querySelector('[hx-post$=\"/pause\"]').click()")
    for tab in (page, other):
        tab.locator("#notice .notice").wait_for()
        tab.get_by_role("button", name="Resume").wait_for()
    said = sorted(tab.locator("#notice").inner_text() for tab in (page, other))
    assert any("paretofleet sweep pause long" in each for each in said), said
    assert any("already" in each for each in said), said
    assert watched.farm.sweep("long")["state"] == "paused"
    page.get_by_role("button", name="Resume").click()
    other.get_by_role("button", name="Pause").wait_for()
    assert watched.farm.sweep("long")["paused_unix_s"] is None


def test_a_click_cancels_and_says_the_command_and_a_second_tab_is_told(watched: Visitor) -> None:
    page = watched.page
    watched.farm.command("devices", "pause", "tx2")  # the sweep shall not end before the tabs are open
    submit(watched.farm, "long", devices=["tx2"])
    watched.open("/sweeps/long")
    other = watched.context.new_page()
    other.goto(f"{watched.origin}/sweeps/long")
    other.get_by_role("button", name="Cancel").wait_for()
    for tab in (page, other):
        tab.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    watched.see("paretofleet sweep cancel long")
    assert watched.farm.sweep("long")["state"] == "cancelled"
    other.get_by_text("cancelled").first.wait_for()
    wait_until(lambda: other.get_by_role("button", name="Cancel").count() == 0, "the button's end")
    watched.farm.command("sweep", "delete", "long", "--yes")
    watched.see("There is no sweep")
    assert watched.faults == []


def test_the_page_goes_on_when_the_collector_was_killed_and_started_again(watched: Visitor) -> None:
    watched.open()
    watched.see("2 of 2 devices online")
    (collector,) = [each for each in watched.farm.processes if "serve" in " ".join(map(str, each.args))]
    collector.send_signal(signal.SIGKILL)
    collector.wait()
    watched.see("The collector does not answer; trying again.")
    watched.farm.start_collector(web=watched.web)
    watched.see("The collector was started again; this page goes on.")
    submit(watched.farm, "after")
    link = watched.page.get_by_role("link", name="after")
    link.wait_for()
    assert str(link.get_attribute("href")).startswith("/sweeps/")


def test_a_hidden_tab_holds_no_stream_and_hears_all_when_it_is_back(watched: Visitor) -> None:
    watched.open()
    watched.see("2 of 2 devices online")
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    tell = "document.dispatchEvent(new Event('visibilitychange'));"
    watched.page.evaluate(hide % "true" + tell)
    submit(watched.farm, "meanwhile")
    wait_until(lambda: watched.farm.has_ended("meanwhile"), "the sweep's end")
    assert watched.page.get_by_role("link", name="meanwhile").count() == 0
    watched.page.evaluate(hide % "false" + tell)
    watched.page.get_by_role("link", name="meanwhile").wait_for()


def test_a_link_that_was_opened_before_says_what_to_do(watched: Visitor) -> None:
    watched.page.goto(f"http://{watched.web}/#{'x' * 43}")
    watched.see("`paretofleet open` makes a new one")
    assert watched.page.get_by_text("tx2").count() == 0


def test_a_role_sees_what_it_may_and_a_revoked_one_is_shown_out(tmp_path: Path, browser: Any) -> None:
    farm = Secured(tmp_path)
    farm.start_secured(web="127.0.0.1:0")
    visitor = Visitor(browser, farm)
    try:
        person = farm.as_person("vera", "viewer")
        code, said = farm.answer(person, "open", "--print")
        assert code == 0, said
        visitor.open("/", {"link": re.search(r"http://\S+", said)[0]})
        visitor.see("vera (viewer)")
        assert visitor.page.get_by_role("button", name="Pause").count() == 0
        status, sentence = visitor.page.evaluate(CALL, "/devices/any/pause")
        assert (status, "'vera' (viewer)" in sentence) == (403, True), sentence
        with farm.client() as client:
            client.revoke_user("vera")
        visitor.see("This certificate was revoked")
    finally:
        visitor.context.close()
        farm.close()
