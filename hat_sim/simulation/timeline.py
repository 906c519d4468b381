"""`timeline.json`: Chrome trace events, for Perfetto or chrome://tracing.

Each world is a process. A device has up to three tracks: what it computes, and what is under way on either
direction of its access link; frames that overlap there are one slice, so that a track is one line however
many share the link. An arrow leads from the sender's slice to the receiver's for each frame that arrived.
A fault is an instant of each device that it befalls, on the track of what this computes, and another where it
is over. Threads have numbers of their own over all worlds, which are those of no process: Perfetto tells them
apart by these alone.

A world of very many devices would make a file that nothing opens. There the targets and the devices that
were busy longest stand by themselves, and the others together: a thread for what they computed and an event
for what they sent or were sent, with overlapping stretches of one kind as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

from hat_sim.protocol.ledger import LedgerRow
from hat_sim.simulation.record import Busy, Incident, WorldRecord
from hat_sim.simulation.result import MOST_DEVICES

NS_PER_US = 1000
COMPUTING, UP, DOWN = "", " up", " down"
"""The tracks of a device, as they are named after it."""

Track = tuple[str, str]
Event = dict[str, Any]

Stretch = tuple[int, int, tuple[int, ...]]
"""From and to in nanoseconds, and figures that add up."""


def trace_events(worlds: Sequence[WorldRecord]) -> dict[str, Any]:
    """The trace of a run; times are in microseconds, as the format wants them."""
    threads, arrows = count(len(worlds) + 1), count(1)
    events = [event for pid, world in enumerate(worlds, 1) for event in _world(pid, world, threads, arrows)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _world(pid: int, world: WorldRecord, threads: Iterator[int], arrows: Iterator[int]) -> Iterator[Event]:
    named = _named(world)
    busy = [it for it in world.busy if it.device in named]
    apart = [row for row in world.ledger if row.sender in named and row.receiver in named]
    arrived = [row for row in apart if row.arrived_ns is not None]
    links: defaultdict[Track, list[LedgerRow]] = defaultdict(list)
    for row in arrived:
        links[row.sender, UP].append(row)
        links[row.receiver, DOWN].append(row)
    befallen = {(name, COMPUTING) for it in world.incidents for name in it.devices}
    used = {*links, *((it.device, COMPUTING) for it in busy), *befallen}
    every = ((device, kind) for device in named for kind in (COMPUTING, UP, DOWN))
    tracks = {track: next(threads) for track in every if track in used}
    yield {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": ", ".join(world.targets)}}
    for (device, kind), tid in tracks.items():
        yield _thread(pid, tid, {"name": device + kind, "device": device})
    for it in busy:
        tid = tracks[it.device, COMPUTING]
        yield _slice(pid, tid, it.label, it.phase, it.start_ns, it.end_ns, {"flop": it.flop})
    for track, rows in links.items():
        for together in _stretches(rows):
            yield _frames(pid, tracks[track], together)
    for row, number in zip(arrived, arrows, strict=False):
        yield from _arrow(pid, tracks[row.sender, UP], tracks[row.receiver, DOWN], row, number)
    for incident in world.incidents:
        for name in incident.devices:
            if name in named:
                yield from _fault(pid, tracks[name, COMPUTING], incident, world)
    if len(busy) < len(world.busy) or len(apart) < len(world.ledger):
        rest = [row for row in world.ledger if row.sender not in named or row.receiver not in named]
        yield from _others(pid, threads, named, [it for it in world.busy if it.device not in named], rest)


def _named(world: WorldRecord) -> Collection[str]:
    """The devices with tracks of their own: targets first, then as they come to work or to speak."""
    speaking = (name for row in world.ledger for name in (row.sender, row.receiver))
    befallen = (name for it in world.incidents for name in it.devices)
    every = dict.fromkeys([*world.targets, *(it.device for it in world.busy), *speaking, *befallen])
    return every if len(every) <= MOST_DEVICES + len(world.targets) else dict.fromkeys(_busiest(world))


def _busiest(world: WorldRecord) -> list[str]:
    """The targets, and those of the others that computed and sent for longest, in that order."""
    busy: defaultdict[str, int] = defaultdict(int)
    for it in world.busy:
        busy[it.device] += it.end_ns - it.start_ns
    for row in world.ledger:
        if row.arrived_ns is not None:
            busy[row.sender] += row.arrived_ns - row.sent_ns
    order = sorted(busy.keys() - world.targets.keys(), key=lambda name: (-busy[name], name))
    return [*world.targets, *order[:MOST_DEVICES]]


def _others(
    pid: int,
    threads: Iterator[int],
    named: Collection[str],
    busy: Sequence[Busy],
    frames: Sequence[LedgerRow],
) -> Iterator[Event]:
    """What devices did that have no track of their own; `named` have."""
    names = {it.device for it in busy} | {end for row in frames for end in (row.sender, row.receiver)}
    names.difference_update(named)
    computed: defaultdict[tuple[str, str], list[Stretch]] = defaultdict(list)
    for it in busy:
        computed[it.phase, it.label].append((it.start_ns, it.end_ns, (1, it.flop)))
    for (phase, label), stretches in computed.items():
        tid = next(threads)
        yield _thread(pid, tid, {"name": f"{len(names):,} others: {label}", "devices": len(names)})
        for start_ns, end_ns, (together, flop) in merged(stretches):
            args = {"flop": flop, "stretches": together}
            yield _slice(pid, tid, label, phase, start_ns, end_ns, args)
    tid = next(threads)
    yield _thread(pid, tid, {"name": f"{len(names):,} others: frames", "devices": len(names)})
    sent: defaultdict[tuple[str, str], list[Stretch]] = defaultdict(list)
    for row in frames:
        if row.arrived_ns is not None:
            figures = (1, row.payload_bytes, row.wire_bytes)
            sent[row.phase, row.kind].append((row.sent_ns, row.arrived_ns, figures))
    for (phase, kind), stretches in sent.items():
        for number, (start_ns, end_ns, sums) in enumerate(merged(stretches)):
            event = {
                "name": f"{kind} of others",
                "cat": phase,
                "id": f"{pid}.{phase}.{kind}.{number}",
                "pid": pid,
                "tid": tid,
            }
            args = dict(zip(("frames", "payload_bytes", "wire_bytes"), sums, strict=True))
            yield event | {"ph": "b", "ts": start_ns / NS_PER_US, "args": args}
            yield event | {"ph": "e", "ts": end_ns / NS_PER_US}


def merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches that overlap or touch become one, their figures added, in order of time."""
    ordered = sorted(stretches, key=itemgetter(0, 1))
    start_ns, end_ns, figures = ordered[0]
    sums = list(figures)
    for start, end, more in ordered[1:]:
        if start <= end_ns:
            end_ns = max(end_ns, end)
            for place, figure in enumerate(more):
                sums[place] += figure
        else:
            yield start_ns, end_ns, tuple(sums)
            start_ns, end_ns, sums = start, end, list(more)
    yield start_ns, end_ns, tuple(sums)


