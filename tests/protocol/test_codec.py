"""Frames: what goes in comes out bit by bit, and what is no frame is refused with a typed reason."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
import zlib
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from hat_sim.protocol.codec import FRAME_LIMIT, VERSION, decode, encode, kind_of
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import (
    MESSAGES,
    CentroidRequest,
    Centroids,
    DomainSummary,
    ErrorReply,
    Join,
    Message,
    ModelTransfer,
    SummaryRequest,
    same_message,
)

SHARED_STRATEGY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def sealed(body: bytes) -> bytes:
    """A frame with a sound envelope around any body."""
    frame: bytes = msgpack.packb([VERSION, zlib.crc32(body), body])
    return frame


def framed(*content: Any) -> bytes:
    """A frame with a sound envelope and a body of any content."""
    return sealed(msgpack.packb(list(content)))


def tensor(dtype: int, shape: tuple[int, ...], data: bytes = b"", axes: int | None = None) -> msgpack.ExtType:
    """A tensor extension that may lie about its shape."""
    head = struct.pack(f"<BB{len(shape)}I", dtype, len(shape) if axes is None else axes, *shape)
    return msgpack.ExtType(1, head + data)


def refusal(frame: bytes, **limit: int) -> Fault:
    """Why a frame is refused; fails where it is not, or where anything but a ProtocolError comes."""
    with pytest.raises(ProtocolError) as caught:
        decode(frame, **limit)
    return caught.value.fault


@given(data=st.data())
@SHARED_STRATEGY
def test_every_message_comes_back_bit_by_bit(any_message: st.SearchStrategy[Message], data: Any) -> None:
    message = data.draw(any_message)
    frame = encode(message)
    again = decode(frame)
    assert same_message(again, message)
    assert encode(again) == frame
    assert kind_of(frame) == message.kind


def test_the_strategy_of_these_tests_knows_every_kind(any_message: st.SearchStrategy[Message]) -> None:
    """A kind that is added must be added to the round trip."""
    seen: set[str] = set()

    @given(any_message)
    @settings(max_examples=300, database=None, derandomize=True)
    def collect(message: Message) -> None:
        seen.add(message.kind)

    collect()
    assert seen == set(MESSAGES)


def test_the_bytes_of_a_frame_are_these() -> None:
    """The wire format does not change silently: whoever changes it raises the version, and these bytes."""
    centroids = np.array([[0.5, -2.0]], np.float16)
    frame = encode(Centroids(classes=("walk",), centroids=centroids, accuracy=0.75))
    body = (
        "94"  # an array of four
        "a963656e74726f696473"  # "centroids"
        "91a477616c6b"  # ["walk"]
        "c70e01"  # an extension of 14 bytes, of type 1
        "0102" "01000000" "02000000"  # float16, two axes, 1 and 2 long
        "003800c0"  # 0.5, -2.0, little-endian
        "cb3fe8000000000000"  # 0.75
    )  # fmt: skip
    assert frame.hex() == "9301" + "ceb8d69b52" + "c42b" + body


def test_a_last_field_that_says_nothing_costs_nothing_and_has_no_other_form() -> None:
    """Where no sensors are in play a frame is what it was before there were any."""
    plain = Join(input_shape=(16, 2), classes=("walk",))
    assert encode(plain) == framed("join", [16, 2], ["walk"])
    assert decode(framed("join", [16, 2], ["walk"], ["acc"])) == Join(
        input_shape=(16, 2), classes=("walk",), sensors=("acc",)
    )
    for odd in (["join", [16, 2], ["walk"], None], ["join", [16, 2]], ["join", [16, 2], ["walk"], [], 1]):
        assert refusal(framed(*odd)) == Fault.FIELD


def test_tensors_are_little_endian_and_in_row_major_order_whatever_came() -> None:
    plain = np.array([[1, 2], [3, 4]], np.int32)
    for same in (plain.astype(">i4"), np.asfortranarray(plain), np.repeat(plain, 2, axis=1)[:, ::2]):
        assert encode(DomainSummary(statistics=same)) == encode(DomainSummary(statistics=plain))


def test_arrays_of_a_message_are_read_only_views() -> None:
    message = decode(encode(DomainSummary(statistics=np.ones(3, np.float32))))
    assert isinstance(message, DomainSummary)
    with pytest.raises(ValueError, match="read-only"):
        message.statistics[0] = 2


@given(data=st.data())
@SHARED_STRATEGY
def test_a_frame_with_one_byte_changed_is_refused(any_message: st.SearchStrategy[Message], data: Any) -> None:
    frame = bytearray(encode(data.draw(any_message)))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    refusal(bytes(frame))


def test_no_byte_of_a_small_frame_can_take_any_other_value() -> None:
    """Not one of the 255 others: the envelope has one form only, so that a version 1.0 or True is none."""
    message = Centroids(classes=("walk",), centroids=np.array([[0.5, -2.0]], np.float16), accuracy=0.75)
    for sound in (encode(message), encode(SummaryRequest())):
        for place in range(len(sound)):
            for value in set(range(256)) - {sound[place]}:
                refusal(sound[:place] + bytes([value]) + sound[place + 1 :])


def test_a_frame_that_is_cut_or_goes_on_is_refused() -> None:
    frame = encode(DomainSummary(statistics=np.arange(9, dtype=np.float32)))
    for end in range(len(frame)):
        assert refusal(frame[:end]) == Fault.MALFORMED
    for more in (b"\x00", b"\xc0", frame):
        assert refusal(frame + more) == Fault.MALFORMED


@given(st.binary(max_size=200))
@example(b"")
def test_noise_is_refused(noise: bytes) -> None:
    refusal(noise)
    assert kind_of(noise) == "unreadable"


@given(st.binary(max_size=200))
@example(b"\x91" * 3000)
@example(b"\x81\xc0" * 3000)
@example(msgpack.packb(["summary", msgpack.Timestamp(1)]))
def test_noise_with_a_sound_checksum_is_refused(noise: bytes) -> None:
    """Neither nested arrays nor maps, timestamps or broken text raise anything else."""
    refusal(sealed(noise))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    max_leaves=8,
)


@given(kind=st.sampled_from(sorted(MESSAGES)), values=st.lists(json_like, max_size=5))
def test_garbage_in_the_fields_of_a_kind_is_refused_or_means_itself(kind: str, values: list[Any]) -> None:
    """What is not refused is a message that encodes to the very same frame."""
    frame = framed(kind, *values)
    try:
        message = decode(frame)
    except ProtocolError as error:
        assert error.fault in {Fault.FIELD, Fault.MALFORMED}
    else:
        assert len(values) == len(type(message).model_fields)
        assert same_message(decode(encode(message)), message)


def test_another_version_is_refused_by_name() -> None:
    body = msgpack.packb(["summary_request"])
    with pytest.raises(ProtocolError, match="version 2, where 1 is spoken") as caught:
        decode(msgpack.packb([2, zlib.crc32(body), body]))
    assert caught.value.fault == Fault.VERSION


def test_a_wrong_checksum_is_refused() -> None:
    body = msgpack.packb(["summary_request"])
    assert refusal(msgpack.packb([VERSION, zlib.crc32(body) ^ 1, body])) == Fault.CHECKSUM


@pytest.mark.parametrize(
    "envelope", [[], [VERSION, 0], [VERSION, 0, "text"], [VERSION, 0, b"", 0], {"v": 1}, 7, ["1", 0, b""]]
)
def test_an_envelope_of_another_form_is_malformed(envelope: Any) -> None:
    assert refusal(msgpack.packb(envelope)) == Fault.MALFORMED


def test_a_frame_above_the_limit_is_refused_unopened() -> None:
    frame = encode(SummaryRequest())
    assert decode(frame, limit=len(frame)) == SummaryRequest()
    assert refusal(frame, limit=len(frame) - 1) == Fault.OVERSIZED
    assert refusal(b"\xff" * len(frame), limit=len(frame) - 1) == Fault.OVERSIZED
    assert FRAME_LIMIT >= 2**28


def test_an_unknown_kind_is_refused_and_unreadable() -> None:
    frame = framed("gossip", 1, 2)
    assert refusal(frame) == Fault.UNKNOWN_KIND
    assert kind_of(frame) == "unreadable"


@pytest.mark.parametrize("content", [[], [1], [None, 1], [["summary_request"]]])
def test_a_body_without_a_kind_is_malformed(content: list[Any]) -> None:
    assert refusal(framed(*content)) == Fault.MALFORMED


@pytest.mark.parametrize("values", [(), ((5,),), ((5,), ("a",), ("b",), "more")])
def test_a_wrong_number_of_fields_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(ProtocolError, match=f"join has 2 to 3 fields, not {len(values)}") as caught:
        decode(framed("join", *values))
    assert caught.value.fault == Fault.FIELD


@pytest.mark.parametrize(
    ("kind", "values", "place"),
    [
        ("join", [[128, 6.0], ["a"]], "join.input_shape.1"),
        ("join", [[128, True], ["a"]], "join.input_shape.1"),
        ("join", [[128, -6], ["a"]], "join.input_shape.1"),
        ("join", [[], ["a"]], "join.input_shape"),
        ("join", [[128, 6], [1]], "join.classes.0"),
        ("join", [[128, 6], ["a" * 257]], "join.classes.0"),
        ("join", [[128, 6], "a"], "join.classes"),
        ("centroid_request", [2**63, 64, []], "centroid_request.seed"),
        ("centroid_request", [0, 0, []], "centroid_request.width"),
        ("model_request", ["tail", "fp32"], "model_request.part"),
        ("model_request", ["model", "fp64"], "model_request.precision"),
        ("centroids", [[], tensor(0, (0,)), 1.5], "centroids.accuracy"),
        ("centroids", [[], tensor(0, (0,)), float("nan")], "centroids.accuracy"),
        ("centroids", [[], b"\x00\x00", 0.5], "centroids.centroids"),
        ("summary", [[1.0, 2.0]], "summary.statistics"),
        ("summary", [None], "summary.statistics"),
        ("error", ["field", "a" * 1025], "error.detail"),
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_refused_by_name(
    kind: str, values: list[Any], place: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(framed(kind, *values))
    assert caught.value.fault == Fault.FIELD
    assert caught.value.detail.startswith(f"{place}: ")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_tensor_that_is_not_finite_is_neither_sent_nor_taken(bad: float, dtype: type) -> None:
    array = np.array([[0, bad]], dtype)
    with pytest.raises(ProtocolError, match=r"shape \(1, 2\) holds NaN or infinity"):
        encode(DomainSummary(statistics=array))
    code = {np.float32: 0, np.float16: 1}[dtype]
    assert refusal(framed("summary", tensor(code, (1, 2), array.tobytes()))) == Fault.NON_FINITE


@pytest.mark.parametrize(
    "array", [np.zeros(2, np.float64), np.zeros(2, bool), np.array(["a"]), np.array([{}])]
)
def test_a_tensor_of_another_dtype_is_not_sent(array: np.ndarray) -> None:
    with pytest.raises(ProtocolError, match="no tensor of dtype") as caught:
        encode(DomainSummary(statistics=array))
    assert caught.value.fault == Fault.TENSOR


def test_a_tensor_of_more_axes_than_are_read_is_not_sent() -> None:
    eight = np.zeros((1,) * 8, np.float32)
    assert same_message(decode(encode(DomainSummary(statistics=eight))), DomainSummary(statistics=eight))
    with pytest.raises(ProtocolError, match="9 axes"):
        encode(DomainSummary(statistics=eight[None]))


@pytest.mark.parametrize(
    "lie",
    [
        tensor(0, (3,), b"\x00" * 8),
        tensor(0, (1,), b"\x00" * 8),
        tensor(0, (2**32 - 1,) * 8),
        tensor(0, (2**31, 2**31, 4), b"\x00" * 4),
        tensor(0, (), b""),
        tensor(0, (2,), b"\x00" * 4, axes=3),
        tensor(0, (1,) * 9, b"\x00" * 4),
        tensor(99, (1,), b"\x00"),
        msgpack.ExtType(1, b""),
        msgpack.ExtType(1, b"\x00"),
        msgpack.ExtType(2, b"\x00\x00"),
        msgpack.ExtType(127, b"pickle"),
    ],
)
def test_an_extension_that_lies_about_its_shape_or_is_no_tensor_is_refused(lie: msgpack.ExtType) -> None:
    assert refusal(framed("summary", lie)) == Fault.TENSOR


def test_nothing_is_allocated_for_a_shape_that_is_only_claimed() -> None:
    """16 GiB are claimed, also by an empty tensor whose other axes are huge, in a frame of 60 bytes."""
    frames = [
        framed("summary", tensor(0, (2**32 - 1,))),
        framed("summary", tensor(0, (0,) + (2**32 - 1,) * 7)),
        sealed(b"\xc9\xff\xff\xff\xff\x01" + b"\x00" * 9),
        sealed(b"\xdd\xff\xff\xff\xff"),
    ]
    tracemalloc.start()
    try:
        for frame in frames:
            refusal(frame)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_error_reply_cuts_a_long_explanation() -> None:
    reply = ErrorReply.of(Fault.FIELD, "x" * 5000)
    assert same_message(decode(encode(reply)), reply)
    assert len(reply.detail) == 1024


def test_the_kind_is_read_without_the_tensors() -> None:
    message = ModelTransfer(
        part="model",
        architecture="cnn-small",
        classes=(),
        weights=(np.zeros(10_000, np.float32),),
        accuracy=0,
    )
    assert kind_of(encode(message)) == "model"
    assert kind_of(encode(message)[:-1]) == "unreadable"


@given(data=st.data())
@SHARED_STRATEGY
def test_messages_are_the_same_only_if_every_bit_is(
    any_array: st.SearchStrategy[np.ndarray], data: Any
) -> None:
    array = data.draw(any_array)
    one = DomainSummary(statistics=array)
    assert same_message(one, DomainSummary(statistics=array.copy()))
    assert not same_message(one, DomainSummary(statistics=array[None]))
    assert not same_message(one, SummaryRequest())
    assume(array.size)
    other = bytearray(array.tobytes())
    other[0] ^= 1
    flipped = np.frombuffer(bytes(other), array.dtype).reshape(array.shape)
    assert not same_message(one, DomainSummary(statistics=flipped))


def test_requests_of_equal_content_have_equal_frames() -> None:
    """No time, no counter and no name of the sender is in a frame."""
    request = CentroidRequest(seed=1, width=64, classes=("a", "b"))
    assert encode(request) == encode(request.model_copy())
    assert encode(Join(input_shape=(8,), classes=("a",))) != encode(Join(input_shape=(9,), classes=("a",)))


def test_a_protocol_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ProtocolError(Fault.SHAPE, "too small")))
    assert (error.fault, error.detail, str(error)) == (Fault.SHAPE, "too small", "shape: too small")
