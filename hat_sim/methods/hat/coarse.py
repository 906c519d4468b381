"""Coarse selection: compare the statistics of domains, and keep the part eta of the fleet.

HaT filters sources by the similarity of lightweight statistical features of their domains (cosine). Ours:
the statistics are standardised over the domains heard from, the target's own among them, so that no
statistic counts more for its unit.

Where devices carry different sensors a source tells the statistics of its own channels alone. Ours: each
statistic is standardised over those who tell it, and a source is compared by those that it tells, a distance
as if the others were as far on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.statistics import domain_statistics, in_place, statistics_count, statistics_flop
from hat_sim.methods.asks import Reads
from hat_sim.methods.base import Task
from hat_sim.methods.hat.options import SelectionOptions
from hat_sim.protocol.effects import Ask, Compute, Protocol, Replies
from hat_sim.protocol.messages import DomainSummary, SummaryRequest, shaped
from hat_sim.sensors import shape_taken

STANDARDISED_CLIP = 5.0


def compare(task: Task, options: SelectionOptions, joined: Reads) -> Protocol[dict[str, float]]:
    """Ask every joined source for its domain's statistics; how similar each is to the target's.

    Each tells those of the channels that it reads.
    """
    samples, shape = task.samples, task.description.shape
    flop = statistics_flop(len(samples), shape)
    own = yield Compute("coarse", "domain statistics", flop, lambda _: domain_statistics(samples))
    replies: Replies = yield Ask("coarse", dict.fromkeys(joined, SummaryRequest()))

    def told(name: str, reply: DomainSummary) -> NDArray[np.float32]:
        places = joined[name]
        count = statistics_count(shape_taken(shape, places))
        return in_place(shaped(reply.statistics, (count,)), places, shape)

    return similarities(own, replies.made(DomainSummary, told), options.similarity)


def similarities(
    own: NDArray[np.float32], others: Mapping[str, NDArray[np.float32]], measure: str
) -> dict[str, float]:
    """Similarity of each source's statistics (statistics,) to the target's own; higher is nearer.

    NaN stands for a statistic that a source does not tell.
    """
    if not others:
        return {}
    table = _standardised(np.stack([own, *others.values()]).astype(np.float64))
    told = ~np.isnan(table[1:])
    values = np.empty(len(others))
    for mask in np.unique(told, axis=0):
        alike = (told == mask).all(axis=1)
        scale = np.sqrt(mask.size / mask.sum())
        rest = np.ascontiguousarray(table[1:][alike][:, mask])
        values[alike] = _compared(table[0][mask], rest, measure, scale)
    return dict(zip(others, map(float, values), strict=True))


def _standardised(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column with mean 0 and deviation 1 over the domains that tell it, clipped."""
    told = ~np.isnan(table)
    deviation = table.std(axis=0, where=told)
    table = (table - table.mean(axis=0, where=told)) / np.where(deviation > 1e-12, deviation, 1)
    return table.clip(-STANDARDISED_CLIP, STANDARDISED_CLIP)


def _compared(
    mine: NDArray[np.float64], rest: NDArray[np.float64], measure: str, scale: float
) -> NDArray[np.float64]:
    """Similarities (sources,) of statistics (sources, statistics) to `mine`; `scale` is that of distances."""
    values: NDArray[np.float64]
    if measure == "euclidean":
        values = -scale * np.linalg.norm(rest - mine, axis=1)
    else:
        if measure == "correlation":
            mine, rest = mine - mine.mean(), rest - rest.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(rest, axis=1) * np.linalg.norm(mine)
        values = rest @ mine / np.maximum(norms, 1e-12)
    return values


def shortlist(similarity: Mapping[str, float], options: SelectionOptions) -> tuple[str, ...]:
    """The sources that pass, nearest first: ceil(eta n) of them, or those at least eta similar."""
    ranked = sorted(similarity, key=lambda name: (-similarity[name], name))
    if options.eta_means == "floor":
        return tuple(name for name in ranked if similarity[name] >= options.eta)
    return tuple(ranked[: ceil(round(options.eta * len(ranked), 9))])
