"""Water-filling: max-min fair rates of demands on any tangle of links.

All rates rise together until a link is full; its demands are done, and the others rise on. See
Bertsekas and Gallager, Data Networks, section 6.5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from hat_sim.network.demand import Demand, Link


def fill(links: Iterable[Link]) -> Iterator[tuple[Link, float, list[Demand]]]:
    """Each bottleneck in order of its level (bit/s), with the demands that are bound to it.

    `links` are shared links; whatever leads away from them must be a demand's own.
    """
    waiting: dict[Demand, None] = {}
    for link in links:
        waiting |= link.demands
    spare: dict[Link, float] = {}
    unbound: dict[Link, int] = {}
    for demand in waiting:
        for link in (demand.up, demand.down):
            spare[link] = link.capacity
            unbound[link] = unbound.get(link, 0) + 1
    heap = [(link.capacity / unbound[link], link.index, link) for link in spare]
    heapify(heap)
    level = 0.0
    while waiting:
        guess, _, link = heappop(heap)
        if not unbound[link]:
            continue
        now = max(level, spare[link] / unbound[link])
        if now > guess:
            heappush(heap, (now, link.index, link))
            continue
        level = now
        bound = [demand for demand in link.demands if demand in waiting]
        for demand in bound:
            del waiting[demand]
            for end in (demand.up, demand.down):
                spare[end] -= level
                unbound[end] -= 1
        yield link, level, bound
