"""Sources in their host: what they answer, what they refuse, and that they remember nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_source
from hat_sim.learning.centroids import class_centroids
from hat_sim.learning.models import load_weights
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import empty_model, fill, narrowed
from hat_sim.learning.statistics import domain_statistics, statistics_flop
from hat_sim.learning.training import accuracy_of, logits_of
from hat_sim.protocol.codec import REQUEST_LIMIT, decode, encode
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
from hat_sim.protocol.steps import Answer
from hat_sim.protocol.weights import pack
from nodes.assignments import Damaged, Lesson, Trained
from nodes.host import Host, train
from nodes.source import Knowledge, Source

CLASSES = ("walk", "run", "rest", "fall")
JOIN = Join(input_shape=(16, 2), classes=CLASSES)
SAMPLES = np.random.default_rng(1).normal(size=(7, 16, 2)).astype(np.float32)
REQUESTS: tuple[Message, ...] = (
    JOIN,
    SummaryRequest(),
    CentroidRequest(seed=5, width=16, classes=CLASSES),
    EncoderRequest(precision="int8", classes=CLASSES),
    ModelRequest(part="model", precision="fp32"),
    ModelRequest(part="head", precision="fp16"),
    PredictRequest(classes=CLASSES, samples=(SAMPLES,)),
    PosteriorRequest(classes=CLASSES),
)


@pytest.fixture(scope="session")
def trained(load: Callable[[str], Domain]) -> Callable[[Lesson], Trained]:
    return cache(lambda lesson: train(lesson, load(lesson.domain)))


class Devices:
    """Devices by name on one host, which knows them by their lessons."""

    def __init__(self, host: Host, lessons: dict[str, Lesson]) -> None:
        self._host = host
        self._lessons = lessons

    def answer(self, requests: Sequence[tuple[str, bytes]]) -> list[Answer]:
        return self._host.answer([(self._lessons[device], frame) for device, frame in requests])

    def model_bytes(self, device: str, precision: Precision) -> int:
        return self._host.model_bytes(self._lessons[device], precision)


@pytest.fixture
def host(
    load: Callable[[str], Domain], lesson: Callable[..., Lesson], trained: Callable[[Lesson], Trained]
) -> Devices:
    """Two devices of one domain, a third with a recurrent model, and one that never saw a fall."""
    lessons = {
        "one": lesson("home"),
        "two": lesson("home"),
        "gru": lesson("home", "gru"),
        "careful": lesson("careful"),
    }
    return Devices(Host(lambda it: load(it.domain), trained), lessons)


def ask(host: Devices, device: str, message: Message) -> Message:
    (answer,) = host.answer([(device, encode(message))])
    assert answer.parcel.length == len(answer.parcel.content)
    return decode(answer.parcel.content)


def test_answers_are_a_pure_function_of_device_and_request(
    host: Devices, load: Callable[[str], Domain], lesson: Callable[..., Lesson]
) -> None:
    """Of neither earlier requests, their order, their batch, nor the life of the host."""
    frames = [encode(request) for request in REQUESTS]
    batch = [(device, frame) for frame in frames for device in ("one", "careful")]
    once = host.answer(batch)
    assert host.answer(batch[::-1]) == once[::-1]
    lessons = {"one": lesson("home"), "careful": lesson("careful")}
    host = Host(lambda it: load(it.domain), lambda it: train(it, load(it.domain)))
    rebuilt = Devices(host, lessons)
    for asked, answer in zip(batch[5:], once[5:], strict=True):
        assert rebuilt.answer([asked]) == [answer]


def test_devices_of_one_domain_and_architecture_give_one_answer(host: Devices) -> None:
    """They share it, and each is in the place of its request."""
    frames = [encode(request) for request in REQUESTS]
    asked = [(device, frame) for frame in frames for device in ("two", "gru", "one")]
    together = host.answer(asked)
    assert together == [host.answer([one])[0] for one in asked]
    assert together[0::3] == together[2::3]
    assert [answer.parcel.kind for answer in together[0::3]] == [
        "welcome",
        "summary",
        "centroids",
        "encoder",
        "model",
        "model",
        "predictions",
        "centroids",
    ]


def test_work_is_declared_for_what_has_to_be_computed(host: Devices, load: Callable[[str], Domain]) -> None:
    """Statistics, centroids and predictions are work; a greeting and a model that lies ready are none."""
    answers = host.answer([("one", encode(request)) for request in REQUESTS])
    assert [answer.flop > 0 for answer in answers] == [False, True, True, True, False, False, True, True]
    samples = len(split_source(load("home"), 0).train)
    assert answers[1].flop == statistics_flop(samples, (16, 2))


def test_a_welcome_names_what_both_sides_know(host: Devices) -> None:
    assert ask(host, "gru", JOIN) == Welcome(architecture="gru", classes=CLASSES)
    other = Join(input_shape=(16, 2), classes=("fall", "rest", "swim"))
    assert ask(host, "one", other) == Welcome(architecture="cnn-small", classes=("rest", "fall"))
    assert ask(host, "careful", other) == Welcome(architecture="cnn-small", classes=("rest",))


@pytest.mark.parametrize(
    ("request_", "fault", "detail"),
    [
        (Join(input_shape=(32, 2), classes=CLASSES), Fault.NOT_ELIGIBLE, r"the task is \(32, 2\)"),
        (Join(input_shape=(16, 2), classes=("swim",)), Fault.NOT_ELIGIBLE, "shares no class"),
        (CentroidRequest(seed=0, width=16, classes=("swim",)), Fault.NOT_ELIGIBLE, "shares no class"),
        (CentroidRequest(seed=0, width=7, classes=CLASSES), Fault.FIELD, "of width 7"),
        (EncoderRequest(precision="fp32", classes=()), Fault.NOT_ELIGIBLE, "shares no class"),
        (PredictRequest(classes=("swim",), samples=(SAMPLES,)), Fault.NOT_ELIGIBLE, "shares no class"),
        (PredictRequest(classes=CLASSES, samples=(SAMPLES[:0],)), Fault.SHAPE, "no samples"),
        (PredictRequest(classes=CLASSES, samples=(np.zeros((), np.float32),)), Fault.SHAPE, "no samples"),
        (
            PredictRequest(classes=CLASSES, samples=(SAMPLES[:, :8],)),
            Fault.SHAPE,
            r"\(7, 16, 2\) is expected",
        ),
        (PredictRequest(classes=CLASSES, samples=(SAMPLES, SAMPLES)), Fault.SHAPE, "1 tensors more"),
        (PredictRequest(classes=CLASSES, samples=(SAMPLES.astype(np.int64),)), Fault.TENSOR, "as int64"),
        (Welcome(architecture="gru", classes=()), Fault.UNEXPECTED, "a source is not asked 'welcome'"),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_reason(
    host: Devices, request_: Message, fault: Fault, detail: str
) -> None:
    (answer,) = host.answer([("one", encode(request_))])
    assert (answer.refused, answer.flop, answer.parcel.kind) == (fault, 0, "error")
    reply = decode(answer.parcel.content)
    assert isinstance(reply, ErrorReply) and reply.fault == fault
    assert re.search(detail, reply.detail)


@pytest.mark.parametrize("frame", [b"", b"noise", encode(JOIN)[:-1], b"\x00" * (REQUEST_LIMIT + 1)])
def test_a_request_that_cannot_be_read_is_refused(host: Devices, frame: bytes) -> None:
    (answer,) = host.answer([("one", frame)])
    expected = Fault.OVERSIZED if len(frame) > REQUEST_LIMIT else Fault.MALFORMED
    assert answer.refused == expected
    assert answer.parcel.kind == "error"


def test_a_summary_is_of_the_training_samples_alone(host: Devices, load: Callable[[str], Domain]) -> None:
    """A validation sample says nothing to others."""
    domain = load("home")
    summary = ask(host, "one", SummaryRequest())
    assert isinstance(summary, DomainSummary)
    expected = domain_statistics(domain.x[split_source(domain, 0).train])
    assert np.array_equal(summary.statistics, expected)


def test_centroids_are_in_the_space_that_the_seed_grows(
    host: Devices,
    load: Callable[[str], Domain],
    trained: Callable[[Lesson], Trained],
    lesson: Callable[..., Lesson],
) -> None:
    domain = load("home")
    part = split_source(domain, 0).train
    reply = ask(host, "one", CentroidRequest(seed=5, width=16, classes=("fall", "walk")))
    assert isinstance(reply, Centroids)
    assert reply.classes == ("walk", "fall")
    features = standardise_features(reference_features(domain.x[part], 16, 5))
    expected = class_centroids(features, domain.y[part], (0, 3)).astype(np.float16)
    assert np.array_equal(reply.centroids, expected)
    assert reply.accuracy == trained(lesson("home")).accuracy < 1


def test_posteriors_are_centroids_of_what_the_model_says(
    host: Devices, load: Callable[[str], Domain], lesson: Callable[..., Lesson]
) -> None:
    """Of the training samples of each class that was asked for, over all classes that the source knows."""
    reply = ask(host, "careful", PosteriorRequest(classes=("swim", "rest", "walk")))
    assert isinstance(reply, Centroids)
    assert reply.classes == ("walk", "rest") and reply.centroids.dtype == np.float16
    domain = load("careful")
    part = split_source(domain, 0).train
    model = empty_model(lesson("careful").description)
    load_weights(model, train(lesson("careful"), domain).weights)
    said = torch.softmax(logits_of(narrowed(model, [0, 1, 2]), domain.x[part]), dim=1).numpy()
    expected = class_centroids(said, domain.y[part], (0, 2))
    assert expected.shape == (2, 3)
    assert reply.centroids == pytest.approx(expected, abs=1e-3)


def test_a_model_gives_the_receiver_the_sources_predictions(
    host: Devices,
    load: Callable[[str], Domain],
    trained: Callable[[Lesson], Trained],
    lesson: Callable[..., Lesson],
) -> None:
    """Whole or as an encoder and a head; and its claimed accuracy is that on its validation samples."""
    domain, of = load("home"), lesson("home")
    original = empty_model(of.description)
    load_weights(original, trained(of).weights)
    whole = ask(host, "one", ModelRequest(part="model", precision="fp32"))
    encoder = ask(host, "one", EncoderRequest(precision="fp32", classes=CLASSES))
    head = ask(host, "one", ModelRequest(part="head", precision="fp32"))
    assert isinstance(whole, ModelTransfer) and isinstance(head, ModelTransfer)
    assert isinstance(encoder, EncoderTransfer)
    first, second = empty_model(of.description), empty_model(of.description)
    fill(first, whole.weights)
    fill(second.encoder, encoder.weights)
    fill(second.head, head.weights)
    x = torch.from_numpy(domain.x)
    with torch.no_grad():
        assert torch.equal(first(x), original.eval()(x))
        assert torch.equal(second(x), original(x))
    held_out = split_source(domain, 0).validation
    assert len(held_out)
    accuracy = accuracy_of(original, domain.x[held_out], domain.y[held_out])
    assert accuracy == trained(of).accuracy == whole.accuracy == encoder.accuracy == head.accuracy


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_predictions_are_the_models_logits_of_the_samples_sent(
    host: Devices,
    trained: Callable[[Lesson], Trained],
    lesson: Callable[..., Lesson],
    precision: Precision,
) -> None:
    """Of the classes asked for that it knows, in its order; near to them where samples are rounded."""
    model = empty_model(lesson("home").description)
    load_weights(model, trained(lesson("home")).weights)
    request = PredictRequest(classes=("rest", "swim", "walk"), samples=pack([SAMPLES], precision))
    reply = ask(host, "one", request)
    assert isinstance(reply, Predictions) and reply.classes == ("walk", "rest")
    assert reply.logits.dtype == np.float16
    plain = logits_of(model, SAMPLES)[:, [0, 2]].numpy()
    np.testing.assert_allclose(reply.logits, plain, atol=0.2 if precision == "int8" else 0.02)
    (answer,) = host.answer([("one", encode(request))])
    assert answer.flop == 7 * lesson("home").description.forward_flop


def test_a_source_says_nothing_of_a_class_that_it_never_saw(host: Devices) -> None:
    """Neither a centroid, nor an output of its model, whole or in parts: no silent probability of zero."""
    whole = ask(host, "careful", ModelRequest(part="model", precision="fp32"))
    head = ask(host, "careful", ModelRequest(part="head", precision="fp32"))
    encoder = ask(host, "careful", EncoderRequest(precision="fp32", classes=CLASSES))
    centroids = ask(host, "careful", CentroidRequest(seed=5, width=16, classes=CLASSES))
    predictions = ask(host, "careful", PredictRequest(classes=CLASSES, samples=(SAMPLES,)))
    for reply in (whole, head, encoder, centroids, predictions):
        assert reply.classes == ("walk", "run", "rest")  # type: ignore[attr-defined]
    assert isinstance(whole, ModelTransfer) and isinstance(head, ModelTransfer)
    assert whole.weights[-1].shape == head.weights[-1].shape == (3,)


def test_a_narrowed_model_keeps_its_logits_in_the_order_asked_for(lesson: Callable[..., Lesson]) -> None:
    model = empty_model(lesson("home").description)
    x = torch.randn(3, 16, 2)
    torch.testing.assert_close(narrowed(model, (3, 1))(x), model(x)[:, [3, 1]])
    assert narrowed(model, (3, 1)).description.head.outputs == 2


def test_a_model_costs_what_its_frame_is_long(host: Devices) -> None:
    request = encode(ModelRequest(part="model", precision="fp16"))
    devices = ["one", "two", "careful"]
    lengths = [answer.parcel.length for answer in host.answer([(device, request) for device in devices])]
    assert [host.model_bytes(device, "fp16") for device in devices] == lengths
    assert lengths[0] == lengths[1] > lengths[2]


def test_a_source_whose_training_went_wrong_refuses_instead_of_failing(lesson: Callable[..., Lesson]) -> None:
    """Weights that are not finite cannot travel; the asker is told so."""
    model = empty_model(lesson("home").description).eval()
    with torch.no_grad():
        model.head.bias[0] = float("nan")
    x = np.random.default_rng(0).normal(size=(8, 16, 2)).astype(np.float32)
    source = Source(Knowledge(x, np.arange(8) % 4, CLASSES, model, 0.25))
    answer = source.answer(encode(ModelRequest(part="model", precision="fp32")))
    assert answer.refused == Fault.NON_FINITE
    assert answer.parcel.kind == "error"


def test_a_source_that_cannot_validate_claims_no_accuracy(lesson: Callable[..., Lesson]) -> None:
    x = np.random.default_rng(0).normal(size=(4, 16, 2)).astype(np.float32)
    tiny = Domain("tiny", x, np.arange(4), np.arange(4))
    assert train(lesson("tiny"), tiny).accuracy == 0


class TestForgetting:
    """A host keeps no more than it may, and gives the same answers whatever it has forgotten."""

    @pytest.fixture(params=["MOST_KNOWN", "MOST_ANSWER_BYTES"])
    def forgetful(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(f"nodes.host.{request.param}", 1)

    @pytest.mark.usefixtures("forgetful")
    def test_answers_stay_what_they_are(self, host: Devices, load, lesson, trained) -> None:
        batch = [(device, encode(it)) for it in REQUESTS for device in ("one", "gru", "careful")]
        lessons = {"one": lesson("home"), "gru": lesson("home", "gru"), "careful": lesson("careful")}
        fresh = [
            Devices(Host(lambda it: load(it.domain), trained), lessons).answer([asked])[0] for asked in batch
        ]
        assert host.answer(batch) == fresh
        assert host.answer(batch[::-1]) == fresh[::-1]

    def test_what_is_asked_again_is_not_worked_out_again(self, host: Devices, monkeypatch) -> None:
        request = ("one", encode(REQUESTS[2]))
        [first] = host.answer([request])
        monkeypatch.setattr(Source, "answer", lambda source, frame: pytest.fail("worked out again"))
        assert host.answer([request]) == [first]


def test_chunks_together_are_the_answer_and_each_can_be_had_alone(host: Devices) -> None:
    """They go under the name of what they are chunks of, and the work is that of the whole answer."""
    inner = encode(EncoderRequest(precision="fp32", classes=("walk", "run")))
    (whole,) = host.answer([("one", inner)])
    (answer,) = host.answer([("one", encode(ChunkRequest(request=inner, size=1024)))])
    frames = answer.parcel.frames
    chunks = [decode(it.content) for it in frames]
    assert b"".join(it.content for it in chunks if isinstance(it, Chunk)) == whole.parcel.content
    assert len(frames) > 2 and {it.kind for it in frames} == {"encoder"} and answer.flop == whole.flop
    wanted = ChunkRequest(request=inner, size=1024, wanted=(2, 0))
    (some,) = host.answer([("one", encode(wanted))])
    assert [it.content for it in some.parcel.frames] == [frames[0].content, frames[2].content]


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (ModelRequest(part="model", precision="fp32"), Fault.FIELD),
        (ChunkRequest(request=b"", size=1024), Fault.UNEXPECTED),
        (SummaryRequest(), Fault.FIELD),
    ],
)
def test_chunks_that_there_are_not_are_refused(host: Devices, request_: Message, fault: Fault) -> None:
    (answer,) = host.answer(
        [("one", encode(ChunkRequest(request=encode(request_), size=1024, wanted=(99,))))]
    )
    assert answer.refused == fault and answer.parcel.kind == "error"


def test_a_refusal_comes_whole(host: Devices) -> None:
    inner = encode(EncoderRequest(precision="fp32", classes=("swim",)))
    (answer,) = host.answer([("one", encode(ChunkRequest(request=inner, size=1024)))])
    assert answer == host.answer([("one", inner)])[0] and answer.refused == Fault.NOT_ELIGIBLE


@pytest.mark.parametrize("request_", [it for it in REQUESTS if not isinstance(it, SummaryRequest)])
def test_a_damaged_source_sends_nan_wherever_its_model_speaks_and_does_not_know(
    request_: Message, load: Callable[[str], Domain], lesson: Callable[..., Lesson], trained: Any
) -> None:
    """What its data alone say is sound; a frame of it is as long as ever."""
    host, record = Host(lambda it: load(it.domain), trained), lesson("home")
    sound, damaged = host.answer([(record, encode(request_)), (Damaged(record), encode(request_))])
    assert damaged.parcel.length == sound.parcel.length and damaged.refused is None
    if isinstance(request_, Join | CentroidRequest):
        assert damaged == sound
    else:
        with pytest.raises(ProtocolError, match="non_finite"):
            decode(damaged.parcel.content)
