"""Label propagation: what is said of a sample is smoothed over the samples that resemble it.

After Zhou et al. (NIPS 2003), F <- a S F + (1 - a) F_0, on a graph of nearest neighbours by cosine, with the
labelled samples held to their labels and S normalised by rows, so that F stays a distribution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def propagated(
    said: Tensor, features: Tensor, labels: Tensor, neighbours: int, spread: float, rounds: int
) -> Tensor:
    """Distributions (samples, classes) from those `said`, over neighbours in `features` (samples, width).

    The first samples are the labelled ones, with `labels` (labelled,). `spread` is a, from 0 (nothing moves)
    to 1. A sample that resembles nobody keeps what is said of it.
    """
    graph = neighbour_graph(features, neighbours)
    lonely = graph.sum(dim=1, keepdim=True) == 0
    held = nn.functional.one_hot(labels, said.shape[1]).float()
    found = said.clone()
    found[: len(labels)] = held
    for _ in range(rounds):
        found = torch.where(lonely, said, spread * (graph @ found) + (1 - spread) * said)
        found[: len(labels)] = held
    return found / found.sum(dim=1, keepdim=True)


def neighbour_graph(features: Tensor, neighbours: int) -> Tensor:
    """S (samples, samples): cosines to the nearest `neighbours`, either way round, each row adding up to 1.

    Only what points the same way is near; a row without any such stays 0.
    """
    samples = len(features)
    unit = nn.functional.normalize(features, dim=1)
    cosines = unit @ unit.T
    cosines.fill_diagonal_(-1.0)
    values, places = cosines.topk(min(neighbours, samples - 1), dim=1)
    graph = torch.zeros(samples, samples).scatter(1, places, values.clamp_min(0.0))
    graph = torch.maximum(graph, graph.T)
    return graph / graph.sum(dim=1, keepdim=True).clamp_min(1e-9)


def propagation_flop(samples: int, width: int, classes: int, rounds: int) -> int:
    """Work of `propagated`: all cosines, and a product with the graph in each round."""
    return 2 * samples * samples * (width + rounds * classes)
