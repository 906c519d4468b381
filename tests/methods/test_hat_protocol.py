"""HaT's exchange with literal replies: what it asks, what it makes of the answers, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from hat_sim.learning.centroids import centroid_similarities, class_centroids
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import SourceModel, packed
from hat_sim.learning.statistics import domain_statistics
from hat_sim.learning.training import logits_of
from hat_sim.learning.work import reference_flop
from hat_sim.methods.base import Task
from hat_sim.methods.hat import fine
from hat_sim.methods.hat.coarse import compare, shortlist, similarities
from hat_sim.methods.hat.options import HatOptions
from hat_sim.methods.hat.protocol import (
    candidates_in_encoder_space,
    candidates_in_logit_space,
    candidates_in_reference_space,
    hat,
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
    ModelRequest,
    ModelTransfer,
    PosteriorRequest,
    SummaryRequest,
    Welcome,
)
from hat_sim.seeding import derive_seed
from hat_sim.sensors import taken

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


def scored(candidates: dict[str, fine.Candidate], own_classes: tuple[str, ...]) -> dict[str, float]:
    return fine.scores(fine.similarities(candidates, own_classes), candidates)


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
    options = HatOptions(eta=0.6, similarity="euclidean")
    effects, found = driven(compare(task, options, dict.fromkeys(replies)), replies)
    work, ask = effects
    assert isinstance(work, Compute) and isinstance(ask, Ask)
    assert (work.phase, ask.phase) == ("coarse", "coarse") and work.flop > 0
    assert set(ask.requests.values()) == {SummaryRequest()}
    assert found == similarities(own, told, "euclidean")
    assert shortlist(found, options) == ("near", "middle")


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
    expected = 0.8 * centroid_similarities(own, task.classes, [other[[2, 0]]], ("rest", "walk"))[0]
    assert scored(found, task.classes) == pytest.approx({"one": expected}) and 0 < expected < 0.8
    assert found["one"].classes == ("rest", "walk")


def test_sources_are_compared_by_the_channels_that_they_read(task: Task) -> None:
    """In coarse selection by their own statistics, in fine selection in an encoder for their own channels."""
    reads = {"whole": None, "left": (0, 1), "right": (2, 3, 4, 5)}
    replies: dict[str, Message] = {
        name: DomainSummary(statistics=domain_statistics(taken(task.samples, places)))
        for name, places in reads.items()
    }
    replies["odd"] = DomainSummary(statistics=domain_statistics(task.samples))
    options = HatOptions(eta=1.0, similarity="euclidean", reference_width=16)
    told = reads | {"odd": (0, 1)}
    _, similar = driven(compare(task, options, told), replies)
    assert similar == {"whole": 0, "left": 0, "right": 0}

    seed = derive_seed(task.seed, "reference encoder")
    replies = {}
    for name, places in reads.items():
        features = standardise_features(reference_features(taken(task.samples, places), 16, seed))
        own = class_centroids(features[:6], task.labelled_y, (0, 1, 2))
        replies[name] = Centroids(classes=task.classes, centroids=own.astype(np.float16), accuracy=1.0)
    effects, found = driven(candidates_in_reference_space(task, options, tuple(reads), reads), replies)
    similar = fine.similarities(found, task.classes)
    assert similar == pytest.approx(dict.fromkeys(reads, 1.0), abs=1e-3)
    assert isinstance(effects[0], Compute)
    assert effects[0].flop == sum(reference_flop(18, (width,), 16) for width in (6, 2, 4))


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
    expected = 0.5 * centroid_similarities(own, task.classes, [sent], task.classes)[0]
    assert scored(found, task.classes) == pytest.approx({"one": expected}) and 0 < expected < 0.5


def test_the_logit_space_is_what_each_model_says(task: Task, source_of: Callable[..., SourceModel]) -> None:
    """Whole models come in the fine phase, then centroids as wide as their outputs; what does not fit is left
    out, and nothing is asked for again."""
    source = source_of("one", (0, 2))
    said = torch.softmax(logits_of(source.model, task.labelled_x), dim=1).numpy()
    own = class_centroids(said, task.labelled_y, (0, 1, 2))
    model = ModelTransfer(
        part="model",
        architecture="mlp-small",
        classes=("walk", "rest"),
        weights=packed(source.model, "fp32"),
        accuracy=0.5,
    )
    sent = np.array([[0.9, 0.1], [0.2, 0.8]], np.float16)
    reply = Centroids(classes=("walk", "rest"), centroids=sent, accuracy=0.5)
    models: dict[str, Message] = {"one": model, "wide": model, "mute": model}
    wide = Centroids(classes=("walk", "rest"), centroids=np.ones((2, 3), np.float16), accuracy=1.0)
    names = (*models, "absent")
    effects, (found, whole) = driven(
        candidates_in_logit_space(task, names), models, {"one": reply, "wide": wide}
    )
    fetch, ask, work = effects
    assert isinstance(fetch, Ask) and isinstance(ask, Ask) and isinstance(work, Compute)
    assert (fetch.phase, ask.phase, work.phase) == ("fine", "fine", "fine") and work.flop > 0
    assert fetch.requests == dict.fromkeys(names, ModelRequest(part="model", precision="fp32"))
    assert ask.requests == dict.fromkeys(models, PosteriorRequest(classes=task.classes))
    assert list(whole) == list(models) and whole["one"].classes == (0, 2)
    expected = 0.5 * centroid_similarities(own, task.classes, [sent], ("walk", "rest"))[0]
    assert scored(found, task.classes) == pytest.approx({"one": expected}) and 0 < expected < 0.5


def test_hat_keeps_how_similar_it_found_the_sources(
    task: Task, source_of: Callable[..., SourceModel]
) -> None:
    """By the measure of coarse selection all that joined, by the space of fine selection the shortlist."""
    own = domain_statistics(task.samples)
    noise = np.random.default_rng(0).normal(size=len(own)).astype(np.float32)
    source = source_of("near", (0, 1, 2))
    transfer = ModelTransfer(
        part="model",
        architecture="mlp-small",
        classes=task.classes,
        weights=packed(source.model, "fp32"),
        accuracy=0.9,
    )
    statistics = {"near": own + noise / 10, "far": own + 5 * noise}
    _, fitted = driven(
        hat(task, HatOptions(eta=0.5, similarity="euclidean", fine_space="logit")),
        dict.fromkeys(statistics, Welcome(architecture="mlp-small", classes=task.classes)),
        {name: DomainSummary(statistics=it) for name, it in statistics.items()},
        {"near": transfer},
        {"near": Centroids(classes=task.classes, centroids=np.eye(3, dtype=np.float16), accuracy=0.9)},
    )
    assert fitted.shortlisted == fitted.selected == ("near",)
    assert fitted.similarities["euclidean"] == similarities(own, statistics, "euclidean")
    assert list(fitted.similarities) == ["euclidean", "logit"]
    assert fitted.scores == {"near": pytest.approx(0.9 * fitted.similarities["logit"]["near"])}


@pytest.mark.parametrize("space", ["reference", "encoder", "logit"])
def test_a_target_to_which_nobody_speaks_learns_alone_and_says_so(task: Task, space: str) -> None:
    effects, fitted = driven(hat(task, HatOptions(fine_space=space)), *[NOBODY] * 4)
    asks = [effect for effect in effects if isinstance(effect, Ask)]
    last = "fine" if space == "logit" else "transfer"
    assert [ask.phase for ask in asks] == ["coarse", "coarse", "fine", last]
    assert asks[0].requests == dict.fromkeys(
        ("one", "two"), Join(input_shape=(6,), classes=("walk", "run", "rest"))
    )
    assert all(not ask.requests for ask in asks[1:])
    assert fitted.notes == ("no source could be used: the target learned alone",)
    assert (fitted.shortlisted, fitted.selected, fitted.scores) == ((), (), {})
