"""What accuracy costs: each cell by its accuracy and one cost, and the front that no cell beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import counted, percent
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import ACCENT, BASELINE
from hat_sim.report.sweep.lines import MEASURES, Measure
from hat_sim.report.sweep.record import Axis, Cell, place_of
from hat_sim.report.table import Column, table_of

MOST_OTHERS = 400
FRONT, BEATEN = "front", "beaten by another cell"
_WIDE = 30.0
"""From this ratio of the dearest cell to the cheapest on, costs get a logarithmic scale."""


def pareto_figures(axes: Sequence[Axis], cells: Sequence[Cell]) -> tuple[Figure, ...]:
    """Accuracy against each cost."""
    return tuple(pareto_figure(axes, cost, cells) for cost in MEASURES if cost.key != "accuracy")


def pareto_figure(axes: Sequence[Axis], cost: Measure, cells: Sequence[Cell]) -> Figure:
    """Accuracy against `cost`; of more cells than can be told apart, the whole front and some of the rest."""
    costs = {cell.cell: float(getattr(cell, cost.key)) for cell in cells}
    front = front_of([(costs[cell.cell], cell.accuracy) for cell in cells])
    on_front = [cells[place] for place in front]
    others = [cell for place, cell in enumerate(cells) if place not in set(front)]
    step = -(-len(others) // MOST_OTHERS) or 1
    drawn = others[::step]
    rows = [_row(axes, cell, costs[cell.cell], BEATEN, cost) for cell in drawn]
    rows += [_row(axes, cell, costs[cell.cell], FRONT, cost) for cell in on_front]
    first, last = on_front[0], on_front[-1]
    caption = (
        f"{len(on_front):,} of {counted(len(cells), 'cell')} are beaten by none in both. The front goes from "
        f"{percent(first.accuracy)} for {cost.show(costs[first.cell])} ({place_of(axes, first.at)}) to "
        f"{percent(last.accuracy)} for {cost.show(costs[last.cell])} ({place_of(axes, last.at)})."
    )
    if len(drawn) < len(others):
        caption += f" Of the others every {step}th is drawn, in the order of their accuracy."
    least, most = min(costs.values()), max(costs.values())
    return Figure(
        key=f"pareto-{cost.key}",
        title=f"Accuracy against {cost.title.lower()}",
        caption=caption,
        chart=_chart(cost.scale, cost.ticks, logarithmic=least > 0 and most / least > _WIDE),
        height=280,
        rows=rows,
        table=table_of(
            [
                Column("where", "cell"),
                Column("accuracy", "accuracy", percent),
                Column("cost", cost.scale, cost.show),
            ],
            [row for row in rows if row["part"] == FRONT],
            left_out="results.parquet of the sweep has all",
        ),
    )


def front_of(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of the (cost, gain) that no other beats in both, by rising cost; of equal ones the first."""
    front: list[int] = []
    for place in sorted(range(len(points)), key=lambda it: (points[it][0], -points[it][1], it)):
        if not front or points[place][1] > points[front[-1]][1]:
            front.append(place)
    return front


def _row(axes: Sequence[Axis], cell: Cell, cost: float, part: str, measure: Measure) -> dict[str, Any]:
    return {
        "where": place_of(axes, cell.at) or cell.cell,
        "part": part,
        "accuracy": cell.accuracy,
        "cost": cost,
        "text": measure.show(cost),
    }


@cache
def _chart(scale: str, ticks: str, logarithmic: bool) -> dict[str, Any]:
    base = alt.Chart(rows_of())
    x = alt.X(
        "cost:Q",
        title=scale,
        scale=alt.Scale(type="log", padding=10) if logarithmic else alt.Scale(zero=False, padding=10),
        axis=alt.Axis(format=ticks, tickCount=5),
    )
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False, padding=10), axis=alt.Axis(format=".0%", tickCount=5))
    line = (
        base.transform_filter(alt.datum.part == FRONT)
        .mark_line(interpolate="step-after", color=ACCENT, strokeWidth=1.5, opacity=0.7)
        .encode(x=x, y=y)
    )
    points = base.mark_point(filled=True, size=55).encode(
        x=x,
        y=y,
        color=alt.Color("part:N", scale=alt.Scale(domain=[FRONT, BEATEN], range=[ACCENT, BASELINE])),
        opacity=alt.condition(alt.datum.part == FRONT, alt.value(1), alt.value(0.5)),
        tooltip=[
            alt.Tooltip("where:N", title="cell"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("text:N", title=scale),
        ],
    )
    return chart_of(line + points)
