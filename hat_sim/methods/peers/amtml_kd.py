"""AMTML-KD (Liu et al., Neurocomputing 2020): distil all sources, their weights learned for each sample.

The weights are held against the authors' public code; its losses for hints and angles between samples, which
act on feature maps, are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.fusion import Votes, mixture
from hat_sim.learning.source_model import descriptions
from hat_sim.learning.student import Student
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import fetch_all, pool_votes, taught
from hat_sim.methods.peers.options import AdapterOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import adapter_flop
from hat_sim.methods.training import TAUGHT, train_student, weighed
from hat_sim.protocol.effects import Progress, Protocol
from hat_sim.seeding import derive_seed

LEAST = 1e-30
"""Stands for the 0 of a class that no source knows, at which the divergence has no gradient."""


def amtml_kd(task: Task, options: AdapterOptions) -> Protocol[Fitted]:
    """CE on the labels + alpha KL(sum_k w_k(x) p_k(x) || p(x)), the weights learned beside the student."""
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))

    def fit(progress: Progress) -> Fitted:
        adapter = Adapter(pool_votes(task, models), task, options)
        fitted = train_student(task, TAUGHT, progress, adapter.teach, options.alpha)
        return weighed(fitted, [it.name for it in models], adapter.weights, adapter.fused)

    return (yield from taught(task, models, fit, adapter_flop(task, descriptions(models))))


class Adapter:
    """theta (sources, width) and W (width,), trained with Adam on the pool, as many steps as the student."""

    def __init__(self, votes: Votes, task: Task, options: AdapterOptions) -> None:
        _, sources, _ = votes.log_p.shape
        width = task.description.width
        noise = torch.Generator().manual_seed(derive_seed(task.seed, "amtml-kd adapter"))
        self.theta = nn.Parameter(torch.randn(sources, width, generator=noise))
        self.w = nn.Parameter(torch.randn(width, generator=noise) / width**0.5)
        self.weights = self.fused = torch.empty(0)
        self._votes, self._options, self._steps = votes, options, task.recipe.steps_per_epoch
        self._optimizer = Adam([self.theta, self.w], lr=options.learning_rate)

    def teach(self, student: Student) -> Tensor:
        """Fit the weights to the student of this moment, and give the mixture (pool, classes) under them.

        The mixture is drawn to what the student, who has the labels, says itself: KL(mixture || p).
        """
        features = student.representations(slice(None))
        with torch.no_grad():
            log_p = torch.log_softmax(student.model.head(features), dim=1)
        for _ in range(self._steps):
            fused = mixture(self._votes, source_weights(features, self.theta, self.w))
            loss = nn.functional.kl_div(log_p, fused.clamp_min(LEAST), reduction="batchmean")
            loss = loss + self._options.penalty * (self.theta.square().sum() + self.w.square().sum())
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        with torch.no_grad():
            self.weights = source_weights(features, self.theta, self.w)
            self.fused = mixture(self._votes, self.weights)
        return self.fused


def source_weights(features: Tensor, theta: Tensor, w: Tensor) -> Tensor:
    """w_k(x) = softmax_k (theta_k * f(x)) W, (samples, sources), from pooled features f (samples, width)."""
    return torch.softmax(features @ (theta * w).T, dim=1)
