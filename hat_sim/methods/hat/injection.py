"""Adaptive injection: the knowledge dictionary, and how much of it the student is given.

The dictionary keeps the mixer's fused predictions for every sample of the pool, and takes new ones only
when the mixer has become better (HaT, arXiv 2412.04060). On which accuracy, and what when it stays equal,
is open there. Ours: accuracy on the gate's labelled samples, ties broken by their likelihood, since with
few labels the accuracy soon reaches 1 and would keep the first dictionary that got there.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KnowledgeDictionary:
    """D: for each sample of the pool the best fused prediction so far, (pool, classes).

    One that `takes_all` keeps the latest instead: plain distillation of the mixer, as a control.
    """

    def __init__(self, takes_all: bool = False) -> None:
        self._takes_all = takes_all
        self.predictions: Tensor | None = None
        self.accuracy = 0.0
        self._best = (-1.0, -float("inf"))

    def offer(self, predictions: Tensor, gate_predictions: Tensor, gate_labels: Tensor) -> bool:
        """Store `predictions` if the gate's samples are told better than ever before; say whether."""
        accuracy = float((gate_predictions.argmax(dim=1) == gate_labels).float().mean())
        chosen = gate_predictions[torch.arange(len(gate_labels)), gate_labels]
        quality = (accuracy, float(chosen.clamp_min(1e-6).log().mean()))
        if quality <= self._best and not self._takes_all:
            return False
        self._best, self.accuracy, self.predictions = quality, accuracy, predictions.clone()
        return True


def injection_weight(accuracy: float, threshold: float) -> float:
    """alpha = (accuracy - b) / (1 - b) above the threshold b, 0 below: the form is ours.

    >>> injection_weight(0.75, 0.5), injection_weight(0.4, 0.5)
    (0.5, 0.0)
    """
    return max(0.0, (accuracy - threshold) / (1 - threshold))
