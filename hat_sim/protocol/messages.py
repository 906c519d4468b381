"""The messages of the selection protocol and of model transfer, typed and checked field by field.

A target asks, a source answers: `Join` is answered by `Welcome`, `SummaryRequest` by `DomainSummary`,
`CentroidRequest` and `PosteriorRequest` by `Centroids`, `EncoderRequest` by `EncoderTransfer`,
`ModelRequest` by `ModelTransfer`, `PredictRequest` by `Predictions`, and anything that cannot be answered by
`ErrorReply`. A `ChunkRequest` for any of these is answered by `Chunk`s of the frame that would answer it. A
source keeps no state between requests, so each request carries whatever its answer depends on.

Where devices of one fleet carry different sensors, `sensors` are the names of those whose channels the target
has or a model reads, which are the same in all of the fleet; elsewhere it is None and not sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, InstanceOf

from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.sensors import Places

Array = InstanceOf[np.ndarray]
Name = Annotated[str, Field(max_length=256)]
Names = Annotated[tuple[Name, ...], Field(max_length=100_000)]
Size = Annotated[int, Field(ge=0, lt=2**63)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Precision = Literal["fp32", "fp16", "int8"]


class Message(BaseModel):
    """Base of all messages; `kind` names a message in frames and in the ledger."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
    kind: ClassVar[str]


class Join(Message):
    """The target announces its task: the shape of its inputs, the classes it must tell apart, its sensors."""

    kind = "join"
    input_shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=4)]
    classes: Names
    sensors: Names | None = None


class Welcome(Message):
    """The source can serve the task; `classes` are those of the target's that its model knows."""

    kind = "welcome"
    architecture: Name
    classes: Names
    sensors: Names | None = None


class SummaryRequest(Message):
    """Asks for the statistics of the source's domain, for coarse selection."""

    kind = "summary_request"


class DomainSummary(Message):
    """Statistics of a domain, float32 of shape (statistics,)."""

    kind = "summary"
    statistics: Array


class CentroidRequest(Message):
    """Asks for class centroids in the space of the reference encoder that `seed` grows."""

    kind = "centroid_request"
    seed: Size
    width: Annotated[int, Field(ge=1, le=65_536)]
    classes: Names


class Centroids(Message):
    """Class centroids, float16 of shape (classes, width), and the source's validation accuracy."""

    kind = "centroids"
    classes: Names
    centroids: Array
    accuracy: Fraction


class PosteriorRequest(Message):
    """Asks for class centroids of what the source's model says of the source's own samples."""

    kind = "posterior_request"
    classes: Names


class EncoderRequest(Message):
    """Asks for the source's encoder and for its class centroids in that encoder's space."""

    kind = "encoder_request"
    precision: Precision
    classes: Names


class EncoderTransfer(Message):
    """An encoder with class centroids in its own space and the source's validation accuracy."""

    kind = "encoder"
    architecture: Name
    weights: tuple[Array, ...]
    classes: Names
    centroids: Array
    accuracy: Fraction
    sensors: Names | None = None


class ModelRequest(Message):
    """Asks for a model, or for its head alone where the encoder came already."""

    kind = "model_request"
    part: Literal["model", "head"]
    precision: Precision


class ModelTransfer(Message):
    """A model or its head: an architecture of the catalogue, its classes, and weights in its order."""

    kind = "model"
    part: Literal["model", "head"]
    architecture: Name
    classes: Names
    weights: tuple[Array, ...]
    accuracy: Fraction
    sensors: Names | None = None


class PredictRequest(Message):
    """Asks what the source's model says of the target's own samples, which leave the target for it.

    `samples` are (samples, *shape), of the channels that the model reads, as weights of some precision
    travel: int8 is followed by its scales.
    """

    kind = "predict_request"
    classes: Names
    samples: Annotated[tuple[Array, ...], Field(min_length=1, max_length=2)]


class Predictions(Message):
    """Logits of the samples asked about, float16 of shape (samples, classes)."""

    kind = "predictions"
    classes: Names
    logits: Array


class ChunkRequest(Message):
    """Asks for the answer to another request, which `request` is the frame of, in chunks of `size` bytes.

    `wanted` are the indices of those that are asked for, none for all.
    """

    kind = "chunk_request"
    request: Annotated[bytes, Field(max_length=65_536)]
    size: Annotated[int, Field(ge=1024, lt=2**31)]
    wanted: Annotated[tuple[Size, ...], Field(max_length=100_000)] = ()


class Chunk(Message):
    """One of `count` chunks of the frame that answers a request."""

    kind = "chunk"
    index: Size
    count: Size
    content: bytes


class ErrorReply(Message):
    """The request was refused, with the typed reason."""

    kind = "error"
    fault: Name
    detail: Annotated[str, Field(max_length=1024)]

    @classmethod
    def of(cls, fault: Fault, detail: str) -> ErrorReply:
        return cls(fault=fault.value, detail=detail[:1024])


MESSAGES: dict[str, type[Message]] = {
    message.kind: message
    for message in (
        Join,
        Welcome,
        SummaryRequest,
        DomainSummary,
        CentroidRequest,
        Centroids,
        PosteriorRequest,
        EncoderRequest,
        EncoderTransfer,
        ModelRequest,
        ModelTransfer,
        PredictRequest,
        Predictions,
        ChunkRequest,
        Chunk,
        ErrorReply,
    )
}


def shaped(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array itself, of floats and of this shape; ProtocolError where it is not."""
    if array.shape != shape or array.dtype.kind != "f":
        raise ProtocolError(Fault.SHAPE, f"{array.dtype} of shape {array.shape}, not floats of {shape}")
    return array


def sensor_places(names: Sequence[str] | None, sensors: Mapping[str, Places] | None) -> Places | None:
    """Which of a target's channels are those of the named sensors; None for all of them.

    `sensors` are the target's. ProtocolError for one that it has not, and where there is none.
    """
    if names is None:
        return None
    if len(set(names)) < len(names):
        raise ProtocolError(Fault.FIELD, "a sensor twice")
    unknown = [name for name in names if name not in (sensors or {})]
    if sensors is None or unknown or not names:
        raise ProtocolError(Fault.FIELD, f"sensors that were not announced: {unknown[:5]}")
    places = tuple(sorted(place for name in names for place in sensors[name]))
    return None if len(names) == len(sensors) else places


def same_message(left: Message, right: Message) -> bool:
    """Whether two messages are equal, their arrays compared bit by bit."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            array: NDArray[Any] = value
            return (array.dtype.str, array.shape, array.tobytes())
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    return type(left) is type(right) and all(
        plain(getattr(left, field)) == plain(getattr(right, field)) for field in type(left).model_fields
    )
