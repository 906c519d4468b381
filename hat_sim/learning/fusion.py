"""Fusing what several sources say of the same samples, each class over the sources that know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hat_sim.learning.source_model import NEVER, SourceModel
from hat_sim.learning.training import logits_of


@dataclass(frozen=True)
class Votes:
    """What sources say of samples: `log_p` (samples, sources, classes), and `known` (sources, classes).

    Each source's distribution is over the classes that it knows; what stands at the others says nothing.
    """

    log_p: Tensor
    known: Tensor

    @property
    def p(self) -> Tensor:
        """The distributions (samples, sources, classes), 0 for a class that a source does not know."""
        return self.log_p.exp() * self.known


def places(classes: Sequence[int], total: int) -> Tensor:
    """The 0/1 matrix (outputs, total) that puts a model's outputs at their class among `total`."""
    return nn.functional.one_hot(torch.tensor(classes), total).float()


def votes(logits: Sequence[Tensor], classes: Sequence[Sequence[int]], total: int) -> Votes:
    """Votes from each source's logits (samples, outputs), the outputs being the source's `classes`."""
    at = [places(them, total) for them in classes]
    log_p = [torch.log_softmax(it, dim=1) @ place for it, place in zip(logits, at, strict=True)]
    return Votes(torch.stack(log_p, dim=1), torch.stack([place.sum(dim=0) for place in at]) > 0)


def votes_of(models: Sequence[SourceModel], x: Tensor, total: int) -> Votes:
    """What these models say of samples (samples, *shape)."""
    return votes([logits_of(it.model, x) for it in models], [it.classes for it in models], total)


def equal_weights(votes: Votes) -> Tensor:
    """The same weight (samples, sources) for every source."""
    samples, sources, _ = votes.log_p.shape
    return torch.full((samples, sources), 1 / sources)


def normalised(weights: Tensor) -> Tensor:
    """Weights (samples, sources) that add up to 1 for each sample; where all are 0 they become equal."""
    total = weights.sum(dim=1, keepdim=True)
    return torch.where(total > 0, weights / total.where(total > 0, 1.0), 1 / weights.shape[1])


def masked_mean(values: Tensor, known: Tensor, weights: Tensor, otherwise: float) -> Tensor:
    """Weighted mean of values (samples, sources, classes), for each class over the sources that know it.

    (samples, classes), from `weights` (samples, sources); `otherwise` stands where no source of any weight
    knows the class.
    """
    share = weights @ known.float()
    total = torch.einsum("ns,nsc->nc", weights, values * known)
    return torch.where(share > 0, total / share.where(share > 0, 1.0), otherwise)


def mixture(votes: Votes, weights: Tensor) -> Tensor:
    """sum_k w_k p_k for each sample, for each class over the sources that know it; (samples, classes)."""
    mean = masked_mean(votes.p, votes.known, weights, 0.0)
    return mean / mean.sum(dim=1, keepdim=True)


def consensus(votes: Votes, weights: Tensor) -> Tensor:
    """Logits (samples, classes) of sum_k w_k log p_k, which is the sum of logits but for a constant."""
    return masked_mean(votes.log_p, votes.known, weights, NEVER)
