"""How well a source's model suits labelled samples, without training: LogME, LEEP, PARC, leave-one-out kNN.

Higher is better, and each is comparable between the sources of one target alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]
Labels = NDArray[np.int64]

_NOISE = 1e-5
_MOST_ROUNDS = 11


def logme(features: Features, labels: Labels) -> float:
    """Log maximum evidence for each label, mean over the classes that occur (You et al., ICML 2021).

    The evidence of a Bayesian linear regression from `features` (samples, width) to "is of this class",
    y ~ N(0, I / beta + F F^T / alpha), at the precisions that make it largest.
    """
    u, singular, _ = np.linalg.svd(features, full_matrices=False)
    classes = np.unique(labels)
    return float(np.mean([_evidence(u, singular**2, (labels == it).astype(np.float64)) for it in classes]))


def _evidence(u: Features, squared: Features, y: Features) -> float:
    """log p(y) for each sample, alpha and beta from MacKay's fixed point; `squared` are singular values."""
    samples, x2 = len(y), (u.T @ y) ** 2
    rest = max(0.0, float(y @ y - x2.sum()))
    alpha = beta = 1.0
    for _ in range(_MOST_ROUNDS):
        ratio = alpha / beta
        gamma = (squared / (squared + ratio)).sum()
        alpha = max(gamma, _NOISE) / ((squared * x2 / (ratio + squared) ** 2).sum() + _NOISE)
        beta = max(samples - gamma, _NOISE) / ((x2 / (1 + squared / ratio) ** 2).sum() + rest + _NOISE)
        if abs(alpha / beta - ratio) <= 1e-3 * ratio:
            break
    variance = 1 / beta + squared / alpha
    spread = np.log(variance).sum() - (samples - len(squared)) * np.log(beta)
    misfit = (x2 / variance).sum() + beta * rest
    return float(-(samples * np.log(2 * np.pi) + spread + misfit) / (2 * samples))


def leep(p: Features, labels: Labels) -> float:
    """Log expected empirical prediction (Nguyen et al., ICML 2020): mean of log sum_z P(y | z) p_z(x).

    `p` (samples, source classes) are the source's predictions z of the samples.
    """
    joint = np.stack([p[labels == it].sum(axis=0) for it in np.unique(labels)])
    given = joint / np.maximum(joint.sum(axis=0), np.finfo(np.float64).tiny)
    rows = np.searchsorted(np.unique(labels), labels)
    return float(np.log((given[rows] * p).sum(axis=1)).mean())


def parc(features: Features, labels: Labels) -> float:
    """Pairwise annotation representation comparison (Bolya et al., NeurIPS 2021), from -1 to 1.

    Spearman's correlation, over pairs of samples, of how unlike their features (samples, width) and their
    labels are, either as 1 - Pearson's. 0 where the labels are of one class only.
    """
    deviation = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(deviation > 1e-12, deviation, 1)
    pairs = np.triu_indices(len(labels), 1)
    other = (labels[:, None] != labels[None, :])[pairs].astype(np.float64)
    return _correlation(_ranks(1 - _row_correlations(scaled)[pairs]), _ranks(other))


def knn(features: Features, labels: Labels) -> float:
    """Share of samples whose nearest other one, by Euclidean distance of features, has their label."""
    if len(labels) < 2:
        return 0.0
    distance = np.linalg.norm(features[:, None] - features[None, :], axis=2)
    np.fill_diagonal(distance, np.inf)
    return float((labels[distance.argmin(axis=1)] == labels).mean())


def _row_correlations(rows: Features) -> Features:
    """Pearson's correlation of each pair of rows, 0 with a constant one."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    return np.asarray(unit @ unit.T)


def _ranks(values: Features) -> Features:
    """Ranks from 1, ties sharing their mean."""
    _, place, count = np.unique(values.round(12), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _correlation(one: Features, other: Features) -> float:
    """Pearson's correlation, 0 where either says nothing."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
