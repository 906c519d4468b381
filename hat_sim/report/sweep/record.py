"""What a report knows of a sweep: its axes, a result for each cell, seed and target, and what failed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hat_sim.errors import UserError
from hat_sim.report.quantities import number

SWEEP, RESULTS, FAILURES = "sweep.yaml", "results.parquet", "failures.json"
_COLUMNS = (
    "cell",
    "seed",
    "target",
    "accuracy",
    "accuracy_target_only",
    "payload_bytes",
    "all_models_bytes",
    "simulated_s",
    "energy_compute_j",
    "energy_radio_j",
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
    name: str
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
    """Read a sweep's folder; UserError where a file is missing or damaged."""
    try:
        described = YAML(typ="safe").load((path / SWEEP).read_text(encoding="utf-8"))
        listed = [(str(axis["path"]), tuple(axis["values"])) for axis in described["axes"]]
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{path / SWEEP} cannot be read: {error}", hint="name a sweep's folder") from None
    paths = [name for name, _ in listed]
    try:
        table = pq.read_table(path / RESULTS)
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"{path / RESULTS} cannot be read: {error}", hint="`hat-sim sweep --resume` makes it again"
        ) from None
    wanted = [*_COLUMNS, *paths]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise UserError(f"{path / RESULTS} has no column {missing[0]}", hint="sweep again")
    results = [_result(row, paths) for row in table.select(wanted).to_pylist()]
    axes = [
        Axis(name, _short(name, paths), _ordered({result.at[place] for result in results}, values))
        for place, (name, values) in enumerate(listed)
    ]
    return SweepRecord(str(described.get("name", path.resolve().name)), axes, results, _failures(path))


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
    return number(value) if isinstance(value, float) else str(value)


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


def _result(row: Mapping[str, Any], paths: Sequence[str]) -> Result:
    return Result(
        cell=row["cell"],
        at=tuple(row[path] for path in paths),
        unit=(row["target"], row["seed"]),
        accuracy=row["accuracy"],
        alone=row["accuracy_target_only"],
        payload=row["payload_bytes"],
        all_models=row["all_models_bytes"],
        seconds=row["simulated_s"],
        joules=row["energy_compute_j"] + row["energy_radio_j"],
    )


def _short(path: str, paths: Sequence[str]) -> str:
    """The last part of a path, or the whole where two end alike."""
    last = Counter(each.rsplit(".", 1)[-1] for each in paths)
    return name if last[name := path.rsplit(".", 1)[-1]] == 1 else path


def _ordered(found: set[Any], listed: Sequence[Any]) -> tuple[Any, ...]:
    """Numbers by size, anything else as the sweep lists it; what it does not list comes last."""
    if all(isinstance(value, int | float) for value in found):
        return tuple(sorted(found))
    places = {shown(value): place for place, value in enumerate(listed)}
    return tuple(sorted(found, key=lambda value: (places.get(shown(value), len(places)), shown(value))))


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
        raise UserError(f"{path / FAILURES} cannot be read: {error}", hint="sweep again") from None