def _fault(pid: int, tid: int, incident: Incident, world: WorldRecord) -> Iterator[Event]:
    end_ns = max(times.end_ns for times in world.targets.values())
    instant = {"cat": "fault", "ph": "i", "s": "t", "pid": pid, "tid": tid}
    yield {"name": incident.kind, **instant, "ts": incident.at_ns / NS_PER_US}
    if incident.until_ns is not None and incident.until_ns <= end_ns:
        yield {"name": f"{incident.kind} is over", **instant, "ts": incident.until_ns / NS_PER_US}


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


def _frames(pid: int, tid: int, rows: Sequence[LedgerRow]) -> Event:
    kinds, outcomes = dict.fromkeys(row.kind for row in rows), dict.fromkeys(row.outcome for row in rows)
    label = " and ".join(kinds) + (f" x {len(rows)}" if len(rows) > 1 else "")
    phases = ",".join(dict.fromkeys(row.phase for row in rows))
    figures = {
        "frames": len(rows),
        "payload_bytes": sum(row.payload_bytes for row in rows),
        "wire_bytes": sum(row.wire_bytes for row in rows),
        "outcome": ", ".join(outcomes),
    }
    return _slice(pid, tid, label, phases, rows[0].sent_ns, max(map(_arrival, rows)), figures)


def _thread(pid: int, tid: int, args: dict[str, Any]) -> Event:
    return {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": args}


def _slice(
    pid: int, tid: int, label: str, phase: str, start_ns: int, end_ns: int, args: dict[str, Any]
) -> Event:
    return {
        "name": label,
        "cat": phase,
        "ph": "X",
        "pid": pid,
        "tid": tid,
        "ts": start_ns / NS_PER_US,
        "dur": (end_ns - start_ns) / NS_PER_US,
        "args": args,
    }


def _arrow(pid: int, sender: int, receiver: int, row: LedgerRow, number: int) -> Iterator[Event]:
    """From the instant at which a frame is handed over to the last one of its slice at the receiver."""
    event = {"name": row.kind, "cat": row.phase, "id": number, "pid": pid}
    yield event | {"ph": "s", "tid": sender, "ts": row.sent_ns / NS_PER_US}
    yield event | {"ph": "f", "bp": "e", "tid": receiver, "ts": (_arrival(row) - 1) / NS_PER_US}


def _arrival(row: LedgerRow) -> int:
    assert row.arrived_ns is not None
    return row.arrived_ns
