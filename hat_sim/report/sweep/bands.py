"""Means with 95 % bands: percentile bootstrap over targets or, where there is one, over its seeds.

What varies together is resampled together: results of one target at several seeds are averaged first, and so
are those of one seed that differ in other axes, or a band would narrow with each seed and axis of a sweep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hat_sim.report.sweep.record import Result
from hat_sim.seeding import generator

RESAMPLES = 1000
TARGETS, SEEDS = "targets", "seeds"
MEASURES = ("accuracy", "macro_f1", "alone", "best_source", "payload", "seconds", "joules")


@dataclass(frozen=True)
class Band:
    """A mean over `count` targets or, where there is one, seeds (`over` says which), and the 2.5 % and 97.5 %
    quantiles of resampled means."""

    mean: float
    low: float
    high: float
    count: int
    over: str


def bands(results: Iterable[Result]) -> dict[str, Band]:
    """The band of each of MEASURES over the results given, which must not be empty."""
    units: defaultdict[tuple[str, int], list[list[float]]] = defaultdict(list)
    for result in results:
        units[result.unit].append([getattr(result, measure) for measure in MEASURES])
    pairs = {unit: np.mean(units[unit], axis=0) for unit in sorted(units)}
    by_target: defaultdict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    for (target, _), means_of_pair in pairs.items():
        by_target[target].append(means_of_pair)
    over = TARGETS if len(by_target) > 1 else SEEDS
    averaged = [np.mean(them, axis=0) for them in by_target.values()]
    values = np.array(averaged if over == TARGETS else list(pairs.values()))
    low, high = quantiles(values)
    means = values.mean(axis=0)
    return {
        measure: Band(float(means[k]), float(low[k]), float(high[k]), len(values), over)
        for k, measure in enumerate(MEASURES)
    }


def quantiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The 2.5 % and 97.5 % quantiles (2, measures) of the mean of resampled rows of (units, measures)."""
    count = len(values)
    drawn = generator(0, "bootstrap").multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    quantiles: npt.NDArray[np.float64] = np.quantile(drawn @ values / count, (0.025, 0.975), axis=0)
    return quantiles
