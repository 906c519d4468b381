"""An axis of a sweep: the path that it varies, or several that move together, and the values they take.

On the command line `PATH=VALUES`, with `; PATH=VALUES` behind it for another path that moves along; in a file
a mapping of paths to values. Values are a list, whose entries may be ranges:

    0..1/0.25            0, 0.25, 0.5, 0.75, 1     each by a step more
    1..1000*10           1, 10, 100, 1000          each by a factor more
    1..3                 1, 2, 3                   whole numbers
    1..100*10 Mbit/s     with a unit behind each value
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.tree import read_value

MOST_VALUES = 10_000
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?"
_RANGE = re.compile(
    rf"\s*(?P<first>{_NUMBER})\s*\.\.\s*(?P<last>{_NUMBER})\s*"
    rf"(?:(?P<how>[/*])\s*(?P<by>{_NUMBER}))?\s*(?P<unit>[^\W\d].*?|%)?\s*"
)


@dataclass(frozen=True)
class Axis:
    """`settings` holds, for each place along the axis, a value for each of `paths`; `where` has set it."""

    paths: tuple[str, ...]
    settings: tuple[tuple[Any, ...], ...]
    where: str = field(compare=False)


def parse_axis(text: str, where: str) -> Axis:
    """The axis of `PATH=VALUES; PATH=VALUES`; UserError with `where` as its place."""
    values = {}
    for part in text.split(";"):
        path, equals, listed = part.partition("=")
        path = path.strip()
        if not equals or not all(path.split(".")):
            hint = "for example --vary method.eta=0.2,0.4 or --vary method.eta=0..1/0.1"
            raise _wrong(f'expected PATH=VALUES, got "{part.strip()}"', where, hint)
        if path in values:
            raise _wrong(f"{path} stands twice on the axis", where, "each path once")
        values[path] = read_value(f"[{listed}]", f"{where} {path}")
    return axis_of(values, where)


def axis_of(values: Mapping[str, Any], where: str) -> Axis:
    """The axis of paths with their values, a list of them or a single text; UserError as above."""
    if not values:
        raise _wrong("the axis has no paths", where, "a path with its values, such as method.eta: [0.2, 0.4]")
    columns = {path: _expanded(it, f"{where} {path}") for path, it in values.items()}
    counts = {path: len(column) for path, column in columns.items()}
    if len(set(counts.values())) > 1:
        listed = " but ".join(f"{path} {count}" for path, count in counts.items())
        raise _wrong(f"paths that move together have {listed} values", where, "the same number for each")
    settings = list(zip(*columns.values(), strict=True))
    different = {repr(setting): setting for setting in settings}
    return Axis(tuple(columns), tuple(different.values()), where)


def _expanded(values: Any, where: str) -> tuple[Any, ...]:
    """Values with every range written out."""
    listed = values if isinstance(values, list | tuple) else [values]
    found = tuple(each for value in listed for each in _each(value, where))
    if not found:
        raise _wrong("the axis has no values", where, "at least one, such as 0.2,0.4 or 0..1/0.1")
    return found


def _each(value: Any, where: str) -> Sequence[Any]:
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return [value]
    first, last, by = (Decimal(match[name]) if match[name] else None for name in ("first", "last", "by"))
    assert first is not None and last is not None
    whole = all(
        match[name] is None or match[name].lstrip("+-").isdecimal() for name in ("first", "last", "by")
    )
    if by is None:
        if not whole:
            raise _wrong(f'the range "{value}" has no step', where, f"for example {value}/0.1")
        by = Decimal(1)
    grows = match["how"] == "*"
    if grows and (by <= 1 or first <= 0):
        raise _wrong(f'the range "{value}" does not grow', where, "a start above 0 and a factor above 1")
    if by <= 0 or last < first:
        raise _wrong(f'the range "{value}" is empty', where, "from the least to the most, by a step above 0")
    return [_written(number, whole, match["unit"]) for number in _steps(first, last, by, grows, value, where)]


def _steps(
    first: Decimal, last: Decimal, by: Decimal, grows: bool, text: str, where: str
) -> Iterator[Decimal]:
    number = first
    for _ in range(MOST_VALUES):
        yield number
        number = number * by if grows else number + by
        if number > last:
            return
    raise _wrong(f'the range "{text}" has more than {MOST_VALUES:,} values', where, "a larger step")


def _written(number: Decimal, whole: bool, unit: str | None) -> int | float | str:
    if unit is not None:
        return f"{number:f} {unit}"
    return int(number) if whole else float(number)


def _wrong(what: str, where: str, hint: str) -> UserError:
    return UserError(Problem(what, where=where, hint=hint))
