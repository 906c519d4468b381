"""The fleet as a picture: the target in the middle, and its sources nearer the further selection took them.

Many sources do not fit: the ones that moved most bytes stand alone, the rest in groups of the same device,
link and fate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import cos, pi, sin, sqrt
from typing import Any

import altair as alt

from hat_sim.quantities import counted, listed, size
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import (
    ASKED,
    CHOSEN,
    FAILED,
    FATES,
    INELIGIBLE,
    MIXED_FATES,
    SHORTLISTED,
    TARGET,
)
from hat_sim.report.run.record import Source, TargetRecord
from hat_sim.report.table import Column, table_of

MOST_ALONE = 36
_RADIUS = {CHOSEN: 0.45, SHORTLISTED: 0.72, FAILED: 0.86, INELIGIBLE: 0.93, ASKED: 1.0}
_WIDEST = 14.0


def fleet_figure(target: TargetRecord) -> Figure:
    """Devices, links, who was shortlisted and chosen; a link is wider the more bytes crossed it."""
    groups = _groups(target.sources)
    rows = list(_placed(groups, target))
    return Figure(
        key="fleet",
        title="The fleet",
        caption=_caption(target, groups),
        chart=_chart(target.is_mixed),
        height=400,
        rows=rows,
        table=table_of(
            [
                Column("label", "source"),
                Column("sources", "sources", "{:,}".format),
                Column("device", "device"),
                Column("link", "link"),
                Column("fate", "selection"),
                Column("bytes", "payload", size),
            ],
            groups,
        ),
    )


def _groups(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """A row for each source that stands alone and for each group of the rest, in the order of drawing."""
    order = sorted(sources, key=lambda it: (not it.selected, -it.bytes, it.name))
    alone, rest = order[:MOST_ALONE], order[MOST_ALONE:]
    if len(rest) == 1:
        alone, rest = order, []
    groups = [_row(it.name, [it]) for it in alone]
    alike: defaultdict[tuple[str, str, str], list[Source]] = defaultdict(list)
    for it in rest:
        alike[it.device, it.link, it.fate].append(it)
    for _, them in sorted(alike.items()):
        groups.append(_row(them[0].name if len(them) == 1 else f"{len(them):,} others", them))
    groups.sort(key=lambda row: (row["link"], row["device"], -row["bytes"], row["label"]))
    return [row for fate in _RADIUS for row in _spread([it for it in groups if it["fate"] == fate])]


def _spread(ring: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups at even distances among those that stand alone, so that their names do not overlap."""
    groups = [row for row in ring if row["sources"] > 1]
    spread = [row for row in ring if row["sources"] == 1]
    for place, group in enumerate(groups):
        spread.insert(place * len(ring) // len(groups), group)
    return spread


def _row(label: str, them: Sequence[Source]) -> dict[str, Any]:
    first = them[0]
    return {
        "label": label,
        "sources": len(them),
        "device": first.device,
        "link": first.link,
        "fate": first.fate,
        "bytes": sum(it.bytes for it in them),
    }


def _placed(groups: Sequence[Mapping[str, Any]], target: TargetRecord) -> Iterator[dict[str, Any]]:
    """Positions on rings around the target, and widths of links; the most bytes get the widest line."""
    most = max((row["bytes"] for row in groups), default=0) or 1
    rings = Counter(row["fate"] for row in groups)
    placed: Counter[str] = Counter()
    for row in groups:
        angle = 2 * pi * (placed[row["fate"]] + 0.5) / rings[row["fate"]]
        placed[row["fate"]] += 1
        radius = _RADIUS[row["fate"]]
        yield {
            **row,
            "moved": size(row["bytes"]),
            "x": radius * sin(angle),
            "y": radius * cos(angle),
            "width": max(0.6, _WIDEST * sqrt(row["bytes"] / most)) if row["bytes"] else 0.0,
            "area": 90 + 60 * sqrt(row["sources"] - 1),
            "shown": row["label"] if row["fate"] == CHOSEN or row["sources"] > 1 else "",
            "label_x": (radius + 0.13) * sin(angle),
            "label_y": (radius + 0.13) * cos(angle),
        }
    yield {
        "label": target.name,
        "sources": 1,
        "device": target.own["device"],
        "link": target.own["link"],
        "fate": TARGET,
        "bytes": sum(row["bytes"] for row in groups),
        "moved": size(sum(row["bytes"] for row in groups)),
        "x": 0.0,
        "y": 0.0,
        "width": 0.0,
        "area": 260,
        "shown": "",
        "label_x": 0.0,
        "label_y": 0.0,
    }


@cache
def _chart(is_mixed: bool) -> dict[str, Any]:
    fates = MIXED_FATES if is_mixed else FATES
    across = alt.Scale(domain=[-1.25, 1.25])
    x = alt.X("x:Q", axis=None, scale=across)
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-1.1, 1.1]))
    colour = alt.Color(
        "fate:N",
        scale=alt.Scale(domain=list(fates), range=list(fates.values())),
        legend=alt.Legend(columns=3),
    )
    hover = [
        alt.Tooltip("label:N", title="device"),
        alt.Tooltip("sources:Q", title="sources", format=","),
        alt.Tooltip("device:N", title="kind"),
        alt.Tooltip("link:N"),
        alt.Tooltip("fate:N", title="selection"),
        alt.Tooltip("moved:N", title="payload"),
    ]
    base = alt.Chart(rows_of())
    links = base.mark_rule(opacity=0.55, strokeCap="round").encode(
        x=x,
        y=y,
        x2=alt.datum(0),
        y2=alt.datum(0),
        color=colour,
        strokeWidth=alt.StrokeWidth("width:Q", scale=None, legend=None),
        strokeDash=alt.StrokeDash("link:N", legend=alt.Legend(symbolType="stroke", columns=3)),
        tooltip=hover,
    )
    devices = base.mark_point(filled=True, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=alt.Shape("device:N", legend=alt.Legend(columns=3)),
        size=alt.Size("area:Q", scale=None, legend=None),
        tooltip=hover,
    )
    names = base.mark_text(fontSize=11, fontWeight="bold").encode(
        x=alt.X("label_x:Q", axis=None), y=alt.Y("label_y:Q", axis=None), text="shown:N"
    )
    return chart_of(links + devices + names)


def _caption(target: TargetRecord, groups: Sequence[Mapping[str, Any]]) -> str:
    sources = target.sources
    chosen = [it for it in sources if it.selected]
    shortlisted = sum(it.shortlisted for it in sources)
    moved, by_chosen = sum(it.bytes for it in sources), sum(it.bytes for it in chosen)
    names = f" ({listed([it.name for it in chosen])})" if chosen else ""
    own = f"{target.name} ({target.own['device']} on {target.own['link']})"
    parts = [
        f"{own} and {counted(len(sources), 'source')}: "
        f"{shortlisted:,} shortlisted, {len(chosen):,} chosen{names}."
    ]
    if ineligible := [it.name for it in sources if it.fate == INELIGIBLE]:
        parts.append(f"Models of {listed(ineligible)} read what the target lacks.")
    if failed := [it.name for it in sources if it.fate == FAILED]:
        parts.append(f"Frames of {listed(failed)} were refused.")
    if moved:
        parts.append(
            f"The nearer, the further selection took a source; a link is as wide as the root of its bytes. "
            f"The chosen moved {size(by_chosen)} of {size(moved)}."
        )
    grouped = sum(row["sources"] for row in groups if row["sources"] > 1)
    if grouped:
        parts.append(
            f"Those chosen and those that moved most stand alone, the other {grouped:,} in "
            f"groups of the same device, link and selection."
        )
    return " ".join(parts)
