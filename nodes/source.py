"""A source: a device that already holds a trained model and answers what a target asks.

Its answer is a pure function of its record and of the request, never of time or of earlier requests, so a
source can be asked twice, anywhere, and rebuilt at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hat_sim.errors import InternalError
from hat_sim.learning.centroids import class_centroids
from hat_sim.learning.models import Classifier
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import packed
from hat_sim.learning.statistics import domain_statistics, statistics_flop
from hat_sim.learning.training import logits_of, posteriors
from hat_sim.learning.work import reference_flop
from hat_sim.protocol.codec import REQUEST_LIMIT, decode, encode, kind_of
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import (
    CentroidRequest,
    Centroids,
    Chunk,
    ChunkRequest,
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
from hat_sim.protocol.weights import unpack
from hat_sim.protocol.work import Work
from hat_sim.quantities import listed
from hat_sim.sensors import shape_taken

MOST_LOGIT = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Knowledge:
    """What a source knows before the simulation: its samples, its model, its own accuracy.

    `x` is (samples, *shape), `y` (labelled,) holds indices into `classes` of the first of them: of all, but
    for a source that has joined as a target. The outputs of `model` are those of the classes that occur in
    `y`, so that it says nothing of others. `accuracy` is what the source claims of it, measured on samples
    that are not among them where it has any to spare. `sensors` are those whose channels it reads, None for
    all where nobody of the fleet lacks any. Devices of one domain, architecture and sensors share it.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    model: Classifier
    accuracy: float
    sensors: tuple[str, ...] | None = None

    @cached_property
    def known(self) -> tuple[int, ...]:
        """Indices of the classes that occur in the labels, ascending."""
        return tuple(int(label) for label in np.unique(self.y))

    def names(self, labels: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.classes[label] for label in labels)


