"""Pure: a view of the page as pieces of HTML, and which of them have changed since a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

#: So many changes are remembered; who has seen none of them gets everything.
REMEMBERED = 60


@dataclass(frozen=True)
class Fragments:
    """A view's HTML: `singles` by the id of their element; `tables` by the id of their body, row by row.

    Rows are by their ids, in their order.
    """

    singles: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def whole(self) -> dict[str, str]:
        """The HTML of every element, tables with all their rows."""
        bodies = {name: _body(name, rows) for name, rows in self.tables.items()}
        return {**self.singles, **bodies}

    def markup(self, name: str) -> Markup:
        """The HTML of the element `name`, for a template."""
        return Markup(self.whole()[name])  # noqa: S704 - templates have made it, and escaped all in it


def changed(before: Fragments, after: Fragments) -> dict[str, str]:
    """The HTML of the elements of `after` that differ from `before`.

    Of a table with the same rows as before only those that differ, else the whole of it.

    >>> changed(Fragments({}, {"t": {"a": "1", "b": "2"}}), Fragments({}, {"t": {"a": "1", "b": "3"}}))
    {'b': '3'}
    >>> changed(Fragments({}, {"t": {"a": "1"}}), Fragments({}, {"t": {"b": "1"}}))
    {'t': '<tbody id="t">1</tbody>'}
    """
    parts = {name: html for name, html in after.singles.items() if before.singles.get(name) != html}
    for name, rows in after.tables.items():
        old = before.tables.get(name, {})
        if list(old) != list(rows):
            parts[name] = _body(name, rows)
        else:
            parts |= {row: html for row, html in rows.items() if old[row] != html}
    return parts


def _body(name: str, rows: Mapping[str, str]) -> str:
    return f'<tbody id="{name}">{"".join(rows.values())}</tbody>'


@dataclass
class Versions:
    """The newest fragments of a view, numbered, and what changed with each of the last numbers."""

    newest: Fragments = field(default_factory=Fragments)
    number: int = 0
    _changes: dict[int, dict[str, str]] = field(default_factory=dict)

    def publish(self, fragments: Fragments) -> bool:
        """Makes `fragments` the newest; returns whether anything is different."""
        parts = changed(self.newest, fragments)
        gone = set(self.newest.singles) - set(fragments.singles)
        if not parts and not gone and self.number:
            return False
        self.newest = fragments
        self.number += 1
        self._changes[self.number] = parts
        self._changes.pop(self.number - REMEMBERED, None)
        return True

    def since(self, number: int) -> dict[str, str]:
        """What has changed after version `number`; everything where that is not remembered.

        >>> versions = Versions()
        >>> for text in "abc":
        ...     _ = versions.publish(Fragments({"x": text, "y": "always"}))
        >>> versions.since(2), versions.since(0)
        ({'x': 'c'}, {'x': 'c', 'y': 'always'})
        """
        if number == self.number:
            return {}
        missing = range(number + 1, self.number + 1)
        if number <= 0 or number > self.number or any(each not in self._changes for each in missing):
            return self.newest.whole()
        parts: dict[str, str] = {}
        for each in missing:
            parts |= self._changes[each]
        # A row that changed, in a table that was then changed as a whole, is in it as it is now.
        whole = self.newest.whole()
        rows = {row: html for table in self.newest.tables.values() for row, html in table.items()}
        return {name: (whole | rows)[name] for name in parts if name in whole or name in rows}
