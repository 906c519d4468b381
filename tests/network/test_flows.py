"""Frames over access links: instants by hand, connections, withdrawals, and independence of the calls."""

import dataclasses
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.errors import InternalError
from hat_sim.network import AccessLink, FlowNetwork, flows
from hat_sim.network.tcp import wire_bytes

MS = 1_000_000
S = 1000 * MS
SLOW = AccessLink(up_bit_s=1_000_000, down_bit_s=1_000_000, latency_ns=50 * MS)
FAST = AccessLink(up_bit_s=50_000_000, down_bit_s=50_000_000, latency_ns=10 * MS)
HANDSHAKE_NS = 200 * MS + 4 * 592_000
LONG_NS = 10_000 * S


def deliver(network):
    """Everything that is still to arrive, by flow."""
    return {delivery.flow_id: delivery for delivery in network.advance(LONG_NS)}


def pair(link=SLOW):
    return FlowNetwork({"a": link, "b": link})


def test_a_first_frame_pays_the_handshake_two_hops_and_the_latency():
    """1,066 bytes at 1 Mbit/s take 8.528 ms on each hop; the handshake's ACK of 66 bytes goes ahead."""
    network = pair()
    network.send(7, "a", "b", 996, 0)
    (delivery,) = network.advance(LONG_NS)
    assert delivery.arrived_ns == HANDSHAKE_NS + 528_000 + 8_528_000 + 100 * MS + 8_528_000
    assert (delivery.flow_id, delivery.wire.forward, delivery.wire_bytes) == (7, 1404, 1677)


def test_a_later_frame_and_a_reply_find_the_connection_open():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.send(1, "a", "b", 996, S)
    network.send(2, "b", "a", 996, 2 * S)
    arrived = deliver(network)
    for flow, start_ns in ((1, S), (2, 2 * S)):
        assert arrived[flow].arrived_ns == start_ns + 2 * 8_528_000 + 100 * MS
        assert arrived[flow].wire_bytes == 1066 + 66


def test_two_devices_that_call_each_other_at_once_share_one_handshake():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.send(1, "b", "a", 996, 0)
    arrived = deliver(network)
    assert (arrived[0].wire_bytes, arrived[1].wire_bytes) == (1677, 1132)
    assert arrived[1].arrived_ns == HANDSHAKE_NS + 2 * 8_528_000 + 100 * MS


def test_an_extra_hop_costs_one_packet_on_the_faster_link():
    """Ten full segments from 50 Mbit/s into 1 Mbit/s: 15,140 bytes at 1 Mbit/s, one packet at 50."""
    network = FlowNetwork({"a": FAST, "b": SLOW})
    network.send(0, "b", "a", 0, 0)
    network.send(1, "a", "b", 14_476, S)
    transmission_ns, packet_ns = 15_140 * 8_000, 1514 * 160
    assert deliver(network)[1].arrived_ns == S + transmission_ns + packet_ns + 60 * MS


def transfer_ns(network, flow, at_ns, size=500_000):
    network.send(flow, "a", "b", size, at_ns)
    (delivery,) = network.advance(at_ns + 100 * S)
    return delivery.arrived_ns - at_ns


def test_a_connection_keeps_its_window_for_a_timeout_and_no_longer():
    """The RTO here is the round trip of about 40 ms + 200 ms."""
    last_ns = {}
    for idle_ns in (150 * MS, 300 * MS):
        network = pair(FAST)
        network.send(0, "a", "b", 500_000, 0)
        while not (arrived := network.advance(network.next_event())):
            pass
        last_ns[idle_ns] = transfer_ns(network, 1, arrived[0].arrived_ns + idle_ns)
    rounds_ns = last_ns[300 * MS] - last_ns[150 * MS]
    assert 100 * MS < rounds_ns < 4 * 41 * MS


def test_frames_of_one_direction_follow_each_other():
    network = pair()
    for flow in range(3):
        network.send(flow, "a", "b", 996, 0)
    arrived = deliver(network)
    assert [arrived[flow].arrived_ns - arrived[0].arrived_ns for flow in (1, 2)] == [8_528_000, 17_056_000]


