"""The results of a sweep as one table: a row for each target of each cell at each seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from hat_sim.protocol.effects import PHASES
from hat_sim.sweep.grid import Cell
from hat_sim.sweep.parameters import shown

_OF_TARGET = (
    "accuracy",
    "macro_f1",
    "accuracy_target_only",
    "accuracy_best_source",
    "all_models_bytes",
    "saving",
    "simulated_s",
    "energy_j",
)


def rows_of(cell: Cell, result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each target in a cell's `result.json`: where it stands, its parameters, its figures.

    Quantities among the parameters are in base units: bytes, ns, bit/s, FLOP/s, W, J/bit, shares.
    """
    settings = {path: shown(value) for path, value in cell.settings.items()}
    for target in result["targets"]:
        yield {
            "cell": cell.name,
            "seed": cell.seed,
            "target": target["device"],
            "domain": target["domain"],
            "round": target.get("round"),
            **settings,
            **cell.parameters,
            **{key: target[key] for key in _OF_TARGET},
            "gain": target["accuracy"] - target["accuracy_target_only"],
            "shortlisted": len(target["shortlisted"]),
            "selected": len(target["selected"]),
            **target["traffic"],
            **{f"payload_bytes_{phase}": target["payload_by_phase"][phase] for phase in PHASES},
            **{f"simulated_s_{phase}": target["time_by_phase"][phase] for phase in PHASES},
        }


def table_of(rows: Sequence[Mapping[str, Any]], axes: Sequence[str]) -> pa.Table:
    """The rows with a type for each column; one that is empty in all of them is left out, unless an axis."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    kept = {name: it for name, it in columns.items() if name in axes or any(v is not None for v in it)}
    return pa.table({name: _typed(values) for name, values in kept.items()})


def _typed(values: Sequence[Any]) -> pa.Array:
    """Of booleans, integers or numbers where all values are, else of text."""
    kinds = {type(value) for value in values if value is not None}
    for type_, accepted in ((pa.bool_(), {bool}), (pa.int64(), {int}), (pa.float64(), {int, float})):
        if kinds and kinds <= accepted:
            return pa.array(values, type_)
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
