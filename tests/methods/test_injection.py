"""The knowledge dictionary and the weight of what it gives the student."""

from __future__ import annotations

import pytest
import torch

from hat_sim.methods.hat.injection import KnowledgeDictionary, injection_weight

LABELS = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("accuracy", "threshold", "alpha"),
    [(0.75, 0.5, 0.5), (1, 0.5, 1), (0.5, 0.5, 0), (0.4, 0.5, 0), (0, 0, 0), (0.3, 0, 0.3), (0.95, 0.9, 0.5)],
)
def test_alpha_grows_from_the_threshold_to_one(accuracy: float, threshold: float, alpha: float) -> None:
    assert injection_weight(accuracy, threshold) == pytest.approx(alpha)


def gate(first: float, second: float) -> torch.Tensor:
    """Predictions that give the two labels these probabilities, of two classes."""
    return torch.tensor([[first, 1 - first], [1 - second, second]])


def test_only_a_better_mixer_is_stored() -> None:
    """More labels told right, or as many and more likely; equal or worse is not stored."""
    dictionary = KnowledgeDictionary()
    assert dictionary.predictions is None and dictionary.accuracy == 0
    offers = [
        (gate(0.9, 0.4), True, 0.5),
        (gate(0.8, 0.4), False, 0.5),
        (gate(0.9, 0.4), False, 0.5),
        (gate(0.9, 0.45), True, 0.5),
        (gate(0.6, 0.6), True, 1.0),
        (gate(0.99, 0.49), False, 1.0),
        (gate(0.7, 0.6), True, 1.0),
    ]
    kept = None
    for number, (predictions, stored, accuracy) in enumerate(offers):
        table = torch.full((5, 2), float(number))
        assert dictionary.offer(table, predictions, LABELS) is stored
        kept = number if stored else kept
        assert dictionary.accuracy == accuracy
        assert dictionary.predictions is not None and bool((dictionary.predictions == kept).all())


def test_as_a_control_it_takes_whatever_comes() -> None:
    dictionary = KnowledgeDictionary(takes_all=True)
    for predictions, accuracy in ((gate(0.9, 0.6), 1.0), (gate(0.1, 0.6), 0.5)):
        assert dictionary.offer(predictions, predictions, LABELS)
        assert dictionary.accuracy == accuracy
        assert dictionary.predictions is not None and torch.equal(dictionary.predictions, predictions)


def test_a_first_offer_is_stored_however_bad() -> None:
    dictionary = KnowledgeDictionary()
    assert dictionary.offer(torch.zeros(1, 2), gate(0.0, 0.0), LABELS)
    assert dictionary.accuracy == 0


def test_what_is_stored_does_not_change_with_the_table_that_was_offered() -> None:
    dictionary, table = KnowledgeDictionary(), torch.ones(3, 2)
    dictionary.offer(table, gate(0.9, 0.9), LABELS)
    table.zero_()
    assert dictionary.predictions is not None and bool((dictionary.predictions == 1).all())


def test_likelihood_is_that_of_the_labels_by_hand() -> None:
    """Among offers of one accuracy the product .9 * .2 = .18 beats .5 * .35 = .175, and not the sum."""
    dictionary = KnowledgeDictionary()
    assert dictionary.offer(torch.zeros(1, 2), gate(0.501, 0.35), LABELS)
    assert dictionary.offer(torch.zeros(1, 2), gate(0.9, 0.2), LABELS)
    assert not dictionary.offer(torch.zeros(1, 2), gate(0.51, 0.349), LABELS)
