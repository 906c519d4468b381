"""The exchanges with sources that methods share: fetching models, and having samples predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hat_sim.learning.models import Classifier
from hat_sim.learning.source_model import (
    SourceModel,
    class_indices,
    description_of,
    empty_model,
    fill,
)
from hat_sim.methods.asks import Reads, model_request, predict_requests
from hat_sim.methods.base import Task
from hat_sim.protocol.effects import Ask, Phase, Protocol, Replies
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import EncoderTransfer, ModelTransfer, Predictions, shaped


def fetch_models(
    task: Task, chosen: Sequence[str], phase: Phase = "transfer"
) -> Protocol[tuple[SourceModel, ...]]:
    """The whole models of the chosen sources; one that does not arrive or does not fit is left out."""
    replies: Replies = yield Ask(phase, dict.fromkeys(chosen, model_request(task, "model")))
    return receive(task, replies, {})


def fetch_heads(
    task: Task, chosen: Sequence[str], encoders: Mapping[str, Classifier]
) -> Protocol[tuple[SourceModel, ...]]:
    """The heads alone of sources whose encoders came already, inside of `encoders`."""
    replies: Replies = yield Ask("transfer", dict.fromkeys(chosen, model_request(task, "head")))
    return receive(task, replies, encoders)


Choose = Callable[[tuple[str, ...], frozenset[str]], Sequence[str]]
"""Whom to fetch next, given whose models are here and whose cannot be had; nobody where these are enough."""


@dataclass(frozen=True)
class Fetched:
    """Models of chosen sources; of each whose model could not be had, who took its place, if anybody."""

    models: tuple[SourceModel, ...]
    replaced: dict[str, str | None]


def fetch_chosen(
    choose: Choose, fetch: Callable[[Sequence[str]], Protocol[tuple[SourceModel, ...]]]
) -> Protocol[Fetched]:
    """The models of those whom `choose` names; one that does not arrive or fit is replaced by the next."""
    models: dict[str, SourceModel] = {}
    replaced: dict[str, str | None] = {}
    chosen = choose((), frozenset())
    while True:
        arrived = {model.name: model for model in (yield from fetch(chosen))}
        models |= arrived
        vacant = [name for name in chosen if name not in arrived]
        replaced |= dict.fromkeys(vacant)
        chosen = choose(tuple(models), frozenset(replaced))
        if not chosen:
            return Fetched(tuple(models.values()), replaced)
        replaced |= dict(zip(vacant, chosen, strict=False))


@dataclass(frozen=True)
class Opinion:
    """What a source says of samples: logits (samples, outputs), the outputs being these target classes."""

    classes: tuple[int, ...]
    logits: Tensor

    def followed_by(self, other: Opinion) -> Opinion:
        """The same source's opinion of these samples and of others."""
        if other.classes != self.classes:
            raise ProtocolError(Fault.FIELD, "other classes than before")
        return Opinion(self.classes, torch.cat([self.logits, other.logits]))


def fetch_opinions(task: Task, reads: Reads) -> Protocol[dict[str, Opinion]]:
    """What sources say of all the target's samples, which are sent to them; no model moves.

    The samples go in parts, to each source with the channels that it reads, and a source that leaves one part
    unanswered is left out.
    """
    heard: dict[str, Opinion] = {}
    asked = tuple(reads)
    for rows, requests in predict_requests(task, reads):
        replies: Replies = yield Ask("transfer", {name: requests[name] for name in asked})
        heard = opinions(task, replies, rows, heard)
        asked = tuple(heard)
    return heard


def opinions(task: Task, replies: Replies, rows: int, before: Mapping[str, Opinion]) -> dict[str, Opinion]:
    """The opinions in these replies about `rows` samples, each after what the source said `before`."""

    def opinion_of(name: str, reply: Predictions) -> Opinion:
        classes = class_indices(reply.classes, task.classes)
        logits = shaped(reply.logits, (rows, len(classes))).astype(np.float32)
        opinion = Opinion(classes, torch.from_numpy(logits))
        return before[name].followed_by(opinion) if name in before else opinion

    return replies.made(Predictions, opinion_of)


def receive(task: Task, replies: Replies, encoders: Mapping[str, Classifier]) -> tuple[SourceModel, ...]:
    """The models in these replies; what does not fit moves to the failures of `replies`."""

    def model_of(name: str, transfer: ModelTransfer) -> SourceModel:
        classes = class_indices(transfer.classes, task.classes)
        if name in encoders:
            model = encoders[name]
            fill(model.head, transfer.weights)
        else:
            model = blank_model(task, transfer, len(classes))
            fill(model, transfer.weights)
        return SourceModel(name, model.eval(), classes, transfer.accuracy)

    return tuple(replies.made(ModelTransfer, model_of).values())


def blank_model(task: Task, transfer: EncoderTransfer | ModelTransfer, outputs: int) -> Classifier:
    """A model to be filled with what came: it reads its own channels of the target's samples."""
    reads = task.places(transfer.sensors)
    description = description_of(transfer.architecture, task.description.shape, outputs, reads)
    return empty_model(description).reading(reads)
