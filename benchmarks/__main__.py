"""`python -m benchmarks [NAME ...]`: run benchmarks, print their figures, and keep them as JSON."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import NAMES, find_benchmark, summary
from benchmarks.figure import Figure, shown, shown_figure
from benchmarks.machine import commit, describe_machine
from benchmarks.page import RESULTS, write_page
from benchmarks.store import Entry, merge_results

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="By default all.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Results are merged into it.")] = RESULTS,
    quick: Annotated[bool, typer.Option("--quick", help="Show that it works; few repetitions.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="List the benchmarks.")] = False,
) -> None:
    """Run benchmarks, print their figures, and merge them into a JSON file.

    Where that is benchmarks/results.json, docs/results.md is made from it anew.
    """
    console = Console()
    if list_them:
        for name in NAMES:
            console.print(f"{name:12} {summary(name)}", soft_wrap=True, markup=False, highlight=False)
        return
    for name in names or ():
        if name not in NAMES:
            raise typer.BadParameter(f"{name} is none of {', '.join(NAMES)}")
    if quick and out == RESULTS:
        raise typer.BadParameter("figures of --quick do not belong into the results; name a file with --out")
    failed = False
    for name in names or NAMES:
        console.print(f"{name}: {summary(name)}", markup=False, highlight=False)
        entry = _measured(name, quick)
        merge_results(out, name, entry)
        if out == RESULTS:
            write_page()
        if entry.error:
            console.print(entry.error, style="red", markup=False, highlight=False)
            failed = True
        else:
            for title in dict.fromkeys(it.table for it in entry.figures):
                console.print(_table(title, [it for it in entry.figures if it.table == title]))
        console.print(f"took {entry.wall_s:.0f} s, written to {out}", soft_wrap=True, highlight=False)
    raise typer.Exit(1 if failed else 0)


def _measured(name: str, quick: bool) -> Entry:
    """A benchmark's entry; what went wrong becomes its error, so that the others still run."""
    machine, revision = describe_machine(), commit()
    began = time.perf_counter()
    figures: list[Figure] = []
    error = ""
    try:
        figures = find_benchmark(name).run(quick)
    except Exception as failure:
        traceback.print_exc()
        error = f"{type(failure).__name__}: {failure}"
    return Entry(machine, revision, quick, time.perf_counter() - began, figures, error)


def _table(title: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("what", "figure", "value", "bound", "holds"):
        table.add_column(column)
    for position, it in enumerate(figures):
        bound = f"{it.bound.sense} {shown(it.bound.value, it.unit)}" if it.bound else ""
        holds = {None: "", True: "yes", False: "[red]no[/red]"}[it.holds]
        is_first = position == 0 or figures[position - 1].row != it.row
        table.add_row(it.row if is_first else "", it.name, shown_figure(it), bound, holds)
    return table


if __name__ == "__main__":
    app()
