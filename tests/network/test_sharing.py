"""The sharing of links: max-min fair, conserving, and equal to its plain twin."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.network import sharing
from hat_sim.network.sharing import SharedLinks

NANOBITS = 1_000_000_000
S = 1_000_000_000
CAPACITIES = st.sampled_from([1, 2, 3, 4, 6, 7, 10, 100])


@dataclass(frozen=True)
class Start:
    """A demand of so many bits from one place to another."""

    at_ns: int
    up: int
    down: int
    bits: int


@dataclass(frozen=True)
class Change:
    """Another capacity for a link, by its position among the uplinks and then the downlinks."""

    at_ns: int
    link: int
    capacity: int


@st.composite
def fleets(draw, most=12):
    """Capacities (bit/s) of uplinks and downlinks, demands between them and changes, each sorted by time."""
    ups = draw(st.lists(CAPACITIES, min_size=1, max_size=5))
    downs = draw(st.lists(CAPACITIES, min_size=1, max_size=5))
    starts = st.builds(
        Start,
        st.integers(0, 20).map(lambda second: second * S),
        st.integers(0, len(ups) - 1),
        st.integers(0, len(downs) - 1),
        st.integers(1, 60),
    )
    changes = st.builds(
        Change,
        st.integers(0, 40).map(lambda second: second * S // 2),
        st.integers(0, len(ups) + len(downs) - 1),
        CAPACITIES,
    )
    drawn = draw(st.lists(starts, min_size=1, max_size=most)), draw(st.lists(changes, max_size=8))
    return ups, downs, *(sorted(events, key=lambda event: event.at_ns) for events in drawn)


def build(links, ups, downs, starts):
    up, down = [links.link(c) for c in ups], [links.link(c) for c in downs]
    return [*up, *down], [links.demand(up[start.up], down[start.down]) for start in starts]


def play(links, ups, downs, starts, changes):
    """Yield (instant, started demands not yet ended, those that ended now) at each change."""
    all_links, demands = build(links, ups, downs, starts)
    todo, changes = list(zip(starts, demands, strict=True)), list(changes)
    active = []
    while todo or active:
        instants = [
            links.next_end(),
            todo[0][0].at_ns if todo else None,
            changes[0].at_ns if changes else None,
        ]
        now_ns = min(instant for instant in instants if instant is not None)
        ended = links.ended(now_ns)
        active = [demand for demand in active if demand not in ended]
        while changes and changes[0].at_ns == now_ns:
            change = changes.pop(0)
            links.resize(all_links[change.link], change.capacity, now_ns)
        while todo and todo[0][0].at_ns == now_ns:
            start, demand, *_ = todo.pop(0)
            links.start(demand, start.bits * NANOBITS, now_ns)
            active.append(demand)
        yield now_ns, active, ended


def full(link, active, rates):
    return sum(rates[d] for d in active if link in (d.up, d.down)) >= link.capacity * (1 - 1e-9)


@given(fleets())
def test_no_link_carries_more_than_its_capacity(fleet):
    links = SharedLinks()
    for _, active, _ in play(links, *fleet):
        for link in {link.index: link for d in active for link in (d.up, d.down)}.values():
            carried = sum(links.rate(d) for d in active if link in (d.up, d.down))
            assert carried <= link.capacity * (1 + 1e-12)


@given(fleets())
def test_nobody_can_get_more_without_somebody_who_has_no_more_getting_less(fleet):
    """The certificate of max-min fairness: a full link on which no rate is above one's own."""
    links = SharedLinks()
    for _, active, _ in play(links, *fleet):
        rates = {demand: links.rate(demand) for demand in active}
        for demand in active:
            assert any(
                full(link, active, rates)
                and all(rates[d] <= rates[demand] * (1 + 1e-9) for d in active if link in (d.up, d.down))
                for link in (demand.up, demand.down)
            )


@given(fleets())
def test_a_demand_is_served_what_it_asked_for(fleet):
    """Rate times time adds up to the amount, but for the nanosecond that its end is rounded up."""
    starts = fleet[2]
    links = SharedLinks()
    served, before_ns, rates = {}, 0, {}
    for now_ns, active, ended in play(links, *fleet):
        for demand, rate in rates.items():
            served[demand] = served.get(demand, 0.0) + rate * (now_ns - before_ns)
        for demand in ended:
            asked = starts[demand.order - 1].bits * NANOBITS
            assert served[demand] == pytest.approx(asked, abs=200 * (len(starts) + 1))
        before_ns, rates = now_ns, {demand: links.rate(demand) for demand in active}


@given(fleets())
def test_rates_are_those_of_the_plain_twin(plain_max_min, fleet):
    """After each start and end, by whatever path the demands came to where they are."""
    links = SharedLinks()
    for _, active, _ in play(links, *fleet):
        for demand, rate in plain_max_min(active).items():
            assert links.rate(demand) == pytest.approx(float(rate), rel=1e-9)


