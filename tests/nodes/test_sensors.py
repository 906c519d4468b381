"""Devices of one fleet with different sensors: what a source reads, refuses by name, and is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hat_sim.data.domain import Domain
from hat_sim.learning.architectures import describe
from hat_sim.learning.models import build
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.learning.statistics import domain_statistics
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.messages import (
    CentroidRequest,
    DomainSummary,
    EncoderRequest,
    EncoderTransfer,
    ErrorReply,
    Join,
    Message,
    ModelRequest,
    ModelTransfer,
    Predictions,
    PredictRequest,
    SummaryRequest,
    Welcome,
)
from hat_sim.sensors import Sensor, carried
from nodes.assignments import Expanded, Joining, Lesson
from nodes.host import Host, train
from nodes.joining import task_and_examination
from nodes.observer import observe, worth_of

CLASSES = ("walk", "run", "rest", "fall")
EVERY = (Sensor("accelerometer", (0,)), Sensor("gyroscope", (1,)))
ASKED: tuple[Message, ...] = (
    SummaryRequest(),
    CentroidRequest(seed=5, width=16, classes=CLASSES),
    EncoderRequest(precision="fp32", classes=CLASSES),
    ModelRequest(part="model", precision="fp32"),
)


def lesson_of(*names: str) -> Lesson:
    """A lesson of a device with these sensors; without a name it says nothing of sensors."""
    sensors = carried(EVERY, names or None)
    description = describe("cnn-small", (16, len(sensors or EVERY)), 4)
    return Lesson("digest", "home", description, CLASSES, SourceRecipe(2, 16), 0, None, sensors)


@pytest.fixture
def host(load: Callable[[str], Domain]) -> Host:
    return Host(lambda it: load(it.domain), lambda it: train(it, load(it.domain)))


def ask(host: Host, lesson: Lesson | Expanded, message: Message) -> Message:
    [answer] = host.answer([(lesson, encode(message))])
    return decode(answer.parcel.content)


def joins(*sensors: str) -> Join:
    return Join(input_shape=(16, len(sensors)), classes=CLASSES, sensors=sensors)


@pytest.mark.parametrize(
    ("theirs", "own", "words"),
    [
        (("gyroscope",), ("accelerometer",), "the model reads gyroscope, which the target lacks"),
        (("accelerometer", "gyroscope"), ("accelerometer",), "the model reads gyroscope, which"),
        (("accelerometer", "gyroscope"), ("camera",), "reads accelerometer and gyroscope, which the target"),
    ],
)
def test_a_source_is_told_ineligible_by_the_names_of_what_the_target_lacks(
    host: Host, theirs: tuple[str, ...], own: tuple[str, ...], words: str
) -> None:
    [answer] = host.answer([(lesson_of(*theirs), encode(joins(*own)))])
    assert answer.refused == Fault.NOT_ELIGIBLE
    reply = decode(answer.parcel.content)
    assert isinstance(reply, ErrorReply) and reply.fault == "not_eligible" and words in reply.detail


@pytest.mark.parametrize("theirs", [("accelerometer",), ("gyroscope",), ("accelerometer", "gyroscope")])
def test_a_target_with_more_sensors_is_welcome_and_hears_which_the_model_reads(
    host: Host, theirs: tuple[str, ...]
) -> None:
    request = Join(input_shape=(16, 3), classes=CLASSES, sensors=("accelerometer", "camera", "gyroscope"))
    reply = ask(host, lesson_of(*theirs), request)
    assert isinstance(reply, Welcome) and reply.sensors == theirs


def test_windows_of_another_length_are_refused_whatever_the_sensors(host: Host) -> None:
    request = replace_shape(joins("accelerometer", "gyroscope"), (17, 2))
    reply = ask(host, lesson_of("accelerometer"), request)
    assert isinstance(reply, ErrorReply) and "the model reads (16, 1)" in reply.detail


def replace_shape(join: Join, shape: tuple[int, ...]) -> Join:
    return Join(input_shape=shape, classes=join.classes, sensors=join.sensors)


def test_one_that_says_nothing_of_sensors_is_told_by_the_shape_of_its_inputs(host: Host) -> None:
    """No frame is longer where none is in play."""
    plain = Join(input_shape=(16, 2), classes=CLASSES)
    reply = ask(host, lesson_of(), plain)
    assert isinstance(reply, Welcome) and reply.sensors is None
    both = ask(host, lesson_of("accelerometer", "gyroscope"), joins("accelerometer", "gyroscope"))
    assert len(encode(reply)) < len(encode(both))
    refused = ask(host, lesson_of("accelerometer"), plain)
    assert isinstance(refused, ErrorReply) and "the task is (16, 2)" in refused.detail


def test_a_source_never_sees_a_channel_of_a_sensor_that_it_lacks(
    load: Callable[[str], Domain], host: Host
) -> None:
    """Neither in training nor in any answer: the other channel may be anything."""

    def spoilt(name: str) -> Domain:
        domain = load(name)
        return replace(domain, x=domain.x * np.array([1, 1e6], np.float32))

    lesson = lesson_of("accelerometer")
    other = Host(lambda it: spoilt(it.domain), lambda it: train(it, spoilt(it.domain)))
    asked = [(lesson, encode(message)) for message in (joins("accelerometer", "gyroscope"), *ASKED)]
    assert other.answer(asked) == host.answer(asked)


def test_its_frames_say_what_it_reads_and_hold_no_more(load: Callable[[str], Domain], host: Host) -> None:
    lesson = lesson_of("gyroscope")
    summary = ask(host, lesson, SummaryRequest())
    assert isinstance(summary, DomainSummary)
    np.testing.assert_array_equal(summary.statistics, domain_statistics(host.knowledge(lesson).x))
    assert host.knowledge(lesson).x.shape[1:] == (16, 1)
    encoder, model = ask(host, lesson, ASKED[2]), ask(host, lesson, ASKED[3])
    assert isinstance(encoder, EncoderTransfer) and isinstance(model, ModelTransfer)
    assert encoder.sensors == model.sensors == ("gyroscope",)
    assert model.weights[0].shape == (1,)  # the standardiser's mean of each channel


def test_it_predicts_samples_of_its_own_channels(host: Host) -> None:
    lesson = lesson_of("gyroscope")
    samples = np.random.default_rng(0).normal(size=(5, 16, 2)).astype(np.float32)
    own = samples[:, :, 1:].copy()
    reply = ask(host, lesson, PredictRequest(classes=CLASSES, samples=(own,)))
    assert isinstance(reply, Predictions)
    expected = logits_of(host.knowledge(lesson).model, own).numpy()
    np.testing.assert_allclose(reply.logits, expected, atol=0.02)
    whole = ask(host, lesson, PredictRequest(classes=CLASSES, samples=(samples,)))
    assert isinstance(whole, ErrorReply) and whole.fault == "shape"


def joining_of(*names: str) -> Joining:
    sensors = carried(EVERY, names)
    description = describe("cnn-small", (16, len(names)), 4)
    recipe = StudentRecipe(epochs=1, steps_per_epoch=1)
    return Joining("home", description, CLASSES, (), 2, recipe, "fp32", 0, None, sensors)


def test_a_target_sees_its_own_channels_alone(load: Callable[[str], Domain]) -> None:
    task, examination = task_and_examination(joining_of("gyroscope"), load("home"))
    assert task.samples.shape[1:] == examination.x.shape[1:] == (16, 1)
    assert task.sensors == examination.sensors == {"gyroscope": (0,)}
    whole, _ = task_and_examination(replace(joining_of("gyroscope"), sensors=None), load("home"))
    assert whole.sensors is None
    np.testing.assert_array_equal(task.samples, whole.samples[:, :, 1:])


def test_hindsight_feeds_a_source_its_channels_and_does_not_judge_one_that_cannot_serve(
    load: Callable[[str], Domain], host: Host
) -> None:
    gyroscope = host.knowledge(lesson_of("gyroscope"))
    _, both = task_and_examination(joining_of("accelerometer", "gyroscope"), load("home"))
    _, narrow = task_and_examination(joining_of("gyroscope"), load("home"))
    _, other = task_and_examination(joining_of("accelerometer"), load("home"))
    assert worth_of(gyroscope, both) == worth_of(gyroscope, narrow)
    assert worth_of(gyroscope, other).on_target is None
    assert worth_of(gyroscope, other).claimed == gyroscope.accuracy


def test_a_target_that_keeps_a_sources_model_serves_with_what_that_reads(
    load: Callable[[str], Domain], host: Host
) -> None:
    """As fine-tuning leaves it: the model is exported for all the target's channels, and sent for its own."""
    description = describe("cnn-small", (16, 1), 4)
    _, examination = task_and_examination(joining_of("accelerometer", "gyroscope"), load("home"))
    model = build(description, 0).reading((1,)).eval()
    result = observe(Fitted(model), examination)
    assert (result.architecture, result.sensors) == ("cnn-small", ("gyroscope",))
    record = Expanded(
        "digest", "home", description, CLASSES, 2, 0, result.weights, None, carried(EVERY, result.sensors)
    )
    reply = ask(host, record, joins("gyroscope"))
    assert isinstance(reply, Welcome) and reply.sensors == ("gyroscope",)
    assert host.knowledge(record).x.shape[1:] == (16, 1)
    student = observe(Fitted(build(describe("cnn-small", (16, 2), 4), 0).eval()), examination)
    assert student.sensors == ("accelerometer", "gyroscope")
