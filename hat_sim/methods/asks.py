"""What targets ask of sources, without what is made of the answers: neither models nor torch are known."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Literal

import numpy as np

from hat_sim.methods.base import Task
from hat_sim.protocol.codec import REQUEST_LIMIT
from hat_sim.protocol.effects import Ask, Protocol, Replies
from hat_sim.protocol.messages import (
    CentroidRequest,
    EncoderRequest,
    Join,
    ModelRequest,
    PosteriorRequest,
    PredictRequest,
    Welcome,
)
from hat_sim.protocol.weights import pack
from hat_sim.seeding import derive_seed


def welcomes(task: Task) -> Protocol[dict[str, Welcome]]:
    """Announce the task to every source of the roster; what those say that can serve it."""
    request = Join(input_shape=task.description.shape, classes=task.classes)
    replies: Replies = yield Ask("coarse", dict.fromkeys(task.sources, request))
    return replies.of(Welcome)


def join(task: Task) -> Protocol[tuple[str, ...]]:
    """The same; the names of those that can serve the task."""
    return tuple((yield from welcomes(task)))


def centroid_request(task: Task, width: int) -> CentroidRequest:
    """For centroids in the space of the task's own reference encoder of so many features."""
    return CentroidRequest(seed=reference_seed(task), width=width, classes=task.classes)


def reference_seed(task: Task) -> int:
    """What the reference encoder of a task grows from."""
    return derive_seed(task.seed, "reference encoder")


def encoder_request(task: Task) -> EncoderRequest:
    """For an encoder, with centroids in its space."""
    return EncoderRequest(precision=task.precision, classes=task.classes)


def posterior_request(task: Task) -> PosteriorRequest:
    """For centroids of what the source's model says."""
    return PosteriorRequest(classes=task.classes)


def model_request(task: Task, part: Literal["model", "head"]) -> ModelRequest:
    """For a whole model, or for its head alone."""
    return ModelRequest(part=part, precision=task.precision)


def predict_requests(task: Task) -> Iterator[tuple[int, PredictRequest]]:
    """For what a model says of all samples, in parts of half of what a source reads at once.

    Each part with its number of samples.
    """
    samples = task.samples
    for part in np.array_split(samples, ceil(2 * samples.nbytes / REQUEST_LIMIT)):
        yield len(part), PredictRequest(classes=task.classes, samples=pack([part], task.precision))
