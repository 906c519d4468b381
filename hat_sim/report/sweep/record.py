"""What a report knows of a sweep: its axes, a result for each cell, seed and target, and what failed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hat_sim.report.quantities import number
from hat_sim.simulation import files
from hat_sim.sweep import parameters
from hat_sim.sweep.folder import FAILURES, HEADER, RESULTS, SCHEMA, SWEEP
from hat_sim.sweep.parameters import short_names

_AND = " and "
LONGEST_TEXT = 48
"""A longer value of an axis is cut, and told from its like by its place."""
_COLUMNS = (
    "cell",
    "seed",
    "target",
    "accuracy",
    "accuracy_target_only",
    "payload_bytes",
    "all_models_bytes",
    "simulated_s",
    "energy_j",
)


@dataclass(frozen=True)
class Axis:
    """What was varied: its dotted path, a short name for figures, and its values in order."""

    path: str
    name: str
    values: tuple[Any, ...]

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Result:
    """One target of one cell at one seed; `at` holds the axes' values in the order of the axes."""

    cell: str
    at: tuple[Any, ...]
    unit: tuple[str, int]
    accuracy: float
    alone: float
    payload: float
    all_models: float
    seconds: float
    joules: float


@dataclass(frozen=True)
class Failure:
    """A cell that has no results, and why."""

    cell: str
    axes: str
    error: str


@dataclass(frozen=True)
class SweepRecord:
    """A sweep; `notes` are what its reader should know before trusting any figure."""

    name: str
    notes: Sequence[str]
    axes: Sequence[Axis]
    results: Sequence[Result]
    failures: Sequence[Failure]


@dataclass(frozen=True)
class Cell:
    """Means over the targets and seeds of a cell; bytes, seconds and joules are those of one target."""

    cell: str
    at: tuple[Any, ...]
    count: int
    accuracy: float
    alone: float
    payload: float
    saving: float
    seconds: float
    joules: float


def read_sweep(path: Path) -> SweepRecord:
    """Read a sweep's folder; UserError where a file is missing, damaged or of another version."""
    files.read_header(path / SWEEP, HEADER, SCHEMA)
    try:
        described = YAML(typ="safe").load((path / SWEEP).read_text(encoding="utf-8"))
        axes = [_ListedAxis(tuple(it["paths"]), it["values"]) for it in described["axes"]]
        name, notes = str(described["name"]), [str(it) for it in described["notes"]]
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError) as error:
        raise files.unreadable(path / SWEEP, error, "name a sweep's folder") from None
    table = files.read_table(
        path / RESULTS, "`hat-sim sweep --resume` makes it again, and runs no cell twice"
    )
    wanted = [*_COLUMNS, *(each for axis in axes for each in axis.paths)]
    missing = [column for column in wanted if column not in table.column_names]
    if missing and table.num_rows:
        raise files.unreadable(path / RESULTS, f"it has no column {missing[0]}", "sweep again")
    rows = table.select(wanted).to_pylist() if table.num_rows else []
    results = [_result(row, axes) for row in rows]
    names = short_names([each for axis in axes for each in axis.paths])
    found = [axis.found(names, {it.at[place] for it in results}) for place, axis in enumerate(axes)]
    return SweepRecord(name, notes, found, results, _failures(path))


def cells_of(sweep: SweepRecord) -> list[Cell]:
    """The cells of a sweep, the most accurate first."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in sweep.results:
        groups[result.cell].append(result)
    cells = [_cell(name, them) for name, them in groups.items()]
    return sorted(cells, key=lambda it: (-it.accuracy, it.payload, it.cell))


def shown(value: Any) -> str:
    """An axis's value as a figure names it."""
    if value is None:
        return "not set"
    return number(value) if isinstance(value, float) else str(parameters.shown(value))


def place_of(axes: Sequence[Axis], at: Sequence[Any]) -> str:
    """Where in the sweep: `eta = 0.6, link = lte`."""
    return ", ".join(f"{axis.name} = {shown(value)}" for axis, value in zip(axes, at, strict=True))


def _cell(name: str, them: Sequence[Result]) -> Cell:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    payload, all_models = mean([it.payload for it in them]), mean([it.all_models for it in them])
    return Cell(
        cell=name,
        at=them[0].at,
        count=len(them),
        accuracy=mean([it.accuracy for it in them]),
        alone=mean([it.alone for it in them]),
        payload=payload,
        saving=1 - payload / all_models,
        seconds=mean([it.seconds for it in them]),
        joules=mean([it.joules for it in them]),
    )


def _result(row: Mapping[str, Any], axes: Sequence[_ListedAxis]) -> Result:
    return Result(
        cell=row["cell"],
        at=tuple(axis.value(row) for axis in axes),
        unit=(row["target"], row["seed"]),
        accuracy=row["accuracy"],
        alone=row["accuracy_target_only"],
        payload=row["payload_bytes"],
        all_models=row["all_models_bytes"],
        seconds=row["simulated_s"],
        joules=row["energy_j"],
    )


@dataclass(frozen=True)
class _ListedAxis:
    """An axis as `sweep.yaml` lists it: paths that move together, and for each place their values."""

    paths: tuple[str, ...]
    values: Sequence[Sequence[Any]]

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each setting in the list, by how it is shown in full."""
        return {_AND.join(map(shown, setting)): place for place, setting in enumerate(self.values)}

    def value(self, row: Mapping[str, Any]) -> Any:
        """Where a row of the results stands: its number, or a text that is short enough for a figure."""
        values = [row[path] for path in self.paths]
        if len(values) == 1 and not isinstance(values[0], str):
            return values[0]
        text = _AND.join(map(shown, values))
        if len(text) <= LONGEST_TEXT:
            return text
        return f"{text[: LONGEST_TEXT - 8]}... ({self.places.get(text, 0) + 1})"

    def found(self, names: Mapping[str, str], values: set[Any]) -> Axis:
        """The axis with the values that results have, numbers by size, anything else as it is listed."""
        if all(isinstance(value, int | float) for value in values):
            order = tuple(sorted(values))
        else:
            listed = [self.value(dict(zip(self.paths, setting, strict=True))) for setting in self.values]
            places = {shown(text): place for place, text in enumerate(listed)}
            order = tuple(sorted(values, key=lambda it: (places.get(shown(it), len(places)), shown(it))))
        return Axis(_AND.join(self.paths), _AND.join(names[path] for path in self.paths), order)


def _failures(path: Path) -> list[Failure]:
    if not (path / FAILURES).exists():
        return []
    try:
        return [
            Failure(
                str(it["cell"]),
                ", ".join(f"{name} = {shown(value)}" for name, value in it["axes"].items()),
                str(it["error"]),
            )
            for it in json.loads((path / FAILURES).read_bytes())
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise files.unreadable(path / FAILURES, error, "sweep again") from None
