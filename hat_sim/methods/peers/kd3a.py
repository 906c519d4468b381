"""The knowledge vote of KD3A (Feng et al., ICML 2021): distil what the sources that are sure agree on.

The vote is held against the authors' public code. The rest of KD3A trains the sources further on their own
data and averages weights, which sources of one architecture could do and ours cannot.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from hat_sim.learning.fusion import Votes
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import fetch_all, pool_votes, taught
from hat_sim.methods.peers.options import VoteOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.training import TAUGHT, train_student
from hat_sim.protocol.effects import Progress, Protocol

NOBODY_IS_SURE = "no source was sure of any sample: the target learned alone"


def kd3a(task: Task, options: VoteOptions) -> Protocol[Fitted]:
    """CE on the labels + alpha CE to the vote on the samples on which there is one."""
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))

    def fit(progress: Progress) -> Fitted:
        teacher = knowledge_vote(pool_votes(task, models), options.gate)
        fitted = train_student(task, TAUGHT, progress, teacher, options.alpha)
        return fitted if teacher.any() else replace(fitted, notes=(NOBODY_IS_SURE,))

    return (yield from taught(task, models, fit))


def knowledge_vote(votes: Votes, gate: float) -> Tensor:
    """One-hot consensus (samples, classes); a row of 0 where no source is more confident than `gate`.

    Each source above the gate gives its confidence to the class that it takes the sample for; the class
    with the largest sum wins.
    """
    confidence, label = votes.p.max(dim=2)
    sure = confidence > gate
    total = torch.zeros(len(label), votes.known.shape[1]).scatter_add(1, label, confidence * sure)
    winner = nn.functional.one_hot(total.argmax(dim=1), votes.known.shape[1])
    return (winner * sure.any(dim=1, keepdim=True)).float()
