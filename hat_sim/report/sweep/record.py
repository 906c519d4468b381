"""What a report knows of a sweep: its axes, a result for each cell, seed and target, and what failed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hat_sim.quantities import number
from hat_sim.simulation import files
from hat_sim.sweep import parameters
from hat_sim.sweep.folder import FAILURES, HEADER, RESULTS, SCHEMA, SWEEP
from hat_sim.sweep.parameters import short_names

METHOD = "method"
_AND = " and "
LONGEST_TEXT = 48
"""A longer value of an axis is cut, and told from its like by its place."""
_COLUMNS = (
    "cell",
    "seed",
    "target",
    "accuracy",
    "macro_f1",
    "accuracy_target_only",
    "accuracy_best_source",
    "payload_bytes",
    "all_models_bytes",
    "simulated_s",
    "energy_j",
)


@dataclass(frozen=True)
class Axis:
    """What was varied: its dotted path, a short name for figures, its values in order, and texts for some."""

    path: str
    name: str
    values: tuple[Any, ...]
    labels: Mapping[Any, str] = field(default_factory=dict)

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    def label(self, value: Any) -> str:
        """A value as a figure names it, and no other one."""
        return self.labels.get(value) or shown(value)


@dataclass(frozen=True)
class Result:
    """One target of one cell at one seed; `at` holds the axes' values in the order of the axes."""

    cell: str
    at: tuple[Any, ...]
    unit: tuple[str, int]
    accuracy: float
    macro_f1: float
    alone: float
    best_source: float
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
    """A sweep of so many cells, at all their seeds; `notes` are what its reader should know before trusting
    any figure. With a `reference` it compares methods with that one."""

    name: str
    reference: str | None
    notes: Sequence[str]
    size: int
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
        axes = [_ListedAxis(tuple(it["paths"]), it["values"], it["columns"]) for it in described["axes"]]
        name, notes = str(described["name"]), [str(it) for it in described["notes"]]
        size, reference = int(described["cells"]), described.get("reference")
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError, ValueError) as error:
        raise files.unreadable(path / SWEEP, error, "name a sweep's folder") from None
    table = files.read_table(
        path / RESULTS, "`hat-sim sweep --resume` makes it again, and runs no cell twice"
    )
    wanted = [*_COLUMNS, *(each for axis in axes for each in axis.paths)]
    missing = [column for column in wanted if column not in table.column_names]
    if missing and table.num_rows:
        raise files.unreadable(path / RESULTS, f"it has no column {missing[0]}", "sweep again")
    if reference is not None:
        reference = _shown_method(axes, reference)
    rows = table.select(wanted).to_pylist() if table.num_rows else []
    results = [
        result_of(row, tuple(axis.value(row) for axis in axes), (row["target"], row["seed"])) for row in rows
    ]
    names = short_names([each for axis in axes for each in axis.paths])
    found = [axis.found(names, {it.at[place] for it in results}) for place, axis in enumerate(axes)]
    return SweepRecord(name, reference, notes, size, found, results, _failures(path))


def _shown_method(axes: Sequence[_ListedAxis], method: str) -> str:
    """A method as figures name it, given all of it."""
    [axis] = [axis for axis in axes if axis.paths == (METHOD,)]
    found = [place for place, [it] in enumerate(axis.settings) if _in_full(it) == method]
    return axis.text(found[0]) if found else method


