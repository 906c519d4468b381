"""CA-MKD (Zhang et al., ICASSP 2022): distil all sources, each the more the better it tells the label.

The formula is held against the authors' public code. Theirs has labels for every sample; ours, on an
unlabelled sample a source weighs what it does on the labelled ones in the mean. Their term for features is
left out: it needs a network for each source between features of different widths, which the one recipe of
students has no place for.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hat_sim.learning.fusion import Votes, normalised
from hat_sim.learning.source_model import NEVER
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import distil_weighed
from hat_sim.methods.peers.options import DistillationOptions
from hat_sim.protocol.effects import Protocol


def ca_mkd(task: Task, options: DistillationOptions) -> Protocol[Fitted]:
    """w_k(x) as in `confidence_weights`."""
    labels = torch.from_numpy(task.labelled_y)
    return distil_weighed(task, options.alpha, lambda votes: confidence_weights(votes, labels))


def confidence_weights(votes: Votes, labels: Tensor) -> Tensor:
    """w_k(x) = (1 - softmax_k CE_k(x)) / (K - 1), (samples, sources); `labels` are of the first samples.

    K counts the sources that know the sample's class; the others weigh nothing on it.
    """
    rows = torch.arange(len(labels))
    able = votes.known[:, labels].T
    cross_entropy = -votes.log_p[rows, :, labels]
    share = torch.softmax(cross_entropy.masked_fill(~able, NEVER), dim=1)
    others = able.sum(dim=1, keepdim=True) - 1
    weights = torch.where(others > 0, (1 - share) / others.clamp_min(1), 1.0) * able
    told = normalised(weights)
    return torch.cat([told, told.mean(dim=0).expand(len(votes.log_p) - len(labels), -1)])
