"""Two axes at once: mean accuracy in each of their crossings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import percent
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.sweep.coarse import places_of, remark_on
from hat_sim.report.sweep.record import Axis, Cell, place_of
from hat_sim.report.table import Column, table_of

MOST_LABELLED = 144


def heat_figure(axes: Sequence[Axis], pair: tuple[Axis, Axis], cells: Sequence[Cell]) -> Figure:
    """Accuracy by two axes, the mean over all others."""
    first, second = pair
    along, across = axes.index(first), axes.index(second)
    columns, lines = places_of(first), places_of(second)
    groups: defaultdict[tuple[Any, Any], list[float]] = defaultdict(list)
    for cell in cells:
        groups[columns[cell.at[along]], lines[cell.at[across]]].append(cell.accuracy)
    means = {at: sum(them) / len(them) for at, them in groups.items()}
    low, high = min(means.values()), max(means.values())
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    labelled = len(means) <= MOST_LABELLED
    rows = [
        {
            "x": first.label(x),
            "y": second.label(y),
            "accuracy": (mean := means[x, y]),
            "label": f"{100 * mean:.0f}" if labelled else "",
            "bright": high > low and (mean - low) / (high - low) > 0.55,
        }
        for y in dict.fromkeys(lines.values())
        for x in dict.fromkeys(columns.values())
        if (x, y) in means
    ]
    rest = " Means over all other axes." if len(axes) > 2 else ""
    return Figure(
        key=f"heat-{first.path}-{second.path}",
        title=f"Accuracy by {first.name} and {second.name}",
        caption=f"Mean accuracy in percent, from {percent(low)} at {place_of(pair, worst)} to "
        f"{percent(high)} at {place_of(pair, best)}.{rest}{remark_on(first)}{remark_on(second)}",
        chart=_chart(first.path, second.path),
        height=max(60, 20 * len(set(lines.values()))),
        rows=rows,
        table=table_of(
            [Column("x", first.path), Column("y", second.path), Column("accuracy", "accuracy", percent)],
            rows,
            left_out="results.parquet of the sweep has all",
        ),
    )


@cache
def _chart(across: str, down: str) -> dict[str, Any]:
    base = alt.Chart(rows_of()).encode(
        x=alt.X("x:N", sort=None, title=across, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("y:N", sort=None, title=down, axis=alt.Axis(labelOverlap=True)),
    )
    tiles = base.mark_rect(cornerRadius=0).encode(
        color=alt.Color(
            "accuracy:Q",
            scale=alt.Scale(scheme="viridis"),
            legend=alt.Legend(format=".0%", gradientLength=160, gradientThickness=10),
        ),
        tooltip=[
            alt.Tooltip("x:N", title=across),
            alt.Tooltip("y:N", title=down),
            alt.Tooltip("accuracy:Q", format=".1%"),
        ],
    )
    labels = base.mark_text().encode(
        text="label:N", color=alt.condition(alt.datum.bright, alt.value("#1d2329"), alt.value("#ffffff"))
    )
    return chart_of(tiles + labels)