def test_equal_frames_into_one_target_share_its_downlink():
    """Five sources of 10 kB, each of which alone would take a fifth; what arrives at once is sorted by id."""
    network = FlowNetwork(dict.fromkeys("abcdet", SLOW))
    for flow, source in zip((3, 1, 4, 0, 2), "abcde", strict=True):
        network.send(flow, source, "t", 9_996, 0)
    transmission_ns = 5 * (10_000 + 7 * 66 + 66) * 8_000
    arrived = network.advance(LONG_NS)
    assert [d.flow_id for d in arrived] == [0, 1, 2, 3, 4]
    assert {d.arrived_ns for d in arrived} == {HANDSHAKE_NS + transmission_ns + 100 * MS + 12_112_000}


def test_time_passes_without_deliveries_where_nothing_arrives():
    network = pair()
    assert network.next_event() is None
    assert network.advance(S) == []
    network.send(0, "a", "b", 996, 2 * S)
    assert network.next_event() == 2 * S
    assert network.advance(2 * S + 1) == []


def test_a_withdrawn_frame_costs_what_was_sent_and_frees_the_link():
    network = FlowNetwork(dict.fromkeys("abt", SLOW))
    for flow, source in enumerate("ab"):
        network.send(flow, source, "t", 99_996, 0)
    assert network.advance(S) == []
    cost = network.withdraw(0, S)
    begun = wire_bytes(33 * 1448, opens=True)
    assert begun.forward <= cost.forward <= begun.forward + 1514
    rest = deliver(network)
    assert list(rest) == [1]
    assert rest[1].arrived_ns < 2 * S


def test_a_frame_withdrawn_before_it_begins_costs_nothing():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.send(1, "a", "b", 996, 0)
    network.send(2, "a", "b", 996, 9 * S)
    network.advance(1)
    assert (network.withdraw(1, 1).total, network.withdraw(2, 1).total) == (0, 0)
    assert list(deliver(network)) == [0]


def test_a_frame_withdrawn_on_its_last_way_costs_all_its_bytes():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.advance(HANDSHAKE_NS + 50 * MS)
    assert network.withdraw(0, HANDSHAKE_NS + 50 * MS).total == 1677
    assert deliver(network) == {}


def test_after_a_frame_that_broke_off_the_next_one_opens_a_new_connection():
    network = pair()
    network.send(0, "a", "b", 99_996, 0)
    network.send(1, "a", "b", 996, 0)
    network.advance(S)
    network.withdraw(0, S)
    delivery = deliver(network)[1]
    assert delivery.wire_bytes == 1677
    assert delivery.arrived_ns == S + HANDSHAKE_NS + 528_000 + 2 * 8_528_000 + 100 * MS


def test_a_new_connection_is_in_slow_start_again():
    """A frame after one that broke off takes as long as the very first of its size."""
    first_ns = transfer_ns(pair(FAST), 0, 0)
    network = pair(FAST)
    network.send(0, "a", "b", 10_000_000, 0)
    network.advance(S)
    network.withdraw(0, S)
    assert transfer_ns(network, 1, S + MS) == first_ns


def test_a_frame_withdrawn_while_it_connects_costs_the_connection():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.send(1, "b", "a", 996, 0)
    network.advance(MS)
    assert network.withdraw(0, MS).total == 338 + 207
    assert deliver(network)[1].wire_bytes == 1677


CUT = AccessLink(0, 0, 0)


def started(size=99_996):
    """A frame of `size` bytes that has been on its way for a second."""
    network = pair()
    network.send(0, "a", "b", size, 0)
    assert network.advance(S) == []
    return network


def test_a_slower_link_stretches_what_is_left_and_nothing_else():
    """Half the rate from 1 s on: what would have left at 1 s + x leaves at 1 s + 2 x."""
    last_hop_ns = 100 * MS + 1514 * 8000
    whole_ns = deliver(started())[0].arrived_ns
    network = started()
    network.set_link("b", AccessLink(1_000_000, 500_000, 50 * MS), S)
    slowed_ns = deliver(network)[0].arrived_ns
    assert slowed_ns - S == pytest.approx(2 * (whole_ns - S - last_hop_ns) + last_hop_ns, abs=2)


