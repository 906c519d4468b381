"""The conductor in worlds whose times are computed by hand (see conftest for their figures).

A first frame of 49 bytes, behind a handshake of 4.296 ms (two ways of 2 ms, two packets of 74 bytes over two
links), takes 185 us on the first link (49 + 4 + 66 and the handshake's last packet of 66), 2 ms and 119 us
on the second: 6.6 ms. A later frame of 80 bytes takes 150 us, 2 ms and 150 us: 2.3 ms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hat_sim.errors import InternalError
from hat_sim.protocol.effects import PHASES
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.ledger import DELIVERED, IN_FLIGHT, LATE, LedgerRow
from hat_sim.protocol.steps import ComputeStep, Done, Step
from hat_sim.simulation.record import Busy, TargetTimes

MS = 1_000_000


def test_one_question_and_some_work_by_hand(toy: Callable[..., Any], toys: Any) -> None:
    """6.6 ms there, 1 ms of work, 2.3 ms back, 3 ms of work at home."""
    target = toys.Script(toys.ask("a"), toys.work(3))
    record, frames, log = toy({"t": target}, {"a": toys.answering()})
    assert record.ledger == [
        LedgerRow(0, "t", "coarse", "ping", "t", "a", 49, 730, 0, 6_600_000, 1, DELIVERED),
        LedgerRow(1, "t", "coarse", "pong", "a", "t", 80, 216, 7_600_000, 9_900_000, 1, DELIVERED),
    ]
    assert record.busy == [
        Busy("a", "answer ping", "coarse", 6_600_000, 7_600_000, MS),
        Busy("t", "think", "train", 9_900_000, 12_900_000, 3 * MS),
    ]
    assert record.targets == {"t": TargetTimes(12_900_000, {"coarse": 9_900_000, "train": 3_000_000})}
    assert log == [
        ("t", "coarse: ping to 1", 0),
        ("t", "train: think", 9_900_000),
        ("t", "done", 12_900_000),
    ]
    assert [len(frame) for frame in frames] == [49, 80]
    assert target.told == [["a"], []]


def test_energy_is_power_times_work_and_bits_at_both_ends(toy: Callable[..., Any], toys: Any) -> None:
    """The request is 457 bytes there and 273 back on the wire, the reply 150 and 66; 3 nJ to send a bit, 1 nJ
    to receive one."""
    record, _, _ = toy({"t": toys.Script(toys.ask("a"), toys.work(3))}, {"a": toys.answering()})
    assert record.compute_j == pytest.approx({"t": 2 * 0.003, "a": 2 * 0.001})
    assert record.radio_j == pytest.approx(
        {
            "t": 8e-9 * (3 * (457 + 66) + 1 * (273 + 150)),
            "a": 8e-9 * (3 * (273 + 150) + 1 * (457 + 66)),
        }
    )


def test_a_second_question_uses_the_open_connection(toy: Callable[..., Any], toys: Any, brief: Any) -> None:
    record, _, _ = toy(
        {"t": toys.Script(toys.ask("a"), toys.ask("a", size=80, phase="fine"))}, {"a": toys.answering(ms=0)}
    )
    assert brief(record) == [
        ("t", "a", 0, 6.6, DELIVERED),
        ("a", "t", 6.6, 8.9, DELIVERED),
        ("t", "a", 8.9, 11.2, DELIVERED),
        ("a", "t", 11.2, 13.5, DELIVERED),
    ]
    assert record.targets["t"].phase_ns == {"coarse": 8_900_000, "fine": 4_600_000}
    assert record.busy == [] and record.compute_j == {}


def test_two_requests_share_the_uplink_and_each_source_answers_in_its_own_time(
    toy: Callable[..., Any], toys: Any, brief: Any
) -> None:
    """At half the rate 185 bytes take 370 us, so 6.785 ms; b works 9 ms longer, and is waited for."""
    target = toys.Script(toys.ask("a", "b"), toys.work(1))
    record, _, _ = toy({"t": target}, {"a": toys.answering(ms=1), "b": toys.answering(ms=10)})
    assert brief(record) == [
        ("t", "a", 0, 6.785, DELIVERED),
        ("t", "b", 0, 6.785, DELIVERED),
        ("a", "t", 7.785, 10.085, DELIVERED),
        ("b", "t", 16.785, 19.085, DELIVERED),
    ]
    assert record.targets["t"].end_ns == 20_085_000
    assert target.told == [["a", "b"], []]


def test_a_busy_source_lets_the_second_target_wait(toy: Callable[..., Any], toys: Any, brief: Any) -> None:
    """Both requests share the source's downlink; it works for t first, then for u."""
    targets = {name: toys.Script(toys.ask("a")) for name in ("t", "u")}
    record, _, _ = toy(targets, {"a": toys.answering(ms=5)})
    assert brief(record) == [
        ("t", "a", 0, 6.785, DELIVERED),
        ("u", "a", 0, 6.785, DELIVERED),
        ("a", "t", 11.785, 14.085, DELIVERED),
        ("a", "u", 16.785, 19.085, DELIVERED),
    ]
    assert [(it.start_ns, it.end_ns) for it in record.busy] == [
        (6_785_000, 11_785_000),
        (11_785_000, 16_785_000),
    ]
    assert {name: times.end_ns for name, times in record.targets.items()} == {
        "t": 14_085_000,
        "u": 19_085_000,
    }
    assert [row.target for row in record.ledger] == ["t", "u", "t", "u"]


