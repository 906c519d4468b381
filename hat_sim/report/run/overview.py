"""Across the targets of a run: each one's accuracy against target-only, and joules by device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import altair as alt

from hat_sim.quantities import counted, duration, joules, listed, percent, points, size
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import ACCENT, BASELINE
from hat_sim.report.run.record import RunRecord
from hat_sim.report.table import Column, table_of
from hat_sim.simulation.result import idle_told, total_joules

MOST_TARGETS = 60
MOST_DEVICES = 12
WITH, ALONE = "with its sources", "target-only"


def accuracy_figure(run: RunRecord) -> Figure:
    """A line for each target from its accuracy on its own labels alone to that with its sources."""
    targets = [
        {
            "domain": it["domain"],
            "accuracy": it["accuracy"],
            "alone": it["accuracy_target_only"],
            "gain": it["accuracy"] - it["accuracy_target_only"],
            "macro_f1": it["macro_f1"],
            "selected": len(it["selected"]),
            "payload": it["traffic"]["payload_bytes"],
            "simulated_s": it["simulated_s"],
            "energy": it["energy_j"],
        }
        for it in run.result["targets"]
    ]
    targets.sort(key=lambda it: (-it["gain"], it["domain"]))
    half = MOST_TARGETS // 2
    shown = targets if len(targets) <= MOST_TARGETS else [*targets[:half], *targets[-half:]]
    best, worst = targets[0], targets[-1]
    caption = (
        f"{sum(it['gain'] > 0 for it in targets):,} of {counted(len(targets), 'target')} gain and "
        f"{sum(it['gain'] < 0 for it in targets):,} lose by their sources, from {points(worst['gain'])} "
        f"({worst['domain']}) to {points(best['gain'])} ({best['domain']})."
    )
    if len(shown) < len(targets):
        caption += f" Shown are the {half} that gain most and the {half} that gain least."
    return Figure(
        key="accuracy",
        title="Accuracy on test data",
        caption=caption,
        chart=_accuracy_chart(),
        height=22 * len(shown),
        rows=[
            {"domain": it["domain"], "series": series, "accuracy": it[key], "gain": points(it["gain"])}
            for it in shown
            for key, series in (("alone", ALONE), ("accuracy", WITH))
        ],
        table=table_of(
            [
                Column("domain", "target"),
                Column("accuracy", "accuracy", percent),
                Column("alone", "target-only", percent),
                Column("gain", "gain", points),
                Column("macro_f1", "macro-F1", percent),
                Column("selected", "sources chosen", "{:,}".format),
                Column("payload", "payload", size),
                Column("simulated_s", "simulated time", duration),
                Column("energy", "energy", joules),
            ],
            targets,
            left_out="result.json of the run folder has all",
        ),
    )


def slowest(run: RunRecord) -> str:
    """Whose time is the run's, where it has several targets."""
    return "the slowest target of each round" if "rounds" in run.result else "the slowest target"


def time_figure(run: RunRecord) -> Figure:
    """Simulated time of the slowest target by phase; that of each round, added up."""
    time = run.result["time"]
    phases = [{"phase": phase, "seconds": seconds} for phase, seconds in time["by_phase"].items()]
    longest = max(phases, key=lambda row: row["seconds"])
    share = longest["seconds"] / time["simulated_s"] if time["simulated_s"] else 0.0
    whose = "" if len(run.targets) == 1 else f" for {slowest(run)}"
    return Figure(
        key="time-by-phase",
        title="Simulated time by phase",
        caption=f"{longest['phase']} takes {percent(share)} of {duration(time['simulated_s'])}{whose}.",
        chart=_bar_chart("phase", "seconds", "simulated seconds"),
        height=22 * len(phases),
        rows=phases,
        table=table_of([Column("phase", "phase"), Column("seconds", "time", duration)], phases),
    )


def energy_figure(run: RunRecord) -> Figure:
    """Joules of the devices that spent most, computing and radio together, over all targets."""
    energy = run.result["energy_j"]
    devices = [{"device": name, "joules": amount} for name, amount in energy["by_device"].items()]
    devices.sort(key=lambda row: (-row["joules"], row["device"]))
    total = total_joules(energy)
    first = devices[0]
    share = first["joules"] / total if total else 0.0
    phases = [f"{phase} {joules(amount)}" for phase, amount in energy.get("by_phase", {}).items()]
    caption = (
        f"{first['device']} spends {percent(share)} of {joules(total)}; of all, computing takes "
        f"{joules(energy['compute'])} and the radio {joules(energy['radio'])}. "
        f"By phase: {listed(phases)}. {waiting(energy)}."
    )
    rest = devices[MOST_DEVICES:]
    shown = devices
    if rest:
        beyond = energy.get("others", {"devices": 0, "joules": 0})
        left = len(rest) + beyond["devices"]
        spent = sum(row["joules"] for row in rest) + beyond["joules"]
        shown = [*devices[:MOST_DEVICES], {"device": f"{left:,} others", "joules": spent}]
        caption += f" The last bar is the sum of the {counted(left, 'device')} that spent least."
    return Figure(
        key="energy",
        title="Energy by device",
        caption=caption,
        chart=_bar_chart("device", "joules", "joules"),
        height=22 * len(shown),
        rows=shown,
        table=table_of(
            [Column("device", "device"), Column("joules", "energy", joules)],
            devices,
            left_out="energy.parquet of the run folder has all",
        ),
    )


def waiting(energy: Mapping[str, Any]) -> str:
    """What an `energy_j` of a result counts of devices that wait."""
    amount, whose = idle_told(energy)
    return f"Idle: {amount} ({whose})"


@cache
def _accuracy_chart() -> dict[str, Any]:
    base = alt.Chart(rows_of())
    y = alt.Y("domain:N", sort=None, title=None)
    lines = base.mark_line(strokeWidth=2, color=BASELINE, opacity=0.7).encode(
        x="accuracy:Q", y=y, detail="domain:N"
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X(
            "accuracy:Q",
            title="accuracy",
            scale=alt.Scale(zero=False, nice=True, padding=8),
            axis=alt.Axis(format=".0%", tickCount=6),
        ),
        y=y,
        color=alt.Color("series:N", scale=alt.Scale(domain=[WITH, ALONE], range=[ACCENT, BASELINE])),
        tooltip=[
            alt.Tooltip("domain:N", title="target"),
            alt.Tooltip("series:N"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("gain:N"),
        ],
    )
    return chart_of(lines + dots)


@cache
def _bar_chart(label: str, value: str, title: str) -> dict[str, Any]:
    encoded = (
        alt.Chart(rows_of())
        .mark_bar(color=ACCENT)
        .encode(
            x=alt.X(f"{value}:Q", title=title, axis=alt.Axis(format="~s", tickCount=5)),
            y=alt.Y(f"{label}:N", sort=None, title=None),
            tooltip=[f"{label}:N", alt.Tooltip(f"{value}:Q", format=".4~g")],
        )
    )
    return chart_of(encoded)
