"""Selectors: rank all sources by how well they suit the labels, and distil or fine-tune the best.

The scores are those of `hat_sim.learning.transferability`. They need every source's model, so they save no
traffic: what they show is how good a choice can be that looks at models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from hat_sim.learning import transferability
from hat_sim.learning.fusion import equal_weights
from hat_sim.learning.source_model import SourceModel, descriptions
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.distillation import Models, distil, fetch_all
from hat_sim.methods.peers.fine_tune import NOBODY_KNOWS_ALL, able_to_tune, tune
from hat_sim.methods.peers.options import SelectorOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import scoring_flop
from hat_sim.protocol.effects import Compute, Protocol

Score = Callable[[SourceModel, Task], float]


def logme(task: Task, options: SelectorOptions) -> Protocol[Fitted]:
    """By the log maximum evidence of the labels under the source's features."""
    return select(task, options, logme_score)


def leep(task: Task, options: SelectorOptions) -> Protocol[Fitted]:
    """By the log expected empirical prediction of the labels from the source's classes."""
    return select(task, options, leep_score)


def parc(task: Task, options: SelectorOptions) -> Protocol[Fitted]:
    """By how the source's features and the labels agree on which samples are alike."""
    return select(task, options, parc_score)


def knn(task: Task, options: SelectorOptions) -> Protocol[Fitted]:
    """By the accuracy of the nearest other labelled sample in the source's features."""
    return select(task, options, knn_score)


def select(task: Task, options: SelectorOptions, score: Score) -> Protocol[Fitted]:
    """Download every model, rank them, and use the best `top` as AVER does, or the first as fine-tune does.

    Equal scores are told apart by the accuracy that a source claims.
    """
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))
    scores = yield from score_sources(task, models, score)
    ranked = tuple(sorted(models, key=lambda it: (-scores[it.name], -it.accuracy, it.name)))
    if options.then == "aver":
        fitted = yield from distil(task, options.alpha, ranked[: options.top], equal_weights)
    elif able := able_to_tune(task, ranked):
        fitted = yield from tune(task, options, able[0])
    else:
        fitted = yield from fall_back(task, NOBODY_KNOWS_ALL)
    return replace(fitted, shortlisted=tuple(it.name for it in ranked), scores=scores)


def score_sources(task: Task, models: Models, score: Score) -> Protocol[dict[str, float]]:
    """The score of each source on the labelled samples, which are compared with each other."""
    flop = scoring_flop(task, descriptions(models))
    scores: dict[str, float] = yield Compute(
        "train", "score the sources", flop, lambda _: {it.name: score(it, task) for it in models}
    )
    return scores


def logme_score(source: SourceModel, task: Task) -> float:
    return transferability.logme(_features(source, task), task.labelled_y)


def leep_score(source: SourceModel, task: Task) -> float:
    p = torch.softmax(logits_of(source.model, task.labelled_x).double(), dim=1)
    return transferability.leep(p.numpy(), task.labelled_y)


def parc_score(source: SourceModel, task: Task) -> float:
    return transferability.parc(_features(source, task), task.labelled_y)


def knn_score(source: SourceModel, task: Task) -> float:
    return transferability.knn(_features(source, task), task.labelled_y)


def _features(source: SourceModel, task: Task) -> NDArray[np.float64]:
    """The source's features of the labelled samples, (labelled, width)."""
    return logits_of(source.model.encoder, task.labelled_x).double().numpy()