def test_a_link_may_be_replaced_by_one_that_is_the_same():
    network = started()
    network.set_link("a", SLOW, S)
    assert deliver(network) == deliver(started())


def test_another_latency_acts_on_what_is_sent_from_now_on():
    network = started()
    whole_ns = deliver(started())[0].arrived_ns
    network.set_link("a", AccessLink(1_000_000, 1_000_000, 350 * MS), S)
    assert deliver(network)[0].arrived_ns == whole_ns + 300 * MS


def test_a_later_frame_does_not_overtake_an_earlier_one_when_the_latency_falls():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.send(1, "a", "b", 996, 0)
    sent_ns = HANDSHAKE_NS + 528_000 + 8_528_000
    assert network.advance(sent_ns) == []
    network.set_link("a", AccessLink(1_000_000, 1_000_000, 0), sent_ns)
    network.set_link("b", AccessLink(1_000_000, 1_000_000, 0), sent_ns)
    arrived = deliver(network)
    assert arrived[0].arrived_ns == arrived[1].arrived_ns == sent_ns + 100 * MS + 8_528_000


def test_a_short_cut_delays_a_frame_by_its_length():
    for name in "ab":
        network = started()
        network.set_link(name, CUT, S)
        assert network.advance(S + 150 * MS) == []
        network.set_link(name, SLOW, S + 150 * MS)
        assert deliver(network)[0].arrived_ns == deliver(started())[0].arrived_ns + 150 * MS


def test_nothing_arrives_over_a_cut_however_long():
    network = started()
    network.set_link("b", CUT, S)
    network.send(1, "a", "b", 996, 2 * S)
    network.send(2, "b", "a", 996, 2 * S)
    assert network.advance(1000 * S) == []
    assert network.next_event() is None
    network.set_link("b", SLOW, 1000 * S)
    arrived = deliver(network)
    assert sorted(arrived) == [0, 1, 2]
    assert min(delivery.arrived_ns for delivery in arrived.values()) > 1000 * S + 100 * MS
    assert arrived[0].wire == deliver(started())[0].wire


def test_after_a_long_cut_a_frame_is_in_slow_start_again():
    delays_ns = []
    for cut_ns in (150 * MS, 5 * S):
        network = pair(FAST)
        network.send(0, "a", "b", 10_000_000, 0)
        network.advance(S)
        network.set_link("a", CUT, S)
        network.advance(S + cut_ns)
        network.set_link("a", FAST, S + cut_ns)
        delays_ns.append(deliver(network)[0].arrived_ns - cut_ns)
    assert delays_ns[0] < delays_ns[1] < delays_ns[0] + 5 * 41 * MS


def test_both_links_have_to_be_back():
    network = started()
    for name in "ab":
        network.set_link(name, CUT, S)
    network.set_link("b", CUT, S)
    network.set_link("b", SLOW, S)
    assert network.advance(9 * S) == []
    network.set_link("a", SLOW, 9 * S)
    assert list(deliver(network)) == [0]


def test_a_handshake_and_a_last_packet_that_meet_a_cut_are_sent_again():
    network = pair()
    network.send(0, "a", "b", 996, 0)
    network.advance(100 * MS)
    network.set_link("a", CUT, 100 * MS)
    network.advance(5 * S)
    network.set_link("a", SLOW, 5 * S)
    sent_ns = 5 * S + HANDSHAKE_NS + 528_000 + 8_528_000
    assert network.advance(sent_ns + 50 * MS) == []
    network.set_link("b", CUT, sent_ns + 50 * MS)
    assert network.advance(9 * S) == []
    network.set_link("b", SLOW, 9 * S)
    (delivery,) = network.advance(LONG_NS)
    assert (delivery.arrived_ns, delivery.wire_bytes) == (9 * S + 100 * MS + 8_528_000, 1677)


def test_a_frame_may_be_withdrawn_during_a_cut():
    """It costs what had been sent when the link was cut, and the next one opens a new connection."""
    network = started()
    network.send(1, "a", "b", 996, S)
    network.set_link("a", CUT, S)
    network.advance(20 * S)
    assert network.withdraw(0, 20 * S) == started().withdraw(0, S)
    assert network.advance(30 * S) == []
    network.set_link("a", SLOW, 30 * S)
    (delivery,) = network.advance(LONG_NS)
    assert delivery.arrived_ns == 30 * S + HANDSHAKE_NS + 528_000 + 2 * 8_528_000 + 100 * MS
    assert delivery.wire_bytes == 1677


