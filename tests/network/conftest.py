"""The sharing of links the plain way: textbook water-filling in exact fractions, anew at each instant.

`PlainLinks` has the interface of `hat_sim.network.sharing.SharedLinks` and is its twin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import count

import pytest

from hat_sim.network.demand import Demand, Link


def max_min(demands: list[Demand]) -> dict[Demand, Fraction]:
    """Freeze the demands of the scarcest link at its fair share, take it off the links, repeat."""
    rates: dict[Demand, Fraction] = {}
    spare = {end: Fraction(end.capacity) for demand in demands for end in (demand.up, demand.down)}
    while waiting := [demand for demand in demands if demand not in rates]:
        crowd = {link: [d for d in waiting if link in (d.up, d.down)] for link in spare}
        shares = {link: spare[link] / len(crowd[link]) for link in spare if crowd[link]}
        share, _, scarcest = min((shares[link], link.index, link) for link in shares)
        for demand in crowd[scarcest]:
            rates[demand] = share
            spare[demand.up] -= share
            spare[demand.down] -= share
    return rates


class PlainLinks:
    def __init__(self) -> None:
        self._now_ns = 0
        self._links = 0
        self._orders = count(1)
        self._left: dict[Demand, Fraction] = {}

    def link(self, capacity: int) -> Link:
        self._links += 1
        return Link(self._links - 1, capacity)

    def resize(self, link: Link, capacity: int, now_ns: int) -> None:
        self._serve(now_ns)
        link.capacity = capacity

    def demand(self, up: Link, down: Link) -> Demand:
        return Demand(next(self._orders), up, down)

    def rate(self, demand: Demand) -> Fraction:
        return max_min(list(self._left)).get(demand, Fraction(0))

    def start(self, demand: Demand, amount: float, now_ns: int) -> None:
        self._serve(now_ns)
        self._left[demand] = Fraction(amount)

    def extend(self, demand: Demand, amount: float, now_ns: int) -> None:
        self._serve(now_ns)
        self._left[demand] += Fraction(amount)

    def stop(self, demand: Demand, now_ns: int) -> float:
        self._serve(now_ns)
        return float(self._left.pop(demand))

    def next_end(self) -> int | None:
        rates = max_min(list(self._left))
        ends = [self._now_ns + math.ceil(left / rates[demand]) for demand, left in self._left.items()]
        return min(ends, default=None)

    def ended(self, now_ns: int) -> list[Demand]:
        self._serve(now_ns)
        done = [demand for demand, left in self._left.items() if not left]
        for demand in done:
            del self._left[demand]
        return done

    def _serve(self, now_ns: int) -> None:
        if now_ns > self._now_ns:
            for demand, rate in max_min(list(self._left)).items():
                self._left[demand] = max(Fraction(0), self._left[demand] - rate * (now_ns - self._now_ns))
            self._now_ns = now_ns


@pytest.fixture(scope="session")
def plain_max_min() -> Callable[[list[Demand]], dict[Demand, Fraction]]:
    return max_min


@pytest.fixture(scope="session")
def plain_links() -> type[PlainLinks]:
    return PlainLinks
