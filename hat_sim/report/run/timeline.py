"""Who was busy when: computing and frames of each device, until the last frame of the target has arrived.

Frames that overlap on one device become one bar; devices that were hardly busy share a line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import altair as alt
import numpy as np
import pyarrow.compute as pc

from hat_sim.quantities import counted, duration, percent, size
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import PHASES
from hat_sim.report.run.record import TargetRecord
from hat_sim.report.table import Column, table_of
from hat_sim.simulation.clock import NS_PER_S

MOST_DEVICES = 24
COMPUTE, SEND = "computes", "sends"
NAMELESS = ""


@dataclass(frozen=True)
class Bar:
    """What a device did from `start_s` to `end_s`; `count` stretches of it, overlapping or not apart."""

    device: str
    doing: str
    phase: str
    label: str
    start_s: float
    end_s: float
    count: int = 1
    bytes: int = 0

    @property
    def lasts_s(self) -> float:
        return self.end_s - self.start_s


def timeline_figure(target: TargetRecord) -> Figure:
    """Computing and frames by device, cut off where only the target's own work is left."""
    bars = list(_bars(target))
    devices, rest = _devices(target.name, bars)
    left = len(rest) + target.timeline.others
    others = f"{left:,} others"
    shared = [bar if bar.device in devices else replace(bar, device=others) for bar in bars]
    lines = [*devices, others] if left else devices
    merged = sorted(merge(shared), key=lambda bar: (lines.index(bar.device), bar.start_s, bar.end_s))
    end = _shown_until(target, merged)
    rows = [_row(bar, end) for bar in merged if bar.start_s <= end]
    return Figure(
        key="timeline",
        title="Who was busy when",
        caption=_caption(target, merged, end, left),
        chart=_chart(),
        height=20 * len(lines) + 10,
        rows=rows,
        table=table_of(
            [
                Column("device", "device"),
                Column("doing", "does"),
                Column("label", "what"),
                Column("phase", "phase"),
                Column("start", "from", duration),
                Column("end", "to", duration),
                Column("count", "number", "{:,}".format),
                Column("bytes", "payload", size),
            ],
            [_row(bar, bar.end_s) for bar in merged],
        ),
    )


def merge(bars: Iterable[Bar]) -> Iterator[Bar]:
    """Bars of one device that do the same thing become one where they overlap."""
    alike: defaultdict[tuple[str, str, str, str], list[Bar]] = defaultdict(list)
    for bar in bars:
        alike[bar.device, bar.doing, bar.phase, bar.label].append(bar)
    for them in alike.values():
        them.sort(key=lambda bar: (bar.start_s, bar.end_s))
        current = them[0]
        for bar in them[1:]:
            if bar.start_s <= current.end_s:
                current = replace(
                    current,
                    end_s=max(current.end_s, bar.end_s),
                    count=current.count + bar.count,
                    bytes=current.bytes + bar.bytes,
                )
            else:
                yield current
                current = bar
        yield current


def _bars(target: TargetRecord) -> Iterator[Bar]:
    """What each device did; devices that the timeline shows together are one without a name."""
    for it in target.timeline.stretches:
        yield Bar(it.device or NAMELESS, COMPUTE, it.phase, it.label, it.start_s, it.end_s, it.count)
    yield from sent_bars(target)


def sent_bars(target: TargetRecord) -> Iterator[Bar]:
    """The frames that arrived, those of one device, phase and kind merged as `merge` does it, by columns."""
    frames = target.frames.filter(pc.is_valid(target.frames["arrived_ns"]))
    senders, phases, kinds = (
        frames[name].combine_chunks().dictionary_encode() for name in ("sender", "phase", "kind")
    )
    apart = target.timeline.apart if target.timeline.others else None
    names = [it if apart is None or it in apart else NAMELESS for it in senders.dictionary.to_pylist()]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    device = np.array([places[it] for it in names], np.int64)[senders.indices.to_numpy()]
    key = (device * len(phases.dictionary) + phases.indices.to_numpy()) * len(kinds.dictionary)
    _, first, group = np.unique(key + kinds.indices.to_numpy(), return_index=True, return_inverse=True)
    start, end, size = (frames[name].to_numpy() for name in ("sent_ns", "arrived_ns", "payload_bytes"))
    order = np.lexsort((end, start, group))
    ends = np.cumsum(np.bincount(group))
    for it in np.argsort(first):
        own = order[ends[it - 1] if it else 0 : ends[it]]
        latest = np.maximum.accumulate(end[own])
        begins = np.flatnonzero(np.append(True, start[own][1:] > latest[:-1]))
        counts = np.diff(np.append(begins, len(own)))
        row = first[it]
        about = (names[senders.indices[row].as_py()], SEND, phases[row].as_py(), kinds[row].as_py())
        for begin, count, bytes in zip(begins, counts, np.add.reduceat(size[own], begins), strict=True):
            from_ns, to_ns = int(start[own[begin]]), int(latest[begin + count - 1])
            yield Bar(*about, from_ns / NS_PER_S, to_ns / NS_PER_S, int(count), int(bytes))


