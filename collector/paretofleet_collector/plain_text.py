"""Strangers' text made safe to print and to send: no control character, nothing that cannot be encoded."""

from __future__ import annotations

#: Bytes of a sentence as gRPC sends it, percent-encoded; clients refuse headers of 8 KiB in all.
SENTENCE_BYTES_MAX = 4096


def printable(text: str) -> str:
    """The `text` in one line, with "?" for what cannot be printed: control characters, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text)


def sentence(text: str, bytes_max: int = SENTENCE_BYTES_MAX) -> str:
    """The `text` as details of a status: printable, at most `bytes_max` bytes once percent-encoded."""
    shown = printable(text)
    if 12 * len(shown) <= bytes_max:
        return shown
    left = bytes_max - len("…".encode()) * 3
    for at, letter in enumerate(shown):
        left -= 1 if " " <= letter <= "~" and letter != "%" else 3 * len(letter.encode())
        if left < 0:
            return shown[:at] + "…"
    return shown


def shown(value: object, letters_max: int = 60) -> str:
    """A `value` in a sentence: how large it is where it has parts, else itself, cut at `letters_max`."""
    if isinstance(value, dict | list):
        return f"{'a mapping' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    if isinstance(value, str):
        start = repr(printable(value[:letters_max]))
        return start if len(value) <= letters_max else f"{start[:-1]}…' ({len(value):,} letters)"
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of {value.bit_length()} bits"
    text = printable(repr(value))
    return text if len(text) <= letters_max else f"{text[:letters_max]}…"
