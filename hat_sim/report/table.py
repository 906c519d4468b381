"""A table of a report: numbers that a reader can sort and copy, beside a figure or on their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

MOST_ROWS = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """`key` finds the value in a row, `heading` names it, `show` writes it for a reader."""

    key: str
    heading: str
    show: Callable[[Any], str] = str


@dataclass(frozen=True)
class Cell:
    """A value as shown; `order` is the number it sorts by, None for words and for what is missing."""

    text: str
    order: float | None


@dataclass(frozen=True)
class Table:
    """Rows of cells below headings; `note` says what was left out, empty where nothing was."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def table_of(
    columns: Sequence[Column],
    rows: Iterable[T],
    most: int = MOST_ROWS,
    left_out: str = "the run folder has all",
    row_of: Callable[[T], Mapping[str, Any]] = lambda row: row,  # type: ignore[assignment, return-value]
) -> Table:
    """The first `most` rows as a table; what is None or missing in a row stays empty.

    `row_of` makes a row of what stands for it.
    """
    rows = list(rows)
    note = f"The first {most:,} of {len(rows):,} rows; {left_out}." if len(rows) > most else ""
    cells = tuple(
        tuple(_cell(row.get(column.key), column.show) for column in columns)
        for row in map(row_of, rows[:most])
    )
    return Table(tuple(column.heading for column in columns), cells, note)


def _cell(value: Any, show: Callable[[Any], str]) -> Cell:
    if value is None:
        return Cell("", None)
    if isinstance(value, bool):
        return Cell("yes" if value else "no", float(value))
    return Cell(show(value), float(value) if isinstance(value, int | float) else None)
