"""Fusing sources, from hand-computed numbers; none of them speaks for a class that it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from hat_sim.learning.architectures import describe
from hat_sim.learning.fusion import (
    Votes,
    consensus,
    equal_weights,
    mixture,
    normalised,
    places,
    votes,
    votes_of,
)
from hat_sim.learning.models import build
from hat_sim.learning.source_model import NEVER, SourceModel


def said(total: int, *sources: tuple[Sequence[int], Sequence[Sequence[float]]]) -> Votes:
    """Votes of sources that are given by their classes and their distributions (samples, outputs)."""
    return votes([torch.tensor(p).log() for _, p in sources], [classes for classes, _ in sources], total)


PARTIAL = said(3, ((0, 1), [[0.8, 0.2]]), ((2, 1), [[0.6, 0.4]]))
"""Classes 0 and 1 of one, 1 and 2 of the other, whose outputs stand in another order."""


def weights(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows).float()


def test_votes_stand_at_their_class() -> None:
    torch.testing.assert_close(PARTIAL.p, torch.tensor([[[0.8, 0.2, 0.0], [0.0, 0.4, 0.6]]]))
    assert PARTIAL.known.tolist() == [[True, True, False], [False, True, True]]
    assert places((2, 0), 3).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_votes_of_models_are_their_softmax() -> None:
    models = [SourceModel(str(k), build(describe("mlp-small", (6,), 3), k), (0, 1, 2), 0.5) for k in range(2)]
    x = torch.randn(5, 6)
    plain = torch.stack([it.model(x).softmax(dim=1) for it in models], dim=1)
    torch.testing.assert_close(votes_of(models, x, 3).p, plain.detach())


def test_a_mixture_is_the_mean_over_those_that_know_a_class() -> None:
    """.8, (.2 + .4) / 2 and .6, normalised by 1.7."""
    found = mixture(PARTIAL, equal_weights(PARTIAL))
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.3, 0.6]]) / 1.7)


def test_a_mixture_weighs_each_class_among_those_that_know_it() -> None:
    """With .25 and .75: .8, .25 x .2 + .75 x .4 = .35 and .6, normalised by 1.75."""
    found = mixture(PARTIAL, weights([0.25, 0.75]))
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.35, 0.6]]) / 1.75)


def test_a_source_of_no_weight_says_nothing_and_its_classes_are_open() -> None:
    found = mixture(PARTIAL, weights([1, 0]))
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.2, 0.0]]))


def test_a_class_that_nobody_knows_has_no_probability() -> None:
    one = said(3, ((0, 2), [[0.9, 0.1], [0.5, 0.5]]))
    torch.testing.assert_close(mixture(one, equal_weights(one)), torch.tensor([[0.9, 0, 0.1], [0.5, 0, 0.5]]))


def test_a_mixture_is_weighed_sample_by_sample() -> None:
    both = said(2, ((0, 1), [[0.9, 0.1]] * 2), ((0, 1), [[0.2, 0.8]] * 2))
    torch.testing.assert_close(
        mixture(both, weights([1, 0], [0.5, 0.5])), torch.tensor([[0.9, 0.1], [0.55, 0.45]])
    )


def test_a_consensus_is_the_mean_of_logits() -> None:
    """As softmax of (z1 + z2) / 2, whatever is added to all logits of one source."""
    one, other = torch.randn(4, 3), torch.randn(4, 3)
    both = votes([one, other + 5], [(0, 1, 2), (0, 1, 2)], 3)
    found = torch.softmax(consensus(both, equal_weights(both)), dim=1)
    torch.testing.assert_close(found, torch.softmax((one + other) / 2, dim=1))


def test_a_consensus_never_chooses_what_nobody_knows() -> None:
    one = said(3, ((0, 2), [[0.9, 0.1]]))
    logits = consensus(one, equal_weights(one))
    assert logits[0, 1] == NEVER
    torch.testing.assert_close(torch.softmax(logits, dim=1), torch.tensor([[0.9, 0, 0.1]]))


@pytest.mark.parametrize(
    ("given", "expected"), [([1, 3], [0.25, 0.75]), ([0, 0], [0.5, 0.5]), ([0, 2], [0, 1])]
)
def test_normalised_weights_add_up_to_one(given: list[float], expected: list[float]) -> None:
    torch.testing.assert_close(normalised(weights(given)), weights(expected))
