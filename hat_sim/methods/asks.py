"""What targets ask of sources, without what is made of the answers: neither models nor torch are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from hat_sim.sensors import Places, taken

Reads = Mapping[str, Places | None]
"""Which of the target's channels the model of each source reads; None for all of them."""


def welcomes(task: Task) -> Protocol[dict[str, Welcome]]:
    """Announce the task to every source of the roster; what those say that can serve it.

    One that reads a sensor which the target lacks is none of them.
    """
    request = Join(input_shape=task.description.shape, classes=task.classes, sensors=task.sensor_names)
    replies: Replies = yield Ask("coarse", dict.fromkeys(task.sources, request))

    def checked(_: str, welcome: Welcome) -> Welcome:
        task.places(welcome.sensors)
        return welcome

    return replies.made(Welcome, checked)


def join(task: Task) -> Protocol[tuple[str, ...]]:
    """The same; the names of those that can serve the task."""
    return tuple((yield from welcomes(task)))


def join_reading(task: Task) -> Protocol[Reads]:
    """The same, with what the model of each of them reads."""
    return reads_of(task, (yield from welcomes(task)))


def reads_of(task: Task, welcome: Mapping[str, Welcome]) -> Reads:
    """What the models of sources read that have said so."""
    return {name: task.places(it.sensors) for name, it in welcome.items()}


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


def predict_requests(task: Task, reads: Reads) -> Iterator[tuple[int, dict[str, PredictRequest]]]:
    """For what models say of all samples, in parts of half of what a source reads at once.

    Each part with its number of samples; each source is sent the channels that it reads.
    """
    samples = task.samples
    for part in np.array_split(samples, ceil(2 * samples.nbytes / REQUEST_LIMIT)):
        requests = {
            places: PredictRequest(classes=task.classes, samples=pack([taken(part, places)], task.precision))
            for places in set(reads.values())
        }
        yield len(part), {name: requests[places] for name, places in reads.items()}
