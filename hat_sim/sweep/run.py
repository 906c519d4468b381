"""Running a sweep: the cells that are not finished side by side on one Ray, each into a run folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from hat_sim.errors import RemoteError, UserError, told
from hat_sim.preflight import Plan
from hat_sim.simulation.archive import begin, finish, made_by
from hat_sim.simulation.record import RunRecord
from hat_sim.sweep.folder import SweepFolder
from hat_sim.sweep.grid import Cell, Grid, gathered
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

    `results` holds the `result.json` of each finished cell, whenever that was; `by_others` of them were run
    by other code or packages than those at work now. With a `reference` methods are compared with that one.
    """

    grid: Grid
    folder: SweepFolder
    models: bool = False
    reference: str | None = None
    results: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    failures: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    by_others: int = 0
    _rows: dict[tuple[str, int], list[dict[str, Any]]] = field(default_factory=dict)

    def find(self) -> None:
        """Read what is finished already; a cell without all that is wanted of it counts as none."""
        for cell in self.grid.cells:
            folder = self.folder.cell(cell)
            if folder.holds(cell.identity) and folder.is_finished() and folder.has_models() >= self.models:
                try:
                    self._keep(cell, folder.read_result())
                except (UserError, KeyError, TypeError):
                    continue
                self.by_others += not made_by().items() <= folder.made_by().items()

    @property
    def notes(self) -> list[str]:
        """What a user should know before trusting any figure."""
        left_out = [f"left out: {problem}" for problem in gathered(self.grid.unsound)]
        others = [
            f"{self.by_others:,} of {len(self.grid.cells):,} cells were run by other code or packages than "
            f"those at work now; --force runs every cell again"
        ]
        return [*left_out, *(others if self.by_others else []), *self.grid.notes]

    def begin(self, anew: bool) -> None:
        """Claim the folder; `anew` forgets every cell that it has."""
        self.folder.begin(self.grid, self.notes, anew, self.reference)

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
        from hat_sim.engine import Watch, run_plans

        staged: dict[int, tuple[Cell, Plan]] = {}
        since: dict[int, float] = {}
        places = count()

        def plans() -> Iterator[Plan]:
            for cell in self.missing:
                try:
                    plan = self.grid.plan(cell)
                except Exception as error:
                    self._fail(cell, error, watcher)
                    continue
                staged[next(places)] = (cell, plan)
                yield plan

        def began(place: int) -> None:
            since[place] = time.monotonic()
            watcher.started(staged[place][0])

        def finished(place: int, outcome: RunRecord | Exception) -> None:
            cell, plan = staged.pop(place)
            wall_s = time.monotonic() - since.pop(place, time.monotonic())
            if isinstance(outcome, Exception):
                self._fail(cell, outcome, watcher)
                return
            try:
                folder = self.folder.cell(cell)
                begin(folder, plan)
                result = finish(folder, plan, outcome, hosts, wall_s, self.models)
            except Exception as error:
                self._fail(cell, error, watcher)
                return
            self._keep(cell, result)
            watcher.finished(cell, result)

        def tell(who: str, doing: str, simulated_ns: int | None) -> None:
            if who == "sources":
                watcher.training(doing)

        run_plans(plans(), hosts, address, self.folder.outcomes, Watch(tell, finished, began))

    def write(self, as_csv: bool = False) -> None:
        """Write the table of all finished cells, and what failed."""
        rows = [row for cell in self.finished for row in self._rows[cell.name, cell.seed]]
        self.folder.write_results(table_of(rows, self.grid.paths), as_csv)
        self.folder.write_failures(list(self.failures.values()))

    def _keep(self, cell: Cell, result: Mapping[str, Any]) -> None:
        """KeyError or TypeError where the result is of another form."""
        self._rows[cell.name, cell.seed] = list(rows_of(cell, result))
        self.results[cell.name, cell.seed] = result

    def _fail(self, cell: Cell, error: Exception, watcher: Watcher) -> None:
        self.failures[cell.name, cell.seed] = {
            "cell": cell.name,
            "seed": cell.seed,
            "axes": dict(cell.settings),
            "error": told(error),
            "traceback": RemoteError.of(error).trace.splitlines(),
        }
        watcher.failed(cell, error)
