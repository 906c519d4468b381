"""Faults and availability as a scenario has them: what is accepted, whom they hit, when sources are there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.errors import UserError
from hat_sim.preflight import load_checked
from hat_sim.protocol.messages import MESSAGES
from hat_sim.scenario.availability import Cycle, cycles_of
from hat_sim.scenario.faults import Availability, Fault, FrameKind, ProtocolOptions
from hat_sim.scenario.hits import conflict, misfortune_of
from hat_sim.scenario.resolved import resolved_scenario, scenario_sha256
from hat_sim.scenario.schema import Scenario

NAMES = [f"domain-{number}" for number in range(1, 31)]
TRACE = {
    "0": {"duration": 5, "active": [0, 6], "inactive": [3, 8], "finish_time": 10, "model": "CPH1801"},
    "1": {"duration": 10, "active": [0], "inactive": [10], "finish_time": 10},
}


@pytest.fixture
def checked(tmp_path: Path, tiny: str) -> Callable[..., Any]:
    """Loads the tiny scenario with further lines; the problems as text, or the scenario."""

    def load(*lines: str, trace: Any = None) -> Any:
        if trace is not None:
            (tmp_path / "trace.json").write_text(json.dumps(trace))
        file = tmp_path / "tiny.yaml"
        file.write_text(tiny + "\n".join(lines) + "\n")
        try:
            return load_checked(file).scenario
        except UserError as error:
            return [str(problem).partition(".yaml:")[2].partition(" ")[2] for problem in error.problems]

    return load


def faulty(checked: Callable[..., Any], *faults: str) -> Any:
    return checked("faults:", *(f"  - {fault}" for fault in faults))


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (
            "{kind: dwon, devices: domain-1, at: 1 s}",
            "faults.0.kind: \"dwon\" is not accepted (one of 'down', 'crash',",
        ),
        (
            "{kind: down, devices: domain-9, at: 1 s}",
            'faults.0.devices: there is no device "domain-9" (did you mean "domain-5"?)',
        ),
        (
            "{kind: down, devices: [domain-1, moon], at: 1 s}",
            'faults.0.devices.1: there is no device "moon" (',
        ),
        (
            "{kind: down, devices: domain-1, at: -1 s}",
            "faults.0.at: a time must not be negative, got '-1 s'",
        ),
        ("{kind: down, devices: domain-1, at: 1}", "faults.0.at: the time 1 has no unit"),
        ("{kind: down, devices: domain-1}", 'faults.0: down needs at (at: "2 s")'),
        (
            "{kind: down, at: 1 s}",
            "faults.0: down names no device (one of devices, share, count)",
        ),
        (
            "{kind: down, at: 1 s, share: 0.5, count: 2}",
            "faults.0: share and count exclude each other (one of devices, share, count)",
        ),
        (
            "{kind: down, at: 1 s, share: 0.5, factor: 2}",
            "faults.0: down has no factor (it takes at, duration)",
        ),
        (
            "{kind: damaged, share: 0.5, at: 1 s}",
            "faults.0: damaged has no at (it takes nothing but its devices)",
        ),
        ("{kind: slow, share: 0.5}", 'faults.0: slow needs at and factor (at: "2 s", factor: 4)'),
        ("{kind: crash, share: 0.5}", "faults.0: crash needs a moment (one of at, after_share, after_bytes)"),
        (
            "{kind: crash, share: 0.5, at: 1 s, after_share: 0.5}",
            "faults.0: at and after_share exclude each other",
        ),
        (
            "{kind: crash, share: 0.5, at: 1 s, nth: 2}",
            "faults.0: a crash at a time is in no transfer (after_share or after_bytes with frame, nth)",
        ),
        ("{kind: crash, at: 1 s}", "faults.0: crash names no device"),
        (
            "{kind: down, devices: target-domain-2, at: 1 s}",
            "faults.0.devices: target-domain-2 is a target, and down is a fault of sources",
        ),
        ("{kind: damaged, count: 5}", "faults.0.count: 5 of 4 sources cannot be drawn (at most 4)"),
        ("{kind: damaged, share: 1.5}", "faults.0.share: is too large, got 1.5 (at most 1.0)"),
        ("{kind: damaged, sahre: 1}", 'faults.0.sahre: unknown key "sahre" (did you mean "share"?)'),
        ("down", 'faults.0: must be a section, got "down"'),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(checked, fault: str, problem: str) -> None:
    (found,) = faulty(checked, fault)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [
        (
            "{kind: cut, devices: [domain-1, domain-3], at: 1 s, duration: 2 s}",
            "{kind: cut, devices: domain-3, at: 2 s}",
            "faults.1: cut of domain-3 overlaps with another cut of it (faults.0)",
        ),
        (
            "{kind: crash, devices: domain-3, at: 2 s}",
            "{kind: slow, devices: domain-3, at: 2 s, factor: 2}",
            "faults.1: slow of domain-3 comes after a crash of it (faults.0)",
        ),
        (
            "{kind: crash, devices: domain-3, at: 2 s}",
            "{kind: crash, devices: domain-3, after_share: 0.5}",
            "faults.1: crash of domain-3 crashes it a second time (faults.0)",
        ),
        (
            "{kind: damaged, devices: domain-3}",
            "{kind: damaged, devices: domain-3}",
            "faults.1: damaged of domain-3 damages it a second time (faults.0)",
        ),
        (
            "{kind: corrupt, devices: domain-3}",
            "{kind: corrupt, devices: domain-3, nth: 1, frame: model}",
            "faults.1: corrupt of domain-3 corrupts the same frame of it (faults.0)",
        ),
    ],
)
def test_faults_that_cannot_both_befall_a_device_are_refused(checked, one, other, problem) -> None:
    (found,) = faulty(checked, one, other)
    assert found.startswith(problem)


def test_faults_may_follow_each_other_and_differ(checked) -> None:
    scenario = faulty(
        checked,
        "{kind: cut, devices: domain-1, at: 1 s, duration: 2 s}",
        "{kind: cut, devices: domain-1, at: 3 s, duration: 2 s}",
        "{kind: slow, devices: domain-1, at: 1 s, factor: 2}",
        "{kind: crash, devices: domain-1, at: 9 s}",
        "{kind: corrupt}",
        "{kind: straggler, devices: target-domain-2, at: 0 s, factor: 2.5}",
    )
    assert [it.kind for it in scenario.faults] == ["cut", "cut", "slow", "crash", "corrupt", "straggler"]


def test_all_problems_are_told_at_once(checked) -> None:
    found = checked(
        "faults:",
        "  - {kind: down, devices: moon, at: 1 s}",
        "  - {kind: loss, devices: domain-1, at: 1 s, rate: 2}",
        "  - {kind: crash, at: 1 s}",
        "availability: {trace: none.json, unit: s}",
        "protocol: {quorum: 2.0, chunk: 1 B}",
    )
    assert [text.split(":")[0] for text in found] == [
        "faults.0.devices",
        "faults.1.rate",
        "faults.2",
        "availability.trace",
        "protocol.quorum",
        "protocol.chunk",
    ]


def test_frames_are_named_as_the_messages_are() -> None:
    assert {*get_args(FrameKind), "chunk_request", "chunk", "error"} == set(MESSAGES)


def drawn(seed: int, *faults: dict[str, Any]) -> list[tuple[str, ...] | None]:
    scenario = Scenario.model_construct(
        seed=seed, faults=tuple(map(Fault.model_validate, faults)), availability=None
    )
    return [hit.devices for hit in misfortune_of(scenario, NAMES, ["target"]).hits]


def test_a_draw_is_of_the_seed_and_a_smaller_one_part_of_a_larger() -> None:
    down = {"kind": "down", "at": "1 s"}
    (few,), (many,) = drawn(0, down | {"share": 0.2}), drawn(0, down | {"share": 0.5})
    assert few is not None and many is not None
    assert (len(few), len(many)) == (6, 15) and set(few) < set(many)
    assert drawn(0, down | {"count": 6}) == [few]
    assert drawn(1, down | {"share": 0.2}) != [few]
    assert drawn(0, down | {"share": 0}) == [()]


@given(shares=st.lists(st.floats(0, 1), min_size=2, max_size=4), seed=st.integers(0, 5))
def test_draws_never_make_each_other_impossible(shares: list[float], seed: int) -> None:
    """Two entries of one kind share no device, and nothing befalls one that has crashed."""
    down = [{"kind": "down", "at": "1 s", "share": share} for share in shares]
    crash = {"kind": "crash", "at": "1 s", "count": 3}
    faults = [Fault.model_validate(it) for it in (*down, crash)]
    hit = drawn(seed, *down, crash)
    for one, of_one in zip(faults, hit, strict=True):
        for other, of_other in zip(faults, hit, strict=True):
            if one is not other and conflict(one, other):
                assert not set(of_one or ()) & set(of_other or ())


def test_devices_of_other_worlds_are_left_out() -> None:
    assert drawn(0, {"kind": "damaged", "devices": ["domain-2", "elsewhere"]}) == [("domain-2",)]
    assert drawn(0, {"kind": "corrupt"}) == [None]


stretches = st.lists(st.integers(0, 50), min_size=0, max_size=8, unique=True).map(sorted)


@given(edges=stretches, shift=st.integers(0, 49), at=st.integers(0, 200))
def test_a_cycle_changes_when_it_says_and_not_before(edges: list[int], shift: int, at: int) -> None:
    pairs = tuple(zip(edges[::2], edges[1::2], strict=False))
    cycle = Cycle(50, pairs, shift)
    change = cycle.next_change_ns(at)
    horizon = at + 60 if change is None else change
    assert all(cycle.is_on(it) == cycle.is_on(at) for it in range(at, horizon))
    if change is not None:
        assert at < change <= at + 50 and cycle.is_on(change) != cycle.is_on(at)


def test_periods_have_the_share_that_is_asked_for_and_phases_of_their_own() -> None:
    cycles = cycles_of(Availability(period="100 s", on_share=0.3), NAMES, seed=0)
    assert len({it.shift_ns for it in cycles.values()}) == len(NAMES)
    on = sum(cycles["domain-1"].is_on(second * 10**9) for second in range(1000))
    assert on == 300
    assert cycles == cycles_of(Availability(period="100 s", on_share=0.3), NAMES, seed=0)
    always = cycles_of(Availability(period="100 s", on_share=1.0), NAMES, seed=0)
    assert all(it.next_change_ns(0) is None and it.is_on(0) for it in always.values())


def test_a_trace_is_dealt_in_turns_and_its_times_have_its_unit(checked) -> None:
    scenario = checked("availability: {trace: trace.json, unit: ms, start: 2 ms}", trace=TRACE)
    cycles = cycles_of(scenario.availability, NAMES, seed=0)
    first = Cycle(10**7, ((0, 3 * 10**6), (6 * 10**6, 8 * 10**6)), 2 * 10**6)
    assert list(cycles.values()).count(first) == 15
    assert first.is_on(0) and first.next_change_ns(0) == 10**6
    other = cycles_of(scenario.availability, NAMES, seed=1)
    assert other != cycles


@pytest.mark.parametrize(
    ("trace", "what"),
    [
        ({"7": {"active": [0], "inactive": [1]}}, "device 7: duration, finish_time missing"),
        ({"7": TRACE["0"] | {"inactive": [3]}}, "device 7: 2 times in active, 1 in inactive"),
        ({"7": TRACE["0"] | {"inactive": [7, 8]}}, "device 7: active and inactive do not follow each other"),
        ({"7": TRACE["0"] | {"finish_time": 7}}, "device 7: active and inactive do not follow each other"),
        ({"7": TRACE["0"] | {"active": [0, "x"]}}, "device 7: active and inactive are lists of times"),
        ({"7": 3}, "device 7: it is no object"),
        ([1], "holds no devices"),
        ({}, "holds no devices"),
    ],
)
def test_a_trace_that_cannot_be_used_is_refused(checked, trace: Any, what: str) -> None:
    (found,) = checked("availability: {trace: trace.json, unit: s}", trace=trace)
    assert found.startswith("availability.trace: ") and what in found


def test_a_trace_full_of_mistakes_is_told_in_a_few_lines(checked) -> None:
    found = checked("availability: {trace: trace.json, unit: s}", trace={str(it): 3 for it in range(25)})
    assert len(found) == 11 and "15 more of the kind" in found[-1]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("availability: {period: 1 h}", "availability: it takes two keys"),
        ("availability: {trace: x.json}", "availability: it takes two keys"),
        ("availability: {start: 1 s}", "availability: it takes two keys"),
        (
            "availability: {period: 1 h, on_share: 0.5, unit: s}",
            "availability: period and unit exclude each other",
        ),
        (
            "availability: {period: 1 h, on_share: 0.0}",
            "availability.on_share: input should be greater",
        ),
        ("availability: {trace: x.json, unit: days}", 'availability.unit: "days" is not accepted (one of'),
    ],
)
def test_an_availability_that_makes_no_sense_is_refused(checked, line: str, what: str) -> None:
    (found,) = checked(line)
    assert found.startswith(what)


def test_an_availability_under_which_nobody_answers_is_refused(checked) -> None:
    """A source that comes after the target has given up is as good as none."""
    never = {"0": {"duration": 0, "active": [], "inactive": [], "finish_time": 10}}
    (found,) = checked("availability: {trace: trace.json, unit: s}", trace=never)
    assert found.startswith("availability: nobody ever answers: no source is ever on")
    late = {"0": {"duration": 1, "active": [500], "inactive": [501], "finish_time": 1000}}
    (found,) = checked("availability: {trace: trace.json, unit: s}", trace=late)
    assert "the first source comes at 500 s, and a target gives up after 93 s" in found
    assert checked("availability: {trace: trace.json, unit: s, start: 450 s}", trace=late).availability


def test_a_target_has_patience_where_anything_may_go_wrong(checked) -> None:
    assert checked().patience is None
    assert faulty(checked, "{kind: corrupt}").patience == ProtocolOptions()
    assert checked("protocol: {deadline: 2 s}").patience.deadline == 2 * 10**9
    assert ProtocolOptions(deadline="2 s", retries=3, backoff="1 s").patience_ns() == 15 * 10**9


def test_the_hash_is_of_what_a_trace_says_and_not_of_where_it_is(checked, tmp_path: Path) -> None:
    line = "availability: {trace: trace.json, unit: s}"
    scenario = checked(line, trace=TRACE)
    first = scenario_sha256(scenario, "digest")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "trace.json").write_text((tmp_path / "trace.json").read_text())
    moved = checked(line.replace("trace.json", "other/trace.json"))
    assert scenario_sha256(moved, "digest") == first
    changed = checked(line, trace={"0": TRACE["0"]})
    assert scenario_sha256(changed, "digest") != first


def test_a_resolved_scenario_says_the_same(checked) -> None:
    scenario = faulty(
        checked, "{kind: loss, share: 0.5, at: 0 s, rate: 2 %}", "{kind: crash, after_bytes: 4 kB}"
    )
    plain = resolved_scenario(scenario)
    again = Scenario.model_validate(plain, context={"devices": tuple(plain["devices"])})
    assert again.faults == scenario.faults and again.patience == scenario.patience
    assert "availability" not in plain and plain["protocol"]["chunk"] == "64 KiB"
    assert "protocol" not in resolved_scenario(checked())
