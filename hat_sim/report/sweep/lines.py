"""How an axis moves accuracy, traffic, time and energy: means with 95 % bands, the other axes averaged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import duration, joules, percent, size
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import BASELINE, SERIES
from hat_sim.report.sweep.bands import TARGETS, Band, bands
from hat_sim.report.sweep.coarse import places_of, remark_on
from hat_sim.report.sweep.record import Axis, Result, SweepRecord
from hat_sim.report.table import Column, table_of

MOST_SERIES = 6
_LARGE = 10_000
ALONE, ALL = "target-only", "all cells"


@dataclass(frozen=True)
class Measure:
    """A measure of a sweep, and how it is written; `ticks` is its format on an axis."""

    key: str
    title: str
    scale: str
    ticks: str
    show: Callable[[float], str]


MEASURES = (
    Measure("accuracy", "Accuracy", "accuracy", ".0%", percent),
    Measure("payload", "Traffic", "payload bytes of a target", "~s", size),
    Measure("seconds", "Time", "simulated seconds", "~s", duration),
    Measure("joules", "Energy", "joules", "~s", joules),
)


def line_figures(sweep: SweepRecord, axis: Axis) -> list[Figure]:
    """A figure for each measure along `axis`, with a line for each value of another axis of few values."""
    place = sweep.axes.index(axis)
    other = _series_axis(sweep.axes, axis)
    beside = None if other is None else sweep.axes.index(other)
    groups: defaultdict[tuple[Any, str], list[Result]] = defaultdict(list)
    places = places_of(axis)
    for result in sweep.results:
        x = places[result.at[place]]
        series = ALL if other is None or beside is None else _series(other, result.at[beside])
        groups[x, series].append(result)
        if series != ALL:
            groups[x, ALL].append(result)
    found = {key: bands(results) for key, results in groups.items()}
    return [
        _figure(axis, list(dict.fromkeys(places.values())), other, measure, found) for measure in MEASURES
    ]


def _series_axis(axes: Sequence[Axis], axis: Axis) -> Axis | None:
    """The other axis with the fewest values, where they are few enough to tell their lines apart."""
    fitting = [it for it in axes if it != axis and 2 <= len(it.values) <= MOST_SERIES]
    return min(fitting, key=lambda it: len(it.values), default=None)


def _series(axis: Axis, value: Any) -> str:
    return f"{axis.name} = {axis.label(value)}"


def _figure(
    axis: Axis,
    places: Sequence[Any],
    other: Axis | None,
    measure: Measure,
    found: dict[tuple[Any, str], dict[str, Band]],
) -> Figure:
    along = {value: found[value, ALL][measure.key] for value in places}
    names = [ALL] if other is None else [_series(other, value) for value in other.values]
    rows = [
        _row(axis, value, name, found[value, name][measure.key], measure)
        for name in names
        for value in places
        if (value, name) in found
    ]
    if measure.key == "accuracy":
        rows += [_row(axis, value, ALONE, found[value, ALL]["alone"], measure) for value in places]
    return Figure(
        key=f"{measure.key}-by-{axis.path}",
        title=f"{measure.title} by {axis.name}",
        caption=_caption(axis, other, measure, along) + remark_on(axis),
        chart=_chart(axis.numeric, _ticks(axis), axis.path, measure.scale, measure.ticks, tuple(names)),
        height=260,
        rows=rows,
        table=table_of(
            [
                Column("series", "line"),
                Column("at", axis.path),
                Column("mean", "mean", measure.show),
                Column("low", "2.5 %", measure.show),
                Column("high", "97.5 %", measure.show),
                Column("over", "interval over"),
            ],
            rows,
            left_out="results.parquet of the sweep has all",
        ),
    )


def _ticks(axis: Axis) -> str:
    """How ticks along an axis are written: large numbers, such as bit/s, with a prefix."""
    return "~s" if axis.numeric and max(map(abs, axis.values), default=0) >= _LARGE else "~g"


def _row(axis: Axis, value: Any, series: str, band: Band, measure: Measure) -> dict[str, Any]:
    return {
        "x": value if axis.numeric else axis.label(value),
        "at": axis.label(value),
        "series": series,
        "mean": band.mean,
        "low": band.low,
        "high": band.high,
        "over": f"{band.count:,} {band.over}",
        "text": f"{measure.show(band.mean)} ({measure.show(band.low)} to {measure.show(band.high)})",
    }


def _caption(axis: Axis, other: Axis | None, measure: Measure, along: dict[Any, Band]) -> str:
    least, most = min(along, key=lambda it: along[it].mean), max(along, key=lambda it: along[it].mean)
    low, high = measure.show(along[least].mean), measure.show(along[most].mean)
    if low == high:
        text = f"{measure.title} stays at {low} along {axis.name}, the mean over all other axes."
    else:
        text = (
            f"{measure.title} is lowest at {axis.name} = {axis.label(least)}, {low}, and highest at "
            f"{axis.name} = {axis.label(most)}, {high}, as means over all other axes."
        )
    if other is not None:
        text += f" Colours tell values of {other.name} apart."
    least_sure = min(along.values(), key=lambda band: band.count)
    if least_sure.count == 1:
        return f"{text} With one target at one seed there are no intervals."
    averaged = ", seeds averaged first" if least_sure.over == TARGETS else " of one target"
    return f"{text} Bands are 95 % bootstrap intervals over {least_sure.count:,} {least_sure.over}{averaged}."


@cache
def _chart(
    numeric: bool, along: str, path: str, scale: str, ticks: str, names: tuple[str, ...]
) -> dict[str, Any]:
    base = alt.Chart(rows_of())
    shares = ticks.endswith("%")
    x = (
        alt.X(
            "x:Q",
            title=path,
            scale=alt.Scale(zero=False, padding=10),
            axis=alt.Axis(format=along, grid=False, tickCount=5),
        )
        if numeric
        else alt.X("x:N", title=path, sort=None, axis=alt.Axis(labelAngle=-25))
    )
    y = alt.Y(
        "mean:Q",
        title=scale,
        scale=alt.Scale(zero=not shares),
        axis=alt.Axis(format=ticks, tickCount=5),
    )
    series = [*names, ALONE] if scale == "accuracy" else list(names)
    colours = [*(SERIES[k % len(SERIES)] for k in range(len(names))), BASELINE][: len(series)]
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=series, range=colours),
        legend=alt.Legend(columns=2) if len(series) > 1 else None,
    )
    hover = [
        alt.Tooltip("series:N", title="line"),
        alt.Tooltip("at:N", title=path),
        alt.Tooltip("text:N", title=scale),
        alt.Tooltip("over:N", title="interval over"),
    ]
    low, high = alt.Y("low:Q"), alt.Y2("high:Q")
    points = base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, color=colour, tooltip=hover)
    if not numeric:
        whiskers = base.mark_rule(strokeWidth=2, opacity=0.6).encode(x=x, y=low, y2=high, color=colour)
        beside = alt.XOffset("series:N", sort=series, scale=alt.Scale(paddingOuter=0.4))
        return chart_of(whiskers.encode(xOffset=beside) + points.encode(xOffset=beside))
    area = base.mark_area(opacity=0.18).encode(x=x, y=low, y2=high, color=colour)
    lines = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    return chart_of(area + lines + points)
