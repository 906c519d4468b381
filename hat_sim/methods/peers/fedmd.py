"""FedMD (after Li and Wang, 2019): distil the consensus of what the sources say of the target's samples.

No model moves, so architectures need not be told. What moves are the target's own samples, the labelled ones
without their labels: the one method here that shares data, where FedMD itself has a public dataset. One round
of its exchange, since sources do not train any more. Samples are sent in the precision of weights.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hat_sim.learning.fusion import consensus, equal_weights, votes
from hat_sim.methods.asks import join_reading
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.exchange import Opinion, fetch_opinions
from hat_sim.methods.peers.options import DistillationOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import distillation_flop
from hat_sim.methods.training import TAUGHT, train_student
from hat_sim.protocol.effects import Compute, Progress, Protocol


def fedmd(task: Task, options: DistillationOptions) -> Protocol[Fitted]:
    """CE on the labels + alpha KL(softmax of the sources' mean logits || p)."""
    opinions = yield from fetch_opinions(task, (yield from join_reading(task)))
    if not opinions:
        return (yield from fall_back(task))

    def fit(progress: Progress) -> Fitted:
        teacher = mean_logits(tuple(opinions.values()), len(task.classes))
        return train_student(task, TAUGHT, progress, teacher, options.alpha)

    fitted: Fitted = yield Compute("train", "distillation", distillation_flop(task), fit)
    return replace(fitted, shortlisted=tuple(opinions), selected=tuple(opinions))


def mean_logits(opinions: tuple[Opinion, ...], total: int) -> Tensor:
    """Distributions (samples, classes) of the mean logits, for each class over the sources that know it."""
    said = votes([it.logits for it in opinions], [it.classes for it in opinions], total)
    return torch.softmax(consensus(said, equal_weights(said)), dim=1)
