"""`timeline.json`: Chrome trace events, for Perfetto or chrome://tracing.

Each world is a process and each device two threads, its computing and its uplink; a frame is a slice on the
sender's uplink from hand-over to arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hat_sim.simulation.record import WorldRecord

NS_PER_US = 1000


def trace_events(worlds: Sequence[WorldRecord]) -> dict[str, Any]:
    """The trace of a run; times are in microseconds, as the format wants them."""
    events = [event for number, world in enumerate(worlds) for event in _world(number, world)]
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _world(process: int, world: WorldRecord) -> Iterator[dict[str, Any]]:
    threads: dict[str, int] = {}

    def thread(name: str) -> int:
        return threads.setdefault(name, len(threads))

    slices = [
        _slice(process, thread(f"{b.device} compute"), b.label, b.phase, b.start_ns, b.end_ns, flop=b.flop)
        for b in world.busy
    ]
    slices += [
        _slice(
            process,
            thread(f"{row.sender} uplink"),
            f"{row.kind} to {row.receiver}",
            row.phase,
            row.sent_ns,
            row.arrived_ns,
            payload_bytes=row.payload_bytes,
            wire_bytes=row.wire_bytes,
            outcome=row.outcome,
        )
        for row in world.ledger
        if row.arrived_ns is not None
    ]
    name = ", ".join(world.targets)
    yield {"name": "process_name", "ph": "M", "pid": process, "args": {"name": name}}
    for label, number in threads.items():
        yield {"name": "thread_name", "ph": "M", "pid": process, "tid": number, "args": {"name": label}}
    yield from slices


def _slice(
    process: int, thread: int, name: str, category: str, start_ns: int, end_ns: int, **args: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "cat": category,
        "ph": "X",
        "pid": process,
        "tid": thread,
        "ts": start_ns / NS_PER_US,
        "dur": (end_ns - start_ns) / NS_PER_US,
        "args": args,
    }
