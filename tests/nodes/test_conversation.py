"""An `Ask` over its attempts: who is asked again, for which chunks, and what the protocol is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.effects import Ask
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.messages import (
    Chunk,
    ChunkRequest,
    DomainSummary,
    ErrorReply,
    Message,
    ModelRequest,
    ModelTransfer,
    SummaryRequest,
)
from hat_sim.protocol.steps import AskStep, Parcel
from hat_sim.scenario.faults import ProtocolOptions
from nodes.conversation import Conversation

OPTIONS = ProtocolOptions(deadline="2 s", retries=2, backoff="1 s", chunk="1 KiB")
SUMMARY = encode(DomainSummary(statistics=np.ones(3, np.float32)))
MODEL = encode(
    ModelTransfer(
        part="model",
        architecture="mlp",
        classes=("walk",),
        weights=(np.arange(1000, dtype=np.float32),),
        accuracy=0.5,
    )
)
COUNT = math.ceil(len(MODEL) / 1024)
S = 10**9


def asking(*names: str, request: Message | None = None, options: Any = OPTIONS) -> Conversation:
    request = SummaryRequest() if request is None else request
    return Conversation(Ask("coarse", dict.fromkeys(names, request)), options)


def spoilt(frame: bytes) -> bytes:
    received = Parcel("any", len(frame), frame, corrupt=True).received()
    assert isinstance(received, bytes)
    return received


def chunks(*indices: int) -> tuple[bytes, ...]:
    return tuple(encode(Chunk(index=it, count=COUNT, content=MODEL[it * 1024 :][:1024])) for it in indices)


def wanted(step: AskStep, name: str) -> tuple[int, ...]:
    request = decode(step.parcels[name].content)
    assert isinstance(request, ChunkRequest) and decode(request.request) == ModelRequest(
        part="model", precision="fp32"
    )
    return request.wanted


def test_without_options_there_is_one_attempt_and_the_ask_s_own_deadline() -> None:
    conversation = Conversation(Ask("fine", {"a": SummaryRequest()}, 5), None)
    step = conversation.first()
    assert (step.phase, step.deadline_ns, step.attempt, step.enough) == ("fine", 5, 1, None)
    assert decode(step.parcels["a"].content) == SummaryRequest()
    assert conversation.heard({}) is None
    replies, remark = conversation.replies()
    assert replies.failures["a"].fault is Fault.NO_ANSWER and remark is None


def test_who_does_not_answer_is_asked_again_after_pauses_that_double() -> None:
    conversation = asking("a", "b")
    assert conversation.first().patience_ns == 2 * S
    second = conversation.heard({"a": SUMMARY})
    assert second is not None
    assert (list(second.parcels), second.attempt, second.wait_ns) == (["b"], 2, 1 * S)
    third = conversation.heard({})
    assert third is not None and (third.attempt, third.wait_ns) == (3, 2 * S)
    assert conversation.heard({}) is None
    replies, remark = conversation.replies()
    assert list(replies.messages) == ["a"] and replies.failures["b"].fault is Fault.NO_ANSWER
    assert conversation.frames == {"a": SUMMARY} and remark is None


def test_a_broken_frame_is_refused_and_sent_again() -> None:
    conversation = asking("a")
    again = conversation.heard({"a": spoilt(SUMMARY)})
    assert again is not None and conversation.refused == {"a": Fault.CHECKSUM}
    assert conversation.heard({"a": SUMMARY}) is None
    assert conversation.refused == {} and list(conversation.replies()[0].messages) == ["a"]


def test_a_request_that_arrived_broken_is_sent_again() -> None:
    conversation = asking("a")
    assert conversation.heard({"a": encode(ErrorReply.of(Fault.CHECKSUM, "no"))}) is not None


@pytest.mark.parametrize("fault", [Fault.NOT_ELIGIBLE, Fault.FIELD])
def test_a_refusal_is_an_answer(fault: Fault) -> None:
    conversation = asking("a")
    assert conversation.heard({"a": encode(ErrorReply.of(fault, "no"))}) is None
    assert conversation.replies()[0].failures["a"].fault is Fault.REFUSED


def test_what_is_not_finite_is_refused_for_good() -> None:
    broken = DomainSummary(statistics=np.full(3, np.nan, np.float32))
    conversation = asking("a")
    assert conversation.heard({"a": encode(broken, finite=False)}) is None
    assert conversation.refused == {"a": Fault.NON_FINITE}
    assert conversation.replies()[0].failures["a"].fault is Fault.NON_FINITE


def test_a_model_comes_in_chunks_and_goes_on_where_it_broke() -> None:
    conversation = asking("a", request=ModelRequest(part="model", precision="fp32"))
    first = conversation.first()
    assert first.parcels["a"].kind == "model_request" and wanted(first, "a") == ()
    second = conversation.heard({"a": chunks(0, 1)})
    assert second is not None and wanted(second, "a") == tuple(range(2, COUNT))
    assert conversation.heard({"a": chunks(*range(2, COUNT))}) is None
    (message,) = conversation.replies()[0].messages.values()
    assert isinstance(message, ModelTransfer) and encode(message) == MODEL
    assert conversation.frames == {"a": MODEL}


def test_a_broken_chunk_alone_is_sent_again() -> None:
    conversation = asking("a", request=ModelRequest(part="model", precision="fp32"))
    whole = chunks(*range(COUNT))
    again = conversation.heard({"a": (whole[0], spoilt(whole[1]), *whole[2:])})
    assert again is not None and wanted(again, "a") == (1,)
    assert conversation.refused == {"a": Fault.CHECKSUM}
    assert conversation.heard({"a": chunks(1)[0]}) is None
    assert list(conversation.replies()[0].messages) == ["a"]


@given(cuts=st.lists(st.integers(0, COUNT - 1), max_size=12), order=st.permutations(range(COUNT)))
def test_a_model_arrives_whole_however_often_it_breaks_or_is_given_up(cuts, order) -> None:
    """A transfer that moves on is never given up, and no chunk that has arrived is asked for again."""
    conversation = asking("a", request=ModelRequest(part="model", precision="fp32"))
    step: AskStep | None = conversation.first()
    arrived: set[int] = set()
    silent = 0
    for cut in cuts:
        assert step is not None
        missing = wanted(step, "a") or range(COUNT)
        assert not arrived & set(missing) or not arrived
        sent = [it for it in order if it in missing][:cut]
        arrived |= set(sent)
        silent = 0 if sent else silent + 1
        step = conversation.heard({"a": chunks(*sent)} if sent else {})
        if step is None:
            break
    if len(arrived) == COUNT:
        assert step is None and list(conversation.replies()[0].messages) == ["a"]
    elif step is None:
        assert silent >= OPTIONS.retries


def test_a_quorum_is_of_all_that_were_asked_over_all_attempts() -> None:
    options = OPTIONS.model_copy(update={"quorum": 0.75})
    conversation = asking("a", "b", "c", "d", options=options)
    assert conversation.first().enough == 3
    again = conversation.heard({"a": SUMMARY, "b": encode(ErrorReply.of(Fault.NOT_ELIGIBLE, "no"))})
    assert again is not None and (list(again.parcels), again.enough) == (["c", "d"], 1)
    assert conversation.heard({"d": SUMMARY}) is None
    replies, _ = conversation.replies()
    assert list(replies.messages) == ["a", "d"] and list(replies.failures) == ["b", "c"]


def test_where_too_few_answer_nobody_has() -> None:
    options = OPTIONS.model_copy(update={"least": 2, "retries": 0})
    for frames, told, remark in (
        ({"a": SUMMARY}, [], "1 of 3 asked in phase coarse answered, protocol.least is 2"),
        ({"a": SUMMARY, "b": SUMMARY}, ["a", "b"], None),
        ({}, [], "0 of 3 asked in phase coarse answered, protocol.least is 2"),
    ):
        assert heard_once(options, frames) == (told, remark)
    assert heard_once(options, {"a": SUMMARY}, "a") == (["a"], None), "one is all where one is asked"


def heard_once(
    options: ProtocolOptions, frames: Mapping[str, bytes], *names: str
) -> tuple[list[str], str | None]:
    conversation = asking(*(names or ("a", "b", "c")), options=options)
    assert conversation.heard(frames) is None
    replies, remark = conversation.replies()
    assert set(replies.failures) == set(names or ("a", "b", "c")) - set(replies.messages)
    return list(replies.messages), remark
