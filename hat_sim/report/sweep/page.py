"""The page of a sweep: which axis moves what, where accuracy is cheapest, and every cell in a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import combinations, islice
from typing import Any

from hat_sim.quantities import counted, duration, joules, percent, points, size
from hat_sim.report.page import Listing, Page, Section, Tile
from hat_sim.report.sweep.heat import heat_figure
from hat_sim.report.sweep.lines import MEASURES, Measure, line_figures
from hat_sim.report.sweep.missing import failed_cells, remarks_on
from hat_sim.report.sweep.pareto import pareto_figures
from hat_sim.report.sweep.record import Axis, Cell, SweepRecord, cells_of, place_of
from hat_sim.report.table import Column, table_of

MOST_PAIRS = 3


def sweep_page(sweep: SweepRecord) -> Page:
    """What the report of a sweep says."""
    cells = cells_of(sweep)
    varied = [axis for axis in sweep.axes if len(axis.values) > 1]
    sections = [Section(f"Along {axis.path}", tuple(line_figures(sweep, axis))) for axis in varied]
    pairs = list(islice(combinations(varied, 2), MOST_PAIRS))
    if pairs:
        maps = tuple(heat_figure(sweep.axes, pair, cells) for pair in pairs)
        sections.append(Section("Two axes at once", maps))
    if len(cells) > 1:
        sections.append(Section("What accuracy costs", pareto_figures(sweep.axes, cells)))
    if cells:
        sections.append(Section("Cells", (_listing(sweep, cells),)))
    if sweep.failures:
        sections.append(Section("Failed cells", (failed_cells(sweep.failures),)))
    return Page(
        title=sweep.name,
        subtitle=f"Sweep over {', '.join(axis.path for axis in sweep.axes) or 'seeds'}",
        answer=_answer(sweep, cells, varied),
        tiles=_tiles(sweep, cells),
        remarks=tuple(remarks_on(sweep)),
        sections=tuple(sections),
        footer="Made by hat-sim. Times, bytes and joules are simulated; accuracies are measured on test data "
        "that no method sees. Bytes, times and joules are those of one target.",
    )


def _answer(sweep: SweepRecord, cells: Sequence[Cell], varied: Sequence[Axis]) -> str:
    if not cells:
        return "No cell has finished."
    best, worst = cells[0], cells[-1]
    alone = sum(result.alone for result in sweep.results) / len(sweep.results)
    if len(cells) == 1:
        return (
            f"The one cell reaches {percent(best.accuracy)}, training on own labels alone {percent(alone)}."
        )
    if percent(worst.accuracy) == percent(best.accuracy):
        moved = [it for it in map(partial(_range, sweep, cells), MEASURES) if it]
        rest = f" {'; '.join(moved)}." if moved else " Neither does anything else."
        return (
            f"No axis moves accuracy: {percent(best.accuracy)}, on own labels alone {percent(alone)}.{rest}"
        )
    text = (
        f"Accuracy goes from {percent(worst.accuracy)} ({place_of(sweep.axes, worst.at)}) to "
        f"{percent(best.accuracy)} ({place_of(sweep.axes, best.at)}); training on own labels alone has "
        f"{percent(alone)}."
    )
    if varied:
        effects = {axis.path: _effect(sweep.axes.index(axis), cells) for axis in varied}
        strongest = max(effects, key=effects.__getitem__)
        text += f" {strongest} moves the mean most, by {points(effects[strongest])[1:]}."
    return text


def _range(sweep: SweepRecord, cells: Sequence[Cell], measure: Measure) -> str:
    """From which cell to which a measure goes, empty where it stays."""
    values = {cell.cell: float(getattr(cell, measure.key)) for cell in cells}
    least, most = (pick(cells, key=lambda cell: values[cell.cell]) for pick in (min, max))
    low, high = measure.show(values[least.cell]), measure.show(values[most.cell])
    if low == high:
        return ""
    return (
        f"{measure.title} goes from {low} ({place_of(sweep.axes, least.at)}) to "
        f"{high} ({place_of(sweep.axes, most.at)})"
    )


def _effect(place: int, cells: Sequence[Cell]) -> float:
    """How far apart an axis's values are in mean accuracy."""
    groups: defaultdict[Any, list[float]] = defaultdict(list)
    for cell in cells:
        groups[cell.at[place]].append(cell.accuracy)
    means = [sum(them) / len(them) for them in groups.values()]
    return max(means) - min(means)


def _tiles(sweep: SweepRecord, cells: Sequence[Cell]) -> tuple[Tile, ...]:
    finished = Tile(
        "Cells", f"{len(cells):,}", f"{counted(len(sweep.results), 'result')}, {len(sweep.failures):,} failed"
    )
    if not cells:
        return (finished,)

    def where(cell: Cell) -> str:
        return place_of(sweep.axes, cell.at)

    light = min(cells, key=lambda it: it.payload)
    fast = min(cells, key=lambda it: it.seconds)
    frugal = min(cells, key=lambda it: it.joules)
    return (
        Tile("Best accuracy", percent(cells[0].accuracy), where(cells[0])),
        Tile("Least traffic", size(light.payload), f"{percent(light.accuracy)}; {where(light)}"),
        Tile("Least time", duration(fast.seconds), f"{percent(fast.accuracy)}; {where(fast)}"),
        Tile("Least energy", joules(frugal.joules), f"{percent(frugal.accuracy)}; {where(frugal)}"),
        finished,
    )


def _listing(sweep: SweepRecord, cells: Sequence[Cell]) -> Listing:
    columns = [
        *(Column(f"axis {axis.path}", axis.path, axis.label) for axis in sweep.axes),
        Column("accuracy", "accuracy", percent),
        Column("gain", "gain on target-only", points),
        Column("payload", "payload", size),
        Column("saving", "saving", percent),
        Column("seconds", "simulated time", duration),
        Column("joules", "energy", joules),
        Column("count", "targets x seeds", "{:,}".format),
    ]
    rows = [
        {
            **{f"axis {axis.path}": value for axis, value in zip(sweep.axes, cell.at, strict=True)},
            "accuracy": cell.accuracy,
            "gain": cell.accuracy - cell.alone,
            "payload": cell.payload,
            "saving": cell.saving,
            "seconds": cell.seconds,
            "joules": cell.joules,
            "count": cell.count,
        }
        for cell in cells
    ]
    return Listing(
        title="All cells",
        caption=f"{counted(len(cells), 'cell')}, means over targets and seeds, the most accurate first; "
        "a heading sorts.",
        table=table_of(columns, rows, left_out="results.parquet of the sweep has all"),
    )
