"""The bounds of a choice against every choice there is, and by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hat_sim.forecast.choices import ROUNDING_NS, Choosing, Option, Transfer, choosing
from hat_sim.forecast.rehearsal import Understudy, first, rehearse
from hat_sim.forecast.stand_in import StandIn
from hat_sim.methods.outline import Choice, Outline
from hat_sim.protocol.effects import Ask
from hat_sim.protocol.messages import Join, ModelRequest, SummaryRequest
from hat_sim.protocol.work import Work
from hat_sim.scenario.catalogue import DeviceProfile, LinkProfile
from hat_sim.scenario.fleet import Device

MS = 1_000_000
SHAPE = (300,)
KNOWN = {
    name: StandIn(name, ("walk", "run"), np.zeros((4, *SHAPE), np.float32), 4)
    for name in ("mlp-small", "mlp")
}
REQUEST = ModelRequest(part="model", precision="fp32")

rates = st.sampled_from([2e5, 1e6, 5e6, 3e7, 1e9])
links = st.builds(
    lambda up, down, rtt_ms: LinkProfile("any", up, down, rtt_ms * 2_000_000, 0.0, 3e-9, 1e-9, "", "", ()),
    rates,
    rates,
    st.integers(0, 300),
)
sources = st.tuples(st.sampled_from(sorted(KNOWN)), links, st.sampled_from([1e6, 1e8, 1e10]))


def device(name: str, architecture: str, link: LinkProfile, speed: float) -> Device:
    return Device(name, name, architecture, DeviceProfile("any", speed, 2**30, 2.0, "", "", ()), link)


def outline(names: list[str], count: int) -> Outline:
    """Two questions to all, and a choice of some."""
    yield Ask("coarse", dict.fromkeys(names, Join(input_shape=SHAPE, classes=("walk", "run"))))
    yield Ask("fine", dict.fromkeys(names, SummaryRequest()))
    chosen = yield Choice(dict.fromkeys(names, Work(0)), count, REQUEST)
    yield Ask("transfer", dict.fromkeys(chosen, REQUEST))
    return ()


@given(
    target=links,
    others=st.lists(sources, min_size=2, max_size=5),
    count=st.integers(1, 3),
    limit=st.sampled_from([None, 1, 2]),
)
@settings(deadline=None, max_examples=60)
def test_no_choice_takes_longer_or_shorter_than_its_bounds(target, others, count, limit) -> None:
    own = device("t", "mlp", target, 1e9)
    fleet = [device(f"s{k}", *it) for k, it in enumerate(others)]
    devices = {it.name: it for it in (*fleet, own)}
    nodes = {it.name: KNOWN[it.architecture] for it in fleet}
    names, count = list(nodes), min(count, len(nodes))

    def rehearsed(choose):
        understudy = Understudy(outline(names, count), choose)
        record = rehearse(list(devices.values()), {"t": understudy}, nodes, max_in_flight=limit)
        return record, understudy.choice

    record, choice = rehearsed(first)
    it = choosing(choice, own, devices, nodes, record.ledger, max_in_flight=limit)
    bounds = it.transfer_ns()
    for chosen in combinations(names, count):
        other, _ = rehearsed(lambda _, chosen=chosen: chosen)
        assert bounds.low <= other.targets["t"].phase_ns["transfer"] <= bounds.high
        if it.is_free:
            assert other.targets == record.targets


@given(seed=st.integers(0, 99), others=st.lists(st.sampled_from([0.002, 0.02]), min_size=2, max_size=4))
@settings(deadline=None, max_examples=30)
def test_what_is_lost_of_a_frame_is_the_same_whoever_else_is_chosen(seed, others) -> None:
    link = LinkProfile("any", 5e6, 5e6, 40_000_000, 0.0, 3e-9, 1e-9, "", "", ())
    own = device("t", "mlp", link, 1e9)
    fleet = [device(f"s{k}", "mlp", replace(link, loss=loss), 1e9) for k, loss in enumerate(others)]
    devices, nodes = {it.name: it for it in (*fleet, own)}, {it.name: KNOWN["mlp"] for it in fleet}

    def rehearsed(choose):
        understudy = Understudy(outline(list(nodes), 2), choose)
        record = rehearse(list(devices.values()), {"t": understudy}, nodes, seed=seed)
        return record, understudy.choice

    record, choice = rehearsed(first)
    it = choosing(choice, own, devices, nodes, record.ledger, seed=seed)
    for chosen in combinations(nodes, 2):
        other, _ = rehearsed(lambda _, chosen=chosen: chosen)
        sent = sum(row.wire_bytes for row in other.ledger if row.phase == "transfer")
        assert sent == sum(it.options[name].wire_bytes for name in chosen)
        joules = sum(other.radio_j.values()) - sum(record.radio_j.values())
        added = sum(it.options[name].radio_j for name in chosen)
        assert joules == pytest.approx(added - sum(it.options[name].radio_j for name in list(nodes)[:2]))


def option(reply: int, work: int, radio: float, joules: float) -> Option:
    return Option(reply, reply, work, radio, joules, None)


def test_extremes_have_least_and_most_of_each_figure() -> None:
    it = Choosing(
        {
            "big": option(9, 1, 2.0, 3.0),
            "slow": option(5, 9, 1.5, 9.0),
            "far": option(4, 2, 8.0, 8.0),
            "small": option(1, 3, 1.0, 2.0),
        },
        2,
    )
    found = it.extremes()
    assert found[0] == ("big", "slow"), "those of most bytes come first"
    assert set(found) >= {("far", "small"), ("slow", "small"), ("big", "far"), ("far", "slow")}
    assert not it.is_free


def test_options_that_are_alike_leave_nothing_open() -> None:
    assert Choosing(dict.fromkeys("abc", option(1, 2, 3.0, 4.0)), 2).is_free


@pytest.mark.parametrize(("count", "low"), [(1, 10), (2, 20), (3, 30), (4, 40)])
def test_the_last_of_so_many_is_no_faster_than_alone(count: int, low: int) -> None:
    times = {str(ms): Transfer(ms * MS, 50 * MS, 4 * MS, (2 * MS, MS)) for ms in (10, 20, 30, 40)}
    bounds = Choosing(
        {name: Option(1, 1, 1, 0.0, 0.0, it) for name, it in times.items()}, count
    ).transfer_ns()
    assert (bounds.low, bounds.high) == (low * MS - ROUNDING_NS, 50 * MS + ROUNDING_NS)


def test_a_full_link_takes_the_least_delays_and_the_least_reply() -> None:
    times = (Transfer(MS, 90 * MS, 80 * MS, (2 * MS, 9 * MS)), Transfer(MS, 99 * MS, 85 * MS, (5 * MS, MS)))
    options = {str(place): Option(1, 1, 1, 0.0, 0.0, it) for place, it in enumerate(times)}
    assert Choosing(options, 1).transfer_ns().low == (2 + 80 + 1) * MS - ROUNDING_NS