def test_a_target_goes_on_while_another_one_computes(toy: Callable[..., Any], toys: Any) -> None:
    """Virtual time is one for all; the log is in its order."""
    targets = {
        "t": toys.Script(toys.work(10), toys.work(10)),
        "u": toys.Script(toys.work(4), toys.work(4), toys.work(4)),
    }
    _, _, log = toy(targets, {"a": toys.answering()})
    assert [(who, at // MS) for who, _, at in log] == [
        ("t", 0),
        ("u", 0),
        ("u", 4),
        ("u", 8),
        ("t", 10),
        ("u", 12),
        ("t", 20),
    ]


def test_a_deadline_closes_a_question_and_the_late_reply_is_recorded(
    toy: Callable[..., Any], toys: Any, brief: Any
) -> None:
    """b's reply arrives at 29.085 ms, while the target computes with what it had at 20 ms."""
    target = toys.Script(toys.ask("a", "b", deadline_ms=20), toys.work(50))
    record, frames, _ = toy({"t": target}, {"a": toys.answering(ms=1), "b": toys.answering(ms=20)})
    assert brief(record)[2:] == [
        ("a", "t", 7.785, 10.085, DELIVERED),
        ("b", "t", 26.785, 29.085, LATE),
    ]
    assert target.told == [["a"], []]
    assert record.targets["t"] == TargetTimes(70 * MS, {"coarse": 20 * MS, "train": 50 * MS})
    assert sum(row.payload_bytes for row in record.ledger) == sum(map(len, frames))


def test_a_reply_at_the_very_deadline_counts(toy: Callable[..., Any], toys: Any) -> None:
    for deadline_ms, told in ((9.9, ["a"]), (9.899999, [])):
        target = toys.Script(toys.ask("a", deadline_ms=deadline_ms))
        record, _, _ = toy({"t": target}, {"a": toys.answering()})
        assert target.told == [told]
        assert record.targets["t"].end_ns == round(deadline_ms * MS)


def test_a_deadline_that_nobody_needs_delays_nothing(toy: Callable[..., Any], toys: Any) -> None:
    target = toys.Script(toys.ask("a", deadline_ms=500), toys.work(600))
    record, _, _ = toy({"t": target}, {"a": toys.answering()})
    assert target.told == [["a"], []]
    assert record.targets["t"].end_ns == 609_900_000


def test_what_is_under_way_at_the_end_has_cost_its_bytes(
    toy: Callable[..., Any], toys: Any, brief: Any
) -> None:
    """At 5 ms the request has left the target, whole, and is not there; at 2 ms only its SYN has."""
    for deadline_ms, most in ((5, 730), (2, 730)):
        record, _, _ = toy(
            {"t": toys.Script(toys.ask("a", deadline_ms=deadline_ms))}, {"a": toys.answering()}
        )
        assert brief(record) == [("t", "a", 0, None, IN_FLIGHT)]
        (row,) = record.ledger
        assert row.payload_bytes == 49 and 0 < row.wire_bytes <= most
        assert record.radio_j["t"] > 0
    (row,) = record.ledger
    assert row.wire_bytes < 730


def test_a_reply_that_was_never_sent_costs_nothing(toy: Callable[..., Any], toys: Any, brief: Any) -> None:
    """At 10 ms the source still computes."""
    record, _, _ = toy({"t": toys.Script(toys.ask("a", deadline_ms=10))}, {"a": toys.answering(ms=90)})
    assert brief(record) == [("t", "a", 0, 6.6, DELIVERED)]


def test_frames_of_a_finished_target_arrive_late_while_others_go_on(
    toy: Callable[..., Any], toys: Any, brief: Any
) -> None:
    targets = {"t": toys.Script(toys.ask("a", deadline_ms=5)), "u": toys.Script(toys.work(60))}
    record, _, _ = toy(targets, {"a": toys.answering()})
    assert brief(record) == [("t", "a", 0, 6.6, DELIVERED), ("a", "t", 7.6, 9.9, LATE)]
    assert record.targets["t"].end_ns == 5 * MS


def test_a_request_that_a_source_refuses_says_why_and_its_answer_arrives(
    toy: Callable[..., Any], toys: Any, brief: Any
) -> None:
    target = toys.Script(toys.ask("a"))
    record, _, _ = toy({"t": target}, {"a": toys.answering(ms=0, refused=Fault.FIELD)})
    assert brief(record) == [("t", "a", 0, 6.6, "refused:field"), ("a", "t", 6.6, 8.9, DELIVERED)]
    assert target.told == [["a"]]


def test_a_reply_that_the_target_refuses_says_why_and_the_run_goes_on(
    toy: Callable[..., Any], toys: Any
) -> None:
    """Of two replies the broken one is marked, and the target thinks on."""
    target = toys.Script(toys.ask("a", "b"), Step(toys.work(1), {"b": Fault.CHECKSUM}))
    record, _, _ = toy({"t": target}, {"a": toys.answering(), "b": toys.answering()})
    outcomes = {(row.sender, row.kind): row.outcome for row in record.ledger}
    assert outcomes == {
        ("t", "ping"): DELIVERED,
        ("a", "pong"): DELIVERED,
        ("b", "pong"): "refused:checksum",
    }
    assert record.targets["t"].phase_ns["train"] == MS


def test_a_refusal_of_what_nobody_sent_is_a_bug(toy: Callable[..., Any], toys: Any) -> None:
    with pytest.raises(InternalError, match="t refuses a frame of a"):
        toy({"t": toys.Script(Step(Done(), {"a": Fault.CHECKSUM}))}, {"a": toys.answering()})


def test_asking_a_device_that_is_not_there_is_a_bug(toy: Callable[..., Any], toys: Any) -> None:
    with pytest.raises(InternalError, match=r"t asks devices that are not in its world: \['ghost'\]"):
        toy({"t": toys.Script(toys.ask("a", "ghost"))}, {"a": toys.answering()})


def test_a_target_that_has_nothing_to_do_ends_at_once(toy: Callable[..., Any], toys: Any) -> None:
    record, _, _ = toy({"t": toys.Script()}, {"a": toys.answering()})
    assert record.targets == {"t": TargetTimes(0, {})}
    assert record.ledger == [] and record.radio_j == {}


def test_work_takes_a_whole_nanosecond_at_least(toy: Callable[..., Any], toys: Any) -> None:
    """Half a step more than 5 ns is 6 ns: what is declared is never free."""
    record, _, _ = toy({"t": toys.Script(ComputeStep("train", "think", 1))}, {"a": toys.answering()})
    assert record.targets["t"].end_ns == 1


names = st.sampled_from(["a", "b", "c"])
sizes = st.sampled_from([0, 20, 49, 1444, 1445, 40_000])
phases = st.sampled_from(PHASES)
plans = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.lists(names, min_size=1, max_size=3, unique=True),
            sizes,
            st.none() | st.sampled_from([0.5, 5, 9.9, 40]),
            phases,
        ),
        st.tuples(st.just("work"), st.floats(0.1, 30), phases),
    ),
    max_size=4,
)
habits = st.tuples(sizes, st.sampled_from([0, 0.3, 5, 80]))


