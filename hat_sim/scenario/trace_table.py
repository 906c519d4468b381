"""The table behind a trace: read whole, every wrong cell told, and drawn from by the name of a device."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.trace import Trace
from hat_sim.seeding import derive_seed

PATH = "sources.trace"
MOST_TOLD = 5

Cell = tuple[str, Any]
"""Where a cell stands, such as `phones.csv:3`, and what is in it."""


@dataclass(frozen=True)
class TraceTable:
    """The speed (FLOP/s) and the rate (bit/s) of each device that was measured, and the file's digest."""

    trace: Trace
    computation: tuple[float, ...]
    communication: tuple[float, ...]
    digest: str

    def drawn(self, seed: int, device: str) -> tuple[float, float]:
        """The speed and the rate of a device's row, which depends on its name and the seed alone."""
        row = derive_seed(seed, "trace", device) % len(self.computation)
        return self.trace.speed(self.computation[row]), self.trace.rate(self.communication[row])


def read_trace(trace: Trace) -> TraceTable:
    """The table of a trace; UserError with all that is wrong with it, at the paths of the scenario."""
    try:
        content = trace.file.read_bytes()
    except OSError as error:
        missing = not trace.file.exists()
        what = f"there is no file {trace.file}" if missing else f"cannot read {trace.file}: {error.strerror}"
        hint = "a relative path starts at the scenario file's folder" if missing else None
        raise UserError(Problem(what, path=f"{PATH}.file", hint=hint)) from None
    return _table(trace, content)


def trace_problems(trace: Trace) -> tuple[Problem, ...]:
    """All that is wrong with the table of a trace."""
    try:
        read_trace(trace)
    except UserError as error:
        return error.problems
    return ()


@lru_cache(maxsize=8)
def _table(trace: Trace, content: bytes) -> TraceTable:
    suffix = trace.file.suffix.lower()
    if suffix not in _READERS:
        what = f"{trace.file.name} is neither .csv nor .parquet"
        raise UserError(Problem(what, path=f"{PATH}.file", hint="a table with a row for each device"))
    columns = trace.columns.computation, trace.columns.communication
    computation, communication = (list(cells) for cells in _READERS[suffix](trace, content, columns))
    if not computation:
        raise UserError(
            Problem(f"{trace.file.name} has no row", path=f"{PATH}.file", hint="one for each device")
        )
    wrong = [*_wrong(columns[0], computation, trace.speed), *_wrong(columns[1], communication, trace.rate)]
    if wrong:
        left = len(wrong) - MOST_TOLD
        more = [f"{trace.file.name} has {left:,} more"] if left > 0 else []
        hint = "a number greater than 0 in each row"
        raise UserError([Problem(it, path=f"{PATH}.file", hint=hint) for it in wrong[:MOST_TOLD] + more])
    return TraceTable(
        trace,
        tuple(float(cell) for _, cell in computation),
        tuple(float(cell) for _, cell in communication),
        hashlib.sha256(content).hexdigest(),
    )


def _wrong(column: str, cells: Sequence[Cell], figure: Callable[[float], float]) -> list[str]:
    """What is wrong with the cells of a column, if they are not all numbers whose figure is 1 or more."""
    found = [f"{where}: {column} {why}" for where, cell in cells if (why := _no_number(cell)) is not None]
    if found:
        return found
    numbers = [float(cell) for _, cell in cells]
    if min(figure(min(numbers)), figure(max(numbers))) >= 1:
        return []
    return [
        f"{where}: {column} {number:g} is less than one operation or bit a second"
        for (where, _), number in zip(cells, numbers, strict=True)
        if figure(number) < 1
    ]


def _no_number(cell: Any) -> str | None:
    """What is wrong with a cell, None if it is a finite number greater than 0."""
    if cell is None or cell == "":
        return "is missing"
    try:
        number = float("" if isinstance(cell, bool) or "_" in str(cell) else cell)
    except (TypeError, ValueError):
        return f"is no number, got {str(cell)[:40]!r}"
    return None if isfinite(number) and number > 0 else f"is {number:g}"


def _from_csv(trace: Trace, content: bytes, columns: tuple[str, ...]) -> Iterator[Iterable[Cell]]:
    name = trace.file.name
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        rows = [(f"{name}:{reader.line_num}", row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(Problem(f"{name} is no CSV: {error}", path=f"{PATH}.file")) from None
    places = [_place(trace, column, [it.strip() for it in header]) for column in columns]
    for place in places:
        yield ((where, row[place].strip() if place < len(row) else None) for where, row in rows)


def _from_parquet(trace: Trace, content: bytes, columns: tuple[str, ...]) -> Iterator[Iterable[Cell]]:
    import pyarrow as pa
    from pyarrow import parquet

    name = trace.file.name
    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        header = list(file.schema_arrow.names)
        for column in columns:
            _place(trace, column, header)
        table = file.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        what = f"{name} is no Parquet file: {str(error).splitlines()[0]}"
        raise UserError(Problem(what, path=f"{PATH}.file")) from None
    for column in columns:
        yield ((f"{name}, row {k}", cell) for k, cell in enumerate(table.column(column).to_pylist(), 1))


def _place(trace: Trace, column: str, header: list[str]) -> int:
    """Where a column stands; UserError if it is not there once."""
    if header.count(column) != 1:
        often = "no column" if column not in header else f"{header.count(column)} columns"
        what = f'{trace.file.name} has {often} "{column}"'
        raise UserError(Problem(what, path=f"{PATH}.columns", hint=suggestion(column, header)))
    return header.index(column)


_READERS = {".csv": _from_csv, ".parquet": _from_parquet}
