"""Running a sweep: the cells that are not finished side by side on one Ray, each into a run folder."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from hat_sim.errors import UserError
from hat_sim.preflight import Plan
from hat_sim.simulation.archive import begin, finish
from hat_sim.simulation.record import RunRecord
from hat_sim.sweep.folder import SweepFolder
from hat_sim.sweep.grid import Cell, Grid
from hat_sim.sweep.results import rows_of, table_of


class Watcher(Protocol):
    """Told how a sweep goes on."""

    def started(self, cell: Cell) -> None: ...

    def finished(self, cell: Cell, result: Mapping[str, Any]) -> None: ...

    def failed(self, cell: Cell, error: Exception) -> None: ...

    def training(self, words: str) -> None:
        """How far the models are that the next cells need."""
        ...


@dataclass
class SweepRun:
    """One go at a sweep in a folder that was begun for it.

    `results` holds the `result.json` of each finished cell, whenever that was.
    """

    grid: Grid
    folder: SweepFolder
    models: bool = False
    results: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    failures: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def find(self) -> None:
        """Read what is finished already; a cell whose result is damaged counts as none."""
        for cell in self.grid.cells:
            folder = self.folder.cell(cell)
            if folder.holds(cell.identity) and folder.is_finished():
                try:
                    self.results[cell.name, cell.seed] = folder.read_result()
                except UserError:
                    continue

    @property
    def finished(self) -> list[Cell]:
        """The cells that have results, in the order of the grid."""
        return [cell for cell in self.grid.cells if (cell.name, cell.seed) in self.results]

    @property
    def missing(self) -> list[Cell]:
        """The cells that are not finished, all of one seed before those of the next: they share sources."""
        left = [cell for cell in self.grid.cells if (cell.name, cell.seed) not in self.results]
        return sorted(left, key=lambda cell: self.grid.seeds.index(cell.seed))

    def run(self, hosts: int, address: str | None, watcher: Watcher) -> None:
        """Run what is missing; a cell that fails is recorded with its error, and the others go on."""
        from hat_sim.engine import run_plans

        staged: dict[int, tuple[Cell, Plan, float]] = {}
        places = count()

        def plans() -> Iterator[Plan]:
            for cell in self.missing:
                watcher.started(cell)
                try:
                    plan = self.grid.plan(cell)
                except UserError as error:
                    self._fail(cell, error, watcher)
                    continue
                staged[next(places)] = (cell, plan, time.monotonic())
                yield plan

        def ended(place: int, outcome: RunRecord | Exception) -> None:
            cell, plan, began = staged.pop(place)
            if isinstance(outcome, Exception):
                self._fail(cell, outcome, watcher)
                return
            folder = self.folder.cell(cell)
            begin(folder, plan)
            result = finish(folder, plan, outcome, hosts, time.monotonic() - began, self.models)
            self.results[cell.name, cell.seed] = result
            watcher.finished(cell, result)

        def tell(who: str, doing: str, simulated_ns: int | None) -> None:
            if who == "sources":
                watcher.training(doing)

        run_plans(plans(), hosts, address, tell, self.folder.outcomes, ended)

    def write(self, as_csv: bool = False) -> None:
        """Write the table of all finished cells, and what failed."""
        rows = [row for cell in self.finished for row in rows_of(cell, self.results[cell.name, cell.seed])]
        self.folder.write_results(table_of(rows, self.grid.paths), as_csv)
        self.folder.write_failures(list(self.failures.values()))

    def _fail(self, cell: Cell, error: Exception, watcher: Watcher) -> None:
        self.failures[cell.name, cell.seed] = {
            "cell": cell.name,
            "seed": cell.seed,
            "axes": dict(cell.settings),
            "error": str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exception(error),
        }
        watcher.failed(cell, error)
