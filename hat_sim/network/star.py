"""One shared link whose demands each have a link of their own at the other end.

Such a link of its own is nothing but a cap on the demand's rate, so the max-min shares are
`min(cap, level)`, with the one level at which they fill the shared link. As demands come and go the
level moves, and only demands whose cap it passes change sides: O(log n) each.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from hat_sim.network.demand import Demand, Link


class Star:
    """The demands of `link`: the capped ones, and those `sharing` what these leave (`spare`, bit/s)."""

    __slots__ = ("_capped", "_joined", "_link", "_open", "sharing", "spare")

    def __init__(self, link: Link, demands: Iterable[Demand]) -> None:
        self._link = link
        self.spare = link.capacity
        self.sharing = 0
        self._open: list[tuple[int, int, Demand]] = []
        self._capped: list[tuple[int, int, Demand]] = []
        self._joined: list[Demand] = []
        for demand in demands:
            self.join(demand)

    @property
    def level(self) -> float:
        """The rate of a demand that is not capped, in bit/s."""
        return self.spare / self.sharing

    def join(self, demand: Demand) -> None:
        demand.star, demand.capped = self, False
        self.sharing += 1
        heappush(self._open, (self._cap(demand), demand.order, demand))
        self._joined.append(demand)

    def leave(self, demand: Demand) -> None:
        if demand.capped:
            self.spare += self._cap(demand)
        else:
            self.sharing -= 1
        demand.star, demand.capped = None, False

    def balance(self) -> list[Demand]:
        """Put every demand on its side of the level; return those that joined or changed sides.

        The comparisons are in integers: a cap is above the level if cap * sharing > spare.
        """
        moved, self._joined = self._joined, []
        while self._capped:
            cap, order, demand = self._capped[0]
            if demand.star is self and demand.capped and cap == -self._cap(demand):
                if -cap * self.sharing <= self.spare:
                    break
                demand.capped = False
                self.sharing += 1
                self.spare -= cap
                heappush(self._open, (-cap, order, demand))
                moved.append(demand)
            heappop(self._capped)
        while self._open:
            cap, order, demand = self._open[0]
            if demand.star is self and not demand.capped and cap == self._cap(demand):
                if cap * self.sharing > self.spare:
                    break
                demand.capped = True
                self.sharing -= 1
                self.spare -= cap
                heappush(self._capped, (-cap, order, demand))
                moved.append(demand)
            heappop(self._open)
        return [demand for demand in moved if demand.star is self]

    def _cap(self, demand: Demand) -> int:
        return demand.beyond(self._link).capacity
