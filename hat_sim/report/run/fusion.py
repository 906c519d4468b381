"""How the predictions of the chosen sources were fused: mean weights, over all samples and for each class."""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import percent
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import CHOSEN, FATES
from hat_sim.report.run.record import TargetRecord
from hat_sim.report.run.selection import COLUMNS, MOST_BARS, bars, cut_off, row_of
from hat_sim.report.table import Column, table_of

_BRIGHT = 0.55
"""From this weight on its tile is bright, and needs dark letters."""


def weight_figure(target: TargetRecord) -> Figure | None:
    """Mean weight of each chosen source in the fused prediction; None where nothing was fused."""
    weighed = [it for it in target.sources if it.fusion_weight is not None]
    if not weighed:
        return None
    weighed.sort(key=lambda it: (-(it.fusion_weight or 0.0), it.name))
    best = weighed[0]
    caption = (
        f"{best.name} speaks loudest: {percent(best.fusion_weight or 0.0)} of the fused prediction, mean "
        f"over the target's samples; equal weights would be {percent(1 / len(weighed))}."
    )
    return Figure(
        key="weights",
        title="Fusion weights",
        caption=caption + cut_off(len(weighed)),
        chart=_weight_chart(),
        height=20 * min(len(weighed), MOST_BARS),
        rows=[row_of(it) for it in weighed[:MOST_BARS]],
        table=table_of([COLUMNS[0], COLUMNS[3]], [row_of(it) for it in weighed]),
    )


def class_weight_figure(target: TargetRecord) -> Figure | None:
    """Mean weight of each source on the samples that the fusion takes for each class; None without any."""
    if not target.fusion:
        return None
    sources = list(dict.fromkeys(row["source"] for row in target.fusion))[:MOST_BARS]
    rows = [
        {
            "source": it["source"],
            "class": it["class"],
            "weight": it["weight"],
            "bright": it["weight"] > _BRIGHT,
        }
        for it in target.fusion
        if it["source"] in sources
    ]
    strongest = max(rows, key=lambda row: row["weight"])
    return Figure(
        key="class-weights",
        title="Fusion weights by class",
        caption=f"{strongest['source']} has most to say on {strongest['class']}: "
        f"{percent(strongest['weight'])}, mean over the samples that the fusion takes for it.",
        chart=_class_weight_chart(),
        height=max(60, 24 * len(sources)),
        rows=rows,
        table=table_of(
            [Column("source", "source"), Column("class", "class"), Column("weight", "mean weight", percent)],
            rows,
            left_out="fusion.parquet of the run folder has all",
        ),
    )


@cache
def _weight_chart() -> dict[str, Any]:
    return bars(
        alt.X("fusion_weight:Q", title="mean weight", axis=alt.Axis(format=".0%")),
        alt.ColorValue(FATES[CHOSEN]),
        alt.Tooltip("fusion_weight:Q", title="mean weight", format=".1%"),
    )


@cache
def _class_weight_chart() -> dict[str, Any]:
    base = alt.Chart(rows_of()).encode(
        x=alt.X("class:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("source:N", sort=None, title=None),
    )
    tiles = base.mark_rect(cornerRadius=0).encode(
        color=alt.Color(
            "weight:Q",
            scale=alt.Scale(scheme="viridis", domain=[0, 1]),
            legend=alt.Legend(format=".0%", gradientLength=160, gradientThickness=10),
        ),
        tooltip=["source:N", "class:N", alt.Tooltip("weight:Q", title="mean weight", format=".1%")],
    )
    labels = base.mark_text().encode(
        text=alt.Text("weight:Q", format=".0%"),
        color=alt.condition(alt.datum.bright, alt.value("#1d2329"), alt.value("#ffffff")),
    )
    return chart_of(tiles + labels)
