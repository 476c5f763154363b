"""Strangers' text in sentences."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from paretofleet_collector.plain_text import SENTENCE_BYTES_MAX, printable, sentence

#: What gRPC sends of a sentence as it stands.
UNESCAPED = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def test_what_cannot_be_printed_is_a_question_mark():
    assert printable("tx2-a") == "tx2-a"
    assert printable("a\x1b[31mb\x00\x9b\u202e\ud800\n\tc") == "a?[31mb????  c"


@pytest.mark.parametrize("letter", ["a", "%", "é", "€", "😀", "\ud800", "\n", "\x1b"])
def test_a_sentence_fits_its_header_and_can_be_encoded(letter):
    for count in (1, 400, 5_000, 100_000):
        made = sentence("No such sweep: " + letter * count)
        assert made.startswith("No such sweep: ")
        assert len(quote(made, safe=UNESCAPED)) <= SENTENCE_BYTES_MAX
        assert made.isprintable()
        assert made.endswith("…") or len(made) == count + len("No such sweep: ")
