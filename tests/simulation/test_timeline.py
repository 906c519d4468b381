"""`timeline.json`: a Chrome trace that Perfetto opens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.simulation import timeline
from hat_sim.simulation.record import WorldRecord
from hat_sim.simulation.timeline import trace_events


@pytest.fixture
def world(toy: Callable[..., Any], toys: Any) -> WorldRecord:
    """A question to two sources at once, of which one has not answered at the end, and some work."""
    target = toys.Script(toys.ask("a", "b", deadline_ms=20), toys.work(3), toys.ask("a", deadline_ms=1))
    record: WorldRecord
    record, _, _ = toy({"t": target}, {"a": toys.answering(), "b": toys.answering(ms=90)})
    return record


def events(*worlds: WorldRecord) -> list[dict[str, Any]]:
    trace = json.loads(json.dumps(trace_events(worlds), allow_nan=False))
    assert trace["displayTimeUnit"] == "ms"
    found: list[dict[str, Any]] = trace["traceEvents"]
    return found


def test_every_event_has_what_the_format_wants(world: WorldRecord) -> None:
    """Names for processes and threads, complete slices, and pairs of begin and end."""
    for event in events(world, world):
        assert isinstance(event["pid"], int) and event["name"]
        match event["ph"]:
            case "M":
                assert event["name"] in {"process_name", "thread_name"} and event["args"]["name"]
            case "X":
                assert (
                    event["ts"] >= 0 and event["dur"] > 0 and event["cat"] and isinstance(event["tid"], int)
                )
            case "b" | "e":
                assert event["ts"] >= 0 and event["cat"] and event["id"]
            case "i":
                assert event["ts"] >= 0 and event["s"] == "t"
            case other:
                pytest.fail(f"an event of kind {other}")


def test_worlds_are_processes_and_devices_are_threads(world: WorldRecord) -> None:
    named = [event for event in events(world, world) if event["ph"] == "M"]
    processes = {event["pid"]: event["args"]["name"] for event in named if event["name"] == "process_name"}
    assert processes == {0: "t", 1: "t"}
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in named if e["name"] == "thread_name"}
    assert len(set(threads)) == len(threads) and len(set(threads.values())) * 2 == len(threads)
    used = {(event["pid"], event["tid"]) for event in events(world, world) if "tid" in event}
    assert used == set(threads)


def test_slices_of_a_thread_do_not_overlap(world: WorldRecord) -> None:
    """A device does one thing at a time; frames, which overlap, are asynchronous events."""
    spans = defaultdict(list)
    for event in events(world):
        if event["ph"] == "X":
            spans[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert spans
    for thread in spans.values():
        ordered = sorted(thread)
        assert all(one[1] <= other[0] for one, other in pairwise(ordered))


def test_every_frame_that_arrived_has_a_beginning_and_an_end(world: WorldRecord) -> None:
    """At the times of the ledger, in microseconds, with its bytes; ids are unique over all worlds."""
    arrived = [row for row in world.ledger if row.arrived_ns is not None]
    assert 0 < len(arrived) < len(world.ledger)
    found = events(world, world)
    begins = [event for event in found if event["ph"] == "b"]
    ends = {event["id"]: event for event in found if event["ph"] == "e"}
    assert len(ends) == len(begins) == 2 * len(arrived)
    for event, row in zip(begins, [*arrived, *arrived], strict=True):
        end = ends[event["id"]]
        assert (event["ts"] * 1000, end["ts"] * 1000) == pytest.approx((row.sent_ns, row.arrived_ns))
        assert (
            (event["name"], event["cat"])
            == (end["name"], end["cat"])
            == (f"{row.kind} to {row.receiver}", row.phase)
        )
        assert event["args"]["payload_bytes"] == row.payload_bytes
        assert event["args"]["wire_bytes"] == row.wire_bytes
        assert event["args"]["outcome"] == row.outcome


def test_work_is_shown_where_and_when_it_was_done(world: WorldRecord) -> None:
    slices = [event for event in events(world) if event["ph"] == "X"]
    shown = [(e["name"], e["cat"], round(e["ts"] * 1000), round(e["dur"] * 1000), e["args"]) for e in slices]
    assert shown == [
        (it.label, it.phase, it.start_ns, it.end_ns - it.start_ns, {"flop": it.flop}) for it in world.busy
    ]


def test_a_fault_is_an_instant_of_its_device_and_its_end_another(toy: Callable[..., Any], toys: Any) -> None:
    """A fault that outlasts the world has no end in it."""
    hits = toys.misfortune(
        ("a", {"kind": "straggler", "at": "1 ms", "duration": "2 ms", "factor": 2.0}),
        ("b", {"kind": "down", "at": "1 ms", "duration": "1 h"}),
    )
    target = toys.Script(toys.ask("a", "b", deadline_ms=20))
    record, _, _ = toy({"t": target}, {"a": toys.answering(), "b": toys.answering()}, misfortune=hits)
    found = [event for event in events(record) if event["ph"] == "i"]
    assert [(event["name"], event["ts"]) for event in found] == [
        ("straggler", 1000),
        ("straggler is over", 3000),
        ("down", 1000),
    ]


@pytest.fixture
def crowd(toy: Callable[..., Any], toys: Any) -> WorldRecord:
    """A target that asks forty sources, of which the first is slowest and all but one answer at once."""
    names = [f"s{k:02}" for k in range(40)]
    record: WorldRecord
    sources = {name: toys.answering(ms=1 + (name == "s00") * 9) for name in names}
    record, _, _ = toy({"t": toys.Script(toys.ask(*names), toys.work(3))}, sources)
    return record


def test_in_a_large_world_few_devices_stand_by_themselves(
    crowd: WorldRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others did is there in sum, in stretches that do not overlap, and not a byte is lost."""
    monkeypatch.setattr(timeline, "MOST_DEVICES", 3)
    found = events(crowd)
    threads = {e["tid"]: e["args"] for e in found if e["name"] == "thread_name"}
    apart = [args["name"] for args in threads.values() if "devices" not in args]
    assert len(apart) == 4 and apart[:2] == ["t", "s00"]
    assert [args["name"] for args in threads.values() if "devices" in args] == [
        "37 others: answer ping",
        "37 others: frames",
    ]
    slices = [event for event in found if event["ph"] == "X"]
    assert sum(event["args"]["flop"] for event in slices) == sum(it.flop for it in crowd.busy)
    assert sum(event["args"].get("stretches", 1) for event in slices) == len(crowd.busy)
    for tid in threads:
        ordered = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == tid)
        assert all(one[1] <= other[0] for one, other in pairwise(ordered))
    frames = [event["args"] for event in found if event["ph"] == "b"]
    assert sum(args.get("frames", 1) for args in frames) == len(crowd.ledger)
    for figure in ("payload_bytes", "wire_bytes"):
        assert sum(args[figure] for args in frames) == sum(getattr(row, figure) for row in crowd.ledger)
    ids = [event["id"] for event in found if event["ph"] == "b"]
    assert len(set(ids)) == len(ids)
    assert len(found) < len(crowd.ledger)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=1))
def test_merged_stretches_are_those_of_each_instant(spans: list[tuple[int, int]]) -> None:
    """The plain twin: an instant is covered by some stretch or by none; figures add up."""
    found = list(timeline.merged((start, start + lasts, (1, lasts)) for start, lasts in spans))
    covered = {t for start, lasts in spans for t in range(start, start + lasts + 1)}
    assert {t for start, end, _ in found for t in range(start, end + 1)} == covered
    assert all(one[1] < other[0] for one, other in pairwise(found))
    assert [sum(figures) for figures in zip(*(it[2] for it in found), strict=True)] == [
        len(spans),
        sum(lasts for _, lasts in spans),
    ]
