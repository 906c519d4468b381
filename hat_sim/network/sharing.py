"""Max-min fair sharing of access links by demands, each of which crosses one uplink and one downlink.

Every demand is bound to its bottleneck: the full link on which nobody gets more than it. All demands
bound to a link have the same rate, the link's `level`, so the link keeps one *virtual service time*
(what each of them has been served) and a heap of the service times at which they end. A change of
level then costs one heap entry however many demands it slows down.

Which link is whose bottleneck is settled once for each instant, and only where something changed:
a link whose demands meet no other shared link by `hat_sim.network.star`, in O(log n) a change;
links that are tied together by *bridges* (demands on two shared links) by plain water-filling.

Rates and amounts are IEEE doubles, combined in an order that depends on the calls alone; instants are
integers, and an end is rounded up.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count

from hat_sim.network.demand import Demand, Link
from hat_sim.network.filling import fill
from hat_sim.network.star import Star


class SharedLinks:
    """The links of a fleet and the demands on them, in time.

    Calls come in order of time. Changes at one instant take effect together.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._count = count(1)
        self._links: list[Link] = []
        self._dirty: dict[Link, None] = {}
        self._moved: dict[Link, None] = {}
        self._ends: list[tuple[int, int, int]] = []

    def link(self, capacity: int) -> Link:
        """A new link of so many bit/s."""
        self._links.append(Link(len(self._links), capacity))
        return self._links[-1]

    def resize(self, link: Link, capacity: int, now_ns: int) -> None:
        """Let a link have so many bit/s from now on."""
        if capacity == link.capacity:
            return
        self._go_to(now_ns)
        if link.star is not None:
            link.star.spare += capacity - link.capacity
        if len(link.demands) == 1:
            (demand,) = link.demands
            self._dirty[demand.beyond(link)] = None
            if demand.star is not None:
                star = demand.star
                star.leave(demand)
                link.capacity = capacity
                star.join(demand)
        link.capacity = capacity
        self._dirty[link] = None

    def demand(self, up: Link, down: Link) -> Demand:
        """A new demand, at rest."""
        return Demand(next(self._count), up, down)

    def rate(self, demand: Demand) -> float:
        """What a started demand gets now, in bit/s."""
        self._settle()
        return 0.0 if demand.bottleneck is None else demand.bottleneck.level

    def start(self, demand: Demand, amount: float, now_ns: int) -> None:
        """Let a demand at rest compete for its links until `amount` nanobits are served."""
        self._go_to(now_ns)
        demand.amount = amount
        ends = (demand.up, demand.down)
        for link in ends:
            link.demands[demand] = None
            self._dirty[link] = None
        for link in ends:
            if len(link.demands) == 2:
                other = next(iter(link.demands))
                if other.beyond(link).shared and not other.bridge:
                    self._tie(other)
        if demand.up.shared and demand.down.shared:
            if not demand.bridge:
                self._tie(demand)
        else:
            for link in ends:
                if link.star is not None:
                    link.star.join(demand)

    def extend(self, demand: Demand, amount: float, now_ns: int) -> None:
        """Give a started demand `amount` nanobits more to serve."""
        self._go_to(now_ns)
        link = demand.bottleneck
        if link is None:
            demand.amount += amount
        else:
            self._enqueue(demand, link, demand.ends_at + amount)

    def stop(self, demand: Demand, now_ns: int) -> float:
        """Take a started demand off its links; return the nanobits that have not been served."""
        self._go_to(now_ns)
        link = demand.bottleneck
        left = demand.amount if link is None else max(0.0, demand.ends_at - link.served_at(now_ns))
        self._leave(demand)
        return left

    def next_end(self) -> int | None:
        """When the next demand has been served, as things stand."""
        if self._dirty or self._moved:
            self._settle()
        while self._ends:
            end_ns, index, forecast = self._ends[0]
            if self._links[index].forecast == forecast:
                return end_ns
            heappop(self._ends)
        return None

    def ended(self, now_ns: int) -> list[Demand]:
        """The demands that have been served by now, at rest again. Asked at each `next_end`."""
        done: list[Demand] = []
        while (end_ns := self.next_end()) is not None and end_ns <= now_ns:
            link = self._links[heappop(self._ends)[1]]
            while (entry := link.first()) is not None and link.end_ns(entry[0]) <= now_ns:
                heappop(link.queue)
                done.append(entry[2])
            self._moved[link] = None
        if done:
            self._go_to(now_ns)
            for demand in done:
                self._leave(demand)
        return done

    def _go_to(self, now_ns: int) -> None:
        if now_ns > self._now_ns:
            self._settle()
            self._now_ns = now_ns

    def _leave(self, demand: Demand) -> None:
        if demand.bottleneck is not None:
            self._unbind(demand, demand.bottleneck)
        demand.amount = 0.0
        if demand.bridge:
            self._untie(demand)
        if demand.star is not None:
            demand.star.leave(demand)
        for link in (demand.up, demand.down):
            del link.demands[demand]
            self._dirty[link] = None
            if len(link.demands) == 1:
                link.star = None
                (last,) = link.demands
                if last.bridge:
                    self._untie(last)

    def _tie(self, demand: Demand) -> None:
        """Both links of the demand are shared from now on."""
        demand.bridge = True
        for link in (demand.up, demand.down):
            link.bridges += 1
            link.star = None

    def _untie(self, demand: Demand) -> None:
        demand.bridge = False
        for link in (demand.up, demand.down):
            link.bridges -= 1
            self._dirty[link] = None

    def _settle(self) -> None:
        """Find the bottlenecks and levels of this instant, wherever something changed."""
        if self._dirty:
            dirty, self._dirty = self._dirty, {}
            filled: dict[Link, None] = {}
            for link in dirty:
                if not link.demands or link in filled:
                    continue
                if not link.shared:
                    self._settle_own(link)
                elif link.bridges:
                    component = _tied_to(link)
                    filled |= component
                    self._settle_component(component)
                else:
                    self._settle_star(link)
        if self._moved:
            moved, self._moved = self._moved, {}
            for link in moved:
                self._forecast(link)

    def _settle_own(self, link: Link) -> None:
        """A link with one demand is its bottleneck, unless the demand's other link decides."""
        (demand,) = link.demands
        beyond = demand.beyond(link)
        if not beyond.shared:
            narrow = link if link.capacity <= beyond.capacity else beyond
            self._set_level(narrow, narrow.capacity)
            self._bind(demand, narrow)

    def _settle_star(self, link: Link) -> None:
        if link.star is None:
            link.star = Star(link, link.demands)
        moved = link.star.balance()
        if link.star.sharing:
            self._set_level(link, link.star.level)
        for demand in moved:
            if demand.capped:
                own = demand.beyond(link)
                self._set_level(own, own.capacity)
                self._bind(demand, own)
            else:
                self._bind(demand, link)

    def _settle_component(self, links: Iterable[Link]) -> None:
        for link, level, demands in fill(links):
            self._set_level(link, level)
            for demand in demands:
                self._bind(demand, link)

    def _set_level(self, link: Link, level: float) -> None:
        if link.level != level:
            link.served = link.served_at(self._now_ns)
            link.since_ns = self._now_ns
            link.level = level
            self._moved[link] = None

    def _bind(self, demand: Demand, link: Link) -> None:
        """Make `link` the bottleneck of a demand; what it has been served so far stays served."""
        old = demand.bottleneck
        if old is link:
            return
        if old is not None:
            demand.amount = max(0.0, demand.ends_at - old.served_at(self._now_ns))
            self._unbind(demand, old)
        if not link.bound:
            link.served, link.since_ns = 0.0, self._now_ns
            link.queue.clear()
        demand.bottleneck = link
        link.bound += 1
        self._enqueue(demand, link, link.served_at(self._now_ns) + demand.amount)

    def _unbind(self, demand: Demand, link: Link) -> None:
        demand.bottleneck = None
        demand.entry = 0
        link.bound -= 1
        self._moved[link] = None

    def _enqueue(self, demand: Demand, link: Link, ends_at: float) -> None:
        demand.ends_at = ends_at
        demand.entry = next(self._count)
        heappush(link.queue, (ends_at, demand.entry, demand))
        self._moved[link] = None

    def _forecast(self, link: Link) -> None:
        """Announce the end that comes first on a link, in place of what was announced before."""
        link.forecast += 1
        entry = link.first()
        if entry is not None:
            heappush(self._ends, (link.end_ns(entry[0]), link.index, link.forecast))


def _tied_to(link: Link) -> dict[Link, None]:
    """The shared links that a chain of bridges leads to, `link` among them."""
    found = {link: None}
    todo = [link]
    while todo:
        here = todo.pop()
        for demand in here.demands:
            beyond = demand.beyond(here)
            if demand.bridge and beyond not in found:
                found[beyond] = None
                todo.append(beyond)
    return found
