"""AVER (after You et al., KDD 2017): distil the mean of all sources' predictions, weighed equally."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hat_sim.learning.budget import student_flop
from hat_sim.learning.source_model import SourceModel
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.exchange import fetch_models, join
from hat_sim.methods.peers.options import AverOptions
from hat_sim.methods.peers.target_only import train_alone
from hat_sim.methods.training import train_student
from hat_sim.protocol.effects import Compute, Progress, Protocol


def aver(task: Task, options: AverOptions) -> Protocol[Fitted]:
    """CE on the labels + alpha times the mean over sources of KL(p_i || p_t), which is KL to their mean
    up to a constant; every source's model is downloaded."""
    models = yield from fetch_models(task, (yield from join(task)))
    if not models:
        alone = yield from train_alone(task)
        return replace(alone, notes=("no source could be used: the target learned alone",))
    labelled, pool = len(task.labelled_y), len(task.samples)
    flop = pool * sum(source.model.description.forward_flop for source in models)
    flop += student_flop(task.description, labelled, pool, task.recipe, distils=True)

    def distil(progress: Progress) -> Fitted:
        teacher = mean_vote(models, torch.from_numpy(task.samples), len(task.classes))
        return train_student(task, "aver", progress, teacher, options.alpha)

    fitted: Fitted = yield Compute("train", "distillation", flop, distil)
    names = tuple(source.name for source in models)
    return replace(fitted, shortlisted=names, selected=names)


def mean_vote(models: tuple[SourceModel, ...], x: Tensor, classes: int) -> Tensor:
    """Mean of the sources' distributions (samples, classes), for each class over those that know it."""
    total, votes = torch.zeros(len(x), classes), torch.zeros(classes)
    for source in models:
        known = torch.tensor(source.classes)
        total.index_add_(1, known, torch.softmax(logits_of(source.model, x), dim=1))
        votes[known] += 1
    mean = total / votes.clamp_min(1)
    return mean / mean.sum(dim=1, keepdim=True)
