"""The exchanges with sources that every method shares: joining, and fetching models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hat_sim.learning.models import Classifier
from hat_sim.learning.source_model import SourceModel, class_indices, description_of, empty_model, fill
from hat_sim.methods.base import Task
from hat_sim.protocol.effects import Ask, Protocol, Replies
from hat_sim.protocol.messages import Join, ModelRequest, ModelTransfer, Welcome


def join(task: Task) -> Protocol[tuple[str, ...]]:
    """Announce the task to every source of the roster; the names of those that can serve it."""
    request = Join(input_shape=task.description.shape, classes=task.classes)
    replies: Replies = yield Ask("coarse", dict.fromkeys(task.sources, request))
    return tuple(replies.of(Welcome))


def fetch_models(task: Task, chosen: Sequence[str]) -> Protocol[tuple[SourceModel, ...]]:
    """The whole models of the chosen sources; one that does not arrive or does not fit is left out."""
    request = ModelRequest(part="model", precision=task.precision)
    replies: Replies = yield Ask("transfer", dict.fromkeys(chosen, request))
    return receive(task, replies, {})


def fetch_heads(
    task: Task, chosen: Sequence[str], encoders: Mapping[str, Classifier]
) -> Protocol[tuple[SourceModel, ...]]:
    """The heads alone of sources whose encoders came already, inside of `encoders`."""
    request = ModelRequest(part="head", precision=task.precision)
    replies: Replies = yield Ask("transfer", dict.fromkeys(chosen, request))
    return receive(task, replies, encoders)


def receive(task: Task, replies: Replies, encoders: Mapping[str, Classifier]) -> tuple[SourceModel, ...]:
    """The models in these replies; what does not fit moves to the failures of `replies`."""

    def model_of(name: str, transfer: ModelTransfer) -> SourceModel:
        classes = class_indices(transfer.classes, task.classes)
        if name in encoders:
            model = encoders[name]
            fill(model.head, transfer.weights)
        else:
            model = empty_model(description_of(transfer.architecture, task.description.shape, len(classes)))
            fill(model, transfer.weights)
        return SourceModel(name, model.eval(), classes, transfer.accuracy)

    return tuple(replies.made(ModelTransfer, model_of).values())
