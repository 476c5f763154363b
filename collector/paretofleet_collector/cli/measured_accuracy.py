"""What devices measured of a model's accuracy, as `models show` has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from paretofleet_collector.cli.output import row_of
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.views import Evaluation


def measured_rows(measured: Sequence[Evaluation], variant: Variant) -> list[dict[str, Any]]:
    """Those `measured` of a `variant` as JSON objects."""
    rows = [row_of(each) for each in measured if each.sha256 == variant.sha256]
    return [{**row, "accuracy_data": json.loads(row["accuracy_data"])} for row in rows]


def measured_texts(measured: Sequence[Evaluation], variant: Variant, parent: Variant | None) -> list[str]:
    """A text for each that was `measured` of a `variant`: its accuracy on a device with the interval.

    Where its `parent` was evaluated on the same items by the same device, how it differs, item by item.
    """
    from paretofleet_analysis.present.accuracy_text import accuracy_text, paired_text

    texts = []
    for each in measured:
        if each.sha256 != variant.sha256:
            continue
        row = _row(each, variant)
        name = json.loads(each.accuracy_data).get("name") or "items"
        text = f"{accuracy_text(row)} of {name}, {each.runtime} {each.precision} on {each.device}"
        others = [
            _row(other, parent)
            for other in measured
            if parent is not None and (other.sha256, other.device) == (parent.sha256, each.device)
        ]
        texts.append("; ".join([text, *filter(None, (paired_text(row, other) for other in others))][:2]))
    return texts


def _row(evaluation: Evaluation, variant: Variant) -> dict[str, Any]:
    """An evaluation as a row of a report, as far as sentences about accuracies need it."""
    return {**row_of(evaluation), "model": variant.model, "variant": variant.variant}
