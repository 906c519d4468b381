"""What a source claims of a model that it shares: its accuracy on validation samples of its own."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from itertools import accumulate
from math import comb

from hat_sim.seeding import MOST_DERIVED

MOST_SAMPLES = 1000
"""Chances of more samples than this are beyond a float."""


def claimed(accuracy: float, samples: int, seed: int) -> float:
    """The share of `samples` that a model of this accuracy gets right, as the device's own `seed` has it.

    The number of right ones is binomial; it is drawn at the quantile that the seed stands for.
    """
    return bisect_left(_chances(accuracy, samples), seed / MOST_DERIVED) / samples


@lru_cache(maxsize=1024)
def _chances(accuracy: float, samples: int) -> tuple[float, ...]:
    """P(at most k are right) for k = 0 ... samples - 1."""
    right, wrong = accuracy, 1 - accuracy
    return tuple(accumulate(comb(samples, k) * right**k * wrong ** (samples - k) for k in range(samples)))