class Source:
    """One source device; whatever a `damaged` one says of its model is NaN, and it does not know."""

    def __init__(self, knowledge: Knowledge, damaged: bool = False) -> None:
        self._knowledge = knowledge
        self._damaged = damaged

    def answer(self, frame: bytes) -> Answer:
        """The answer to a request; what cannot be read or served is answered by an `ErrorReply`."""
        try:
            request = decode(frame, limit=REQUEST_LIMIT)
            if isinstance(request, ChunkRequest):
                return self._in_chunks(request)
            message, work = self._serve(request)
            reply = encode(ruined(message, request), finite=False) if self._damaged else encode(message)
        except ProtocolError as error:
            refusal = encode(ErrorReply.of(error.fault, error.detail))
            return Answer(Parcel.of(refusal), refused=error.fault)
        return Answer(Parcel.of(reply), work.flop, models=work.models)

    def model_bytes(self, precision: Precision) -> int:
        """Length of the frame in which the whole model would travel."""
        return len(encode(self._model(ModelRequest(part="model", precision=precision))))

    def _in_chunks(self, request: ChunkRequest) -> Answer:
        """The chunks that are wanted of the answer to another request; a refusal comes whole."""
        kind = kind_of(request.request)
        if kind == ChunkRequest.kind:
            raise ProtocolError(Fault.UNEXPECTED, "chunks of chunks")
        answer = self.answer(request.request)
        if answer.refused is not None:
            return answer
        whole: bytes = answer.parcel.content
        count = -(-len(whole) // request.size)
        wanted = [index for index in range(count) if index in request.wanted or not request.wanted]
        if not wanted:
            raise ProtocolError(Fault.FIELD, f"none of the {count} chunks is wanted")
        chunks = [
            Chunk(index=index, count=count, content=whole[index * request.size :][: request.size])
            for index in wanted
        ]
        parcels = [Parcel.of(encode(chunk), answer.parcel.kind) for chunk in chunks]
        return replace(answer, parcel=Parcel.together(parcels))

    def _serve(self, request: Message) -> tuple[Message, Work]:
        """The answer and its work, of which joining and handing over a model have none."""
        match request:
            case Join():
                return self._welcome(request), Work(0)
            case SummaryRequest():
                return _worked(self._summary())
            case CentroidRequest():
                return _worked(self._centroids(request))
            case PosteriorRequest():
                return _worked(self._posteriors(request))
            case EncoderRequest():
                return _worked(self._encoder(request))
            case ModelRequest():
                return self._model(request), Work(0)
            case PredictRequest():
                return _worked(self._predictions(request))
            case _:
                raise ProtocolError(Fault.UNEXPECTED, f"a source is not asked {request.kind!r}")

    def _welcome(self, request: Join) -> Welcome:
        """Serve a task whose inputs have what the model reads, and that shares at least one class."""
        knowledge = self._knowledge
        description = knowledge.model.description
        lacking = self._lacking(request)
        if lacking:
            detail = f"the model reads {listed(lacking)}, which the target lacks"
            raise ProtocolError(Fault.NOT_ELIGIBLE, detail)
        read = request.input_shape
        if request.sensors is not None and knowledge.sensors is not None:
            read = shape_taken(read, range(description.channels))
        if read != description.shape:
            detail = f"the model reads {description.shape}, the task is {request.input_shape}"
            raise ProtocolError(Fault.NOT_ELIGIBLE, detail)
        shared = self._shared(request.classes)
        return Welcome(
            architecture=description.name, classes=knowledge.names(shared), sensors=knowledge.sensors
        )

    def _lacking(self, request: Join) -> tuple[str, ...]:
        """The sensors that the model reads and the target, where it names its own, has not."""
        if request.sensors is None:
            return ()
        return tuple(name for name in self._knowledge.sensors or () if name not in request.sensors)

    def _summary(self) -> tuple[DomainSummary, int]:
        x = self._knowledge.x
        statistics = domain_statistics(x)
        return DomainSummary(statistics=statistics), statistics_flop(len(x), x.shape[1:])

    def _centroids(self, request: CentroidRequest) -> tuple[Centroids, int]:
        """Centroids in the space of the reference encoder."""
        knowledge = self._knowledge
        if request.width % 2:
            raise ProtocolError(Fault.FIELD, f"a reference encoder of width {request.width}")
        shared = self._shared(request.classes)
        features = standardise_features(reference_features(knowledge.x, request.width, request.seed))
        centroids = class_centroids(features[: len(knowledge.y)], knowledge.y, shared)
        flop = reference_flop(len(knowledge.x), knowledge.x.shape[1:], request.width)
        message = Centroids(
            classes=knowledge.names(shared),
            centroids=centroids.astype(np.float16),
            accuracy=knowledge.accuracy,
        )
        return message, flop

    def _posteriors(self, request: PosteriorRequest) -> tuple[Centroids, Work]:
        """Centroids of what the model says of the samples that have labels."""
        knowledge = self._knowledge
        shared = self._shared(request.classes)
        labelled = knowledge.x[: len(knowledge.y)]
        centroids = class_centroids(posteriors(knowledge.model, labelled), knowledge.y, shared)
        message = Centroids(
            classes=knowledge.names(shared),
            centroids=centroids.astype(np.float16),
            accuracy=knowledge.accuracy,
        )
        return message, len(labelled) * knowledge.model.description.forward

    def _encoder(self, request: EncoderRequest) -> tuple[EncoderTransfer, Work]:
        """The encoder, and centroids in its own space."""
        knowledge = self._knowledge
        model = knowledge.model
        shared = self._shared(request.classes)
        with torch.no_grad():
            features = model.encoder(torch.from_numpy(knowledge.x)).numpy()
        standardised = standardise_features(features)[: len(knowledge.y)]
        centroids = class_centroids(standardised, knowledge.y, shared)
        message = EncoderTransfer(
            architecture=model.description.name,
            weights=packed(model.encoder, request.precision),
            classes=knowledge.names(shared),
            centroids=centroids.astype(np.float16),
            accuracy=knowledge.accuracy,
            sensors=knowledge.sensors,
        )
        return message, len(knowledge.x) * model.description.encoding()

    def _model(self, request: ModelRequest) -> ModelTransfer:
        knowledge = self._knowledge
        module = knowledge.model if request.part == "model" else knowledge.model.head
        return ModelTransfer(
            part=request.part,
            architecture=knowledge.model.description.name,
            classes=knowledge.names(knowledge.known),
            weights=packed(module, request.precision),
            accuracy=knowledge.accuracy,
            sensors=knowledge.sensors,
        )

    def _predictions(self, request: PredictRequest) -> tuple[Predictions, Work]:
        """What the model says of samples that it is sent, of the classes that both sides know."""
        knowledge = self._knowledge
        of = knowledge.model.description
        shared = self._shared(request.classes)
        if request.samples[0].ndim == 0 or len(request.samples[0]) == 0:
            raise ProtocolError(Fault.SHAPE, "no samples to predict")
        [samples] = unpack(request.samples, [(len(request.samples[0]), *of.shape)])
        logits = logits_of(knowledge.model, samples)[:, [knowledge.known.index(label) for label in shared]]
        message = Predictions(
            classes=knowledge.names(shared),
            logits=logits.clamp(-MOST_LOGIT, MOST_LOGIT).numpy().astype(np.float16),
        )
        return message, len(samples) * of.forward

    def _shared(self, classes: Sequence[str]) -> tuple[int, ...]:
        """Indices of the classes that the task and this source share; ProtocolError if there is none."""
        knowledge = self._knowledge
        shared = tuple(label for label in knowledge.known if knowledge.classes[label] in classes)
        if not shared:
            raise ProtocolError(Fault.NOT_ELIGIBLE, "the task shares no class with this source")
        return shared


def _worked(answer: tuple[Message, Work | int]) -> tuple[Message, Work]:
    """An answer that cannot come of nothing; InternalError where it declares no work."""
    message, work = answer[0], Work.of(answer[1])
    if work.flop <= 0:
        raise InternalError(f"the {message.kind} declares no work")
    return message, work


def ruined(message: Message, request: Message) -> Message:
    """What a source answers whose model is damaged: of all that comes of the model, every number is NaN."""
    match message:
        case Centroids() if isinstance(request, PosteriorRequest):
            return message.model_copy(update={"centroids": _nan(message.centroids)})
        case ModelTransfer() | EncoderTransfer():
            return message.model_copy(update={"weights": tuple(map(_nan, message.weights))})
        case Predictions():
            return message.model_copy(update={"logits": _nan(message.logits)})
        case _:
            return message


def _nan(array: NDArray[Any]) -> NDArray[Any]:
    """Quantised weights stay, their scales do not."""
    return np.full_like(array, np.nan) if array.dtype.kind == "f" else array
