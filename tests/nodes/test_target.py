"""The target pumps a protocol, effect by effect; what comes back reaches the method, or is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hat_sim.errors import InternalError
from hat_sim.methods.base import Fitted
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.effects import Ask, Compute, Progress, Protocol, Replies
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.messages import (
    DomainSummary,
    ErrorReply,
    Join,
    SummaryRequest,
    Welcome,
    same_message,
)
from hat_sim.protocol.steps import AskStep, ComputeStep, Done
from nodes.target import Target

FITTED = Fitted(model=None)  # type: ignore[arg-type]
JOIN = Join(input_shape=(4,), classes=("a",))
SUMMARY = DomainSummary(statistics=np.ones(3, np.float32))


def silent(doing: str) -> None:
    pass


def test_a_protocol_is_pumped_from_effect_to_effect() -> None:
    """Requests leave as frames, work is done in the advance after its declaration, the end leaves a model."""
    log: list[Any] = []

    def work(progress: Progress) -> int:
        log.append("at work")
        progress("half way")
        return 42

    def protocol() -> Protocol[Fitted]:
        replies = yield Ask("coarse", {"one": JOIN, "two": SummaryRequest()}, deadline_ns=7)
        log.append(list(replies.messages))
        log.append((yield Compute("train", "think", 1000, work)))
        return FITTED

    target = Target(protocol())
    with pytest.raises(InternalError, match="has not ended"):
        _ = target.fitted
    ask = target.start().next
    assert isinstance(ask, AskStep)
    assert (ask.phase, ask.deadline_ns, list(ask.parcels)) == ("coarse", 7, ["one", "two"])
    assert same_message(decode(ask.parcels["one"].content), JOIN)
    assert [parcel.length for parcel in ask.parcels.values()] == [
        len(encode(JOIN)),
        len(encode(SummaryRequest())),
    ]
    step = target.advance({"two": encode(SUMMARY), "one": encode(SUMMARY)}, log.append)
    assert step.next == ComputeStep("train", "think", 1000) and step.refused == {}
    assert log == [["one", "two"]], "replies come in the order of the requests; no work is done yet"
    assert target.advance({}, log.append).next == Done()
    assert log == [["one", "two"], "at work", "half way", 42]
    assert target.fitted is FITTED
    with pytest.raises(InternalError, match="does not wait"):
        target.advance({}, silent)


def test_answers_that_cannot_be_read_are_refused_and_the_protocol_goes_on() -> None:
    """Each device without an answer has its reason: silence, a refusal of its own, or a broken frame."""
    seen: list[Replies] = []

    def protocol() -> Protocol[Fitted]:
        names = ("sound", "broken", "silent", "refuses", "old")
        seen.append((yield Ask("fine", dict.fromkeys(names, JOIN))))
        return FITTED

    target = Target(protocol())
    target.start()
    sound = encode(Welcome(architecture="gru", classes=("a",)))
    step = target.advance(
        {
            "old": b"\x93\x02" + sound[2:],
            "sound": sound,
            "broken": sound[:-1] + bytes([sound[-1] ^ 1]),
            "refuses": encode(ErrorReply.of(Fault.NOT_ELIGIBLE, "no class in common")),
        },
        silent,
    )
    assert step.refused == {"broken": Fault.CHECKSUM, "old": Fault.VERSION}
    (replies,) = seen
    assert list(replies.messages) == ["sound"]
    assert {name: error.fault for name, error in replies.failures.items()} == {
        "broken": Fault.CHECKSUM,
        "silent": Fault.NO_ANSWER,
        "refuses": Fault.REFUSED,
        "old": Fault.VERSION,
    }
    assert "not_eligible: no class in common" in str(replies.failures["refuses"])


def test_frames_of_devices_that_were_not_asked_are_ignored() -> None:
    def protocol() -> Protocol[Fitted]:
        replies = yield Ask("fine", {"one": JOIN})
        assert not replies.messages and list(replies.failures) == ["one"]
        return FITTED

    target = Target(protocol())
    target.start()
    assert target.advance({"stranger": encode(SUMMARY)}, silent).next == Done()


def test_asking_nobody_is_answered_at_once() -> None:
    def protocol() -> Protocol[Fitted]:
        replies = yield Ask("fine", {})
        assert replies == Replies()
        return FITTED

    assert Target(protocol()).start().next == Done()


def test_one_request_for_many_devices_is_encoded_once() -> None:
    def protocol() -> Protocol[Fitted]:
        yield Ask("coarse", dict.fromkeys(("one", "two"), JOIN))
        return FITTED

    step = Target(protocol()).start().next
    assert isinstance(step, AskStep)
    assert step.parcels["one"] is step.parcels["two"]


@pytest.mark.parametrize("flop", [0, -1])
def test_work_of_nothing_is_a_bug(flop: int) -> None:
    def protocol() -> Protocol[Fitted]:
        yield Compute("train", "magic", flop, lambda progress: None)
        return FITTED

    with pytest.raises(InternalError, match="'magic' declares no work"):
        Target(protocol()).start()


def test_a_method_that_yields_anything_else_is_told() -> None:
    """Also one of a user's own, which nothing has checked."""

    def protocol() -> Any:
        yield "a model, please"

    with pytest.raises(InternalError, match="yields Ask or Compute, not a str"):
        Target(protocol()).start()
