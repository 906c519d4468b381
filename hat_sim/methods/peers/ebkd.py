"""EBKD (Kwon et al., ICASSP 2020): distil all sources, each the less the more entropy its prediction has.

Held against the public code of CA-MKD (Zhang et al., ICASSP 2022), which has it as a baseline.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hat_sim.learning.fusion import Votes
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import distil_weighed
from hat_sim.methods.peers.options import DistillationOptions
from hat_sim.protocol.effects import Protocol


def ebkd(task: Task, options: DistillationOptions) -> Protocol[Fitted]:
    """w_k(x) as in `entropy_weights`; they add up to K - 1 for each sample."""
    return distil_weighed(task, options.alpha, entropy_weights)


def entropy_weights(votes: Votes) -> Tensor:
    """w_k(x) = 1 - H(p_k(x)) / sum_j H(p_j(x)), (samples, sources).

    Sources that are all certain weigh the same.
    """
    entropy = -(votes.p * votes.log_p).sum(dim=2)
    total = entropy.sum(dim=1, keepdim=True)
    return torch.where(total > 0, 1 - entropy / total.where(total > 0, 1.0), 1.0)
