"""Training a classifier on labelled samples: the recipe of the sources, and the student's shared pieces."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.architectures import Description
from hat_sim.learning.models import Classifier, build
from hat_sim.learning.recipes import SourceRecipe
from hat_sim.learning.rotation import rotated
from hat_sim.seeding import derive_seed

EVALUATION_BATCH = 512


def train_classifier(
    description: Description, x: NDArray[np.float32], y: NDArray[np.int64], recipe: SourceRecipe, seed: int
) -> Classifier:
    """A classifier trained from scratch with Adam and a cosine schedule.

    `x` is of shape (samples, *shape), `y` of shape (samples,). A pure function of its arguments.
    """
    model = build(description, derive_seed(seed, "weights"))
    inputs, labels = torch.from_numpy(np.array(x)), torch.from_numpy(np.array(y))
    model.encoder.standardise.fit(inputs)
    order = torch.Generator().manual_seed(derive_seed(seed, "batches"))
    optimizer = Adam(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    batches = -(-len(labels) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs * batches)
    model.train()
    for _ in range(recipe.epochs):
        for batch in torch.split(torch.randperm(len(labels), generator=order), recipe.batch_size):
            logits = model(rotated(inputs[batch], recipe.rotation, order))
            loss = nn.functional.cross_entropy(logits, labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def logits_of(model: nn.Module, x: NDArray[np.float32] | Tensor) -> Tensor:
    """Logits (samples, classes) in evaluation mode, batch by batch."""
    inputs = x if isinstance(x, Tensor) else torch.from_numpy(np.array(x))
    model.eval()
    return torch.cat([model(part) for part in torch.split(inputs, EVALUATION_BATCH)])


def posteriors(model: nn.Module, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a model takes each sample for: distributions (samples, classes)."""
    found: NDArray[np.float32] = torch.softmax(logits_of(model, x), dim=1).numpy()
    return found


def accuracy_of(model: nn.Module, x: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """Share of samples whose largest logit is that of the label."""
    if len(y) == 0:
        raise ValueError("no samples to measure an accuracy on")
    return float((logits_of(model, x).argmax(dim=1).numpy() == y).mean())


def macro_f1(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Mean over the classes that occur in either argument of 2 TP / (2 TP + FP + FN)."""
    scores = []
    for label in np.union1d(truth, predicted):
        hits = int(((truth == label) & (predicted == label)).sum())
        scores.append(2 * hits / (int((truth == label).sum()) + int((predicted == label).sum())))
    return float(np.mean(scores))
