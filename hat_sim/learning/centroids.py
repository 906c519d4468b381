"""Class centroids of a domain in some feature space, and how similar those of two domains are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def class_centroids(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[int]
) -> NDArray[np.float32]:
    """mu_c, the mean over the samples of class c of the L2-normalised feature; (classes, width).

    `features` is (samples, width), `labels` (samples,); each of `classes` must occur in `labels`.
    """
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(norms, 1e-12)
    return np.stack([unit[labels == label].mean(axis=0) for label in classes]).astype(np.float32)


def centroid_similarity(
    own: NDArray[np.float32],
    own_classes: Sequence[str],
    other: NDArray[np.floating],
    other_classes: Sequence[str],
) -> float:
    """Cosine between the centroids of matching classes, averaged over the classes shared; -1 if none is."""
    shared = [name for name in own_classes if name in other_classes]
    if not shared:
        return -1.0
    left = own[[own_classes.index(name) for name in shared]].astype(np.float64)
    right = other[[other_classes.index(name) for name in shared]].astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / np.maximum(norms, 1e-12)).mean())
