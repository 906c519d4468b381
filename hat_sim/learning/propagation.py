"""Label propagation: what is said of a sample is smoothed over the samples that resemble it.

After Zhou et al. (NIPS 2003), F <- a S F + (1 - a) F_0, on a graph of nearest neighbours by cosine, with the
labelled samples held to their labels and S normalised by rows, so that F stays a distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

BATCH = 1024
"""So many samples at once are held against all others: not all pairs fit into memory."""


def propagated(
    said: Tensor, features: Tensor, labels: Tensor, neighbours: int, spread: float, rounds: int
) -> Tensor:
    """Distributions (samples, classes) from those `said`, over neighbours in `features` (samples, width).

    The first samples are the labelled ones, with `labels` (labelled,). `spread` is a, from 0 (nothing moves)
    to 1. A sample that resembles nobody keeps what is said of it.
    """
    ties = neighbour_ties(features, neighbours)
    lonely = torch.bincount(ties.rows, minlength=len(said))[:, None] == 0
    held = nn.functional.one_hot(labels, said.shape[1]).float()
    found = said.clone()
    found[: len(labels)] = held
    for _ in range(rounds):
        found = torch.where(lonely, said, spread * ties.mean_of(found) + (1 - spread) * said)
        found[: len(labels)] = held
    return found / found.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class Ties:
    """S without its zeros: the `shares` (ties,) that samples `rows` take of samples `columns`."""

    rows: Tensor
    columns: Tensor
    shares: Tensor

    def mean_of(self, values: Tensor) -> Tensor:
        """S values, for values (samples, columns)."""
        taken = self.shares[:, None] * values[self.columns]
        return torch.zeros_like(values).index_add_(0, self.rows, taken)


def neighbour_ties(features: Tensor, neighbours: int) -> Ties:
    """To the nearest `neighbours` by cosine, either way round.

    Only what points the same way is near; a row without any such has no ties.
    """
    samples = len(features)
    unit = nn.functional.normalize(features, dim=1)
    nearest = [_nearest(unit, first, neighbours) for first in range(0, samples, BATCH)]
    values, places = (torch.cat(parts) for parts in zip(*nearest, strict=True))
    rows = torch.arange(samples)[:, None].expand_as(places)
    near = values > 0
    one, other, value = rows[near], places[near], values[near]
    ties, tie = torch.unique(torch.cat([one * samples + other, other * samples + one]), return_inverse=True)
    weights = torch.zeros(len(ties)).scatter_reduce(0, tie, value.repeat(2), "amax")
    tied, to = ties // samples, ties % samples
    total = torch.zeros(samples).index_add_(0, tied, weights)
    return Ties(tied, to, weights / total[tied])


def _nearest(unit: Tensor, first: int, neighbours: int) -> tuple[Tensor, Tensor]:
    """Cosines and places (batch, neighbours) of the nearest to a batch of rows, oneself left out."""
    cosines = unit[first : first + BATCH] @ unit.T
    batch = torch.arange(len(cosines))
    cosines[batch, first + batch] = -1.0
    values, places = cosines.topk(min(neighbours, len(unit) - 1), dim=1)
    return values, places
