"""What most peers share: download every model, fuse what the sources say of the pool, and distil it.

A peer that gives each source a weight is that formula, and `distil_weighed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from hat_sim.learning.fusion import Votes, mixture, normalised, votes_of
from hat_sim.learning.source_model import SourceModel, descriptions
from hat_sim.methods.asks import join
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.exchange import fetch_models
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import taught_flop
from hat_sim.methods.training import TAUGHT, train_student, weighed
from hat_sim.protocol.effects import Compute, Progress, Protocol
from hat_sim.protocol.work import Work

Models = tuple[SourceModel, ...]
Weigh = Callable[[Votes], Tensor]
"""From votes on the pool, the labelled samples first, to weights (samples, sources) of any scale."""


def fetch_all(task: Task) -> Protocol[Models]:
    """The models of every source that can serve the task."""
    return (yield from fetch_models(task, (yield from join(task))))


def distil_weighed(task: Task, alpha: float, weigh: Weigh) -> Protocol[Fitted]:
    """CE on the labels + alpha KL(sum_k w_k(x) p_k(x) || p(x)), every source's model downloaded.

    For weights that add up to the same for each sample its gradient is that of sum_k w_k KL(p_k || p).
    """
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))
    return (yield from distil(task, alpha, models, weigh))


def distil(task: Task, alpha: float, models: Models, weigh: Weigh) -> Protocol[Fitted]:
    """The same with models that are here already."""

    def fit(progress: Progress) -> Fitted:
        votes = pool_votes(task, models)
        weights = normalised(weigh(votes))
        teacher = mixture(votes, weights)
        fitted = train_student(task, TAUGHT, progress, teacher, alpha)
        return weighed(fitted, [it.name for it in models], weights, teacher)

    return (yield from taught(task, models, fit))


def taught(
    task: Task, models: Models, fit: Callable[[Progress], Fitted], further_flop: Work | int = 0
) -> Protocol[Fitted]:
    """What `fit` leaves when it asks all models about the pool and trains a student.

    `further_flop` is its work beyond these two.
    """
    flop = taught_flop(task, descriptions(models)) + further_flop
    fitted: Fitted = yield Compute("train", "distillation", flop, fit)
    names = tuple(source.name for source in models)
    return replace(fitted, shortlisted=names, selected=names)


def pool_votes(task: Task, models: Models) -> Votes:
    """What the models say of the pool, the labelled samples first."""
    return votes_of(models, torch.from_numpy(task.samples), len(task.classes))
