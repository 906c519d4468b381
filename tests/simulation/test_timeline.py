"""`timeline.json`: a Chrome trace that Perfetto opens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

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
