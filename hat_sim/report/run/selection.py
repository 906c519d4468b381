"""How sources were picked and weighed: selection scores, mean fusion weights, and a table of all sources."""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import CHOSEN, FATES, TARGET
from hat_sim.report.page import Listing
from hat_sim.report.quantities import counted, duration, number, percent, rate, size, speed
from hat_sim.report.run.record import Source, TargetRecord
from hat_sim.report.table import Column, table_of

MOST_BARS = 40
_COLUMNS = [
    Column("name", "source"),
    Column("fate", "selection"),
    Column("score", "score", number),
    Column("fusion_weight", "fusion weight", percent),
    Column("bytes", "payload", size),
    Column("architecture", "architecture"),
    Column("device", "device"),
    Column("link", "link"),
    Column("speed_flop_s", "speed", speed),
    Column("up_bit_s", "up", rate),
    Column("down_bit_s", "down", rate),
    Column("rtt_s", "round trip", duration),
]


def score_figure(target: TargetRecord) -> Figure | None:
    """Scores of fine selection, best first; None where the method scores nothing."""
    scored = [it for it in target.sources if it.score is not None]
    if not scored:
        return None
    scored.sort(key=lambda it: (-(it.score or 0.0), it.name))
    chosen = [it for it in scored if it.selected]
    caption = (
        f"Of {counted(len(target.sources), 'source')} {len(scored):,} were scored and {len(chosen):,} "
        f"chosen. The best, {scored[0].name}, has {number(scored[0].score or 0.0)}, the last "
        f"{number(scored[-1].score or 0.0)}."
    )
    return Figure(
        key="scores",
        title="Selection scores",
        caption=caption + _cut(len(scored)),
        chart=_score_chart(),
        height=20 * min(len(scored), MOST_BARS),
        rows=[_row(it) for it in scored[:MOST_BARS]],
        table=table_of(_COLUMNS[:3], [_row(it) for it in scored]),
    )


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
        caption=caption + _cut(len(weighed)),
        chart=_weight_chart(),
        height=20 * min(len(weighed), MOST_BARS),
        rows=[_row(it) for it in weighed[:MOST_BARS]],
        table=table_of([_COLUMNS[0], _COLUMNS[3]], [_row(it) for it in weighed]),
    )


def source_listing(target: TargetRecord, most: int) -> Listing:
    """All sources in a table that sorts, the chosen first; `most` rows of them."""
    order = sorted(
        target.sources,
        key=lambda it: (not it.selected, not it.shortlisted, -(it.score or 0.0), -it.bytes, it.name),
    )
    return Listing(
        title="Sources",
        caption=f"{counted(len(order), 'source')} of {target.name}, the chosen first; a heading sorts.",
        table=table_of(_COLUMNS, [_row(it) for it in order], most, "fleet.parquet of the run folder has all"),
    )


def _row(it: Source) -> dict[str, Any]:
    return {
        "name": it.name,
        "fate": it.fate,
        "score": it.score,
        "fusion_weight": it.fusion_weight,
        "bytes": it.bytes,
        "architecture": it.architecture,
        "device": it.device,
        "link": it.link,
        "speed_flop_s": it.speed_flop_s,
        "up_bit_s": it.up_bit_s,
        "down_bit_s": it.down_bit_s,
        "rtt_s": it.rtt_s,
    }


def _cut(count: int) -> str:
    return f" Shown are the first {MOST_BARS} of {count:,}." if count > MOST_BARS else ""


@cache
def _score_chart() -> dict[str, Any]:
    fates = {fate: colour for fate, colour in FATES.items() if fate != TARGET}
    return _bars(
        alt.X("score:Q", title="score"),
        alt.Color("fate:N", scale=alt.Scale(domain=list(fates), range=list(fates.values()))),
        alt.Tooltip("score:Q", format=".4f"),
    )


@cache
def _weight_chart() -> dict[str, Any]:
    return _bars(
        alt.X("fusion_weight:Q", title="mean weight", axis=alt.Axis(format=".0%")),
        alt.ColorValue(FATES[CHOSEN]),
        alt.Tooltip("fusion_weight:Q", title="mean weight", format=".1%"),
    )


def _bars(x: alt.X, colour: alt.Color | alt.ColorValue, value: alt.Tooltip) -> dict[str, Any]:
    encoded = (
        alt.Chart(rows_of())
        .mark_bar()
        .encode(
            x=x,
            y=alt.Y("name:N", sort=None, title=None),
            color=colour,
            tooltip=[alt.Tooltip("name:N", title="source"), value, "architecture:N", "device:N", "link:N"],
        )
    )
    return chart_of(encoded)