def _devices(target: str, bars: Iterable[Bar]) -> tuple[list[str], list[str]]:
    """The devices with a line of their own, the target first and the busiest next, and the others."""
    busy: defaultdict[str, float] = defaultdict(float)
    for bar in merge(bars):
        if bar.device != NAMELESS:
            busy[bar.device] += bar.lasts_s
    order = sorted(busy, key=lambda name: (name != target, -busy[name], name))
    if len(order) <= MOST_DEVICES + 1:
        return order, []
    return order[:MOST_DEVICES], order[MOST_DEVICES:]


def _shown_until(target: TargetRecord, bars: Iterable[Bar]) -> float:
    """When the last frame has arrived, and a little; the whole time where the rest is no longer than that."""
    whole = float(target.result["simulated_s"])
    last = max((bar.end_s for bar in bars if bar.doing == SEND), default=whole)
    return 1.1 * last if whole > 2 * last else whole


def _row(bar: Bar, end: float) -> dict[str, Any]:
    return {
        "device": bar.device,
        "doing": bar.doing,
        "phase": bar.phase,
        "label": bar.label,
        "start": bar.start_s,
        "end": min(bar.end_s, end),
        "lasts": duration(bar.lasts_s),
        "count": bar.count,
        "bytes": bar.bytes,
    }


@cache
def _chart() -> dict[str, Any]:
    encoded = (
        alt.Chart(rows_of())
        .mark_bar(cornerRadius=1, minBandSize=2)
        .encode(
            x=alt.X("start:Q", title="simulated seconds", axis=alt.Axis(tickCount=6)),
            x2="end:Q",
            y=alt.Y("device:N", sort=None, title=None, axis=alt.Axis(grid=True)),
            yOffset=alt.YOffset("doing:N", sort=[COMPUTE, SEND]),
            color=alt.Color(
                "phase:N",
                scale=alt.Scale(domain=list(PHASES), range=list(PHASES.values())),
                legend=alt.Legend(columns=4),
            ),
            opacity=alt.Opacity(
                "doing:O", scale=alt.Scale(domain=[COMPUTE, SEND], range=[1, 0.5]), legend=alt.Legend()
            ),
            tooltip=[
                alt.Tooltip("device:N"),
                alt.Tooltip("doing:N", title="does"),
                alt.Tooltip("label:N", title="what"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("start:Q", title="from second", format=".4~f"),
                alt.Tooltip("lasts:N"),
                alt.Tooltip("count:Q", title="number"),
                alt.Tooltip("bytes:Q", title="payload bytes", format=","),
            ],
        )
    )
    return chart_of(encoded)


def _caption(target: TargetRecord, bars: Iterable[Bar], end: float, others: int) -> str:
    whole = float(target.result["simulated_s"])
    own = sum(bar.lasts_s for bar in bars if bar.device == target.name and bar.doing == COMPUTE)
    parts = [
        f"{target.name} has its model after {duration(whole)} and computes {percent(own / whole)} of it."
        if whole
        else f"{target.name} takes no simulated time."
    ]
    if end < whole:
        parts.append(f"Shown are the first {duration(end)}, until the last frame arrived; training follows.")
    parts.append("A bar of what a device sends reaches from hand-over to arrival; bars that overlap are one.")
    if others:
        parts.append(f"The {counted(others, 'device')} that were least busy share the last line.")
    return " ".join(parts)
