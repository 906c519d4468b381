"""Weights on a link: what each precision costs and loses, and that what does not fit is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hat_sim.learning.architectures import ARCHITECTURES, FEATURES, IMAGES, SERIES, describe, rank_of
from hat_sim.learning.source_model import empty_model, packed
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import ModelTransfer, Precision
from hat_sim.protocol.weights import pack, unpack

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
INPUTS = {FEATURES: (10,), SERIES: (128, 6), IMAGES: (1, 8, 8)}
CLASSES = ("walking", "upstairs", "downstairs", "sitting", "standing", "laying")


def shapes_of(weights: list[np.ndarray]) -> list[tuple[int, ...]]:
    return [array.shape for array in weights]


def through_a_frame(tensors: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """The tensors as a receiver has them: read-only, and aligned as the frame happens to be."""
    message = decode(
        encode(ModelTransfer(part="model", architecture="", classes=(), weights=tensors, accuracy=0))
    )
    assert isinstance(message, ModelTransfer)
    return message.weights


@pytest.fixture
def weights() -> list[np.ndarray]:
    """A layer, its bias, a convolution, a row of zeros, and two scales that differ by a thousand."""
    rng = np.random.default_rng(0)
    layer = rng.normal(size=(4, 7)).astype(np.float32)
    layer[1] = 0
    layer[2] *= 1000
    return [layer, rng.normal(size=4).astype(np.float32), rng.normal(size=(3, 2, 5)).astype(np.float32)]


def test_single_precision_loses_nothing(weights: list[np.ndarray]) -> None:
    again = unpack(through_a_frame(pack(weights, "fp32")), shapes_of(weights))
    assert all(np.array_equal(one, other) for one, other in zip(again, weights, strict=True))


def test_half_precision_loses_one_part_in_two_thousand(weights: list[np.ndarray]) -> None:
    again = unpack(through_a_frame(pack(weights, "fp16")), shapes_of(weights))
    for one, other in zip(again, weights, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=2**-11, atol=2**-25)


def test_bytes_lose_half_a_step_of_their_row(weights: list[np.ndarray]) -> None:
    """A row's largest weight is 127 steps; a row of zeros stays zero, and biases stay as they are."""
    again = unpack(through_a_frame(pack(weights, "int8")), shapes_of(weights))
    for one, other in zip(again, weights, strict=True):
        if other.ndim == 1:
            assert np.array_equal(one, other)
        else:
            step = np.abs(other.reshape(len(other), -1)).max(axis=1) / 127
            error = np.abs(one - other).reshape(len(other), -1).max(axis=1)
            assert (error <= step * 0.5001).all()
            assert not one[0 if other.ndim == 3 else 1].any() or other.ndim == 3


def test_bytes_of_literal_weights() -> None:
    """[2.54, -1.27, 0.004] is [127, -64, 0] steps of 0.02, since -63.5 goes to the even neighbour."""
    steps, scale = pack([np.array([[2.54, -1.27, 0.004]], np.float32)], "int8")
    assert steps.tolist() == [[127, -64, 0]] and steps.dtype == np.int8
    assert scale.tolist() == pytest.approx([0.02]) and scale.dtype == np.float32


def test_half_precision_clips_what_it_cannot_hold() -> None:
    (half,) = pack([np.array([1e6, -1e6, 1], np.float32)], "fp16")
    assert half.tolist() == [65504, -65504, 1]


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=6, max_size=6))
def test_bytes_never_overshoot_the_largest_weight_of_a_row(values: list[float]) -> None:
    row = np.array(values, np.float32).reshape(2, 3)
    (again,) = unpack(pack([row], "int8"), [(2, 3)])
    most = np.abs(row).max(axis=1, keepdims=True)
    assert (np.abs(again) <= most * (1 + 1e-6)).all()
    assert (np.abs(again - row) <= most / 127 * 0.501 + 1e-40).all()


@pytest.mark.parametrize(
    ("tensors", "fault", "detail"),
    [
        ([], Fault.SHAPE, r"\(4, 7\) is expected, none came"),
        ([np.zeros((7, 4), np.float32)], Fault.SHAPE, r"\(4, 7\) is expected, one of shape \(7, 4\) came"),
        ([np.zeros((4, 7), np.float32)] * 2, Fault.SHAPE, "1 tensors more"),
        ([np.zeros((4, 7), np.int8)], Fault.SHAPE, "scales of a tensor"),
        ([np.zeros((4, 7), np.int8), np.zeros(7, np.float32)], Fault.SHAPE, "scales of a tensor"),
        ([np.zeros((4, 7), np.int8), np.zeros(4, np.int64)], Fault.TENSOR, "scales came as int64"),
        ([np.zeros((4, 7), np.int64)], Fault.TENSOR, "weights came as int64"),
        ([np.zeros((4, 7), np.uint8)], Fault.TENSOR, "weights came as uint8"),
        (
            [np.full((4, 7), 127, np.int8), np.full(4, 3e38, np.float32)],
            Fault.NON_FINITE,
            "beyond float32",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tensors: list[np.ndarray], fault: Fault, detail: str) -> None:
    with pytest.raises(ProtocolError, match=detail) as caught:
        unpack(tensors, [(4, 7)])
    assert caught.value.fault == fault


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_costs_hardly_more_than_its_tensors(architecture: str, precision: Precision) -> None:
    """At most 0.5 % and 400 bytes: for shapes, names of classes and the envelope."""
    description = describe(architecture, INPUTS[rank_of(architecture)], len(CLASSES))
    weights = packed(empty_model(description), precision)
    raw = sum(array.nbytes for array in weights)
    transfer = ModelTransfer(
        part="model", architecture=architecture, classes=CLASSES, weights=weights, accuracy=0.9
    )
    frame = encode(transfer)
    assert raw < len(frame) <= raw * 1.005 + 400


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_precisions_cost_as_many_bytes_a_weight_as_they_say(architecture: str) -> None:
    """Four, two, and, but for biases and scales, one."""
    description = describe(architecture, INPUTS[rank_of(architecture)], len(CLASSES))
    model = empty_model(description)
    size = {precision: sum(a.nbytes for a in packed(model, precision)) for precision in PRECISIONS}
    assert size["fp32"] == 4 * description.parameters
    assert size["fp16"] == 2 * description.parameters
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    quantised, rows = sum(p.numel() for p in matrices), sum(len(p) for p in matrices)
    assert size["int8"] == quantised + 4 * rows + 4 * (description.parameters - quantised)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_tensors_are_taken_or_refused(any_array: st.SearchStrategy[np.ndarray], data: Any) -> None:
    """Never another error, whatever comes, and what is taken is float32 of the shape expected."""
    tensors = data.draw(st.lists(any_array, max_size=3))
    shapes = data.draw(st.permutations([tensor.shape for tensor in tensors]))[:2]
    try:
        weights = unpack(tensors, shapes)
    except ProtocolError:
        return
    assert [(w.shape, w.dtype) for w in weights] == [(shape, np.float32) for shape in shapes]
    assert all(np.isfinite(w).all() for w in weights)
