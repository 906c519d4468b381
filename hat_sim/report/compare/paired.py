"""Methods held against one of them, the reference, on the same targets and seeds.

A difference is taken target by target, seeds averaged first (with one target, seed by seed), so that what
makes a target hard for every method drops out. Its interval is a percentile bootstrap over these, its p a
test by flipping their signs, corrected after Holm for the number of methods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hat_sim.report.sweep.bands import Band, bands, quantiles
from hat_sim.report.sweep.record import METHOD, Axis, Result, SweepRecord
from hat_sim.seeding import generator

EVERYWHERE = "everywhere"
MOST_EXACT = 13
"""Up to so many differences all signs are tried."""
DRAWS = 10_000
MOST_PLACES = 6
_TIE = 1e-9

Key = tuple[str, int, tuple[Any, ...]]
"""A target, a seed, and where on the other axes."""


@dataclass(frozen=True)
class Difference:
    """Accuracy less the reference's: its mean, 2.5 % and 97.5 % quantiles over `each`, which says of how much
    it is at each target; p before and after Holm's correction."""

    mean: float
    low: float
    high: float
    each: Mapping[str, float]
    p: float
    p_holm: float

    @property
    def wins(self) -> int:
        return sum(it > _TIE for it in self.each.values())

    @property
    def losses(self) -> int:
        return sum(it < -_TIE for it in self.each.values())

    @property
    def ties(self) -> int:
        return len(self.each) - self.wins - self.losses

    @property
    def record(self) -> str:
        """Wins, ties and losses."""
        return f"{self.wins}/{self.ties}/{self.losses}"


@dataclass(frozen=True)
class Standing:
    """How a method does at a place; the reference, and what shares no target with it, has no difference."""

    method: str
    bands: Mapping[str, Band]
    difference: Difference | None


@dataclass(frozen=True)
class Place:
    """Where on the other axes (EVERYWHERE: the mean over all places), and the methods, the best first."""

    name: str
    standings: tuple[Standing, ...]

    def of(self, method: str) -> Standing | None:
        return next((it for it in self.standings if it.method == method), None)


def places_of(sweep: SweepRecord) -> list[Place]:
    """The places of a comparison; where there are several, the mean over all of them comes first."""
    method_at = [axis.path for axis in sweep.axes].index(METHOD)
    others = [axis for axis in sweep.axes if axis.path != METHOD]
    by_place: defaultdict[tuple[Any, ...], list[Result]] = defaultdict(list)
    for result in sweep.results:
        by_place[_without(result.at, method_at)].append(result)
    names = {at: _name(others, at) for at in by_place}
    found = [_place(sweep, names[at], them, method_at) for at, them in by_place.items()]
    if len(found) > 1:
        found.insert(0, _place(sweep, EVERYWHERE, sweep.results, method_at))
    return found


def main_ones(places: Sequence[Place]) -> Sequence[Place]:
    """All places where they are few, else the mean over all."""
    return places if len(places) <= MOST_PLACES else places[:1]


def _place(sweep: SweepRecord, name: str, results: Iterable[Result], method_at: int) -> Place:
    by_method: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_method[result.at[method_at]].append(result)
    reference = by_method.get(sweep.reference or "", [])
    differences = {
        method: difference(_by_key(them, method_at), _by_key(reference, method_at))
        for method, them in by_method.items()
        if method != sweep.reference
    }
    corrected = holm({method: it for method, it in differences.items() if it is not None})
    standings = [Standing(method, bands(them), corrected.get(method)) for method, them in by_method.items()]
    return Place(name, tuple(sorted(standings, key=lambda it: (-it.bands["accuracy"].mean, it.method))))


def difference(of: Mapping[Key, float], reference: Mapping[Key, float]) -> Difference | None:
    """Of accuracies by target, seed and place, as far as both have them; None where they share nothing."""
    shared = [key for key in of if key in reference]
    if not shared:
        return None
    one_target = len({target for target, _, _ in shared}) == 1
    grouped: defaultdict[str, list[float]] = defaultdict(list)
    for target, seed, place in shared:
        key = (target, seed, place)
        grouped[f"seed {seed}" if one_target else target].append(of[key] - reference[key])
    each = {name: float(np.mean(them)) for name, them in grouped.items()}
    values = np.array(list(each.values()))
    low, high = quantiles(values[:, None])[:, 0]
    p = sign_flip_p(values)
    return Difference(float(values.mean()), float(low), float(high), each, p, p)


def sign_flip_p(values: npt.NDArray[np.float64]) -> float:
    """Two-sided: how often differences (units,) with random signs have a mean at least as far from 0."""
    count = len(values)
    if count <= MOST_EXACT:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float(np.mean(_as_far(signs @ values, values)))
    signs = generator(0, "sign flips").choice((-1, 1), size=(DRAWS, count))
    return float((1 + _as_far(signs @ values, values).sum()) / (1 + DRAWS))


def holm(found: Mapping[str, Difference]) -> dict[str, Difference]:
    """The differences with p corrected for their number (Holm 1979), in the order of p."""
    corrected = holm_adjusted({method: it.p for method, it in found.items()})
    return {method: replace(found[method], p_holm=p) for method, p in corrected.items()}


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """p corrected for their number by Holm's step-down method, the smallest first."""
    order = sorted(p_values, key=p_values.__getitem__)
    corrected, least = {}, 0.0
    for rank, name in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[name]))
        corrected[name] = least
    return corrected


def _as_far(sums: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    as_far: npt.NDArray[np.bool_] = np.abs(sums) >= abs(values.sum()) - _TIE
    return as_far


def _by_key(results: Iterable[Result], method_at: int) -> dict[Key, float]:
    return {(*it.unit, _without(it.at, method_at)): it.accuracy for it in results}


def _without(at: Sequence[Any], place: int) -> tuple[Any, ...]:
    return (*at[:place], *at[place + 1 :])


def _name(axes: Sequence[Axis], at: Sequence[Any]) -> str:
    return ", ".join(f"{axis.name} = {axis.label(value)}" for axis, value in zip(axes, at, strict=True))
