"""Final predictors that consist of several sources' models; each maps (batch, *shape) to logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hat_sim.learning.source_model import SourceModel, widened

LEAST_PROBABILITY = 1e-12
FEATURE_CLIP = 5.0


class MeanVote(nn.Module):
    """The log of the members' mean distribution, for each class over the members that know it."""

    voters: Tensor

    def __init__(self, models: Sequence[SourceModel], total: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(widened(it.model, it.classes, total) for it in models)
        knowing = [sum(label in it.classes for it in models) for label in range(total)]
        self.register_buffer("voters", torch.tensor(knowing).clamp_min(1).float())

    def forward(self, x: Tensor) -> Tensor:
        p = torch.stack([torch.softmax(member(x), dim=1) for member in self.members])
        mean = p.sum(dim=0) / self.voters
        return (mean / mean.sum(dim=1, keepdim=True)).clamp_min(LEAST_PROBABILITY).log()


class Stack(nn.Module):
    """A linear probe on what the members say of a sample, side by side: their features, or their logits."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, models: Sequence[SourceModel], total: int, by_features: bool) -> None:
        super().__init__()
        self.members = nn.ModuleList(it.model.encoder if by_features else it.model for it in models)
        heads = [it.model.description.head for it in models]
        width = sum(head.inputs if by_features else head.outputs for head in heads)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.probe = nn.Linear(width, total)
        nn.init.zeros_(self.probe.weight)
        nn.init.zeros_(self.probe.bias)

    @torch.no_grad()
    def fit_standardiser(self, x: Tensor) -> None:
        """Take mean and deviation of what the members say from these samples."""
        said = self._said(x)
        self.mean.copy_(said.mean(dim=0))
        self.deviation.copy_(said.std(dim=0).clamp_min(1e-3))

    def standardised(self, x: Tensor) -> Tensor:
        """What the probe reads (samples, width)."""
        return ((self._said(x) - self.mean) / self.deviation).clamp(-FEATURE_CLIP, FEATURE_CLIP)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.probe(self.standardised(x))
        return logits

    def _said(self, x: Tensor) -> Tensor:
        return torch.cat([member(x) for member in self.members], dim=1)
