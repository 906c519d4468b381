"""Means with 95 % bands: percentile bootstrap over (target, seed), with a fixed seed.

What varies together is resampled together: results of one target and seed that differ in other axes are
averaged first, or a band would narrow with every axis that is added to a sweep.
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
MEASURES = ("accuracy", "alone", "payload", "seconds", "joules")


@dataclass(frozen=True)
class Band:
    """A mean over `count` pairs of target and seed, and the 2.5 % and 97.5 % quantiles of resampled means."""

    mean: float
    low: float
    high: float
    count: int


def bands(results: Iterable[Result]) -> dict[str, Band]:
    """The band of each of MEASURES over the results given, which must not be empty."""
    units: defaultdict[tuple[str, int], list[list[float]]] = defaultdict(list)
    for result in results:
        units[result.unit].append([getattr(result, measure) for measure in MEASURES])
    values = np.array([np.mean(units[unit], axis=0) for unit in sorted(units)])
    low, high = _quantiles(values)
    means = values.mean(axis=0)
    return {
        measure: Band(float(means[k]), float(low[k]), float(high[k]), len(values))
        for k, measure in enumerate(MEASURES)
    }


def _quantiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The 2.5 % and 97.5 % quantiles (2, measures) of the mean of resampled rows of (units, measures)."""
    count = len(values)
    drawn = generator(0, "bootstrap").multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    quantiles: npt.NDArray[np.float64] = np.quantile(drawn @ values / count, (0.025, 0.975), axis=0)
    return quantiles
