"""The figures of a comparison: accuracies with intervals, paired differences, and who wins where."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import listed, percent, points
from hat_sim.report.compare.paired import Difference, Place
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import ACCENT, BASELINE, SERIES
from hat_sim.report.table import Column, table_of

MOST_TARGETS = 60
"""Of more targets a map of who wins where is too fine to read."""
CLEAR = 0.05
"""A corrected p below this is told as a difference that is more than chance."""
BETTER, WORSE, OPEN, REFERENCE = "better", "worse", "may be chance", "reference"
_PARTS = (("mean", "mean"), ("low", "2.5 %"), ("high", "97.5 %"))
_COLOURS = {BETTER: SERIES[2], WORSE: SERIES[5], OPEN: BASELINE, REFERENCE: ACCENT}


def accuracy_figure(place: Place, reference: str) -> Figure:
    """The mean accuracy of each method with its interval."""
    rows = []
    for it in place.standings:
        band = it.bands["accuracy"]
        rows.append(
            {
                "method": it.method,
                "mean": band.mean,
                "low": band.low,
                "high": band.high,
                "verdict": REFERENCE if it.method == reference else verdict(it.difference),
                "over": f"{band.count:,} {band.over}",
            }
        )
    best, worst = place.standings[0], place.standings[-1]
    return Figure(
        key=_key("accuracy", place),
        title=_titled("Accuracy", place),
        caption=f"Mean accuracy with 95 % bootstrap intervals over {rows[0]['over']}, from "
        f"{percent(worst.bands['accuracy'].mean)} ({worst.method}) to {percent(best.bands['accuracy'].mean)} "
        f"({best.method}). Colours say what the paired differences from {reference} show: intervals of two "
        "methods may overlap and one still be better at nearly every target.",
        chart=_chart("accuracy", "", zero=False),
        height=24 * len(rows) + 10,
        rows=rows,
        table=table_of(
            [
                Column("method", "method"),
                Column("mean", "accuracy", percent),
                Column("low", "2.5 %", percent),
                Column("high", "97.5 %", percent),
                Column("over", "interval over"),
            ],
            rows,
        ),
    )


def difference_figure(place: Place, reference: str) -> Figure:
    """The paired difference of each method from the reference with its interval."""
    rows = [
        {
            "method": it.method,
            "mean": it.difference.mean,
            "low": it.difference.low,
            "high": it.difference.high,
            "verdict": verdict(it.difference),
            "over": f"better at {it.difference.wins}, worse at {it.difference.losses}",
        }
        for it in place.standings
        if it.difference is not None
    ]
    clear = [it.method for it in place.standings if verdict(it.difference) != OPEN]
    return Figure(
        key=_key("difference", place),
        title=_titled(f"Difference from {reference}", place),
        caption=f"Mean over targets of a method's accuracy less that of {reference}, seeds averaged first, "
        "with 95 % bootstrap intervals. Right of 0 a method is better. More than chance (sign-flip test, p "
        f"after Holm's correction below {CLEAR}): {listed(clear, most=20)}.",
        chart=_chart("difference in accuracy", "+", zero=True),
        height=24 * len(rows) + 10,
        rows=rows,
        table=table_of(
            [
                Column("method", "method"),
                Column("mean", f"difference from {reference}", points),
                Column("low", "2.5 %", points),
                Column("high", "97.5 %", points),
                Column("over", "targets"),
            ],
            rows,
        ),
    )


def target_figure(place: Place, reference: str) -> Figure | None:
    """At which targets each method is better than the reference; None of too many targets."""
    found = {it.method: it.difference.each for it in place.standings if it.difference is not None}
    targets = {target for each in found.values() for target in each}
    if not 2 <= len(targets) <= MOST_TARGETS:
        return None
    most = max(abs(value) for each in found.values() for value in each.values()) or 1.0
    rows = [
        {
            "method": method,
            "target": target,
            "difference": value,
            "share": value / most,
            "text": points(value),
        }
        for method, each in found.items()
        for target, value in each.items()
    ]
    return Figure(
        key=_key("targets", place),
        title=_titled(f"Difference from {reference} by target", place),
        caption=f"Each method's accuracy less that of {reference} at each target, seeds averaged; the "
        f"strongest colour is {points(most)[1:]}.",
        chart=_map(),
        height=22 * len(found),
        rows=rows,
        table=table_of(
            [
                Column("method", "method"),
                Column("target", "target"),
                Column("difference", f"difference from {reference}", points),
            ],
            rows,
        ),
    )


def verdict(difference: Difference | None) -> str:
    """What a difference shows."""
    if difference is None or difference.p_holm >= CLEAR:
        return OPEN
    return BETTER if difference.mean > 0 else WORSE


def _key(what: str, place: Place) -> str:
    """A name for a figure and its image."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{what} {place.name}".strip())


def _titled(what: str, place: Place) -> str:
    return f"{what}, {place.name}" if place.name else what


@cache
def _chart(scale: str, sign: str, zero: bool) -> dict[str, Any]:
    base = alt.Chart(rows_of())
    y = alt.Y("method:N", sort=None, title=None, axis=alt.Axis(labelLimit=180))
    x_scale = alt.Scale(zero=zero, padding=10)
    axis = alt.Axis(format=f"{sign}.0%", tickCount=5)
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())),
        legend=alt.Legend(),
    )
    hover = [
        alt.Tooltip("method:N"),
        *(alt.Tooltip(f"{key}:Q", title=title, format=f"{sign}.1%") for key, title in _PARTS),
        alt.Tooltip("verdict:N"),
        alt.Tooltip("over:N", title="over"),
    ]
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=scale, scale=x_scale, axis=axis), x2="high:Q", y=y, color=colour
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("mean:Q", scale=x_scale, axis=axis), y=y, color=colour, tooltip=hover
    )
    return chart_of(bars + dots)


@cache
def _map() -> dict[str, Any]:
    return chart_of(
        alt.Chart(rows_of())
        .mark_rect(cornerRadius=0)
        .encode(
            x=alt.X("target:N", sort=None, title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
            y=alt.Y("method:N", sort=None, title=None, axis=alt.Axis(labelLimit=180)),
            color=alt.Color("share:Q", scale=alt.Scale(scheme="redyellowgreen", domain=[-1, 1]), legend=None),
            tooltip=[
                alt.Tooltip("method:N"),
                alt.Tooltip("target:N"),
                alt.Tooltip("text:N", title="difference"),
            ],
        )
    )
