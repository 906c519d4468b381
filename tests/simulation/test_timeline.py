"""`timeline.json`: a Chrome trace that Perfetto opens, held against the Trace Event Format."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.simulation import timeline
from hat_sim.simulation.record import WorldRecord
from hat_sim.simulation.timeline import trace_events

NEEDED = {
    "M": {"name", "ph", "pid", "args"},
    "X": {"name", "cat", "ph", "pid", "tid", "ts", "dur", "args"},
    "s": {"name", "cat", "id", "pid", "ph", "tid", "ts"},
    "f": {"name", "cat", "id", "pid", "ph", "tid", "ts", "bp"},
}
"""The keys of each kind of event: metadata, complete slices, and the two ends of an arrow."""


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


def tracks(found: list[dict[str, Any]]) -> dict[int, str]:
    """The names of threads."""
    return {it["tid"]: it["args"]["name"] for it in found if it["name"] == "thread_name"}


def slices(found: list[dict[str, Any]], track: str) -> list[dict[str, Any]]:
    names = tracks(found)
    return [it for it in found if it["ph"] == "X" and names[it["tid"]] == track]


def nanoseconds(event: dict[str, Any]) -> tuple[int, int]:
    """When a slice begins and ends."""
    return round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)


def test_every_event_has_what_the_format_wants(world: WorldRecord) -> None:
    for event in events(world, world):
        assert set(event) - {"tid"} == NEEDED[event["ph"]] - {"tid"}
        assert isinstance(event["pid"], int) and isinstance(event["name"], str) and event["name"]
        match event["ph"]:
            case "M":
                assert event["name"] in {"process_name", "thread_name"} and event["args"]["name"]
            case "X":
                assert event["ts"] >= 0 and event["dur"] > 0 and event["cat"]
            case "s" | "f":
                assert event["ts"] >= 0 and isinstance(event["id"], int) and event["cat"]
            case "b" | "e":
                assert event["ts"] >= 0 and event["id"] and event["cat"]
            case "i":
                assert event["ts"] >= 0 and event["s"] == "t"
            case other:
                pytest.fail(f"an event of kind {other}")


def test_worlds_are_processes_and_each_device_has_a_track_for_its_work_and_for_its_link(
    world: WorldRecord,
) -> None:
    """Threads are told apart by their number alone, which is that of no process, and never 0."""
    found = events(world, world)
    processes = {it["pid"]: it["args"]["name"] for it in found if it["name"] == "process_name"}
    assert processes == {1: "t", 2: "t"}
    threads = [(it["tid"], it["pid"], it["args"]["name"]) for it in found if it["name"] == "thread_name"]
    numbers = [tid for tid, _, _ in threads]
    assert len(set(numbers)) == len(numbers) and not {0, *processes} & set(numbers)
    each = ["t", "t up", "t down", "a", "a up", "a down", "b", "b down"]
    assert [name for _, pid, name in threads if pid == 1] == each
    assert [name for _, pid, name in threads if pid == 2] == each
    used = {(it["tid"], it["pid"]) for it in found if it["ph"] != "M"}
    assert used == {(tid, pid) for tid, pid, _ in threads}


def test_slices_of_a_track_do_not_overlap(world: WorldRecord) -> None:
    spans = defaultdict(list)
    for event in events(world):
        if event["ph"] == "X":
            spans[event["tid"]].append(nanoseconds(event))
    assert len(spans) == 8
    for thread in spans.values():
        assert all(one[1] <= other[0] for one, other in pairwise(sorted(thread)))


def test_frames_that_overlap_on_a_link_are_one_slice(world: WorldRecord) -> None:
    """The two questions share the target's uplink, and have a downlink each."""
    found = events(world)
    [first] = slices(found, "t up")
    asked = [row for row in world.ledger if row.sender == "t" and row.arrived_ns is not None]
    assert len(asked) == 2
    assert (first["name"], first["cat"]) == ("ping x 2", "coarse")
    assert nanoseconds(first) == (0, max(row.arrived_ns for row in asked))
    assert first["args"] == {
        "frames": 2,
        "payload_bytes": sum(row.payload_bytes for row in asked),
        "wire_bytes": sum(row.wire_bytes for row in asked),
        "outcome": "delivered",
    }
    assert [it["name"] for it in slices(found, "a down")] == ["ping"]
    assert [it["name"] for it in slices(found, "b down")] == ["ping"]
    [reply] = slices(found, "a up")
    [same] = slices(found, "t down")
    assert nanoseconds(reply) == nanoseconds(same) and reply["args"] == same["args"]


