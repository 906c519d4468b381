"""What crossed the links of a run, by phase, by kind of frame and by kind of link."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import altair as alt

from hat_sim.protocol.ledger import Traffic
from hat_sim.quantities import percent, size
from hat_sim.report.figure import Figure, chart_of, rows_of
from hat_sim.report.look import ACCENT, BASELINE
from hat_sim.report.run.record import RunRecord
from hat_sim.report.table import Column, table_of
from hat_sim.simulation.traffic import links_of, traffic_in

PAYLOAD, OVERHEAD = "payload", "overhead"


def traffic_figures(run: RunRecord) -> list[Figure]:
    """Traffic of all targets by phase, kind and link; none where nothing was sent."""
    frames = run.frames
    if not frames.num_rows:
        return []
    by = partial(traffic_in, frames)
    return [
        _figure("traffic-by-phase", "Traffic by phase", "phase", by(frames["phase"])),
        _figure("traffic-by-kind", "Traffic by kind of frame", "kind", by(frames["kind"])),
        _figure("traffic-by-link", "Traffic by link", "links", by(links_of(frames, run.links))),
    ]


def _figure(key: str, title: str, what: str, found: dict[str, Traffic]) -> Figure:
    total = sum(found.values(), Traffic())
    label, most = max(found.items(), key=lambda item: item[1].payload_bytes)
    overhead = total.wire_bytes - total.payload_bytes
    caption = (
        f"{label} carries {percent(most.payload_bytes / total.payload_bytes)} of the payload of "
        f"{size(total.payload_bytes)}; overhead (headers, acknowledgements, connections) adds "
        f"{size(overhead)} on the wire."
    )
    if what == "links":
        caption += " The sender's access link stands first, then the receiver's."
    return Figure(
        key=key,
        title=title,
        caption=caption,
        chart=_chart(),
        height=24 * len(found),
        rows=list(_rows(found.items())),
        table=table_of(
            [
                Column("label", what),
                Column("payload", "payload", size),
                Column("wire", "on the wire", size),
                Column("frames", "frames", "{:,}".format),
            ],
            [
                {"label": label, "payload": it.payload_bytes, "wire": it.wire_bytes, "frames": it.frames}
                for label, it in found.items()
            ],
        ),
    )


def _rows(found: Iterable[tuple[str, Traffic]]) -> Iterable[dict[str, Any]]:
    for label, it in found:
        shared = {"label": label, "frames": it.frames}
        yield {**shared, "part": PAYLOAD, "order": 0, "bytes": it.payload_bytes}
        yield {**shared, "part": OVERHEAD, "order": 1, "bytes": it.wire_bytes - it.payload_bytes}


@cache
def _chart() -> dict[str, Any]:
    encoded = (
        alt.Chart(rows_of())
        .mark_bar()
        .encode(
            x=alt.X("bytes:Q", title="bytes", axis=alt.Axis(format="~s", tickCount=5)),
            y=alt.Y("label:N", sort=None, title=None),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=[PAYLOAD, OVERHEAD], range=[ACCENT, BASELINE]),
            ),
            order="order:O",
            tooltip=[
                alt.Tooltip("label:N", title=" "),
                alt.Tooltip("part:N"),
                alt.Tooltip("bytes:Q", format=","),
                alt.Tooltip("frames:Q", format=","),
            ],
        )
    )
    return chart_of(encoded)
