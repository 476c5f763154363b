"""Who is let in to the live page, and what every answer forbids the browser."""

from __future__ import annotations

import pytest
from paretofleet_collector.errors import Refused, SessionRefused
from paretofleet_collector.identity import page_sessions
from paretofleet_collector.identity.page_sessions import SESSION_S
from paretofleet_collector.identity.peers import LOCAL, Peer
from paretofleet_collector.service import page_access
from paretofleet_collector.store import sweeps

VIEWER, OPERATOR, ADMIN = (Peer(role, "ada") for role in ("viewer", "operator", "admin"))


def test_without_a_link_nothing_is_shown_but_how_to_get_one(browser):
    browser.rig.joined("secret-board")
    answer = browser.ask("/")
    assert answer.status == 200
    assert "paretofleet open" in answer.text
    assert "secret-board" not in answer.text
    assert browser.ask("/stream?view=fleet", Accept="text/event-stream").status == 401
    assert browser.ask("/sweeps/x/cancel", "POST", "").status == 401


def test_a_link_opens_the_page_once_and_in_time(browser):
    context = browser.rig.context
    _, token = page_access.make_link(context, Peer(LOCAL))
    first = browser.ask("/session", "POST", token)
    assert first.status == 200
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    again = browser.ask("/session", "POST", token)
    assert again.status == 401
    assert "opened before" in again.text

    _, late = page_access.make_link(context, Peer(LOCAL))
    browser.rig.clock[0] += page_access.LINK_S
    assert browser.ask("/session", "POST", late).status == 401
    assert browser.ask("/session", "POST", "x" * 5000).status == 401


def test_a_session_outlives_a_restart_and_ends_after_its_time(browser):
    browser.sign_in()
    context = browser.rig.context
    context.page_door = page_access.open_door(context.config.home, browser.address)
    assert "The fleet" in browser.ask("/").text
    browser.rig.clock[0] += SESSION_S
    answer = browser.ask("/")
    assert "has expired" in answer.text
    assert "The fleet" not in answer.text


def test_a_session_that_somebody_made_up_counts_for_nothing(browser):
    browser.sign_in()
    forged = page_sessions.issue(ADMIN, b"another key", 1000.0)
    name = browser.cookie.partition("=")[0]
    browser.cookie = f"{name}={forged}"
    assert "The fleet" not in browser.ask("/").text
    browser.cookie = f"{name}=\x80\x81.x"
    assert "The fleet" not in browser.ask("/").text


def test_another_hosts_name_is_not_answered_though_it_points_here(browser):
    browser.sign_in()
    assert browser.ask("/", Host="evil.example:7413").status == 421
    assert browser.ask("/", Host="127.0.0.1.evil.example").status == 421
    for name in ("localhost:9", "127.0.0.1", "[::1]:7413"):
        assert browser.ask("/", Host=name).status == 200


def test_a_form_of_another_site_or_without_its_token_does_nothing(browser):
    browser.rig.joined()
    sweep = browser.rig.submit()
    browser.sign_in()
    path, token = f"/sweeps/{sweep.sweep_id}/cancel", browser.form_token()
    refused = (
        {},
        {"X_Form_Token": "0" * 32},
        {"X_Form_Token": token, "Origin": "http://evil.example"},
        {"X_Form_Token": token, "Sec_Fetch_Site": "cross-site"},
    )
    for headers in refused:
        assert browser.ask(path, "POST", "", **headers).status == 403
    assert browser.ask(path, "POST", "x" * 20_000, X_Form_Token=token).status == 413
    assert browser.ask(path, "DELETE", X_Form_Token=token).status == 405
    assert browser.rig.sweep(sweep.name).state == "planned"
    assert browser.act(path).status == 200
    assert browser.rig.sweep(sweep.name).state == "cancelled"


@pytest.mark.parametrize("path", ["/", "/assets/page.js", "/nowhere"])
def test_every_answer_forbids_what_no_page_needs(browser, path):
    browser.sign_in()
    headers = browser.ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        (VIEWER, set()),
        (OPERATOR, {"hold", "go on", "cancel"}),
        (ADMIN, {"hold", "go on", "cancel", "prioritise", "pause"}),
        (Peer(LOCAL), {"hold", "go on", "cancel", "prioritise", "pause"}),
    ],
)
def test_a_role_may_what_the_command_lets_it(browser, peer, may):
    rig = browser.rig
    rig.joined()
    sweep = rig.submit()
    rig.do(rig.context.store.write(lambda c: _note_submitter(c, sweep.sweep_id)))
    browser.sign_in(peer)
    paths = {
        "prioritise": f"/sweeps/{sweep.sweep_id}/prioritise",
        "pause": "/devices/box/pause",
        "hold": f"/sweeps/{sweep.sweep_id}/pause",
        "go on": f"/sweeps/{sweep.sweep_id}/resume",
        "cancel": f"/sweeps/{sweep.sweep_id}/cancel",
    }
    answers = {name: browser.act(path) for name, path in paths.items()}
    assert {name for name, answer in answers.items() if answer.status == 200} == may
    for name in set(paths) - may:
        assert answers[name].status == 403
        assert "needs the role" in answers[name].text


def _note_submitter(connection, sweep_id: str) -> None:
    sweeps.note_submitter(connection, sweep_id, "ada")


def test_an_operator_changes_sweeps_of_their_own_only(browser):
    browser.rig.joined()
    sweep = browser.rig.submit()
    browser.sign_in(OPERATOR)
    answer = browser.act(f"/sweeps/{sweep.sweep_id}/cancel")
    assert answer.status == 403
    assert "sweeps of their own only" in answer.text


def test_a_session_that_has_expired_says_so_on_the_page_and_to_a_stream_that_asks_why(browser):
    browser.sign_in()
    assert "The fleet" in browser.ask("/").text
    browser.rig.clock[0] += 8 * 86_400
    text = browser.ask("/").text
    assert "The fleet" not in text
    assert "paretofleet open" in text
    why = browser.ask("/stream/why?view=fleet", Accept="*/*")
    assert (why.status, "paretofleet open" in why.text) == (401, True), why.text


def test_a_certificate_that_is_not_there_any_more_ends_the_session(browser):
    browser.sign_in(Peer("viewer", "ada", "gone"))
    assert "does not know this certificate" in browser.ask("/").text


def test_who_serves_no_page_says_how_to_begin(rig):
    with pytest.raises(Refused, match="collector serve --web"):
        page_access.make_link(rig.context, Peer(LOCAL))


def test_a_session_says_for_whom_it_is_and_nobody_else_reads_it():
    text = page_sessions.issue(ADMIN, b"key", 0.0)
    assert page_sessions.read(text, b"key", 1.0).peer == ADMIN
    with pytest.raises(SessionRefused):
        page_sessions.read(text, b"other", 1.0)
    one, two = (page_sessions.read(page_sessions.issue(ADMIN, b"key", 0.0), b"key", 1.0) for _ in range(2))
    assert page_sessions.form_token(one, b"key") != page_sessions.form_token(two, b"key")
