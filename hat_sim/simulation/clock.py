"""A virtual clock on integer nanoseconds: a heap of events keyed (time, priority, sequence).

SimPy's idea of a deterministic kernel; ours is small because the network keeps its own events and is asked
for its next one, and because protocols are pumped by the conductor rather than scheduled.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

from hat_sim.errors import InternalError

Event = TypeVar("Event")

NS_PER_S = 1_000_000_000


class Clock(Generic[Event]):
    """Events come back in order of time, then of priority (lower first), then of their scheduling."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._heap: list[tuple[int, int, int, Event]] = []
        self._sequence = 0

    def schedule(self, at_ns: int, event: Event, priority: int = 0) -> None:
        """Put an event at `at_ns`; InternalError where that is in the past."""
        if at_ns < self.now_ns:
            raise InternalError(f"an event at {at_ns} ns, when it is {self.now_ns} ns")
        heapq.heappush(self._heap, (at_ns, priority, self._sequence, event))
        self._sequence += 1

    def next_ns(self) -> int | None:
        """The time of the next event, None if there is none."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Event:
        """Go to the next event and take it."""
        at_ns, _, _, event = heapq.heappop(self._heap)
        self.advance(at_ns)
        return event

    def advance(self, to_ns: int) -> None:
        """Go to `to_ns`; InternalError where that is in the past."""
        if to_ns < self.now_ns:
            raise InternalError(f"from {self.now_ns} ns back to {to_ns} ns")
        self.now_ns = to_ns