def test_a_cut_frees_the_share_of_others():
    network = FlowNetwork(dict.fromkeys("abt", SLOW))
    for flow, source in enumerate("ab"):
        network.send(flow, source, "t", 99_996, 0)
    network.advance(S)
    network.set_link("a", CUT, S)
    assert deliver(network)[1].arrived_ns < 2 * S
    with pytest.raises(InternalError, match="cut from the start"):
        FlowNetwork({"a": CUT})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: n.set_link("x", SLOW, 5), "x has no access link"),
        (lambda n: n.set_link("a", SLOW, 0), "already, and cannot go to 0 ns"),
        (lambda n: n.set_link("a", SLOW, 9 * S), "was not advanced to"),
        (lambda n: n.send(0, "a", "b", 1, 5 * S), "flow 0 is under way already"),
        (lambda n: n.send(1, "a", "b", -1, 5 * S), "a payload of -1 bytes"),
        (lambda n: n.send(1, "a", "a", 1, 5 * S), "a sends to itself"),
        (lambda n: n.send(1, "a", "x", 1, 5 * S), "x has no access link"),
        (lambda n: n.send(1, "a", "b", 1, 0), "already, and cannot go to 0 ns"),
        (lambda n: n.advance(0), "already, and cannot go to 0 ns"),
        (lambda n: n.withdraw(9, 2), "flow 9 is not under way"),
        (lambda n: n.withdraw(0, 9 * S), "was not advanced to"),
    ],
)
def test_a_call_that_makes_no_sense_is_a_bug_of_the_caller(call, message):
    network = pair()
    network.send(0, "a", "b", 996, 5)
    network.advance(1)
    with pytest.raises(InternalError, match=message):
        call(network)


