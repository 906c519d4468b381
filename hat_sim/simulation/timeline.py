"""`timeline.json`: Chrome trace events, for Perfetto or chrome://tracing.

Each world is a process and each device a thread, whose slices are its computing; a frame is an asynchronous
event of its sender from hand-over to arrival, since frames overlap and slices of one thread may not. A fault
is an instant of each device that it befalls, and another where it is over.

A world of very many devices would make a file that nothing opens. There the targets and the devices that
were busy longest stand by themselves, and the others together: a thread for what they computed and an event
for what they sent or were sent, with overlapping stretches of one kind as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from hat_sim.protocol.ledger import LedgerRow
from hat_sim.simulation.record import Busy, Incident, WorldRecord
from hat_sim.simulation.result import MOST_DEVICES

NS_PER_US = 1000

Stretch = tuple[int, int, tuple[int, ...]]
"""From and to in nanoseconds, and figures that add up."""


def trace_events(worlds: Sequence[WorldRecord]) -> dict[str, Any]:
    """The trace of a run; times are in microseconds, as the format wants them."""
    events = [event for number, world in enumerate(worlds) for event in _world(number, world)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _world(process: int, world: WorldRecord) -> Iterator[dict[str, Any]]:
    befallen = [name for it in world.incidents for name in it.devices]
    devices = dict.fromkeys(
        [*(it.device for it in world.busy), *(row.sender for row in world.ledger), *befallen]
    )
    if len(devices) > MOST_DEVICES + len(world.targets):
        devices = dict.fromkeys(_busiest(world))
    threads = {device: number for number, device in enumerate(devices)}
    yield {"name": "process_name", "ph": "M", "pid": process, "args": {"name": ", ".join(world.targets)}}
    for device, number in threads.items():
        yield _thread(process, number, {"name": device})
    others: list[Busy] = []
    for it in world.busy:
        if it.device in threads:
            yield _slice(process, threads[it.device], it.label, it.phase, it.start_ns, it.end_ns) | {
                "args": {"flop": it.flop}
            }
        else:
            others.append(it)
    rest: list[LedgerRow] = []
    for row in world.ledger:
        if row.sender not in threads or row.receiver not in threads:
            rest.append(row)
        elif row.arrived_ns is not None:
            yield from _frame(process, threads[row.sender], row, row.arrived_ns)
    for incident in world.incidents:
        for name in incident.devices:
            if name in threads:
                yield from _fault(process, threads[name], incident, world)
    if others or rest:
        yield from _others(process, threads, others, rest)


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
    process: int, named: Collection[str], busy: Iterable[Busy], frames: Iterable[LedgerRow]
) -> Iterator[dict[str, Any]]:
    """What devices did that have no thread of their own; `named` have one."""
    busy, frames = list(busy), list(frames)
    names = {it.device for it in busy} | {end for row in frames for end in (row.sender, row.receiver)}
    names.difference_update(named)
    computed: defaultdict[tuple[str, str], list[Stretch]] = defaultdict(list)
    for it in busy:
        computed[it.phase, it.label].append((it.start_ns, it.end_ns, (1, it.flop)))
    thread = len(named)
    for (phase, label), stretches in computed.items():
        args = {"name": f"{len(names):,} others: {label}", "devices": len(names)}
        yield _thread(process, thread, args)
        for start_ns, end_ns, (count, flop) in merged(stretches):
            yield _slice(process, thread, label, phase, start_ns, end_ns) | {
                "args": {"flop": flop, "stretches": count}
            }
        thread += 1
    yield _thread(process, thread, {"name": f"{len(names):,} others: frames", "devices": len(names)})
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
                "id": f"{process}.{phase}.{kind}.{number}",
                "pid": process,
                "tid": thread,
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


def _fault(process: int, thread: int, incident: Incident, world: WorldRecord) -> Iterator[dict[str, Any]]:
    end_ns = max(times.end_ns for times in world.targets.values())
    instant = {"cat": "fault", "ph": "i", "s": "t", "pid": process, "tid": thread}
    yield {"name": incident.kind, **instant, "ts": incident.at_ns / NS_PER_US}
    if incident.until_ns is not None and incident.until_ns <= end_ns:
        yield {"name": f"{incident.kind} is over", **instant, "ts": incident.until_ns / NS_PER_US}


def _thread(process: int, number: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": "thread_name", "ph": "M", "pid": process, "tid": number, "args": args}


def _slice(process: int, thread: int, label: str, phase: str, start_ns: int, end_ns: int) -> dict[str, Any]:
    return {
        "name": label,
        "cat": phase,
        "ph": "X",
        "pid": process,
        "tid": thread,
        "ts": start_ns / NS_PER_US,
        "dur": (end_ns - start_ns) / NS_PER_US,
    }


def _frame(process: int, thread: int, row: LedgerRow, arrived_ns: int) -> Iterator[dict[str, Any]]:
    event = {
        "name": f"{row.kind} to {row.receiver}",
        "cat": row.phase,
        "id": f"{process}.{row.seq}",
        "pid": process,
        "tid": thread,
    }
    figures = {
        "payload_bytes": row.payload_bytes,
        "wire_bytes": row.wire_bytes,
        "outcome": row.outcome,
    }
    yield event | {"ph": "b", "ts": row.sent_ns / NS_PER_US, "args": figures}
    yield event | {"ph": "e", "ts": arrived_ns / NS_PER_US}
