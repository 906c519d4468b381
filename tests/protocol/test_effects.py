"""Replies by kind, and the shape of ledgers."""

from __future__ import annotations

from hat_sim.protocol.codec import encode
from hat_sim.protocol.effects import Replies
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.ledger import COLUMNS, Traffic, refused, traffic_by
from hat_sim.protocol.messages import ErrorReply, ModelRequest, SummaryRequest, Welcome
from hat_sim.protocol.steps import Parcel


def test_an_answer_of_another_kind_is_a_failure() -> None:
    """What was not asked for is left out, and its error says what came instead."""
    welcome = Welcome(architecture="gru", classes=("a",))
    replies = Replies({"one": welcome, "two": SummaryRequest()})
    assert replies.of(Welcome) == {"one": welcome}
    assert list(replies.failures) == ["two"]
    assert replies.failures["two"].fault == Fault.UNEXPECTED
    assert "summary_request came where welcome was asked for" in str(replies.failures["two"])


def test_a_parcel_knows_kind_and_length_of_its_frame() -> None:
    frame = encode(ModelRequest(part="head", precision="fp16"))
    assert Parcel.of(frame) == Parcel("model_request", len(frame), frame)
    assert Parcel.of(frame[1:]).kind == "unreadable"


def test_traffic_adds_up_by_label_in_order_of_first_occurrence() -> None:
    rows = [("fine", 10, 100), ("coarse", 1, 2), ("fine", 5, 50)]
    assert traffic_by(rows) == {"fine": Traffic(15, 150, 2), "coarse": Traffic(1, 2, 1)}
    assert list(traffic_by(rows)) == ["fine", "coarse"]


def test_the_columns_of_the_ledger_are_the_contract() -> None:
    contract = "seq, target, phase, kind, sender, receiver, payload_bytes, wire_bytes, sent_ns, arrived_ns"
    assert (*contract.split(", "), "attempt", "outcome") == COLUMNS


def test_a_refused_frame_names_its_fault() -> None:
    assert refused(Fault.CHECKSUM) == "refused:checksum"
    assert ErrorReply.of(Fault.NOT_ELIGIBLE, "").fault == "not_eligible"
