"""DistillNearest and DistillWeighted (after Borup et al., ICCV 2023): distil by the similarity of tasks.

No code of theirs is public. Similarity is PARC on the labelled samples; that a negative one counts as 0 is
ours. Their loss lambda CE + (1 - lambda) sum_k alpha_k CE(p, p_k) is ours with alpha = (1 - lambda) / lambda
but for a constant factor; ours distils on all of the pool, as every peer does.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import distil, fetch_all
from hat_sim.methods.peers.options import DistillationOptions, SelectorOptions, SimilarityOptions
from hat_sim.methods.peers.selectors import parc_score, score_sources, select
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.protocol.effects import Protocol


def distill_nearest(task: Task, options: DistillationOptions) -> Protocol[Fitted]:
    """The one source with the largest PARC is the teacher."""
    return select(task, SelectorOptions(top=1, alpha=options.alpha), parc_score)


def distill_weighted(task: Task, options: SimilarityOptions) -> Protocol[Fitted]:
    """Every source is a teacher, weighed as in `similarity_weights`; one of weight 0 was not selected."""
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))
    scores = yield from score_sources(task, models, parc_score)
    weights = similarity_weights([scores[source.name] for source in models], options.power)
    fitted = yield from distil(
        task,
        options.alpha,
        models,
        lambda votes: weights.expand(len(votes.log_p), -1),
    )
    selected = tuple(it.name for it, weight in zip(models, weights, strict=True) if weight > 0)
    return replace(fitted, selected=selected, scores=scores)


def similarity_weights(similarities: list[float], power: float) -> Tensor:
    """alpha_k = e_k^p / sum_j e_j^p of the similarities e, (sources,); equal where none is above 0."""
    positive = torch.tensor(similarities).clamp_min(0)
    raised = (positive / positive.max().clamp_min(1e-12)) ** power * (positive > 0)
    return raised / raised.sum() if raised.any() else torch.full_like(positive, 1 / len(positive))
