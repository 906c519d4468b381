"""What stands in for a source in a rehearsal: its answers have the right kinds, shapes and work, not numbers.

But for summaries, which are the real ones. Models, centroids and predictions are zeros of the right shapes,
so their frames are as long as the real ones: except for the checksum, of which one frame in 65,536 has a
shorter one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hat_sim.errors import InternalError
from hat_sim.learning.architectures import Description, Shapes, describe
from hat_sim.learning.statistics import domain_statistics, statistics_flop
from hat_sim.learning.work import reference_flop
from hat_sim.protocol.codec import encode
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.messages import (
    CentroidRequest,
    Centroids,
    DomainSummary,
    EncoderRequest,
    EncoderTransfer,
    ErrorReply,
    Join,
    Message,
    ModelRequest,
    ModelTransfer,
    PosteriorRequest,
    Precision,
    Predictions,
    PredictRequest,
    SummaryRequest,
    Welcome,
)
from hat_sim.protocol.steps import Answer, Parcel
from hat_sim.protocol.weights import pack
from hat_sim.protocol.work import Work
from hat_sim.quantities import listed

ACCURACY = 0.0
"""Stands for a claimed accuracy, whose eight bytes are as many whatever it is."""


@dataclass(frozen=True, eq=False)
class StandIn:
    """A source that knows the classes `known` and holds samples `x` (samples, *shape); see `nodes.source`.

    The first `labelled` of the samples have labels; `sensors` are those whose channels `x` has, None where
    nobody of the fleet lacks any.
    """

    architecture: str
    known: tuple[str, ...]
    x: NDArray[np.float32]
    labelled: int
    sensors: tuple[str, ...] | None = None
    _answers: dict[Message, Answer] = field(default_factory=dict)

    @cached_property
    def description(self) -> Description:
        """Its model, whose outputs are the classes that it knows."""
        return describe(self.architecture, self.x.shape[1:], len(self.known))

    def answer(self, request: Message) -> Answer:
        """The answer to a request; the parcel holds the message itself."""
        if isinstance(request, PredictRequest):
            return self._answer(request)
        if request not in self._answers:
            self._answers[request] = self._answer(request)
        return self._answers[request]

    def model_bytes(self, precision: Precision) -> int:
        """Length of the frame in which the whole model would travel."""
        return self.answer(ModelRequest(part="model", precision=precision)).parcel.length

    def _answer(self, request: Message) -> Answer:
        classes = getattr(request, "classes", self.known)
        shared = tuple(name for name in self.known if name in classes)
        refusal = self._refusal(request, shared)
        if refusal is not None:
            fault = Fault.NOT_ELIGIBLE
            return Answer(parcel_of(ErrorReply.of(fault, refusal)), refused=fault)
        message, flop = self._serve(request, shared)
        work = Work.of(flop)
        return Answer(parcel_of(message), work.flop, models=work.models)

    def _refusal(self, request: Message, shared: tuple[str, ...]) -> str | None:
        """Why it cannot answer; None where it can."""
        if isinstance(request, Join) and request.sensors is not None:
            lacking = [name for name in self.sensors or () if name not in request.sensors]
            if lacking:
                return f"the model reads {listed(lacking)}, which the target lacks"
        return None if shared else "the task shares no class with this source"

    def _serve(self, request: Message, shared: tuple[str, ...]) -> tuple[Message, int]:
        of, samples = self.description, len(self.x)
        match request:
            case Join():
                return Welcome(architecture=of.name, classes=shared, sensors=self.sensors), 0
            case SummaryRequest():
                return self._summary, statistics_flop(samples, of.shape)
            case CentroidRequest(width=width):
                centroids = _zeros((len(shared), width))
                reply = Centroids(classes=shared, centroids=centroids, accuracy=ACCURACY)
                return reply, reference_flop(samples, of.shape, width)
            case PosteriorRequest():
                centroids = _zeros((len(shared), of.head.outputs))
                reply = Centroids(classes=shared, centroids=centroids, accuracy=ACCURACY)
                return reply, self.labelled * of.forward
            case EncoderRequest(precision=precision):
                encoder = EncoderTransfer(
                    architecture=of.name,
                    weights=_weights(of.encoder_weights, precision),
                    classes=shared,
                    centroids=_zeros((len(shared), of.width)),
                    accuracy=ACCURACY,
                    sensors=self.sensors,
                )
                return encoder, samples * of.encoding()
            case ModelRequest(part=part, precision=precision):
                shapes = of.weights if part == "model" else of.head.weights
                transfer = ModelTransfer(
                    part=part,
                    architecture=of.name,
                    classes=self.known,
                    weights=_weights(shapes, precision),
                    accuracy=ACCURACY,
                    sensors=self.sensors,
                )
                return transfer, 0
            case PredictRequest(samples=sent):
                rows = len(sent[0])
                logits = _zeros((rows, len(shared)))
                return Predictions(classes=shared, logits=logits), rows * of.forward
            case _:
                raise InternalError(f"an outline asks {request.kind!r} of a source")

    @cached_property
    def _summary(self) -> DomainSummary:
        return DomainSummary(statistics=domain_statistics(self.x))


def parcel_of(message: Message) -> Parcel:
    """A parcel as long as the message's frame, with the message itself in it."""
    return Parcel(message.kind, len(encode(message)), message)


def _zeros(shape: Sequence[int]) -> NDArray[np.float16]:
    return np.zeros(shape, np.float16)


def _weights(shapes: Shapes, precision: Precision) -> tuple[NDArray[Any], ...]:
    return pack([np.zeros(shape, np.float32) for shape in shapes], precision)
