"""Means over people with bootstrap intervals: a person's seeds are averaged first, people are resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95
_SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A mean over people, and the interval of its bootstrap distribution (the percentile method)."""

    mean: float
    low: float
    high: float


def person_means(samples: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The mean of each person's values, over seeds and whatever else he was measured with."""
    of: dict[str, list[float]] = {}
    for person, value in samples:
        of.setdefault(person, []).append(value)
    return {person: float(np.mean(values)) for person, values in of.items()}


def estimate(of_person: Mapping[str, float]) -> Estimate:
    """The mean over people; people are drawn with replacement, always by the same random numbers."""
    values = np.array([of_person[person] for person in sorted(of_person)])
    rows = np.random.default_rng(_SEED).integers(len(values), size=(RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[rows].mean(axis=1), [tail, 1 - tail])
    return Estimate(float(values.mean()), float(low), float(high))


def paired_difference(first: Mapping[str, float], second: Mapping[str, float]) -> Estimate:
    """The mean over people of `first` - `second`; both must be of the same people."""
    if first.keys() != second.keys():
        raise ValueError(f"not the same people: {sorted(first.keys() ^ second.keys())}")
    return estimate({person: first[person] - second[person] for person in first})
