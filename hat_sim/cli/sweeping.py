"""What `hat-sim sweep` and `compare` do: check every cell, run what is missing, write table and report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from hat_sim.cli.claiming import check_claim
from hat_sim.cli.comparison_display import print_comparison
from hat_sim.cli.sweep_display import print_cells, watching
from hat_sim.errors import Problem, UserError
from hat_sim.preflight import Plan, load_checked
from hat_sim.quantities import counted
from hat_sim.scenario.axis import Axis
from hat_sim.simulation.run_folder import REPORT
from hat_sim.sweep.axes import axes_of
from hat_sim.sweep.folder import SweepFolder, default_folder
from hat_sim.sweep.grid import Grid, gathered
from hat_sim.sweep.run import SweepRun

EXIT_FAILED = 1
PIPED_WIDTH = 140


@dataclass(frozen=True)
class Request:
    """What the user asks for; `seed`, `seeds`, `hosts` and `out` are None where the default is meant.

    With a `reference` it is a comparison of methods with that one, else a sweep.
    """

    scenario: Path
    vary: tuple[str | Axis, ...]
    overrides: tuple[str, ...]
    seed: int | None
    seeds: int | None
    hosts: int | None
    address: str | None
    out: Path | None
    resume: bool
    force: bool
    skip_invalid: bool
    as_csv: bool
    models: bool
    reports: bool
    reference: str | None = None

    @property
    def kind(self) -> str:
        return "sweep" if self.reference is None else "comparison"


def run_sweep(request: Request) -> None:
    """Do it; UserError before anything is written where the input is wrong, exit code 1 if a cell fails."""
    from hat_sim.engine import check_actors

    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    hosts = request.hosts or os.cpu_count() or 1
    grid = _grid(request, lambda plan: check_actors(plan, hosts))
    _check_sound(grid, request.skip_invalid)
    kind = request.kind
    folder = SweepFolder(request.out if request.out is not None else default_folder(grid, f"{kind}s"))
    check_claim(folder, kind, folder.holds(grid), f"another {kind}", request.resume, request.force)
    run = SweepRun(grid, folder, request.models, request.reference)
    if not request.force:
        run.find()
    for note in run.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    if run.missing:
        _run(run, request, hosts, console)
    else:
        console.print("every cell is finished; --force runs them again")
        run.begin(anew=False)
    run.write(request.as_csv)
    if not run.failures:
        folder.finish()
    if request.reference is None:
        print_cells(console, run)
    else:
        print_comparison(console, folder.path)
    _write_reports(run, request.reports)
    console.print(f"{kind} folder: {folder.path}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"report: {folder.path / REPORT}", soft_wrap=True, markup=False, highlight=False)
    if run.failures:
        raise typer.Exit(EXIT_FAILED)


def _run(run: SweepRun, request: Request, hosts: int, console: Console) -> None:
    """Run what is missing; what is finished by then is written, if the user ends it."""
    from hat_sim.engine import cluster

    with watching(console, run) as watcher, cluster(request.address):
        run.begin(anew=request.force)
        try:
            run.run(hosts, request.address, watcher)
        except KeyboardInterrupt:
            run.write(request.as_csv)
            done = f"{len(run.results):,} of {len(run.grid.cells):,} cells are finished"
            print(f"interrupted, {done}; --resume goes on with {run.folder.path}", file=sys.stderr)
            raise


def _grid(request: Request, check: Callable[[Plan], None]) -> Grid:
    """The cells that are asked for."""
    document = load_checked(request.scenario, request.overrides, request.seed)
    asked = document.scenario.sweep
    count = request.seeds if request.seeds is not None else asked.seeds if asked is not None else 1
    first = document.scenario.seed
    return Grid(document, axes_of(document, request.vary), range(first, first + count), check)


def _check_sound(grid: Grid, skip: bool) -> None:
    """UserError with all cells that are no sound scenario, unless they may be skipped and others are left."""
    if not grid.unsound or (skip and grid.cells):
        return
    what = f"{counted(grid.left_out, 'cell')} cannot be run"
    hint = (
        f"--skip-invalid runs {counted(len(grid.cells), 'other')}" if grid.cells else "no other cell is sound"
    )
    raise UserError([*gathered(grid.unsound), Problem(what, hint=hint)])


def _write_reports(run: SweepRun, of_cells: bool) -> None:
    """The sweep's own report and, where these are asked for, that of each cell which has none."""
    from hat_sim.report.write import write_report

    write_report(run.folder.path)
    if of_cells:
        cells = [run.folder.cell(cell).path for cell in run.finished]
        for path in cells:
            if not (path / REPORT).exists():
                write_report(path)
