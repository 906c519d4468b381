"""DECISION-style (Ahmed et al., CVPR 2021): adapt all sources to the pool, with one learned weight for each.

Heads stay, encoders and weights train by information maximisation and pseudo-labels, as in the authors'
public code; the adapted ensemble is then distilled into the student. Ours: Adam in place of SGD, weights that
start equal, and pseudo-labels from the weighted distances to each source's own centroids, since features of
different widths cannot be added up as theirs are.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.fusion import Votes, consensus, masked_mean, votes
from hat_sim.learning.source_model import descriptions
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import Models, fetch_all, taught
from hat_sim.methods.peers.options import DecisionOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import adaptation_flop
from hat_sim.methods.training import TAUGHT, train_student, weighed
from hat_sim.protocol.effects import Progress, Protocol
from hat_sim.seeding import derive_seed


def decision(task: Task, options: DecisionOptions) -> Protocol[Fitted]:
    """CE on the labels + alpha KL to the adapted ensemble, which has seen no label."""
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))

    def fit(progress: Progress) -> Fitted:
        sources = WeightedSources(models, torch.from_numpy(task.samples), len(task.classes))
        adapt(sources, task, options, progress)
        with torch.no_grad():
            _, said = sources.ask(slice(None))
            weights = sources.weights.expand(len(said.log_p), -1)
            teacher = torch.softmax(consensus(said, weights), dim=1)
        fitted = train_student(task, TAUGHT, progress, teacher, options.alpha)
        return weighed(fitted, [it.name for it in models], weights, teacher)

    return (yield from taught(task, models, fit, adaptation_flop(task, descriptions(models))))


class WeightedSources:
    """Copies of the sources on the pool (pool, *shape), whose encoders train; their heads do not."""

    def __init__(self, models: Models, pool: Tensor, total: int) -> None:
        self._models = [copy.deepcopy(it.model) for it in models]
        self._classes = [it.classes for it in models]
        self._total = total
        with torch.no_grad():
            self._inputs = [model.encoder.standardise(pool) for model in self._models]
        for model in self._models:
            model.head.requires_grad_(False)
        self.strength = nn.Parameter(torch.zeros(len(models)))

    @property
    def weights(self) -> Tensor:
        """sigmoid(s_k) / sum_j sigmoid(s_j), (sources,)."""
        raw = torch.sigmoid(self.strength)
        return raw / raw.sum()

    def encoder_parameters(self) -> list[nn.Parameter]:
        return [it for model in self._models for it in model.encoder.parameters()]

    def ask(self, rows: slice | Tensor) -> tuple[list[Tensor], Votes]:
        """Each source's features (rows, width) of these rows of the pool, and what it says of them."""
        features = [
            model.encoder.tail(inputs[rows], 0)
            for model, inputs in zip(self._models, self._inputs, strict=True)
        ]
        logits = [model.head(it) for model, it in zip(self._models, features, strict=True)]
        return features, votes(logits, self._classes, self._total)


def adapt(sources: WeightedSources, task: Task, options: DecisionOptions, progress: Progress) -> None:
    """As many steps as a student has; pseudo-labels are taken anew before each epoch."""
    optimizer = Adam(
        [
            {"params": sources.encoder_parameters(), "lr": options.encoder_learning_rate},
            {"params": [sources.strength], "lr": options.learning_rate},
        ]
    )
    noise = torch.Generator().manual_seed(derive_seed(task.seed, "decision batches"))
    for epoch in range(task.recipe.epochs):
        with torch.no_grad():
            labels = pseudo_labels(*sources.ask(slice(None)), sources.weights)
        for _ in range(task.recipe.steps_per_epoch):
            rows = torch.randperm(len(labels), generator=noise)[: task.recipe.pool_batch]
            _, said = sources.ask(rows)
            logits = consensus(said, sources.weights.expand(len(rows), -1))
            loss = adaptation_loss(logits, labels[rows], options.pseudo_labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        progress(f"adapting, epoch {epoch + 1}/{task.recipe.epochs}")


def adaptation_loss(logits: Tensor, labels: Tensor, share: float) -> Tensor:
    """Mean entropy - entropy of the mean + share CE(pseudo-labels), from logits (samples, classes)."""
    p = torch.softmax(logits, dim=1)
    mean = p.mean(dim=0)
    entropy = -(p * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    diversity = -(mean * (mean + 1e-5).log()).sum()
    return entropy - diversity + share * nn.functional.cross_entropy(logits, labels)


def pseudo_labels(features: list[Tensor], said: Votes, weights: Tensor) -> Tensor:
    """For each sample the class with the nearest centroids, in the weighted mean over sources; (samples,)."""
    distances = [centroid_distances(them, said.p[:, k], said.known[k]) for k, them in enumerate(features)]
    values = torch.stack(distances, dim=1)
    mean = masked_mean(values, said.known, weights.expand(len(values), -1), float("inf"))
    return mean.argmin(dim=1)


def centroid_distances(features: Tensor, p: Tensor, known: Tensor) -> Tensor:
    """1 - cosine of features (samples, width) to class centroids, (samples, classes).

    A centroid is the mean of features weighed by `p` (samples, classes), then that of the samples nearest
    to it.
    """
    unit = nn.functional.normalize(nn.functional.pad(features, (0, 1), value=1.0), dim=1)
    first = 1 - unit @ nn.functional.normalize(p.T @ unit, dim=1).T
    nearest = first.masked_fill(~known, float("inf")).argmin(dim=1)
    members = nn.functional.one_hot(nearest, len(known)).float()
    return 1 - unit @ nn.functional.normalize(members.T @ unit, dim=1).T
