"""Joules by hand."""

from __future__ import annotations

from typing import Any

import pytest

from hat_sim.network.tcp import WireBytes
from hat_sim.simulation.energy import EnergyMeter


def test_computing_costs_power_times_time(toys: Any) -> None:
    meter = EnergyMeter()
    meter.computed(toys.device("a"), 1_500_000_000)
    meter.computed(toys.device("a"), 500_000_000)
    assert meter.compute_j == pytest.approx({"a": 4.0})


def test_a_frame_costs_both_ends_and_its_acknowledgements_the_other_way(toys: Any) -> None:
    """1000 bytes from a to b and 100 back, at 3 nJ a bit sent and 1 nJ a bit received."""
    meter = EnergyMeter()
    meter.carried(toys.device("a"), toys.device("b"), WireBytes(1000, 100))
    assert meter.radio_j == pytest.approx({"a": 8e-9 * (3000 + 100), "b": 8e-9 * (1000 + 300)})
