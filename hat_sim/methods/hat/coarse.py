"""Coarse selection: compare the statistics of domains, and keep the part eta of the fleet.

HaT filters sources by the similarity of lightweight statistical features of their domains (cosine). Ours:
the statistics are standardised over the domains heard from, the target's own among them, so that no
statistic counts more for its unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.statistics import domain_statistics, statistics_flop
from hat_sim.methods.base import Task
from hat_sim.methods.hat.options import SelectionOptions
from hat_sim.protocol.effects import Ask, Compute, Protocol, Replies
from hat_sim.protocol.messages import DomainSummary, SummaryRequest, shaped

STANDARDISED_CLIP = 5.0


def compare(task: Task, options: SelectionOptions, joined: tuple[str, ...]) -> Protocol[dict[str, float]]:
    """Ask every joined source for its domain's statistics; how similar each is to the target's."""
    samples = task.samples
    flop = statistics_flop(len(samples), task.description.shape)
    own = yield Compute("coarse", "domain statistics", flop, lambda _: domain_statistics(samples))
    replies: Replies = yield Ask("coarse", dict.fromkeys(joined, SummaryRequest()))
    statistics = replies.made(DomainSummary, lambda _, it: shaped(it.statistics, own.shape))
    return similarities(own, statistics, options.similarity)


def similarities(
    own: NDArray[np.float32], others: Mapping[str, NDArray[np.float32]], measure: str
) -> dict[str, float]:
    """Similarity of each source's statistics (statistics,) to the target's own; higher is nearer."""
    if not others:
        return {}
    table = np.stack([own, *others.values()]).astype(np.float64)
    deviation = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(deviation > 1e-12, deviation, 1)
    table = table.clip(-STANDARDISED_CLIP, STANDARDISED_CLIP)
    mine, rest = table[0], table[1:]
    if measure == "euclidean":
        values = -np.linalg.norm(rest - mine, axis=1)
    else:
        if measure == "correlation":
            mine, rest = mine - mine.mean(), rest - rest.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(rest, axis=1) * np.linalg.norm(mine)
        values = rest @ mine / np.maximum(norms, 1e-12)
    return dict(zip(others, map(float, values), strict=True))


def shortlist(similarity: Mapping[str, float], options: SelectionOptions) -> tuple[str, ...]:
    """The sources that pass, nearest first: ceil(eta n) of them, or those at least eta similar."""
    ranked = sorted(similarity, key=lambda name: (-similarity[name], name))
    if options.eta_means == "floor":
        return tuple(name for name in ranked if similarity[name] >= options.eta)
    return tuple(ranked[: ceil(round(options.eta * len(ranked), 9))])
