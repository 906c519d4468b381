"""Stand-ins against the real sources: frames as long, work as much, refusals the same."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from hat_sim.errors import InternalError
from hat_sim.forecast.stand_in import StandIn
from hat_sim.learning.architectures import ARCHITECTURES, describe, rank_of
from hat_sim.learning.models import build
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.messages import (
    CentroidRequest,
    EncoderRequest,
    ErrorReply,
    Join,
    Message,
    ModelRequest,
    PosteriorRequest,
    PredictRequest,
    SummaryRequest,
)
from hat_sim.protocol.weights import pack
from nodes.source import Knowledge, Source

CLASSES = ("walk", "run", "rest", "fall")
SHAPES = {1: (9,), 2: (24, 3), 3: (1, 10, 12)}
KNOWN = [(0, 1, 2, 3), (1, 3)]


def pair_of(architecture: str, known: tuple[int, ...]) -> tuple[Source, StandIn, tuple[int, ...]]:
    """A source with an untrained model, what stands in for it, and the shape of their samples."""
    shape = SHAPES[rank_of(architecture)]
    rng = np.random.default_rng(0)
    y = np.array(known * 6, np.int64)
    x = rng.normal(size=(len(y), *shape)).astype(np.float32)
    model = build(describe(architecture, shape, len(known)), seed=0).eval()
    names = tuple(CLASSES[label] for label in known)
    return Source(Knowledge(x, y, CLASSES, model, 0.75)), StandIn(architecture, names, x, len(y)), shape


def requests(shape: tuple[int, ...]) -> list[Message]:
    samples = np.ones((7, *shape), np.float32)
    asked = [CLASSES, ("run", "swim"), ("swim",)]
    return [
        *(Join(input_shape=shape, classes=classes) for classes in asked),
        SummaryRequest(),
        *(CentroidRequest(seed=5, width=64, classes=classes) for classes in asked),
        *(PosteriorRequest(classes=classes) for classes in asked),
        *(EncoderRequest(precision=it, classes=asked[1]) for it in ("fp32", "fp16", "int8")),
        *(
            ModelRequest(part=part, precision=it)
            for part, it in product(("model", "head"), ("fp32", "fp16", "int8"))
        ),
        *(PredictRequest(classes=asked[0], samples=pack([samples], it)) for it in ("fp32", "int8")),
    ]


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_answer_is_as_long_and_as_much_work_as_the_real_one(
    architecture: str, known: tuple[int, ...]
) -> None:
    source, stand_in, shape = pair_of(architecture, known)
    refusals = 0
    for request in requests(shape):
        real, other = source.answer(encode(request)), stand_in.answer(request)
        assert (other.parcel.kind, other.parcel.length) == (real.parcel.kind, real.parcel.length)
        assert (other.flop, other.models, other.refused) == (real.flop, real.models, real.refused)
        refusals += isinstance(decode(real.parcel.content), ErrorReply)
    assert refusals == 3
    assert all(stand_in.model_bytes(it) == source.model_bytes(it) for it in ("fp32", "fp16", "int8"))


@pytest.mark.parametrize("sensors", [("accelerometer",), ("accelerometer", "gyroscope")])
@pytest.mark.parametrize(
    "announced", [None, ("accelerometer",), ("gyroscope",), ("gyroscope", "accelerometer", "camera")]
)
def test_sensors_are_told_and_missed_as_the_real_ones_are(
    sensors: tuple[str, ...], announced: tuple[str, ...] | None
) -> None:
    x = np.zeros((8, 24, len(sensors)), np.float32)
    model = build(describe("gru", x.shape[1:], 4), seed=0).eval()
    source = Source(Knowledge(x, np.arange(8) % 4, CLASSES, model, 0.75, sensors))
    stand_in = StandIn("gru", CLASSES, x, 8, sensors)
    channels = len(sensors if announced is None else announced)
    for request in (
        Join(input_shape=(24, channels), classes=CLASSES, sensors=announced),
        Join(input_shape=(24, channels), classes=("swim",), sensors=announced),
        EncoderRequest(precision="fp32", classes=CLASSES),
        ModelRequest(part="head", precision="fp32"),
    ):
        real, other = source.answer(encode(request)), stand_in.answer(request)
        assert (other.parcel.kind, other.parcel.length) == (real.parcel.kind, real.parcel.length)
        assert (other.flop, other.models, other.refused) == (real.flop, real.models, real.refused)


def test_summaries_are_the_real_ones() -> None:
    source, stand_in, _ = pair_of("gru", KNOWN[0])
    real: Any = decode(source.answer(encode(SummaryRequest())).parcel.content)
    assert np.array_equal(stand_in.answer(SummaryRequest()).parcel.content.statistics, real.statistics)


def test_what_no_source_answers_is_a_bug_of_the_outline() -> None:
    _, stand_in, _ = pair_of("gru", KNOWN[0])
    with pytest.raises(InternalError, match="an outline asks 'error' of a source"):
        stand_in.answer(ErrorReply(fault="field", detail=""))
