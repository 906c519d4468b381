"""AVER (after You et al., KDD 2017): distil the mean of all sources' predictions, weighed equally."""

from __future__ import annotations

from hat_sim.learning.fusion import equal_weights
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import distil_weighed
from hat_sim.methods.peers.options import DistillationOptions
from hat_sim.protocol.effects import Protocol


def aver(task: Task, options: DistillationOptions) -> Protocol[Fitted]:
    """w_k(x) = 1 / K for each of K sources."""
    return distil_weighed(task, options.alpha, equal_weights)
