"""Whether what a target spends fits its battery, and if not, when and at what it runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.record import Spent


@dataclass(frozen=True)
class Charge:
    """What a device took of a battery of `capacity_j`.

    Where it is more than that, `empty_ns` is when nothing was left and `phase` what that was spent on: None,
    if it was waiting.
    """

    capacity_j: float
    used_j: float
    empty_ns: int | None = None
    phase: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For `result.json`."""
        return {
            "capacity_j": self.capacity_j,
            "used_j": self.used_j,
            "fits": self.empty_ns is None,
            "empty_s": None if self.empty_ns is None else self.empty_ns / NS_PER_S,
            "empty_phase": self.phase,
        }


def charge_of(spent: Sequence[Spent], capacity_j: float) -> Charge:
    """The charge of a device that spent all of this; the run goes on regardless."""
    used_j = _used_by(spent, max((it.end_ns for it in spent), default=0))
    if used_j <= capacity_j:
        return Charge(capacity_j, used_j)
    enough, too_long = -1, max(it.end_ns for it in spent)
    while too_long - enough > 1:
        middle = (enough + too_long) // 2
        if _used_by(spent, middle) < capacity_j:
            enough = middle
        else:
            too_long = middle
    last = max(
        (it for it in spent if it.joules and it.start_ns <= too_long <= it.end_ns),
        key=lambda it: (it.start_ns, -it.end_ns),
    )
    return Charge(capacity_j, used_j, too_long, last.phase)


def batteries_told(targets: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each of a result's targets that has a battery."""
    for it in targets:
        if (battery := it.get("battery")) is None:
            continue
        used = f"{it['domain']} spends {battery['used_j']:,.3f} J of {battery['capacity_j']:,.3f} J"
        if battery["fits"]:
            yield f"{used}."
        else:
            doing = f"in {battery['empty_phase']}" if battery["empty_phase"] else "while it waits"
            yield f"{used}: it does not fit, and is empty after {battery['empty_s']:,.3f} s, {doing}."


def _used_by(spent: Sequence[Spent], now_ns: int) -> float:
    """Joules spent until a moment; a stretch spends evenly."""
    return fsum(
        it.joules if it.end_ns <= now_ns else it.joules * (now_ns - it.start_ns) / (it.end_ns - it.start_ns)
        for it in spent
        if it.start_ns <= now_ns
    )
