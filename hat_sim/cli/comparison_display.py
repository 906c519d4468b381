"""The closing table of a comparison: the methods at each place, the best first."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from hat_sim.quantities import counted, duration, joules, percent, points, size
from hat_sim.report.compare.paired import Place, Standing, main_ones, places_of
from hat_sim.report.sweep.record import read_sweep

MOST_LETTERS = 20


def print_comparison(console: Console, folder: Path) -> None:
    """A table for each place, or of the mean over all where they are many; what failed below."""
    sweep = read_sweep(folder)
    for place in main_ones(places_of(sweep)):
        console.print(_table(place, sweep.name, sweep.reference or ""))
    for failure in sweep.failures:
        line = f"failed: {failure.axes}: {failure.error}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _table(place: Place, name: str, reference: str) -> Table:
    names = [it.method for it in place.standings]
    band = place.standings[0].bands["accuracy"]
    over = counted(band.count, band.over.removesuffix("s"))
    where = f", {place.name}" if place.name else ""
    title = f"{name}{where}; differences from {reference}; 95 % intervals over {over}"
    table = Table(title=title, title_justify="left")
    table.add_column("method", overflow="fold", min_width=min(MOST_LETTERS, max(map(len, names))))
    paired = ("difference", "95 %", "w/t/l", "p")
    for column in ("accuracy", "95 %", "macro-F1", *paired, "payload", "time", "energy"):
        table.add_column(column, justify="right", no_wrap=True)
    for it in place.standings:
        table.add_row(*_row(it))
    return table


def _row(it: Standing) -> list[str]:
    accuracy, difference = it.bands["accuracy"], it.difference
    paired = ["", "", "", ""]
    if difference is not None:
        paired = [
            _points(difference.mean),
            f"{_points(difference.low)} .. {_points(difference.high)}",
            difference.record,
            f"{difference.p_holm:.3f}",
        ]
    return [
        it.method,
        percent(accuracy.mean),
        f"{100 * accuracy.low:.1f} .. {100 * accuracy.high:.1f}",
        percent(it.bands["macro_f1"].mean),
        *paired,
        size(it.bands["payload"].mean),
        duration(it.bands["seconds"].mean),
        joules(it.bands["joules"].mean),
    ]


def _points(difference: float) -> str:
    return points(difference).partition("\u00a0")[0]
