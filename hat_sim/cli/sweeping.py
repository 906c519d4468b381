"""What `hat-sim sweep` does: check every cell, run those that are missing, write the table and the report."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from hat_sim.cli.claiming import check_claim
from hat_sim.cli.sweep_display import print_cells, watching
from hat_sim.errors import Problem, UserError
from hat_sim.preflight import load_checked
from hat_sim.sweep.folder import SweepFolder, default_folder
from hat_sim.sweep.grid import Grid, Unsound, axes_of
from hat_sim.sweep.run import SweepRun

MOST_UNSOUND = 20
EXIT_FAILED = 1


@dataclass(frozen=True)
class Request:
    """What the user asks for; `seed`, `seeds`, `hosts` and `out` are None where the default is meant."""

    scenario: Path
    vary: tuple[str, ...]
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


def run_sweep(request: Request) -> None:
    """Sweep; UserError before anything is written where the input is wrong, exit code 1 if a cell fails."""
    console = Console()
    grid = _grid(request)
    _check_sound(grid, request.skip_invalid)
    folder = SweepFolder(request.out if request.out is not None else default_folder(grid))
    check_claim(folder, "sweep", folder.holds(grid), "another sweep", request.resume, request.force)
    for note in [*map(_skipped, grid.unsound), *grid.notes]:
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    folder.begin(grid, anew=request.force)
    run = SweepRun(grid, folder, request.models)
    run.find()
    try:
        _run(run, request, console)
    except KeyboardInterrupt:
        run.write(request.as_csv)
        done = f"{len(run.results):,} of {len(grid.cells):,} cells are finished"
        print(f"interrupted, {done}; --resume goes on with {folder.path}", file=sys.stderr)
        raise
    run.write(request.as_csv)
    folder.finish()
    print_cells(console, run)
    _report(folder.path)
    console.print(f"sweep folder: {folder.path}", soft_wrap=True, markup=False, highlight=False)
    if run.failures:
        raise typer.Exit(EXIT_FAILED)


def _grid(request: Request) -> Grid:
    """The cells that are asked for."""
    document = load_checked(request.scenario, request.overrides, request.seed)
    asked = document.scenario.sweep
    count = request.seeds if request.seeds is not None else asked.seeds if asked is not None else 1
    first = document.scenario.seed
    return Grid(document, axes_of(document, request.vary), range(first, first + count))


def _check_sound(grid: Grid, skip: bool) -> None:
    """UserError with all cells that are no sound scenario, unless they may be skipped and others are left."""
    if not grid.unsound or (skip and grid.cells):
        return
    problems = [problem for it in grid.unsound[:MOST_UNSOUND] for problem in _problems(it)]
    if len(grid.unsound) > MOST_UNSOUND:
        problems.append(Problem(f"and {len(grid.unsound) - MOST_UNSOUND:,} more cells"))
    sound = f"{len(grid.cells):,} others are sound, --skip-invalid runs these"
    hint = sound if grid.cells else "no other cell is sound"
    raise UserError([*problems, Problem(f"{len(grid.unsound):,} cells cannot be run", hint=hint)])


def _skipped(unsound: Unsound) -> str:
    problems = "; ".join(map(str, unsound.problems))
    return f"skipped {unsound.place} at seed {unsound.seed}: {problems}"


def _problems(unsound: Unsound) -> Sequence[Problem]:
    """Its problems, placed at the cell instead of the option that set the value."""
    place = f"{unsound.place} at seed {unsound.seed}"
    return [Problem(it.what, path=it.path, hint=it.hint, where=place) for it in unsound.problems]


def _run(run: SweepRun, request: Request, console: Console) -> None:
    if not run.missing:
        console.print("every cell is finished; --force runs them again")
        return
    with watching(console, run) as watcher:
        run.run(request.hosts or os.cpu_count() or 1, request.address, watcher)


def _report(folder: Path) -> None:
    from hat_sim.report.write import write_report

    write_report(folder)
