"""System expansion: accuracy, traffic and time of each round, and what it took from earlier targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import counted, duration, joules, percent, points, size
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import ACCENT, BASELINE
from hat_sim.report.run.overview import ALONE, WITH
from hat_sim.report.run.record import RunRecord
from hat_sim.report.table import Column, table_of

ROUND_HEIGHT = 180


def rounds_figure(run: RunRecord) -> Figure | None:
    """Mean accuracy of each round's targets, and its costs in the table; None where there are no rounds."""
    rounds = [_row(run, it) for it in run.result.get("rounds", ())]
    if not rounds:
        return None
    first, last = rounds[0], rounds[-1]
    served = sum(it["from_expanded"] for it in rounds)
    chosen = sum(it["chosen"] for it in rounds)
    expanded = (
        f"{served:,} of {counted(chosen, 'chosen source')} joined in an earlier round."
        if any(it["expanded"] for it in rounds)
        else "No target serves in later rounds."
    )
    return Figure(
        key="rounds",
        title="Accuracy by round",
        caption=f"The gain by sources is {points(first['gain'])} in round {first['round']} and "
        f"{points(last['gain'])} in round {last['round']}, whose targets are others. {expanded}",
        chart=_rounds_chart(),
        height=ROUND_HEIGHT,
        rows=[
            {"round": it["round"], "series": series, "accuracy": it[key], "gain": points(it["gain"])}
            for it in rounds
            for key, series in (("alone", ALONE), ("accuracy", WITH))
        ],
        table=table_of(
            [
                Column("round", "round"),
                Column("targets", "targets"),
                Column("accuracy", "accuracy", percent),
                Column("alone", "target-only", percent),
                Column("gain", "gain", points),
                Column("payload", "payload", size),
                Column("simulated_s", "simulated time", duration),
                Column("energy", "energy", joules),
                Column("expanded", "expanded sources", "{:,}".format),
                Column("from_expanded", "times chosen", "{:,}".format),
                Column("payload_expanded", "payload with them", size),
            ],
            rounds,
        ),
    )


def _row(run: RunRecord, it: Mapping[str, Any]) -> dict[str, Any]:
    own: Sequence[Mapping[str, Any]] = [one.result for one in run.targets if one.name in it["targets"]]
    return {
        "round": it["round"],
        "targets": ", ".join(one["domain"] for one in own),
        "accuracy": it["accuracy"],
        "alone": it["accuracy_target_only"],
        "gain": it["accuracy"] - it["accuracy_target_only"],
        "payload": it["traffic"]["payload_bytes"],
        "simulated_s": it["simulated_s"],
        "energy": it["energy_j"],
        "chosen": sum(len(one["selected"]) for one in own),
        "expanded": it["expanded"]["sources"],
        "from_expanded": it["expanded"]["selected"],
        "payload_expanded": it["expanded"]["payload_bytes"],
    }


@cache
def _rounds_chart() -> dict[str, Any]:
    encoded = (
        alt.Chart(rows_of())
        .mark_line(point=alt.OverlayMarkDef(filled=True, size=80))
        .encode(
            x=alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0)),
            y=alt.Y(
                "accuracy:Q",
                title="mean accuracy",
                scale=alt.Scale(zero=False, nice=True, padding=8),
                axis=alt.Axis(format=".0%", tickCount=6),
            ),
            color=alt.Color("series:N", scale=alt.Scale(domain=[WITH, ALONE], range=[ACCENT, BASELINE])),
            tooltip=[
                alt.Tooltip("round:O"),
                alt.Tooltip("series:N"),
                alt.Tooltip("accuracy:Q", format=".1%"),
                alt.Tooltip("gain:N"),
            ],
        )
    )
    return chart_of(encoded)
