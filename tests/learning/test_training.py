"""Training a classifier, and the measures of what it learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hat_sim.learning.architectures import ARCHITECTURES, describe, rank_of
from hat_sim.learning.models import build, weights_of
from hat_sim.learning.recipes import SourceRecipe
from hat_sim.learning.training import accuracy_of, logits_of, macro_f1, train_classifier
from hat_sim.seeding import derive_seed

SHAPES = {1: (6,), 2: (16, 2), 3: (1, 8, 8)}
RECIPE = SourceRecipe(epochs=6, batch_size=16)


def two_heaps(shape: tuple[int, ...], samples: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise around +2 for one class and around -2 for the other, times a gain of 50."""
    rng = np.random.default_rng(seed)
    y = np.arange(samples, dtype=np.int64) % 2
    x = rng.normal(size=(samples, *shape)) + (4 * y - 2).reshape(-1, *[1] * len(shape))
    return (50 * x).astype(np.float32), y


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_is_a_pure_function_that_learns(architecture: str) -> None:
    """Twice the same bits, whatever torch's global generator was in; a new seed gives other weights."""
    shape = SHAPES[rank_of(architecture)]
    description = describe(architecture, shape, 2)
    x, y = two_heaps(shape)
    torch.manual_seed(1)
    one = train_classifier(description, x, y, RECIPE, seed=0)
    torch.manual_seed(2)
    other = train_classifier(description, x, y, RECIPE, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(weights_of(one), weights_of(other), strict=True))
    assert not one.training
    assert accuracy_of(one, *two_heaps(shape, seed=1)) > 0.9
    if architecture == ARCHITECTURES[0]:
        different = train_classifier(description, x, y, RECIPE, seed=1)
        assert not np.array_equal(weights_of(one)[-1], weights_of(different)[-1])


def test_training_leaves_its_samples_as_they_were() -> None:
    x, y = two_heaps((6,))
    x.setflags(write=False)
    y.setflags(write=False)
    kept = x.copy()
    train_classifier(describe("mlp", (6,), 2), x, y, RECIPE, seed=0)
    assert np.array_equal(x, kept)


def test_training_is_the_plain_loop() -> None:
    """The plain twin: the whole model on raw inputs, in the drawn order, with the same schedule."""
    x, y = two_heaps((6,), samples=21)
    description, recipe = describe("mlp-small", (6,), 2), SourceRecipe(epochs=3, batch_size=8)
    fast = train_classifier(description, x, y, recipe, seed=5)
    plain = build(description, derive_seed(5, "weights"))
    plain.encoder.standardise.fit(torch.from_numpy(x))
    order = torch.Generator().manual_seed(derive_seed(5, "batches"))
    optimizer = torch.optim.Adam(plain.parameters(), lr=2e-3, weight_decay=1e-4)
    total = 3 * 3
    for step in range(total):
        if step % 3 == 0:
            shuffled = torch.randperm(21, generator=order)
        rows = shuffled[8 * (step % 3) : 8 * (step % 3) + 8]
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 + np.cos(np.pi * step / total)) / 2
        loss = torch.nn.functional.cross_entropy(plain(torch.from_numpy(x)[rows]), torch.from_numpy(y)[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for one, other in zip(weights_of(fast), weights_of(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_logits_do_not_depend_on_the_batches_they_are_made_in() -> None:
    x, y = two_heaps((6,), samples=1100)
    model = train_classifier(describe("mlp", (6,), 2), x[:60], y[:60], RECIPE, seed=0)
    with torch.no_grad():
        torch.testing.assert_close(logits_of(model, x), model(torch.from_numpy(x)))


def test_accuracy_of_no_samples_is_an_error() -> None:
    x, y = two_heaps((6,))
    model = train_classifier(describe("mlp", (6,), 2), x, y, RECIPE, seed=0)
    with pytest.raises(ValueError, match="no samples"):
        accuracy_of(model, x[:0], y[:0])


def test_macro_f1_by_hand() -> None:
    """Class 0: 2*1/(2+1), class 1: 2*2/(2+3), class 2 is predicted never: 0; class 3 occurs nowhere."""
    truth, predicted = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 3])
    expected = (2 / 3 + 4 / 5 + 0 + 0) / 4
    assert macro_f1(truth, predicted) == pytest.approx(expected)
    assert macro_f1(truth, truth) == 1
