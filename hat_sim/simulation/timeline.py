"""`timeline.json`: Chrome trace events, for Perfetto or chrome://tracing.

Each world is a process and each device a thread, whose slices are its computing; a frame is an asynchronous
event of its sender from hand-over to arrival, since frames overlap and slices of one thread may not. A fault
is an instant of each device that it befalls, and another where it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hat_sim.protocol.ledger import LedgerRow
from hat_sim.simulation.record import Incident, WorldRecord

NS_PER_US = 1000


def trace_events(worlds: Sequence[WorldRecord]) -> dict[str, Any]:
    """The trace of a run; times are in microseconds, as the format wants them."""
    events = [event for number, world in enumerate(worlds) for event in _world(number, world)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _world(process: int, world: WorldRecord) -> Iterator[dict[str, Any]]:
    befallen = [name for it in world.incidents for name in it.devices]
    devices = dict.fromkeys(
        [*(it.device for it in world.busy), *(row.sender for row in world.ledger), *befallen]
    )
    threads = {device: number for number, device in enumerate(devices)}
    yield {"name": "process_name", "ph": "M", "pid": process, "args": {"name": ", ".join(world.targets)}}
    for device, number in threads.items():
        yield {"name": "thread_name", "ph": "M", "pid": process, "tid": number, "args": {"name": device}}
    for it in world.busy:
        yield {
            "name": it.label,
            "cat": it.phase,
            "ph": "X",
            "pid": process,
            "tid": threads[it.device],
            "ts": it.start_ns / NS_PER_US,
            "dur": (it.end_ns - it.start_ns) / NS_PER_US,
            "args": {"flop": it.flop},
        }
    for row in world.ledger:
        if row.arrived_ns is not None:
            yield from _frame(process, threads[row.sender], row, row.arrived_ns)
    for incident in world.incidents:
        for name in incident.devices:
            yield from _fault(process, threads[name], incident, world)


def _fault(process: int, thread: int, incident: Incident, world: WorldRecord) -> Iterator[dict[str, Any]]:
    end_ns = max(times.end_ns for times in world.targets.values())
    instant = {"cat": "fault", "ph": "i", "s": "t", "pid": process, "tid": thread}
    yield {"name": incident.kind, **instant, "ts": incident.at_ns / NS_PER_US}
    if incident.until_ns is not None and incident.until_ns <= end_ns:
        yield {"name": f"{incident.kind} is over", **instant, "ts": incident.until_ns / NS_PER_US}


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
