"""Joules by hand: of computing, the radio and waiting, and what a battery has to say to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hat_sim.network.tcp import WireBytes
from hat_sim.simulation.battery import Charge, charge_of
from hat_sim.simulation.energy import EnergyMeter
from hat_sim.simulation.record import Busy, Spent, joules_by

S = 10**9


def with_figures(device: Any, **figures: Any) -> Any:
    """The device with other figures in its profile."""
    return replace(device, profile=replace(device.profile, **figures))


def busy(device: str, start_s: float, end_s: float, flop: int = 1, phase: str = "train") -> Busy:
    return Busy(device, "think", phase, round(start_s * S), round(end_s * S), flop)


def test_computing_costs_power_times_time(toys: Any) -> None:
    meter = EnergyMeter()
    meter.computed(toys.device("a"), busy("a", 0, 1.5))
    meter.computed(toys.device("a"), busy("a", 2, 2.5))
    assert meter.spent([], [], {}, 3 * S) == [
        Spent("a", "compute", "train", 0, 1_500_000_000, 3.0),
        Spent("a", "compute", "train", 2 * S, 2_500_000_000, 1.0),
    ]


def test_where_joules_an_operation_are_known_they_count_and_power_does_not(toys: Any) -> None:
    meter = EnergyMeter()
    meter.computed(with_figures(toys.device("a"), energy_per_flop=0.25), busy("a", 0, 1.5, flop=12))
    assert [it.joules for it in meter.spent([], [], {}, S)] == [3.0]


def test_a_frame_costs_both_ends_and_its_acknowledgements_the_other_way(toys: Any) -> None:
    """1000 bytes from a to b and 100 back, at 3 nJ a bit sent and 1 nJ a bit received."""
    meter = EnergyMeter()
    meter.carried(toys.device("a"), toys.device("b"), WireBytes(1000, 100), "fine", 7)
    one, other = meter.spent([], [], {}, 7)
    assert (one.device, one.part, one.phase, one.start_ns, one.end_ns) == ("a", "radio", "fine", 7, 7)
    assert (one.joules, other.joules) == pytest.approx((8e-9 * (3000 + 100), 8e-9 * (1000 + 300)))


def test_waiting_is_counted_for_devices_whose_idle_power_is_known_alone(toys: Any) -> None:
    """A target waits until it has its model at 4 s, a source until the last target has at 10 s."""
    known = [with_figures(toys.device(name), idle_power=0.5) for name in ("t", "a")]
    stretches = [busy("a", 1, 2), busy("t", 3, 4), busy("a", 2, 3), busy("a", 9, 12), busy("b", 0, 1)]
    waited = EnergyMeter().spent([*known, toys.device("b")], stretches, {"t": 4 * S}, 10 * S)
    assert [(it.device, it.start_ns // S, it.end_ns // S, it.joules) for it in waited] == [
        ("t", 0, 3, 1.5),
        ("a", 0, 1, 0.5),
        ("a", 3, 9, 3.0),
    ]
    assert {(it.part, it.phase) for it in waited} == {("idle", None)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    works=st.lists(st.tuples(st.sampled_from(["coarse", "fine", "train"]), st.integers(1, 50)), max_size=5),
    idle=st.none() | st.floats(0.01, 10),
)
def test_every_joule_has_a_device_and_a_part_and_all_but_waiting_a_phase(
    works: list[tuple[Any, int]], idle: float | None, toy: Callable[..., Any], toys: Any
) -> None:
    """Exactly: as fractions, however they are added up. Idle power is that of every device or of none."""
    steps = [step for phase, ms in works for step in (toys.ask("a", "b", phase=phase), toys.work(ms, phase))]
    sources = {"a": toys.answering(), "b": toys.answering(ms=7)}
    record, _, _ = toy({"t": toys.Script(*steps, toys.work(1))}, sources, figures={"idle_power": idle})
    total = sum(Fraction(it.joules) for it in record.spent)
    cells: dict[tuple[str, str, str | None], Fraction] = {}
    for it in record.spent:
        key = (it.device, it.part, it.phase)
        cells[key] = cells.get(key, Fraction()) + Fraction(it.joules)
    assert sum(cells.values()) == total
    for place, what in enumerate(("device", "part")):
        found = joules_by(what, record.spent)  # type: ignore[arg-type]
        for name, joules in found.items():
            assert joules == float(sum(amount for key, amount in cells.items() if key[place] == name))
    assert {it.part for it in record.spent if it.phase is None} == ({"idle"} if idle else set())
    if idle is not None:
        waited_ns = sum(it.end_ns - it.start_ns for it in record.spent if it.part == "idle")
        busy_ns = sum(it.end_ns - it.start_ns for it in record.busy)
        assert waited_ns + busy_ns == 3 * record.targets["t"].end_ns
        assert record.idle_counted == record.devices == ("a", "b", "t")
    else:
        assert record.idle_counted == ()


class TestBattery:
    """What is spent held against what there is."""

    SPENT = (
        Spent("t", "compute", "coarse", 0, 2 * S, 4.0),
        Spent("t", "radio", "transfer", 3 * S, 3 * S, 1.0),
        Spent("t", "idle", None, 2 * S, 4 * S, 1.0),
        Spent("t", "compute", "train", 4 * S, 8 * S, 8.0),
    )

    @pytest.mark.parametrize(
        ("capacity", "empty_s", "phase"),
        [
            (1.0, 0.5, "coarse"),
            (4.25, 2.5, None),
            (5.0, 3.0, "transfer"),
            (6.0, 4.0, "train"),
            (10.0, 6.0, "train"),
        ],
    )
    def test_it_is_empty_when_its_joules_are_spent(self, capacity, empty_s, phase) -> None:
        charge = charge_of(self.SPENT, capacity)
        assert (charge.used_j, charge.phase) == (14.0, phase)
        assert charge.empty_ns is not None and abs(charge.empty_ns - empty_s * S) <= 1
        assert charge.as_json()["fits"] is False

    @pytest.mark.parametrize("capacity", [14.0, 1e6])
    def test_one_that_is_large_enough_is_never_empty(self, capacity) -> None:
        assert charge_of(self.SPENT, capacity) == Charge(capacity, 14.0)
        assert charge_of((), capacity) == Charge(capacity, 0.0)
        assert charge_of((), capacity).as_json() == {
            "capacity_j": capacity,
            "used_j": 0.0,
            "fits": True,
            "empty_s": None,
            "empty_phase": None,
        }
