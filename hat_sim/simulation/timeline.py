"""`timeline.json`: Chrome trace events, for Perfetto or chrome://tracing.

Each world is a process. A device has up to three tracks: what it computes, and what is under way on either
direction of its access link; frames that overlap there are one slice, so that a track is one line however
many share the link. An arrow leads from the sender's slice to the receiver's for each frame that arrived.
A fault is an instant of each device that it befalls, on the track of what this computes, and another where it
is over. Threads have numbers of their own over all worlds, which are those of no process: Perfetto tells them
apart by these alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from hat_sim.protocol.ledger import LedgerRow
from hat_sim.simulation.record import Incident, WorldRecord

NS_PER_US = 1000
COMPUTING, UP, DOWN = "", " up", " down"
"""The tracks of a device, as they are named after it."""

Track = tuple[str, str]
Event = dict[str, Any]


def trace_events(worlds: Sequence[WorldRecord]) -> dict[str, Any]:
    """The trace of a run; times are in microseconds, as the format wants them."""
    threads, arrows = count(len(worlds) + 1), count(1)
    events = [event for pid, world in enumerate(worlds, 1) for event in _world(pid, world, threads, arrows)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _world(pid: int, world: WorldRecord, threads: Iterator[int], arrows: Iterator[int]) -> Iterator[Event]:
    arrived = [row for row in world.ledger if row.arrived_ns is not None]
    links: defaultdict[Track, list[LedgerRow]] = defaultdict(list)
    for row in arrived:
        links[row.sender, UP].append(row)
        links[row.receiver, DOWN].append(row)
    befallen = {(name, COMPUTING) for it in world.incidents for name in it.devices}
    used = {*links, *((it.device, COMPUTING) for it in world.busy), *befallen}
    tracks = {track: next(threads) for track in _in_order(world) if track in used}
    yield {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": ", ".join(world.targets)}}
    for (device, kind), tid in tracks.items():
        yield {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": {"name": device + kind}}
    for it in world.busy:
        yield {
            "name": it.label,
            "cat": it.phase,
            "ph": "X",
            "pid": pid,
            "tid": tracks[it.device, COMPUTING],
            "ts": it.start_ns / NS_PER_US,
            "dur": (it.end_ns - it.start_ns) / NS_PER_US,
            "args": {"flop": it.flop},
        }
    for track, rows in links.items():
        for together in _stretches(rows):
            yield _slice(pid, tracks[track], together)
    for row, number in zip(arrived, arrows, strict=False):
        yield from _arrow(pid, tracks[row.sender, UP], tracks[row.receiver, DOWN], row, number)
    for incident in world.incidents:
        for name in incident.devices:
            yield from _fault(pid, tracks[name, COMPUTING], incident, world)


def _fault(pid: int, tid: int, incident: Incident, world: WorldRecord) -> Iterator[Event]:
    end_ns = max(times.end_ns for times in world.targets.values())
    instant = {"cat": "fault", "ph": "i", "s": "t", "pid": pid, "tid": tid}
    yield {"name": incident.kind, **instant, "ts": incident.at_ns / NS_PER_US}
    if incident.until_ns is not None and incident.until_ns <= end_ns:
        yield {"name": f"{incident.kind} is over", **instant, "ts": incident.until_ns / NS_PER_US}


def _in_order(world: WorldRecord) -> Iterator[Track]:
    """The tracks of all devices, those of targets first, then as they come to work or to speak."""
    speaking = (name for row in world.ledger for name in (row.sender, row.receiver))
    befallen = (name for it in world.incidents for name in it.devices)
    for device in dict.fromkeys([*world.targets, *(it.device for it in world.busy), *speaking, *befallen]):
        yield from ((device, kind) for kind in (COMPUTING, UP, DOWN))


def _stretches(rows: Sequence[LedgerRow]) -> Iterator[list[LedgerRow]]:
    """The frames of one direction of a link, those together that overlap."""
    together: list[LedgerRow] = []
    end_ns = 0
    for row in sorted(rows, key=lambda row: row.sent_ns):
        if together and row.sent_ns >= end_ns:
            yield together
            together = []
        together.append(row)
        end_ns = max(end_ns, _arrival(row))
    yield together


def _slice(pid: int, tid: int, rows: Sequence[LedgerRow]) -> Event:
    kinds, outcomes = dict.fromkeys(row.kind for row in rows), dict.fromkeys(row.outcome for row in rows)
    start_ns, end_ns = rows[0].sent_ns, max(map(_arrival, rows))
    return {
        "name": " and ".join(kinds) + (f" x {len(rows)}" if len(rows) > 1 else ""),
        "cat": ",".join(dict.fromkeys(row.phase for row in rows)),
        "ph": "X",
        "pid": pid,
        "tid": tid,
        "ts": start_ns / NS_PER_US,
        "dur": (end_ns - start_ns) / NS_PER_US,
        "args": {
            "frames": len(rows),
            "payload_bytes": sum(row.payload_bytes for row in rows),
            "wire_bytes": sum(row.wire_bytes for row in rows),
            "outcome": ", ".join(outcomes),
        },
    }


def _arrow(pid: int, sender: int, receiver: int, row: LedgerRow, number: int) -> Iterator[Event]:
    """From the instant at which a frame is handed over to the last one of its slice at the receiver."""
    event = {"name": row.kind, "cat": row.phase, "id": number, "pid": pid}
    yield event | {"ph": "s", "tid": sender, "ts": row.sent_ns / NS_PER_US}
    yield event | {"ph": "f", "bp": "e", "tid": receiver, "ts": (_arrival(row) - 1) / NS_PER_US}


def _arrival(row: LedgerRow) -> int:
    assert row.arrived_ns is not None
    return row.arrived_ns