@given(targets=st.lists(plans, min_size=1, max_size=3), sources=st.tuples(habits, habits, habits))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_what_holds_in_any_world(
    toy: Callable[..., Any], toys: Any, hasty_transport: type, targets: Any, sources: Any
) -> None:
    def world(**transport: Any) -> Any:
        scripts = {}
        for number, plan in enumerate(targets):
            steps = [
                toys.ask(*step[1], size=step[2], deadline_ms=step[3], phase=step[4])
                if step[0] == "ask"
                else toys.work(step[1], step[2])
                for step in plan
            ]
            scripts[f"t{number}"] = toys.Script(*steps)
        answering = {name: toys.answering(size, ms) for name, (size, ms) in zip("abc", sources, strict=True)}
        return (*toy(scripts, answering, **transport), scripts)

    record, frames, log, scripts = world()
    again = world(transport=hasty_transport)
    assert (again[0], again[2]) == (record, log), "when nodes work changes nothing"
    for name, times in record.targets.items():
        assert sum(times.phase_ns.values()) == times.end_ns, "phases fill the time of a target"
        last = [row for row in record.ledger if row.receiver == name and row.outcome == DELIVERED]
        assert all(row.arrived_ns <= times.end_ns for row in last)
    asked = sum(len(step[1]) for plan in targets for step in plan if step[0] == "ask")
    assert sum(row.kind == "ping" for row in record.ledger) == asked
    assert sum(row.kind == "pong" and row.outcome == DELIVERED for row in record.ledger) == sum(
        len(told) for script in scripts.values() for told in script.told
    )
    assert [row.seq for row in record.ledger] == list(range(len(record.ledger)))
    assert [row.sent_ns for row in record.ledger] == sorted(row.sent_ns for row in record.ledger)
    for row in record.ledger:
        assert (row.arrived_ns is None) == (row.outcome == IN_FLIGHT)
        assert row.arrived_ns is None or row.arrived_ns > row.sent_ns + 2 * MS
        assert row.arrived_ns is None or row.wire_bytes > row.payload_bytes
    if all(step[0] == "work" or step[3] is None for plan in targets for step in plan):
        assert sorted(row.payload_bytes for row in record.ledger) == sorted(map(len, frames))
        assert all(row.outcome == DELIVERED for row in record.ledger)
    for device in {busy.device for busy in record.busy}:
        spans = sorted((it.start_ns, it.end_ns) for it in record.busy if it.device == device)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        seconds = sum(end - start for start, end in spans) / 1e9
        assert record.compute_j[device] == pytest.approx(2 * seconds)
    assert sum(record.radio_j.values()) == pytest.approx(
        32e-9 * sum(row.wire_bytes for row in record.ledger)
    ), "each byte on the wire is sent once and received once"