@given(st.data(), CAPACITIES, st.lists(CAPACITIES, min_size=3, max_size=8))
def test_rates_at_a_hub_are_those_of_the_plain_twin(plain_max_min, data, capacity, caps):
    """Demands with a link of their own come, go and get other links in any order: caps bite and cease to."""
    links = SharedLinks()
    hub = links.link(capacity)
    resting, active = [links.demand(links.link(cap), hub) for cap in caps], []
    for now_ns in range(12):
        resized = data.draw(
            st.sampled_from([hub, *(demand.up for demand in resting + active)]), label="resized"
        )
        links.resize(resized, data.draw(CAPACITIES, label="capacity"), now_ns)
        demand = data.draw(st.sampled_from(resting + active), label="toggled")
        if demand in active:
            active.remove(demand)
            resting.append(demand)
            links.stop(demand, now_ns)
        else:
            resting.remove(demand)
            active.append(demand)
            links.start(demand, 1000 * NANOBITS, now_ns)
        assert {d: links.rate(d) for d in active} == pytest.approx(
            {d: float(rate) for d, rate in plain_max_min(active).items()}, rel=1e-9
        )


@given(fleets())
def test_ends_are_those_of_the_plain_twin(plain_links, fleet):
    """But for the rounding of the ends before it, which a demand up to 100 times faster magnifies."""
    fast, plain = (
        {demand.order: now_ns for now_ns, _, ended in play(links, *fleet) for demand in ended}
        for links in (SharedLinks(), plain_links())
    )
    assert fast.keys() == plain.keys() == set(range(1, len(fleet[2]) + 1))
    for order, end_ns in fast.items():
        assert abs(end_ns - plain[order]) <= 100 * len(fast)


@given(fleets(most=6), st.integers(0, 5), st.integers(1, 10), st.integers(1, 40))
def test_stopping_and_extending_are_those_of_the_plain_twin(plain_links, fleet, which, seconds, more):
    ups, downs, starts, _ = fleet
    left = []
    for links in (SharedLinks(), plain_links()):
        _, demands = build(links, ups, downs, starts)
        chosen = which % len(demands)
        for start, demand in zip(starts, demands, strict=True):
            links.start(demand, (1000 + start.bits) * NANOBITS, 0)
        links.extend(demands[chosen], more * NANOBITS, seconds * S // 2)
        left.append([links.stop(demands[chosen], seconds * S)])
        left[-1] += [links.stop(demand, 2 * seconds * S) for i, demand in enumerate(demands) if i != chosen]
    assert left[0] == pytest.approx(left[1], rel=1e-9)


def test_a_narrow_demand_leaves_its_share_to_the_others():
    """Ten bit/s among caps of 1, 4 and 100: 1, 4 and 5; then without the 100: 1 and 4."""
    links = SharedLinks()
    down = links.link(10)
    demands = [links.demand(links.link(cap), down) for cap in (1, 4, 100)]
    for demand in demands:
        links.start(demand, 1000 * NANOBITS, 0)
    assert [links.rate(demand) for demand in demands] == [1, 4, 5]
    links.stop(demands[2], S)
    assert [links.rate(demand) for demand in demands[:2]] == [1, 4]


def test_a_bridge_between_two_shared_links_gets_the_smaller_share():
    """Uplink of 6 with two demands, one of which meets two more on a downlink of 3."""
    links = SharedLinks()
    up, down = links.link(6), links.link(3)
    alone = links.demand(up, links.link(100))
    bridge = links.demand(up, down)
    others = [links.demand(links.link(100), down) for _ in range(2)]
    for demand in (alone, bridge, *others):
        links.start(demand, 1000 * NANOBITS, 0)
    assert [links.rate(demand) for demand in (alone, bridge, *others)] == [5, 1, 1, 1]


def test_demands_on_one_shared_link_never_need_general_water_filling(monkeypatch):
    """The fast path is the one that is taken, on the way in and on the way out."""

    def refuse(links):
        raise AssertionError("water-filling for a star")

    monkeypatch.setattr(sharing, "fill", refuse)
    for flip in (False, True):
        links = SharedLinks()
        hub = links.link(1000)
        ends = []
        for number in range(50):
            own = links.link(1 + number)
            pair = (hub, own) if flip else (own, hub)
            links.start(links.demand(*pair), (1 + number % 7) * NANOBITS, number)
        while (now_ns := links.next_end()) is not None:
            ends += links.ended(now_ns)
        assert len(ends) == 50


def test_a_link_that_has_carried_a_petabit_is_as_precise_as_a_new_one():
    """A thousand demands of one bit share 10 Gbit/s: 100 ns, exactly."""
    links = SharedLinks()
    hub = links.link(10_000_000_000)
    before = links.demand(links.link(10_000_000_000), hub)
    links.start(before, 1_000_000_000_000_000 * NANOBITS, 0)
    idle_ns = links.next_end()
    assert links.ended(idle_ns) == [before]
    for _ in range(1000):
        links.start(links.demand(links.link(10_000_000_000), hub), NANOBITS, idle_ns)
    assert links.next_end() == idle_ns + 100
    assert len(links.ended(idle_ns + 100)) == 1000
