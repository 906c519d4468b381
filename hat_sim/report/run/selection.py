"""How sources were picked, what they were worth in hindsight, and a table of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import counted, duration, number, percent, rate, size, speed
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import FATES, TARGET
from hat_sim.report.page import Listing
from hat_sim.report.run.ranks import spearman
from hat_sim.report.run.record import Source, TargetRecord
from hat_sim.report.table import Column, table_of

MOST_BARS = 40
MOST_POINTS = 1000
COLUMNS = (
    Column("name", "source"),
    Column("fate", "selection"),
    Column("score", "score", number),
    Column("fusion_weight", "fusion weight", percent),
    Column("claimed", "claimed accuracy", percent),
    Column("on_target", "accuracy here (hindsight)", percent),
    Column("bytes", "payload", size),
    Column("architecture", "architecture"),
    Column("device", "device"),
    Column("link", "link"),
    Column("speed_flop_s", "speed", speed),
    Column("up_bit_s", "up", rate),
    Column("down_bit_s", "down", rate),
    Column("rtt_s", "round trip", duration),
)
SENSORS = Column("sensors", "sensors")


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
        caption=caption + cut_off(len(scored)),
        chart=_score_chart(),
        height=20 * min(len(scored), MOST_BARS),
        rows=[row_of(it) for it in scored[:MOST_BARS]],
        table=table_of(COLUMNS[:3], scored, row_of=row_of),
    )


def hindsight_figure(target: TargetRecord) -> Figure | None:
    """Scores against what the sources' models were worth; None where nothing was scored."""
    scored = [it for it in target.sources if it.score is not None and it.on_target is not None]
    if not scored:
        return None
    ranked = sorted(scored, key=lambda it: (-(it.score or 0.0), it.name))
    shown = _thinned(ranked)
    caption = _hindsight_caption(target, scored)
    if len(shown) < len(ranked):
        caption += f" Shown are {len(shown):,} of them, evenly over the ranks, and the chosen."
    return Figure(
        key="hindsight",
        title="Scores against true accuracy (hindsight)",
        caption=caption,
        chart=_hindsight_chart(),
        height=260,
        rows=[row_of(it) for it in shown],
        table=table_of([COLUMNS[k] for k in (0, 1, 2, 4, 5)], ranked, row_of=row_of),
    )


def _thinned(ranked: Sequence[Source]) -> list[Source]:
    """All of them or, of many, about `MOST_POINTS` at even distances, and the chosen."""
    step = -(-len(ranked) // MOST_POINTS)
    return [it for place, it in enumerate(ranked) if place % step == 0 or it.selected]


def _hindsight_caption(target: TargetRecord, scored: Sequence[Source]) -> str:
    text = "What nobody in the world knows: each model's accuracy on the target's test, as it comes."
    rank = spearman([it.score or 0.0 for it in scored], [it.on_target or 0.0 for it in scored])
    if rank is not None:
        sources = counted(len(scored), "scored source")
        text += f" Over {sources} it follows the scores with a rank correlation of {rank:.2f}."
    known = [it for it in target.sources if it.on_target is not None]
    best = max(known, key=lambda it: (it.on_target or 0.0, it.name))
    text += f" The best of all is {best.name} with {percent(best.on_target or 0.0)}, which was {best.fate}."
    return text


def source_listing(target: TargetRecord, most: int) -> Listing:
    """All sources in a table that sorts, the chosen first; `most` rows of them."""
    order = sorted(
        target.sources,
        key=lambda it: (not it.selected, not it.shortlisted, -(it.score or 0.0), -it.bytes, it.name),
    )
    return Listing(
        title="Sources",
        caption=f"{counted(len(order), 'source')} of {target.name}, the chosen first; a heading sorts.",
        table=table_of(
            (*COLUMNS, SENSORS) if target.is_mixed else COLUMNS,
            order,
            most,
            "fleet.parquet of the run folder has all",
            row_of,
        ),
    )


def row_of(it: Source) -> dict[str, Any]:
    return {
        "name": it.name,
        "fate": it.fate,
        "score": it.score,
        "fusion_weight": it.fusion_weight,
        "claimed": it.claimed,
        "on_target": it.on_target,
        "bytes": it.bytes,
        "architecture": it.architecture,
        "device": it.device,
        "link": it.link,
        "speed_flop_s": it.speed_flop_s,
        "up_bit_s": it.up_bit_s,
        "down_bit_s": it.down_bit_s,
        "rtt_s": it.rtt_s,
    } | ({} if it.sensors is None else {"sensors": it.sensors})


def cut_off(count: int) -> str:
    return f" Shown are the first {MOST_BARS} of {count:,}." if count > MOST_BARS else ""


@cache
def _score_chart() -> dict[str, Any]:
    fates = {fate: colour for fate, colour in FATES.items() if fate != TARGET}
    return bars(
        alt.X("score:Q", title="score"),
        alt.Color("fate:N", scale=alt.Scale(domain=list(fates), range=list(fates.values()))),
        alt.Tooltip("score:Q", format=".4f"),
    )


@cache
def _hindsight_chart() -> dict[str, Any]:
    fates = {fate: colour for fate, colour in FATES.items() if fate != TARGET}
    points = (
        alt.Chart(rows_of())
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=alt.X("score:Q", title="selection score", scale=alt.Scale(zero=False, padding=10)),
            y=alt.Y(
                "on_target:Q",
                title="accuracy on the target",
                scale=alt.Scale(zero=False, padding=10),
                axis=alt.Axis(format=".0%", tickCount=5),
            ),
            color=alt.Color("fate:N", scale=alt.Scale(domain=list(fates), range=list(fates.values()))),
            tooltip=[
                alt.Tooltip("name:N", title="source"),
                alt.Tooltip("score:Q", format=".4f"),
                alt.Tooltip("on_target:Q", title="accuracy on the target", format=".1%"),
                alt.Tooltip("claimed:Q", title="claimed accuracy", format=".1%"),
                alt.Tooltip("fate:N", title="selection"),
            ],
        )
    )
    return chart_of(points)


def bars(x: alt.X, colour: alt.Color | alt.ColorValue, value: alt.Tooltip) -> dict[str, Any]:
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
