"""What the frontier of the live page says of devices that measure power of unlike things."""

from __future__ import annotations

import pytest
from paretofleet_collector.jobs.frontier import scope_sentence
from paretofleet_collector.web import rendering


def rows(**scopes: str | None) -> list[dict[str, str | None]]:
    return [{"device": device, "power_scope": scope} for device, scope in scopes.items() for _ in range(2)]


@pytest.mark.parametrize("scopes", [{}, {"box": None}, {"a": "module", "b": "module", "c": None}])
def test_one_scope_needs_no_word(scopes: dict[str, str | None]) -> None:
    assert scope_sentence(rows(**scopes)) == ""


def test_scope_sentence_are_named_with_their_devices_on_the_page() -> None:
    boards = {f"tx2-{number}": "module" for number in range(5)}
    said = scope_sentence(rows(server="package", **boards))
    assert said == (
        "Power is of module on tx2-0, tx2-1, tx2-2 and 2 more; of package on server: "
        "energies of unlike scopes are not ranked together."
    )
    words = {"why": "", "simulated": "", "explanation": ["Bars."], "words": "", "notes": []}
    frontier = {**words, "scopes": said, "columns": [], "rows": []}
    shown = str(rendering.macro("sweep_parts.html", "frontier")({"number": 1, "frontier": frontier}))
    assert said in shown.partition("<details>")[0], "it is read without a click"