def cells_of(sweep: SweepRecord) -> list[Cell]:
    """The cells of a sweep, the most accurate first."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in sweep.results:
        groups[result.cell].append(result)
    cells = [_cell(name, them) for name, them in groups.items()]
    return sorted(cells, key=lambda it: (-it.accuracy, it.payload, it.cell))


def shown(value: Any) -> str:
    """A value in a few characters."""
    if value is None:
        return "not set"
    return number(value) if isinstance(value, float) else str(parameters.shown(value))


def place_of(axes: Sequence[Axis], at: Sequence[Any]) -> str:
    """Where in the sweep: `eta = 0.6, link = lte`."""
    return ", ".join(f"{axis.name} = {axis.label(value)}" for axis, value in zip(axes, at, strict=True))


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


def result_of(row: Mapping[str, Any], at: tuple[Any, ...], unit: tuple[str, int]) -> Result:
    """A row of the table of results, where it stands, and which target at which seed it counts as."""
    return Result(
        cell=row["cell"],
        at=at,
        unit=unit,
        accuracy=row["accuracy"],
        macro_f1=row["macro_f1"],
        alone=row["accuracy_target_only"],
        best_source=row["accuracy_best_source"],
        payload=row["payload_bytes"],
        all_models=row["all_models_bytes"],
        seconds=row["simulated_s"],
        joules=row["energy_j"],
    )


@dataclass(frozen=True)
class _ListedAxis:
    """An axis as `sweep.yaml` lists it: paths that move together, and for each place along it their values as
    they were given (`settings`), and as they stand in the table of results (`columns`)."""

    paths: tuple[str, ...]
    settings: Sequence[Sequence[Any]]
    columns: Sequence[Sequence[Any] | None]

    @cached_property
    def places(self) -> Mapping[tuple[Any, ...], int]:
        """The first place of each row of columns."""
        known = [(_key(them), place) for place, them in enumerate(self.columns) if them is not None]
        return dict(reversed(known))

    @cached_property
    def is_numeric(self) -> bool:
        return len(self.paths) == 1 and all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for them in self.columns
            for value in them or ()
        )

    def value(self, row: Mapping[str, Any]) -> Any:
        """Where a row of the results stands: its number, or a text that is short enough for a figure."""
        values = [row[path] for path in self.paths]
        if self.is_numeric:
            return values[0]
        place = self.places.get(_key(values))
        return self.text(place) if place is not None else _AND.join(map(shown, values))

    def text(self, place: int) -> str:
        """A place in words, cut where they are long."""
        text = _AND.join(map(_in_full, self.settings[place]))
        return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 8]}... ({place + 1})"

    def found(self, names: Mapping[str, str], values: set[Any]) -> Axis:
        """The axis with the values that results have: numbers by size, words in the order of the sweep."""
        listed = {
            self.value(dict(zip(self.paths, them, strict=True))): place
            for place, them in reversed(list(enumerate(self.columns)))
            if them is not None
        }
        order = sorted(values) if self.is_numeric else sorted(values, key=lambda it: (listed.get(it, -1), it))
        labels = distinct(order) if self.is_numeric else {}
        for value in set(labels) & set(listed):
            [given] = self.settings[listed[value]]
            if isinstance(given, str):
                labels[value] = given
        path, name = _AND.join(self.paths), _AND.join(names[path] for path in self.paths)
        return Axis(path, name, tuple(order), labels)


def distinct(values: Sequence[int | float]) -> dict[Any, str]:
    """Different numbers as different texts, as short as can be."""
    texts = {value: number(value) for value in values}
    digits = 3
    while len(set(texts.values())) < len(texts) and digits < 17:
        digits += 1
        texts = {value: f"{value:.{digits}g}" for value in values}
    return texts


def _key(values: Sequence[Any]) -> tuple[Any, ...]:
    """Values of a row, the same whether their column is of numbers or, for others' sake, of text."""
    return tuple(_as_number(value) for value in values)


def _as_number(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _in_full(value: Any) -> str:
    """A value as it was given."""
    return f"{value:.15g}" if isinstance(value, float) else shown(value)


def _failures(path: Path) -> list[Failure]:
    if not (path / FAILURES).exists():
        return []
    try:
        return [
            Failure(
                str(it["cell"]),
                ", ".join(f"{name} = {shown(value)}" for name, value in it["axes"].items()),
                str(it["error"]).partition("\n")[0],
            )
            for it in json.loads((path / FAILURES).read_bytes())
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise files.unreadable(path / FAILURES, error, "sweep again") from None