@pytest.mark.parametrize("link", [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_an_access_link_without_rate_is_refused(link):
    with pytest.raises(InternalError, match="positive rates"):
        AccessLink(*link)


NAMES = "abcd"
LINKS = st.builds(
    AccessLink,
    st.sampled_from([1_000_000, 3_000_000, 10_000_000]),
    st.sampled_from([1_000_000, 7_000_000, 10_000_000]),
    st.integers(0, 80 * MS),
)
SENDS = st.lists(
    st.tuples(st.permutations(NAMES), st.integers(0, 200_000), st.integers(0, 3 * S)), min_size=1, max_size=12
)
LOSSY_LINKS = st.builds(dataclasses.replace, LINKS, loss=st.sampled_from([0.0, 0.0005, 0.002, 0.05]))
FLEETS = st.fixed_dictionaries(dict.fromkeys(NAMES, LINKS))


LOSSY_FLEETS = st.fixed_dictionaries(dict.fromkeys(NAMES, LOSSY_LINKS))


def changes(links):
    """Links that devices get at some instants, cuts among them."""
    link = st.one_of(st.just(CUT), links)
    return st.lists(st.tuples(st.integers(0, 5 * S), st.sampled_from(NAMES), link), max_size=8)


def send_all(network, sends):
    for flow, ((sender, receiver, *_), size, at_ns) in enumerate(sends):
        network.send(flow, sender, receiver, size, at_ns)
    return network


def play(network, fleet, changes, stops=()):
    """Advance through the changes of links and the stops; at 6 s every link is as at first. What arrived."""
    arrived = []
    events = [*changes, *((stop_ns, None, None) for stop_ns in stops)]
    events = sorted(events, key=lambda event: event[0]) + [(6 * S, *item) for item in fleet.items()]
    for at_ns, name, link in events:
        arrived += network.advance(at_ns)
        if name is not None:
            network.set_link(name, link, at_ns)
    return arrived + network.advance(LONG_NS)


@given(LOSSY_FLEETS, SENDS, changes(LOSSY_LINKS), st.lists(st.integers(0, 5 * S), max_size=20))
def test_deliveries_do_not_depend_on_how_time_is_cut(fleet, sends, changes, stops):
    """In one go, event by event, and at arbitrary instants: exactly the same."""
    whole = play(send_all(FlowNetwork(fleet), sends), fleet, changes)
    assert sorted(delivery.flow_id for delivery in whole) == list(range(len(sends)))
    assert play(send_all(FlowNetwork(fleet), sends), fleet, changes, stops) == whole
    quiet = send_all(FlowNetwork(fleet), sends).advance(LONG_NS)
    stepped, network = [], send_all(FlowNetwork(fleet), sends)
    while (now_ns := network.next_event()) is not None:
        arrived = network.advance(now_ns)
        assert all(delivery.arrived_ns == now_ns for delivery in arrived)
        stepped += arrived
    assert quiet == stepped


@given(LOSSY_FLEETS, SENDS, changes(LOSSY_LINKS))
def test_deliveries_are_those_over_plainly_shared_links(plain_links, fleet, sends, changes):
    """The same bytes, and the same instants but for the rounding of the events before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows, "SharedLinks", plain_links)
        plain = {it.flow_id: it for it in play(send_all(FlowNetwork(fleet), sends), fleet, changes)}
    fast = {it.flow_id: it for it in play(send_all(FlowNetwork(fleet), sends), fleet, changes)}
    assert fast.keys() == plain.keys() == set(range(len(sends)))
    for flow, delivery in fast.items():
        assert delivery.wire == plain[flow].wire
        assert abs(delivery.arrived_ns - plain[flow].arrived_ns) <= 1000


@given(FLEETS, SENDS, changes(LINKS))
def test_changes_of_links_cost_no_bytes(fleet, sends, changes):
    """Each frame costs what its size does; each pair of devices opens one connection."""
    arrived = play(send_all(FlowNetwork(fleet), sends), fleet, changes)
    pairs = {frozenset((sender, receiver)) for (sender, receiver, *_), _, _ in sends}
    data = sum(wire_bytes(payload + 4, opens=False).total for _, payload, _ in sends)
    assert sum(delivery.wire_bytes for delivery in arrived) == data + len(pairs) * (338 + 207)


@given(FLEETS, SENDS)
def test_a_frame_is_never_faster_than_alone_on_an_open_connection(fleet, sends):
    """Latency and two serialisations of a packet at least; the bytes are those of its size."""
    arrived = deliver(send_all(FlowNetwork(fleet), sends))
    opened = set()
    for flow, ((sender, receiver, *_), payload, at_ns) in enumerate(sends):
        slowest = min(fleet[sender].up_bit_s, fleet[receiver].down_bit_s)
        latency_ns = fleet[sender].latency_ns + fleet[receiver].latency_ns
        wire = arrived[flow].wire
        assert arrived[flow].arrived_ns >= at_ns + latency_ns + (payload + 4) * 8 * S // slowest
        opens = wire == wire_bytes(payload + 4, opens=True)
        assert opens or wire == wire_bytes(payload + 4, opens=False)
        if opens:
            assert frozenset((sender, receiver)) not in opened
            opened.add(frozenset((sender, receiver)))
    assert opened == {frozenset((sender, receiver)) for (sender, receiver, *_), _, _ in sends}


def calls_for(count, to_target):
    """How many function calls it takes to carry so many frames of different sizes, one hub."""
    fleet = {str(number): FAST for number in range(count)} | {"t": FAST}
    calls = 0

    def profile(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    network = FlowNetwork(fleet)
    sys.setprofile(profile)
    try:
        for number in range(count):
            ends = (str(number), "t") if to_target else ("t", str(number))
            network.send(number, *ends, 300 + 37 * number % 5000, 0)
        arrived = network.advance(LONG_NS)
    finally:
        sys.setprofile(None)
    assert len(arrived) == count
    return calls


@pytest.mark.parametrize("to_target", [True, False])
def test_the_work_grows_with_the_number_of_frames_and_not_with_its_square(to_target):
    """Eight times the frames at one hub take less than nine times the function calls."""
    few, many = calls_for(200, to_target), calls_for(1600, to_target)
    assert many < 9 * few
