"""A demand for bandwidth and the links it crosses: the state that the sharing of links works on.

Amounts are in nanobits, since bit/s x ns = 1e-9 bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from heapq import heappop
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hat_sim.network.star import Star

NANOBITS_PER_BYTE = 8_000_000_000


@dataclass(slots=True, eq=False)
class Demand:
    """Data that wants to cross `up` and `down`; `order` is unique and breaks every tie."""

    order: int
    up: Link
    down: Link
    bottleneck: Link | None = None
    amount: float = 0.0
    """Nanobits to serve, while it has no bottleneck yet."""
    ends_at: float = 0.0
    """The bottleneck's service time at which it ends, once it has one."""
    entry: int = 0
    bridge: bool = False
    star: Star | None = None
    capped: bool = False

    def beyond(self, link: Link) -> Link:
        """The other one of its two links."""
        return self.down if link is self.up else self.up


@dataclass(slots=True, eq=False)
class Link:
    """One direction of an access link; `capacity` in bit/s."""

    index: int
    capacity: int
    demands: dict[Demand, None] = field(default_factory=dict)
    bridges: int = 0
    star: Star | None = None
    level: float = 0.0
    served: float = 0.0
    since_ns: int = 0
    bound: int = 0
    queue: list[tuple[float, int, Demand]] = field(default_factory=list)
    forecast: int = 0

    @property
    def shared(self) -> bool:
        return len(self.demands) > 1

    def served_at(self, now_ns: int) -> float:
        """Nanobits that a demand bound here since the beginning has been served."""
        return self.served + self.level * (now_ns - self.since_ns)

    def end_ns(self, ends_at: float) -> int:
        """The instant at which the service time reaches `ends_at`, if the level stays."""
        return self.since_ns + max(0, math.ceil((ends_at - self.served) / self.level))

    def first(self) -> tuple[float, int, Demand] | None:
        """The live entry that ends first; entries of demands that have moved on are dropped."""
        while self.queue and self.queue[0][2].entry != self.queue[0][1]:
            heappop(self.queue)
        return self.queue[0] if self.queue else None
