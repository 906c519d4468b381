"""Fine selection: rank sources by the similarity of class centroids x Acc_i, and keep the first N_p.

The product is HaT's (arXiv 2412.04060); Acc_i is the accuracy that a source claims from its own validation
samples. A similarity below 0 counts as 0, so that a high accuracy never makes a source that points away
rank lower than a weak one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.errors import InternalError
from hat_sim.learning.centroids import centroid_similarity


@dataclass(frozen=True)
class Candidate:
    """A source's centroids (classes, width), the target's in the same space, and its claimed accuracy."""

    classes: tuple[str, ...]
    centroids: NDArray[np.floating]
    own: NDArray[np.float32]
    accuracy: float


def scores(candidates: Mapping[str, Candidate], own_classes: tuple[str, ...]) -> dict[str, float]:
    """max(0, similarity) x Acc_i of each source."""
    found = {}
    for name, it in candidates.items():
        if it.own.shape[1] != it.centroids.shape[1]:
            raise InternalError(f"centroids of {name} and the target's are of different spaces")
        similarity = centroid_similarity(it.own, own_classes, it.centroids, it.classes)
        found[name] = max(0.0, similarity) * it.accuracy
    return found


def best(ranking: Mapping[str, float], top: int) -> tuple[str, ...]:
    """The `top` sources of the highest scores, the best first; ties go by name."""
    return tuple(sorted(ranking, key=lambda name: (-ranking[name], name))[:top])
