"""HaT's exchange with literal replies: what it asks, what it makes of the answers, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from hat_sim.learning.centroids import centroid_similarity, class_centroids
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import SourceModel, packed
from hat_sim.learning.statistics import domain_statistics
from hat_sim.methods.base import Task
from hat_sim.methods.hat.coarse import similarities
from hat_sim.methods.hat.fine import scores
from hat_sim.methods.hat.options import HatOptions
from hat_sim.methods.hat.protocol import (
    candidates_in_encoder_space,
    candidates_in_reference_space,
    hat,
    select_coarsely,
)
from hat_sim.protocol.effects import Ask, Compute, Replies
from hat_sim.protocol.messages import (
    CentroidRequest,
    Centroids,
    DomainSummary,
    EncoderRequest,
    EncoderTransfer,
    Join,
    Message,
    SummaryRequest,
)
from hat_sim.seeding import derive_seed

NOBODY: dict[str, Message] = {}


def driven(protocol: Any, *replies: dict[str, Message]) -> tuple[list[Ask | Compute], Any]:
    """The effects of a protocol whose questions are answered by these replies, and what it returns."""
    effects: list[Ask | Compute] = []
    waiting, value = list(replies), None
    while True:
        try:
            effect = protocol.send(value)
        except StopIteration as end:
            assert not waiting
            return effects, end.value
        effects.append(effect)
        value = Replies(dict(waiting.pop(0))) if isinstance(effect, Ask) else effect.run(lambda doing: None)


@pytest.fixture
def task(task_with: Callable[..., Task]) -> Task:
    return task_with()


def test_coarse_selection_asks_for_statistics_and_keeps_the_nearest(task: Task) -> None:
    """The target's own statistics are of all its samples; an answer of another length is left out."""
    own = domain_statistics(task.samples)
    noise = np.random.default_rng(0).normal(size=len(own)).astype(np.float32)
    told = {"far": own + 5 * noise, "near": own + noise / 10, "middle": own - noise}
    replies: dict[str, Message] = {name: DomainSummary(statistics=it) for name, it in told.items()}
    replies["odd"] = DomainSummary(statistics=own[:-1])
    effects, kept = driven(
        select_coarsely(task, HatOptions(eta=0.6, similarity="euclidean"), tuple(replies)), replies
    )
    work, ask = effects
    assert isinstance(work, Compute) and isinstance(ask, Ask)
    assert (work.phase, ask.phase) == ("coarse", "coarse") and work.flop > 0
    assert set(ask.requests.values()) == {SummaryRequest()}
    ranking = similarities(own, told, "euclidean")
    assert kept == tuple(sorted(told, key=lambda name: -ranking[name]))[:2] == ("near", "middle")


def test_the_reference_space_is_grown_from_the_targets_seed(task: Task) -> None:
    """Own centroids are of the labels, in features standardised over all samples; scores are by hand."""
    seed = derive_seed(task.seed, "reference encoder")
    features = standardise_features(reference_features(task.samples, 16, seed))
    own = class_centroids(features[:6], task.labelled_y, (0, 1, 2))
    noise = np.random.default_rng(0).normal(size=own.shape).astype(np.float16)
    other = (own + noise / 5).astype(np.float16)
    replies: dict[str, Message] = {
        "one": Centroids(classes=("rest", "walk"), centroids=other[[2, 0]], accuracy=0.8),
        "odd": Centroids(classes=("rest", "walk"), centroids=other, accuracy=1.0),
        "narrow": Centroids(classes=("rest",), centroids=other[:1, :8], accuracy=1.0),
    }
    options = HatOptions(reference_width=16)
    effects, found = driven(candidates_in_reference_space(task, options, tuple(replies)), replies)
    assert isinstance(effects[1], Ask) and effects[1].phase == "fine"
    request = CentroidRequest(seed=seed, width=16, classes=("walk", "run", "rest"))
    assert effects[1].requests == dict.fromkeys(replies, request)
    expected = 0.8 * centroid_similarity(own, task.classes, other[[2, 0]], ("rest", "walk"))
    assert scores(found, task.classes) == pytest.approx({"one": expected}) and 0 < expected < 0.8
    assert found["one"].classes == ("rest", "walk")


def test_the_encoder_space_is_each_sources_own(task: Task, source_of: Callable[..., SourceModel]) -> None:
    """The labels go through the encoder that came; what does not fit is left out."""
    source = source_of("one", (0, 1, 2))
    with torch.no_grad():
        features = standardise_features(source.model.encoder(torch.from_numpy(task.samples)).numpy())
    own = class_centroids(features[:6], task.labelled_y, (0, 1, 2))
    noise = np.random.default_rng(0).normal(size=own.shape)
    sent = (own + noise / 5).astype(np.float16)

    def transfer(**changes: Any) -> Message:
        content = {
            "architecture": "mlp-small",
            "weights": packed(source.model.encoder, "fp32"),
            "classes": task.classes,
            "centroids": sent,
            "accuracy": 0.5,
        }
        return EncoderTransfer(**content | changes)

    replies = {
        "one": transfer(),
        "thin": transfer(centroids=sent[:, 1:]),
        "short": transfer(weights=packed(source.model.encoder, "fp32")[:-1]),
        "foreign": transfer(classes=("walk", "run", "swim")),
    }
    effects, (found, encoders) = driven(candidates_in_encoder_space(task, tuple(replies)), replies)
    assert isinstance(effects[0], Ask)
    assert set(effects[0].requests.values()) == {EncoderRequest(precision="fp32", classes=task.classes)}
    assert isinstance(effects[1], Compute) and effects[1].flop > 0
    assert list(encoders) == ["one"]
    expected = 0.5 * centroid_similarity(own, task.classes, sent, task.classes)
    assert scores(found, task.classes) == pytest.approx({"one": expected}) and 0 < expected < 0.5


@pytest.mark.parametrize("space", ["reference", "encoder"])
def test_a_target_to_which_nobody_speaks_learns_alone_and_says_so(task: Task, space: str) -> None:
    effects, fitted = driven(hat(task, HatOptions(fine_space=space)), *[NOBODY] * 4)
    asks = [effect for effect in effects if isinstance(effect, Ask)]
    assert [ask.phase for ask in asks] == ["coarse", "coarse", "fine", "transfer"]
    assert asks[0].requests == dict.fromkeys(
        ("one", "two"), Join(input_shape=(6,), classes=("walk", "run", "rest"))
    )
    assert all(not ask.requests for ask in asks[1:])
    assert fitted.notes == ("no source could be used: the target learned alone",)
    assert (fitted.shortlisted, fitted.selected, fitted.scores) == ((), (), {})