def test_every_frame_that_arrived_is_an_arrow_between_slices(world: WorldRecord) -> None:
    """From hand-over, inside of a slice of the sender's uplink, into one of the receiver's downlink."""
    arrived = [row for row in world.ledger if row.arrived_ns is not None]
    assert 0 < len(arrived) < len(world.ledger)
    found = events(world, world)
    names = tracks(found)
    begins = [it for it in found if it["ph"] == "s"]
    ends = {it["id"]: it for it in found if it["ph"] == "f"}
    assert Counter(it["id"] for it in begins) == Counter(list(ends)), "ids are unique over all worlds"
    assert all(it["bp"] == "e" for it in ends.values())
    for event, row in zip(begins, [*arrived, *arrived], strict=True):
        end = ends[event["id"]]
        assert (round(event["ts"] * 1000), round(end["ts"] * 1000)) == (row.sent_ns, row.arrived_ns - 1)
        assert (event["name"], event["cat"]) == (end["name"], end["cat"]) == (row.kind, row.phase)
        assert (names[event["tid"]], names[end["tid"]]) == (f"{row.sender} up", f"{row.receiver} down")
        for it in (event, end):
            around = [
                other
                for other in found
                if other["ph"] == "X"
                and other["tid"] == it["tid"]
                and nanoseconds(other)[0] <= round(it["ts"] * 1000) < nanoseconds(other)[1]
            ]
            assert len(around) == 1


def test_work_is_shown_where_and_when_it_was_done(world: WorldRecord) -> None:
    found = events(world)
    work = [it for it in found if it["ph"] == "X" and "flop" in it["args"]]
    shown = [(tracks(found)[e["tid"]], e["name"], e["cat"], *nanoseconds(e), e["args"]) for e in work]
    assert shown == [
        (it.device, it.label, it.phase, it.start_ns, it.end_ns, {"flop": it.flop}) for it in world.busy
    ]


def test_a_thousand_devices_are_a_few_megabytes(toy: Callable[..., Any], toys: Any) -> None:
    """Three exchanges with each: three tracks a device, and less than 200 bytes an event."""
    names = [f"source-{number}" for number in range(1000)]
    target = toys.Script(*(toys.ask(*names, phase=phase) for phase in ("coarse", "fine", "transfer")))
    record, _, _ = toy({"t": target}, dict.fromkeys(names, toys.answering()))
    found = events(record)
    assert len(tracks(found)) == 3 + 3 * 1000 - 1, "the target does not compute"
    size = sum(len(json.dumps(it, separators=(",", ":"))) for it in found)
    assert len(record.ledger) == 6000 and size < 200 * len(found) < 6e6


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
    apart = list(dict.fromkeys(args["device"] for args in threads.values() if "devices" not in args))
    assert len(apart) == 4 and apart[:2] == ["t", "s00"]
    assert [args["name"] for args in threads.values() if "devices" in args] == [
        "37 others: answer ping",
        "37 others: frames",
    ]
    slices = [event for event in found if event["ph"] == "X"]
    work = [event["args"] for event in slices if "flop" in event["args"]]
    assert sum(args["flop"] for args in work) == sum(it.flop for it in crowd.busy)
    assert sum(args.get("stretches", 1) for args in work) == len(crowd.busy)
    for tid in threads:
        ordered = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == tid)
        assert all(one[1] <= other[0] for one, other in pairwise(ordered))
    frames = [event["args"] for event in found if event["ph"] == "b"]
    frames += [event["args"] for event in slices if threads[event["tid"]]["name"].endswith(" up")]
    assert sum(args["frames"] for args in frames) == len(crowd.ledger)
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
