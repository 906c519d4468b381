"""Faults in worlds whose times are computed by hand (see conftest and test_conductor for their figures).

A first request of 49 bytes is on its way from 0 to 6.6 ms, an answer of 80 bytes takes 2.3 ms. A chunk of
1,000 bytes is 1,070 bytes on each link, one behind the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hat_sim.network.tcp import SYN
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.ledger import CORRUPT, CUT, DELIVERED, INCOMPLETE, LATE, LOST
from hat_sim.protocol.steps import Step
from hat_sim.scenario.availability import Cycle
from hat_sim.scenario.hits import Misfortune
from hat_sim.simulation.faults import Faults

MS = 1_000_000


@pytest.fixture
def struck(toy: Callable[..., Any], toys: Any) -> Callable[..., Any]:
    """A world of one target and sources a and b that answer after 1 ms, under some faults."""

    def run(
        steps: list[Any], *faults: Any, sources: Any = None, hits: Misfortune | None = None, **options: Any
    ) -> Any:
        target = toys.Script(*steps)
        made = sources or {"a": toys.answering(), "b": toys.answering()}
        record, _, log = toy({"t": target}, made, misfortune=hits or toys.misfortune(*faults), **options)
        return record, target, log

    return run


def test_a_request_to_a_device_that_is_down_costs_a_packet_and_nobody_answers(struck, toys, brief) -> None:
    """The sender pays for the packet, the device that is down for nothing."""
    record, target, _ = struck(
        [toys.ask("a", patience_ms=20)], ("a", {"kind": "down", "at": "0 s", "duration": "9 ms"})
    )
    assert brief(record) == [("t", "a", 0, None, LOST)]
    (row,) = record.ledger
    assert (row.payload_bytes, row.wire_bytes) == (49, SYN)
    assert record.radio_j == pytest.approx({"t": 8e-9 * 3 * SYN})
    assert target.told == [[]] and record.targets["t"].end_ns == 20 * MS


def test_what_is_under_way_to_a_device_that_goes_down_is_cut_and_has_cost_its_bytes(
    struck, toys, brief
) -> None:
    record, _, _ = struck([toys.ask("a", patience_ms=20)], ("a", {"kind": "down", "at": "6 ms"}))
    assert brief(record) == [("t", "a", 0, None, CUT)]
    assert record.ledger[0].wire_bytes == 730


def test_a_device_that_is_down_when_its_answer_is_ready_sends_none(struck, toys, brief) -> None:
    record, _, _ = struck([toys.ask("a", patience_ms=20)], ("a", {"kind": "down", "at": "7 ms"}))
    assert brief(record) == [("t", "a", 0, 6.6, DELIVERED)]


def test_a_frame_that_has_left_its_sender_arrives_though_that_dies(struck, toys, brief) -> None:
    """The answer leaves a from 7.6 to 7.75 ms."""
    for at, outcome in (("7.7 ms", CUT), ("7.8 ms", DELIVERED)):
        record, _, _ = struck([toys.ask("a", patience_ms=20)], ("a", {"kind": "crash", "at": at}))
        assert record.ledger[1].outcome == outcome


def test_a_device_that_is_up_again_answers_the_next_attempt(struck, toys, brief) -> None:
    again = replace(toys.ask("a", patience_ms=20), attempt=2, wait_ns=5 * MS)
    record, target, log = struck(
        [toys.ask("a", patience_ms=20), again], ("a", {"kind": "down", "at": "0 s", "duration": "9 ms"})
    )
    assert brief(record) == [
        ("t", "a", 0, None, LOST),
        ("t", "a", 25, 31.6, DELIVERED),
        ("a", "t", 32.6, 34.9, DELIVERED),
    ]
    assert [row.attempt for row in record.ledger] == [1, 2, 2]
    assert target.told == [[], ["a"]]
    assert record.targets["t"].phase_ns == {"coarse": 34_900_000}, "the pause is part of the phase"
    assert [said for _, said, _ in log][:2] == ["coarse: ping to 1", "coarse: ping to 1, attempt 2"]


def test_an_answer_to_an_earlier_attempt_counts_and_the_second_one_is_late(struck, toys, brief) -> None:
    again = replace(toys.ask("a", patience_ms=20), attempt=2)
    record, target, _ = struck(
        [toys.ask("a", patience_ms=20), again, toys.work(50)], sources={"a": toys.answering(ms=20)}
    )
    assert [(row.kind, row.attempt, row.outcome) for row in record.ledger] == [
        ("ping", 1, DELIVERED),
        ("ping", 2, DELIVERED),
        ("pong", 1, DELIVERED),
        ("pong", 2, LATE),
    ]
    assert target.told == [[], ["a"], []]


def test_enough_answers_end_a_question(struck, toys, brief) -> None:
    first = replace(toys.ask("a", "b", patience_ms=90), enough=1)
    sources = {"a": toys.answering(ms=1), "b": toys.answering(ms=10)}
    record, target, _ = struck([first, toys.work(50)], sources=sources)
    assert target.told == [["a"], []]
    assert [row.outcome for row in record.ledger] == [DELIVERED, DELIVERED, DELIVERED, LATE]


def test_a_source_dies_in_the_middle_of_its_answer(struck, toys, brief) -> None:
    """Of the second of three chunks half is sent, of the third nothing; what came of it is of no use."""
    record, target, _ = struck(
        [toys.ask("a", patience_ms=50)],
        ("*", {"kind": "crash", "frame": "model", "after_bytes": "1500 B"}),
        sources={"a": lambda frame: _as_model(toys.chunked(3)(frame))},
    )
    assert [(row.kind, row.payload_bytes, row.outcome) for row in record.ledger] == [
        ("ping", 49, DELIVERED),
        ("model", 1000, INCOMPLETE),
        ("model", 1000, CUT),
    ]
    assert record.ledger[2].wire_bytes == 500 + 4 + 66 + 66
    assert target.told == [["a"]], "the target has a chunk"
    (incident,) = record.incidents
    assert (incident.kind, incident.devices) == ("crash", ("a",))


def test_each_chunk_gives_a_source_more_time(struck, toys) -> None:
    """Ten chunks take 11 ms; the first arrives 9.7 ms after the question, and none more than 4 ms later."""
    record, _, _ = struck([toys.ask("a", patience_ms=13), toys.work(1)], sources={"a": toys.chunked(10)})
    assert {row.outcome for row in record.ledger} == {DELIVERED}
    assert record.targets["t"].phase_ns["coarse"] > 13 * MS


def test_a_target_hangs_up_on_a_source_that_falls_silent(struck, toys) -> None:
    """A link that is cut for long: one chunk is under way, and those behind it were never sent."""
    record, _, _ = struck(
        [toys.ask("a", patience_ms=15), toys.work(100)],
        ("a", {"kind": "cut", "at": "12 ms", "duration": "1 s"}),
        sources={"a": toys.chunked(10)},
    )
    outcomes = [row.outcome for row in record.ledger if row.kind == "pong"]
    assert outcomes.count(INCOMPLETE) >= 1 and outcomes[-1] == LATE
    assert len(outcomes) < 10 and record.targets["t"].end_ns < 200 * MS
    assert [row.seq for row in record.ledger] == list(range(len(record.ledger)))


def test_a_cut_link_stalls_what_is_under_way_and_nothing_is_lost(struck, toys, brief) -> None:
    usual, _, _ = struck([toys.ask("a")])
    record, _, _ = struck([toys.ask("a")], ("a", {"kind": "cut", "at": "7.7 ms", "duration": "40 ms"}))
    assert [row.outcome for row in record.ledger] == [DELIVERED, DELIVERED]
    assert record.ledger[0] == usual.ledger[0]
    assert record.ledger[1].arrived_ns == usual.ledger[1].arrived_ns + 40 * MS
    assert record.ledger[1].wire_bytes == usual.ledger[1].wire_bytes


def test_a_slow_link_takes_longer_for_the_same_bytes(struck, toys) -> None:
    usual, _, _ = struck([toys.ask("a")])
    record, _, _ = struck([toys.ask("a")], ("a", {"kind": "slow", "at": "7 ms", "factor": 4.0}))
    assert record.ledger[1].wire_bytes == usual.ledger[1].wire_bytes
    assert record.ledger[1].arrived_ns - usual.ledger[1].arrived_ns == 3 * 150_000


def test_a_lossy_link_costs_bytes_and_always_the_same(struck, toys) -> None:
    fault = ("a", {"kind": "loss", "at": "0 s", "rate": "20 %"})
    sources = {"a": toys.chunked(20)}
    usual, _, _ = struck([toys.ask("a")], sources=sources)
    record, _, _ = struck([toys.ask("a")], fault, sources=sources)
    again, _, _ = struck([toys.ask("a")], fault, sources=sources)
    assert sum(row.wire_bytes for row in record.ledger) > sum(row.wire_bytes for row in usual.ledger)
    assert record.targets["t"].end_ns > usual.targets["t"].end_ns
    assert record.ledger == again.ledger


def test_a_partition_breaks_what_crosses_it_and_leaves_the_rest_alone(struck, toys, brief) -> None:
    sources = {"a": toys.answering(), "b": toys.answering(ms=10)}
    usual, _, _ = struck([toys.ask("a", "b", patience_ms=20)], sources=sources)
    fault = ("b", {"kind": "partition", "at": "7 ms", "duration": "1 s"})
    record, target, _ = struck([toys.ask("a", "b", patience_ms=20)], fault, sources=sources)
    assert target.told == [["a"]]
    assert brief(record)[3] == ("b", "t", 16.785, None, LOST)
    assert [row for row in record.ledger if "b" not in (row.sender, row.receiver)] == [
        row for row in usual.ledger if "b" not in (row.sender, row.receiver)
    ]
    together = struck([toys.ask("b")], ("b t", {"kind": "partition", "at": "0 s"}))[0]
    assert {row.outcome for row in together.ledger} == {DELIVERED}


def test_a_corrupt_answer_arrives_changed_and_is_told_by_its_own_outcome(struck, toys) -> None:
    again = Step(replace(toys.ask("a"), attempt=2), {"a": Fault.CHECKSUM})
    fault = ("*", {"kind": "corrupt", "frame": "model"})
    sources = {"a": lambda frame: _as_model(toys.answering()(frame))}
    usual, _, _ = struck([toys.ask("a")], sources=sources)
    record, _, _ = struck([toys.ask("a"), again], fault, sources=sources)
    assert [row.outcome for row in record.ledger] == [DELIVERED, CORRUPT, DELIVERED, DELIVERED]
    assert replace(record.ledger[1], outcome=DELIVERED) == usual.ledger[1], "the same bytes at the same time"


def test_a_straggler_takes_longer_while_it_lasts(struck, toys) -> None:
    """10 ms of work from 6.6 ms on: 3.4 at full speed, 2.5 in 10 ms at a quarter of it, 4.1 again in full."""
    record, _, _ = struck(
        [toys.ask("a")],
        ("a", {"kind": "straggler", "at": "10 ms", "duration": "10 ms", "factor": 4.0}),
        sources={"a": toys.answering(ms=10)},
    )
    (busy,) = record.busy
    assert busy.end_ns == 24_100_000
    assert record.compute_j["a"] == pytest.approx(2 * (busy.end_ns - busy.start_ns) / 1e9)


def test_a_target_can_be_a_straggler(struck, toys) -> None:
    record, _, _ = struck([toys.work(10)], ("t", {"kind": "straggler", "at": "0 s", "factor": 3.0}))
    assert record.targets["t"].end_ns == 30 * MS


def test_sources_that_come_and_go_can_be_reached_when_they_are_there(struck, toys, brief) -> None:
    """a comes at 30 ms and goes at 50 ms, again and again."""
    cycles = {"a": Cycle(100 * MS, ((30 * MS, 50 * MS),))}
    again = replace(toys.ask("a", patience_ms=20), attempt=2, wait_ns=15 * MS)
    record, target, _ = struck(
        [toys.ask("a", patience_ms=20), again, toys.work(200)], hits=Misfortune((), cycles)
    )
    assert [row.outcome for row in record.ledger] == [LOST, DELIVERED, DELIVERED]
    assert target.told == [[], ["a"], []]
    assert [(it.kind, it.at_ns // MS, it.until_ns // MS) for it in record.incidents] == [
        ("unavailable", 0, 30),
        ("unavailable", 50, 130),
        ("unavailable", 150, 230),
        ("unavailable", 250, 330),
    ][: len(record.incidents)]


def test_a_fault_after_the_end_has_not_happened(struck, toys) -> None:
    usual, _, _ = struck([toys.ask("a")])
    record, _, _ = struck([toys.ask("a")], ("a", {"kind": "crash", "at": "1 h"}))
    assert record == usual and record.incidents == ()


def test_counts_of_frames_are_of_each_device_chosen_or_of_all(toys) -> None:
    """The second model of a, but the second of all whoever sends it."""
    keys = {"kind": "corrupt", "frame": "model", "nth": 2}
    for devices, expected in (("a b", [0, 0, 1, 1]), ("*", [0, 1, 0, 0])):
        faults = Faults(toys.misfortune((devices, keys)))
        assert [faults.corrupts("model", sender, 0) for sender in "abab"] == expected
        assert not faults.corrupts("welcome", "a", 0)


def test_a_transfer_that_is_too_short_is_survived(toys) -> None:
    faults = Faults(toys.misfortune(("a", {"kind": "crash", "after_bytes": "100 B"})))
    assert faults.dies_after("model", "a", 100) is None
    faults = Faults(toys.misfortune(("a", {"kind": "crash", "after_share": 0.25})))
    assert faults.dies_after("model", "b", 100) is None
    found = faults.dies_after("model", "a", 100)
    assert found is not None and found[1] == 25


def _as_model(answer: Any) -> Any:
    """The same frames called models."""
    frames = [replace(it, kind="model") for it in answer.parcel.frames]
    return replace(answer, parcel=type(answer.parcel).together(frames))


def test_patience_counts_from_each_request_and_lets_the_next_one_go(struck, toys, brief) -> None:
    """One at a time: a is gone, and b is asked when the patience with a is over."""
    record, target, _ = struck(
        [toys.ask("a", "b", patience_ms=20)], ("a", {"kind": "crash", "at": "0 s"}), max_in_flight=1
    )
    assert brief(record) == [
        ("t", "a", 0, None, LOST),
        ("t", "b", 20, 26.6, DELIVERED),
        ("b", "t", 27.6, 29.9, DELIVERED),
    ]
    assert target.told == [["b"]]
