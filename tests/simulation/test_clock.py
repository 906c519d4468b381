"""The clock: events in order of time, priority and scheduling, and time that never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.errors import InternalError
from hat_sim.simulation.clock import Clock


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=30))
def test_events_come_by_time_then_priority_then_scheduling(keys: list[tuple[int, int]]) -> None:
    clock: Clock[int] = Clock()
    for number, (at_ns, priority) in enumerate(keys):
        clock.schedule(at_ns, number, priority)
    log = []
    while (next_ns := clock.next_ns()) is not None:
        log.append(clock.pop())
        assert clock.now_ns == next_ns
    assert log == sorted(range(len(keys)), key=lambda number: (*keys[number], number))


def test_events_need_not_be_comparable() -> None:
    clock: Clock[object] = Clock()
    one, other = object(), object()
    clock.schedule(3, one)
    clock.schedule(3, other)
    assert [clock.pop(), clock.pop()] == [one, other]


def test_an_event_may_be_scheduled_for_now_and_never_before() -> None:
    clock: Clock[str] = Clock()
    clock.advance(10)
    clock.schedule(10, "now")
    with pytest.raises(InternalError, match="an event at 9 ns, when it is 10 ns"):
        clock.schedule(9, "too late")
    assert clock.pop() == "now" and clock.now_ns == 10


def test_time_never_goes_back() -> None:
    clock: Clock[str] = Clock()
    clock.advance(10)
    clock.advance(10)
    with pytest.raises(InternalError, match="from 10 ns back to 9 ns"):
        clock.advance(9)


def test_a_clock_without_events_has_no_next_one() -> None:
    assert Clock[str]().next_ns() is None
