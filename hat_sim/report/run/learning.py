"""How the target learned: accuracies, injection weight and dictionary by epoch, and losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import counted, number, percent
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import ACCENT, SERIES
from hat_sim.report.run.record import TargetRecord
from hat_sim.report.table import Column, Table, table_of

HEIGHT = 260
STORED = "dictionary stored"
_SHARES = {
    "mixer_accuracy": ("mixer", ACCENT),
    "labelled_accuracy": ("student on its labels", SERIES[1]),
    "alpha": ("alpha", SERIES[2]),
}
_LOSSES = {"student_loss": ("student", SERIES[1]), "mixer_loss": ("mixer", ACCENT)}
_COLOURS = {**dict(_SHARES.values()), STORED: SERIES[3], **dict(_LOSSES.values())}


def learning_figures(target: TargetRecord) -> list[Figure]:
    """Two figures: shares and dictionary events, and losses; none where no curve was recorded."""
    if not target.curve:
        return []
    table = _table(target.curve)
    shares = [*_points(target.curve, _SHARES), *_events(target.curve)]
    losses = list(_points(target.curve, _LOSSES))
    return [
        Figure(
            "learning",
            "Learning",
            _learning_caption(target),
            _share_chart(_labels(shares)),
            HEIGHT,
            shares,
            table,
        ),
        Figure(
            "losses",
            "Losses",
            _loss_caption(target.curve),
            _loss_chart(_labels(losses)),
            HEIGHT,
            losses,
            table,
        ),
    ]


def _points(
    curve: Sequence[Mapping[str, Any]], series: Mapping[str, tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    for row in curve:
        for key, (label, _) in series.items():
            if row[key] is not None:
                yield {"epoch": row["epoch"], "series": label, "value": row[key]}


def _events(curve: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in curve:
        if row["stored"]:
            yield {"epoch": row["epoch"], "series": STORED, "value": 1.06}


@cache
def _share_chart(labels: tuple[str, ...]) -> dict[str, Any]:
    base = alt.Chart(rows_of())
    lines = (
        base.transform_filter(alt.datum.series != STORED)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18))
        .encode(
            x=_epochs(),
            y=alt.Y(
                "value:Q",
                title="share",
                scale=alt.Scale(domain=[0, 1.1], nice=False),
                axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".0%"),
            ),
            color=_colour(labels),
            tooltip=_hover(".3f"),
        )
    )
    if STORED not in labels:
        return chart_of(lines)
    events = (
        base.transform_filter(alt.datum.series == STORED)
        .mark_point(shape="triangle-down", filled=True, size=70, opacity=1)
        .encode(x=_epochs(), y="value:Q", color="series:N", tooltip=["series:N", "epoch:Q"])
    )
    return chart_of(lines + events)


@cache
def _loss_chart(labels: tuple[str, ...]) -> dict[str, Any]:
    lines = (
        alt.Chart(rows_of())
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18))
        .encode(
            x=_epochs(),
            y=alt.Y("value:Q", title="loss"),
            color=_colour(labels),
            tooltip=_hover(".4f"),
        )
    )
    return chart_of(lines)


def _epochs() -> alt.X:
    return alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False))


def _labels(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The series that occur, in a fixed order."""
    found = {row["series"] for row in rows}
    return tuple(label for label in _COLOURS if label in found)


def _colour(labels: tuple[str, ...]) -> alt.Color:
    return alt.Color(
        "series:N",
        scale=alt.Scale(domain=labels, range=[_COLOURS[label] for label in labels]),
        legend=alt.Legend(columns=2),
    )


def _hover(precision: str) -> list[alt.Tooltip]:
    return [alt.Tooltip("series:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=precision)]


def _learning_caption(target: TargetRecord) -> str:
    last = target.curve[-1]
    stored = [row["epoch"] for row in target.curve if row["stored"]]
    parts = [f"After {counted(len(target.curve), 'epoch')} the student fits "]
    parts[0] += f"{percent(last['labelled_accuracy'])} of its labelled samples"
    parts[0] += f" and reaches {percent(target.result['accuracy'])} on test data."
    if last["mixer_accuracy"] is not None:
        parts.append(
            f"The mixer ends at {percent(last['mixer_accuracy'])} with alpha {number(last['alpha'])}."
            if last["alpha"] is not None
            else f"The mixer ends at {percent(last['mixer_accuracy'])}."
        )
        parts.append(
            f"The dictionary took fused predictions in {counted(len(stored), 'epoch')}"
            + (f", last in epoch {stored[-1]}." if stored else ".")
        )
    else:
        parts.append("This method trains no mixer.")
    return " ".join(parts)


def _loss_caption(curve: Sequence[Mapping[str, Any]]) -> str:
    def change(key: str) -> str:
        return f"{number(curve[0][key])} to {number(curve[-1][key])}"

    text = f"The student's loss goes from {change('student_loss')}"
    if curve[0]["mixer_loss"] is not None and curve[-1]["mixer_loss"] is not None:
        text += f", the mixer's from {change('mixer_loss')}"
    return f"{text}. With injection the student's loss has one more term, so it may rise when alpha does."


def _table(curve: Sequence[Mapping[str, Any]]) -> Table:
    return table_of(
        [
            Column("epoch", "epoch"),
            Column("student_loss", "student loss", number),
            Column("labelled_accuracy", "accuracy on labels", percent),
            Column("mixer_loss", "mixer loss", number),
            Column("mixer_accuracy", "mixer accuracy", percent),
            Column("alpha", "alpha", number),
            Column("stored", "stored"),
        ],
        curve,
    )
