"""The table behind a trace: read whole, every wrong cell told, and drawn from by the name of a device."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
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
    names = trace.columns.computation, trace.columns.communication
    rows = _READERS[suffix](trace, content, names)
    if not rows.cells[0]:
        hint = "one for each device"
        raise UserError(Problem(f"{trace.file.name} has no row", path=f"{PATH}.file", hint=hint))
    wrong = [
        f"{rows.place.format(rows.numbers[k])}: {name} {why}"
        for name, cells, figure in zip(names, rows.cells, (trace.speed, trace.rate), strict=True)
        for k, why in _wrong(cells, figure)
    ]
    if wrong:
        left = len(wrong) - MOST_TOLD
        more = [f"{trace.file.name} has {left:,} more"] if left > 0 else []
        hint = "a number greater than 0 in each row"
        raise UserError([Problem(it, path=f"{PATH}.file", hint=hint) for it in wrong[:MOST_TOLD] + more])
    computation, communication = (tuple(map(float, cells)) for cells in rows.cells)
    return TraceTable(trace, computation, communication, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class _Rows:
    """The cells of both columns, and for each row its number, which `place` says where to find."""

    cells: tuple[list[Any], list[Any]]
    numbers: Sequence[int]
    place: str


def _wrong(cells: Sequence[Any], figure: Callable[[float], float]) -> list[tuple[int, str]]:
    """The indices of cells that are no numbers whose figure is 1 or more, and what is wrong with each."""
    found = [(k, why) for k, cell in enumerate(cells) if (why := _no_number(cell)) is not None]
    if found:
        return found
    numbers = list(map(float, cells))
    if min(figure(min(numbers)), figure(max(numbers))) >= 1:
        return []
    what = "is {:g}, which makes less than one operation or bit a second"
    return [(k, what.format(number)) for k, number in enumerate(numbers) if figure(number) < 1]


def _no_number(cell: Any) -> str | None:
    """What is wrong with a cell, None if it is a finite number greater than 0."""
    if cell is None or cell == "":
        return "is missing"
    try:
        number = float("" if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell) else cell)
    except (TypeError, ValueError):
        return f"is no number, got {str(cell)[:40]!r}"
    return None if isfinite(number) and number > 0 else f"is {number:g}"


def _from_csv(trace: Trace, content: bytes, names: tuple[str, str]) -> _Rows:
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [it.strip() for it in next(reader, [])]
        first, second = (_place(trace, name, header) for name in names)
        numbers, cells = [], ([], [])  # type: ignore[var-annotated]
        for row in reader:
            if row:
                numbers.append(reader.line_num)
                for place, column in zip((first, second), cells, strict=True):
                    column.append(row[place].strip() if place < len(row) else None)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(Problem(f"{trace.file.name} is no CSV: {error}", path=f"{PATH}.file")) from None
    return _Rows(cells, numbers, f"{trace.file.name}:{{}}")


def _from_parquet(trace: Trace, content: bytes, names: tuple[str, str]) -> _Rows:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        for name in names:
            _place(trace, name, list(file.schema_arrow.names))
        table = file.read(columns=list(names))
    except (pa.ArrowException, OSError) as error:
        what = f"{trace.file.name} is no Parquet file: {str(error).splitlines()[0]}"
        raise UserError(Problem(what, path=f"{PATH}.file")) from None
    first, second = (table.column(name).to_pylist() for name in names)
    return _Rows((first, second), range(1, len(first) + 1), f"{trace.file.name}, row {{}}")


def _place(trace: Trace, column: str, header: list[str]) -> int:
    """Where a column stands; UserError if it is not there once."""
    if header.count(column) != 1:
        often = "no column" if column not in header else f"{header.count(column)} columns"
        what = f'{trace.file.name} has {often} "{column}"'
        raise UserError(Problem(what, path=f"{PATH}.columns", hint=suggestion(column, header)))
    return header.index(column)


_READERS = {".csv": _from_csv, ".parquet": _from_parquet}
