"""The folder of a sweep: what it asks, a run folder for each finished cell, and the table of results.

`sweep.yaml` names the sweep in its first line. What its targets have computed stays as long as a cell has no
result, so that none is computed twice.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from hat_sim.scenario.resolved import resolved_scenario
from hat_sim.simulation import files
from hat_sim.simulation.run_folder import OUTCOMES, REPORT, RunFolder
from hat_sim.sweep.grid import Cell, Grid

SWEEP, RESULTS, RESULTS_CSV, FAILURES = "sweep.yaml", "results.parquet", "results.csv", "failures.json"
CELLS = "cells"
SCHEMA = 1
HEADER = re.compile(r"# hat-sim sweep, schema (\d+): ([0-9a-f]{64})\n")


def default_folder(grid: Grid, around: str) -> Path:
    """`<around>/<name>-<short hash>` below the working directory, the same whatever values the axes have."""
    return Path(around) / f"{grid.document.scenario.name}-{grid.sha256()[:8]}"


@dataclass(frozen=True)
class SweepFolder:
    """A folder that holds a sweep, will hold one, or has nothing to do with us."""

    path: Path

    def is_empty(self) -> bool:
        """Whether nothing is there; UserError where a file is in the way."""
        return files.is_empty(self.path)

    def is_ours(self) -> bool:
        return self._sha256() is not None

    def is_finished(self) -> bool:
        """Whether what was begun last has ended, be it with cells that failed."""
        return not self.outcomes.exists() or (self.path / FAILURES).exists()

    def holds(self, grid: Grid) -> bool:
        """Whether the folder is of this sweep, be it with other values on its axes."""
        return self._sha256() == grid.sha256()

    @property
    def outcomes(self) -> Path:
        """Where targets of all cells keep what they have computed until the sweep is finished."""
        return (self.path / OUTCOMES).absolute()

    def cell(self, cell: Cell) -> RunFolder:
        """The run folder of a cell."""
        return RunFolder(self.path / CELLS / f"{cell.name}-s{cell.seed}")

    def begin(self, grid: Grid, notes: Sequence[str], anew: bool, reference: str | None = None) -> None:
        """Claim the folder; `anew` removes every cell that an earlier sweep has left.

        `notes` are for whoever reads the results; with a `reference` they are read as a comparison of methods
        with that one. UserError where the folder cannot be made.
        """
        files.make_folder(self.path)
        for name in (RESULTS, RESULTS_CSV, FAILURES, REPORT):
            (self.path / name).unlink(missing_ok=True)
        if anew:
            for name in (CELLS, OUTCOMES):
                shutil.rmtree(self.path / name, ignore_errors=True)
        self.outcomes.mkdir(exist_ok=True)
        files.write_yaml(
            self.path / SWEEP,
            f"# hat-sim sweep, schema {SCHEMA}: {grid.sha256()}",
            {
                "name": grid.document.scenario.name,
                **({"reference": reference} if reference is not None else {}),
                "notes": list(notes),
                "seeds": list(grid.seeds),
                "cells": len(grid.cells),
                "axes": [
                    {
                        "paths": list(axis.paths),
                        "values": [list(setting) for setting in axis.settings],
                        "columns": grid.columns(axis),
                    }
                    for axis in grid.axes
                ],
                "scenario": resolved_scenario(grid.document.scenario),
            },
        )

    def write_results(self, table: pa.Table, as_csv: bool) -> None:
        """`results.parquet`, and `results.csv` where that is asked for as well."""
        files.write_table(self.path / RESULTS, table)
        if as_csv:
            sink = pa.BufferOutputStream()
            pyarrow.csv.write_csv(table, sink)
            files.write_whole(self.path / RESULTS_CSV, sink.getvalue().to_pybytes())

    def write_failures(self, failures: Sequence[Mapping[str, Any]]) -> None:
        """`failures.json`, where there are any."""
        if failures:
            files.write_json(self.path / FAILURES, list(failures))

    def finish(self) -> None:
        """Nothing is left to do, and no cell has failed."""
        shutil.rmtree(self.outcomes, ignore_errors=True)

    def _sha256(self) -> str | None:
        match = files.read_header(self.path / SWEEP, HEADER, SCHEMA)
        return match[2] if match else None
