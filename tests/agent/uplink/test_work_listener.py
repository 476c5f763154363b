"""An idle agent hears of work; where it cannot listen it asks."""

from __future__ import annotations

import queue
import time

from paretofleet_agent.errors import Unreachable
from paretofleet_agent.uplink.work_listener import WorkListener


def eventually(condition) -> bool:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(condition())


class Streams:
    """A collector's streams: each item of `notices` is a notice, an error ends one."""

    def __init__(self) -> None:
        self.opened = 0
        self.notices = queue.Queue()

    def open(self):
        self.opened += 1
        while (item := self.notices.get()) is None:
            yield
        raise item


def test_a_notice_ends_the_wait_and_is_forgotten_before_the_next_question():
    streams = Streams()
    listener = WorkListener(streams.open)
    listener.start()
    assert (listener.wait(0.05), listener.is_open) == (False, False)
    streams.notices.put(None)
    assert listener.wait(60)
    assert listener.is_open
    listener.clear()
    assert not listener.wait(0.05)
    listener.stop()
    streams.notices.put(Unreachable("the end"))


def test_a_lost_stream_has_the_daemon_ask_and_is_opened_again():
    streams = Streams()
    listener = WorkListener(streams.open)
    listener.start()
    listener.start()
    streams.notices.put(None)
    assert listener.wait(60)
    listener.clear()
    streams.notices.put(Unreachable("gone"))
    assert listener.wait(60)
    assert not listener.is_open
    streams.notices.put(None)
    assert eventually(lambda: listener.is_open)
    assert streams.opened == 2
    listener.stop()
    streams.notices.put(Unreachable("the end"))
