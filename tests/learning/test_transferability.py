"""Scores of transferability, from hand-computed numbers and against plain twins of their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hat_sim.learning.transferability import knn, leep, logme, parc
from hat_sim.report.run.ranks import spearman


def heaps(spread: float, samples: int = 12, width: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes around a centre each, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(samples) % 3
    return 3 * np.eye(3, width)[labels] + spread * rng.normal(size=(samples, width)), labels


def plain_evidence(f: np.ndarray, y: np.ndarray, alpha: float, beta: float) -> float:
    """The paper's equation for the log evidence of a sample, with the matrix A written out."""
    samples, width = f.shape
    a = alpha * np.eye(width) + beta * f.T @ f
    m = beta * np.linalg.solve(a, f.T @ y)
    return (
        samples / 2 * math.log(beta)
        + width / 2 * math.log(alpha)
        - samples / 2 * math.log(2 * math.pi)
        - beta / 2 * np.square(f @ m - y).sum()
        - alpha / 2 * m @ m
        - np.linalg.slogdet(a)[1] / 2
    ) / samples


def best_evidence(f: np.ndarray, y: np.ndarray) -> float:
    grid = np.logspace(-3, 4, 141)
    return max(plain_evidence(f, y, alpha, beta) for alpha in grid for beta in grid)


def test_logme_is_the_largest_evidence_of_each_class() -> None:
    """As found by trying precisions one after the other."""
    f, labels = heaps(1.0, samples=15, width=3)
    expected = np.mean([best_evidence(f, (labels == it).astype(float)) for it in range(3)])
    assert logme(f, labels) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("width", [3, 12, 40])
def test_logme_prefers_features_in_which_classes_are_apart(width: int) -> None:
    """Also where there are more features than samples."""
    scores = [logme(*heaps(spread, width=width)) for spread in (0.1, 1, 5)]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 3


def test_logme_is_finite_whatever_the_features_are() -> None:
    labels = np.array([0, 0, 2])
    for f in (np.zeros((3, 4)), np.ones((3, 1)), np.eye(3)):
        assert math.isfinite(logme(f, labels))
    assert math.isfinite(logme(np.ones((1, 2)), labels[:1]))


def test_leep_is_the_mean_log_of_what_the_sources_classes_predict() -> None:
    """P(y | z): .85 and .15 where the source says its first class, .3 and .7 where its second."""
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    found = leep(p, np.array([0, 0, 2]))
    likelihoods = (0.85 * 0.9 + 0.3 * 0.1, 0.85 * 0.8 + 0.3 * 0.2, 0.15 * 0.3 + 0.7 * 0.7)
    assert found == pytest.approx(np.mean(np.log(likelihoods)))


def test_leep_of_a_source_that_always_says_the_same_is_the_entropy_of_the_labels() -> None:
    p = np.array([[1.0, 0.0]] * 4)
    assert leep(p, np.array([0, 0, 1, 1])) == pytest.approx(math.log(0.5))


def test_parc_is_the_rank_correlation_of_what_is_unlike() -> None:
    """Two pairs of equal features: 1 with the labels alike, -1/2 with them crosswise."""
    f = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])
    assert parc(f, np.array([0, 0, 1, 1])) == pytest.approx(1)
    assert parc(f, np.array([0, 1, 0, 1])) == pytest.approx(-0.5)


def test_parc_is_spearmans_correlation_over_pairs() -> None:
    """The plain twin: Pearson's distance of standardised features and of one-hot labels, pair by pair."""
    f, labels = heaps(2.0)
    scaled = (f - f.mean(axis=0)) / f.std(axis=0)
    pairs = [(i, j) for i in range(12) for j in range(i)]
    one_hot = np.eye(3)[labels]
    unlike, other = (
        [round(1 - np.corrcoef(rows[i], rows[j])[0, 1], 9) for i, j in pairs] for rows in (scaled, one_hot)
    )
    assert parc(f, labels) == pytest.approx(spearman(unlike, other))


@pytest.mark.parametrize("labels", [[0], [0, 1], [1, 1, 1]])
def test_parc_says_nothing_where_labels_say_nothing(labels: list[int]) -> None:
    assert parc(np.eye(len(labels), 2), np.array(labels)) == 0


def test_knn_is_the_share_whose_nearest_other_has_its_label() -> None:
    """On a line at 0, 1, 3, 7: the neighbours are 1, 0, 1 and 3."""
    f = np.array([[0.0], [1], [3], [7]])
    assert knn(f, np.array([0, 0, 1, 1])) == 3 / 4
    assert knn(f, np.array([0, 0, 0, 1])) == 3 / 4
    assert knn(f, np.array([0, 1, 0, 1])) == 0
    assert knn(f[:1], np.array([0])) == 0
