"""Class centroids of a domain in some feature space, and how similar those of two domains are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BATCH = 1024
"""So many domains are compared at once: the table of all would take the memory of a large fleet twice."""


def class_centroids(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[int]
) -> NDArray[np.float32]:
    """mu_c, the mean over the samples of class c of the L2-normalised feature; (classes, width).

    `features` is (samples, width), `labels` (samples,); each of `classes` must occur in `labels`.
    """
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(norms, 1e-12)
    return np.stack([unit[labels == label].mean(axis=0) for label in classes]).astype(np.float32)


def centroid_similarities(
    own: NDArray[np.float32],
    own_classes: Sequence[str],
    others: Sequence[NDArray[np.floating]],
    other_classes: Sequence[str],
) -> list[float]:
    """Cosine between the centroids of matching classes, averaged over the classes shared; -1 if none is.

    Of each of `others`, all of one shape (classes, width) and of the same `other_classes`.
    """
    shared = [name for name in own_classes if name in other_classes]
    if not shared:
        return [-1.0] * len(others)
    left = own[[own_classes.index(name) for name in shared]].astype(np.float64)
    rows = [other_classes.index(name) for name in shared]
    found: list[float] = []
    for start in range(0, len(others), BATCH):
        right = np.stack(others[start : start + BATCH])[:, rows].astype(np.float64)
        norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=2)
        cosines: NDArray[np.float64] = (left * right).sum(axis=2) / np.maximum(norms, 1e-12)
        found += cosines.mean(axis=1).tolist()
    return found