def test_no_more_requests_are_out_than_may_be(toy: Callable[..., Any], toys: Any, brief: Any) -> None:
    """Two of four sources at first; each reply lets the next request go, in the order of the question."""
    sources = {"a": toys.answering(ms=1), "b": toys.answering(ms=10), "c": toys.answering(ms=1)}
    target = toys.Script(toys.ask("a", "b", "c", "d"))
    record, _, _ = toy({"t": target}, sources | {"d": toys.answering(ms=1)}, max_in_flight=2)
    assert brief(record) == [
        ("t", "a", 0, 6.785, DELIVERED),
        ("t", "b", 0, 6.785, DELIVERED),
        ("a", "t", 7.785, 10.085, DELIVERED),
        ("t", "c", 10.085, 16.685, DELIVERED),
        ("b", "t", 16.785, 19.085, DELIVERED),
        ("c", "t", 17.685, 19.985, DELIVERED),
        ("t", "d", 19.085, 25.685, DELIVERED),
        ("d", "t", 26.685, 28.985, DELIVERED),
    ]
    assert target.told == [["a", "b", "c", "d"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_how_many_requests_are_out_changes_no_bytes(toy: Callable[..., Any], toys: Any, limit: int) -> None:
    def bytes_of(**limited: int) -> list[tuple[str, str, int, int]]:
        target = toys.Script(toys.ask("a", "b", "c"), toys.ask("c", "a", size=80, phase="fine"))
        record, _, _ = toy({"t": target}, {name: toys.answering() for name in "abc"}, **limited)
        assert target.told == [["a", "b", "c"], ["a", "c"]]
        rows = record.ledger
        assert [row.seq for row in rows] == list(range(10))
        return sorted((row.sender, row.receiver, row.payload_bytes, row.wire_bytes) for row in rows)

    assert bytes_of(max_in_flight=limit) == bytes_of()


def test_a_source_that_was_not_asked_by_the_deadline_is_asked_no_more(
    toy: Callable[..., Any], toys: Any, brief: Any
) -> None:
    """b's request would go at 9.9 ms; the late reply at 29 ms lets nothing go either."""
    target = toys.Script(toys.ask("a", "b", deadline_ms=20), toys.work(50))
    record, _, _ = toy({"t": target}, {name: toys.answering(ms=20) for name in "ab"}, max_in_flight=1)
    assert brief(record) == [("t", "a", 0, 6.6, DELIVERED), ("a", "t", 26.6, 28.9, LATE)]
    assert target.told == [[], []]


def test_packets_are_lost_as_the_seed_says(toy: Callable[..., Any], toys: Any) -> None:
    """One in ten on each link: the same bytes for the same seed, and more than without."""
    lossy = dataclasses.replace(toys.device("a").link, loss=0.1)

    def ledger(**how: Any) -> list[tuple[int, int | None]]:
        target = toys.Script(toys.ask("a", size=40_000))
        record, _, _ = toy({"t": target}, {"a": toys.answering(size=90_000)}, **how)
        return [(row.wire_bytes, row.arrived_ns) for row in record.ledger]

    quiet, first, second = ledger(), ledger(link=lossy, seed=1), ledger(link=lossy, seed=2)
    assert first == ledger(link=lossy, seed=1) != second
    assert min(first, second) > quiet
