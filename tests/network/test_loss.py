"""Links that lose packets: bytes, times against known laws, and independence of everything but the names."""

import math
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.network import AccessLink, FlowNetwork
from hat_sim.network.loss import LossyWindow, lost_syns
from hat_sim.network.tcp import wire_bytes

MS = 1_000_000
S = 1000 * MS
RTT_NS = 40 * MS
LONG_NS = 100_000 * S


class Fates:
    """Random numbers that lose the segments marked by an x, and none after."""

    def __init__(self, fates):
        self.fates = iter(fates)

    def random(self):
        return 0.0 if next(self.fates, ".") == "x" else 0.9


def link(loss, rate=100_000_000, latency_ns=10 * MS):
    return AccessLink(rate, rate, latency_ns, loss)


def one(size, loss, seed=0, **more):
    """A frame over a path that loses packets on the sender's side alone."""
    network = FlowNetwork({"a": link(loss, **more), "b": link(0, **more)}, seed)
    network.send(0, "a", "b", size - 4, 0)
    (delivery,) = network.advance(LONG_NS)
    return delivery


@pytest.mark.parametrize("loss", [0.00001, 0.0005, 0.001])
def test_few_losses_multiply_bytes_and_cost_next_to_no_time(loss):
    lossless, lossy = one(1_000_000, 0), one(1_000_000, loss)
    assert lossy.wire.forward == round(lossless.wire.forward / (1 - loss))
    assert lossy.wire.reverse == round(lossless.wire.reverse / (1 - loss))
    assert lossless.arrived_ns < lossy.arrived_ns < lossless.arrived_ns * (1 + loss)


@pytest.mark.parametrize("loss", [0.002, 0.005, 0.01])
def test_more_losses_multiply_bytes_on_average(loss):
    """Retransmissions are bytes on the wire: 1 / (1 - loss) of them, within 1 %."""
    total = mean(one(1_000_000, loss, seed).wire_bytes for seed in range(60))
    assert total == pytest.approx(one(1_000_000, 0).wire_bytes / (1 - loss), rel=0.01)


@pytest.mark.parametrize("loss", [0.005, 0.01, 0.02, 0.05])
@pytest.mark.parametrize("latency_ns", [10 * MS, 25 * MS])
def test_a_long_message_is_as_fast_as_the_square_root_law_says(loss, latency_ns):
    """MSS / RTT * sqrt(1.5 / loss), within a factor of 1.3 (Mathis et al., CCR 1997)."""
    seconds = [one(10_000_000, loss, seed, latency_ns=latency_ns).arrived_ns / S for seed in range(12)]
    law = 1448 / (4 * latency_ns / S) * math.sqrt(1.5 / loss)
    assert 1 / 1.3 < 10_000_000 / mean(seconds) / law < 1.3


def test_four_times_the_losses_halve_the_rate():
    slow, fast = (mean(one(10_000_000, loss, s).arrived_ns for s in range(12)) for loss in (0.02, 0.005))
    assert 2 / 1.3 < slow / fast < 2 * 1.3


def test_a_link_that_is_slower_than_the_window_stays_full():
    """At 1 Mbit/s and 0.2 % the window is wider than the path: no more time than the bytes need."""
    arrived_ns = one(1_000_000, 0.002, rate=1_000_000).arrived_ns
    lossless_ns = one(1_000_000, 0, rate=1_000_000).arrived_ns
    assert lossless_ns < arrived_ns < 1.1 * lossless_ns


def test_the_losses_of_a_frame_follow_from_its_names_and_the_seed():
    """Not from other frames, their order, or the identifier."""
    fleet = dict.fromkeys("abc", link(0.02))

    def frames(sends, seed=0):
        network = FlowNetwork(fleet, seed)
        for flow, (sender, receiver, at_s) in sends:
            network.send(flow, sender, receiver, 300_000, at_s * S)
        return {delivery.flow_id: delivery for delivery in network.advance(LONG_NS)}

    alone = frames([(0, ("a", "b", 0))])[0].wire
    both = frames([(0, ("c", "b", 0)), (7, ("a", "b", 0))])
    assert both[7].wire.forward == alone.forward != both[0].wire.forward
    later = frames([(0, ("a", "b", 0)), (1, ("a", "b", 100))])
    assert later[0].wire == alone != later[1].wire
    assert frames([(0, ("a", "b", 0))], seed=1)[0].wire != alone


def test_a_lone_segment_that_is_lost_waits_for_the_timeout_and_the_next_one_twice_as_long():
    window = LossyWindow()
    assert window.take(1, 0, RTT_NS) == 1
    assert window.lose(1, 0.5, Fates("x"), True, RTT_NS) == (1, 240 * MS)
    assert window.take(1, 240 * MS, RTT_NS) == 1
    assert window.lose(1, 0.5, Fates("x"), True, RTT_NS) == (1, 480 * MS)
    assert window.take(5, 720 * MS, RTT_NS) == 1


def test_a_loss_that_later_segments_reveal_is_known_in_the_next_round():
    window = LossyWindow()
    assert window.take(100, 0, RTT_NS) == 10
    assert window.lose(10, 0.5, Fates("..x......."), False, RTT_NS) == (1, None)
    assert window.take(91, RTT_NS, RTT_NS) == 7
    assert window.threshold == 7


@pytest.mark.parametrize(("fates", "rounds"), [(".........x", 2), ("........xx", 3), ("xxxxxxxxxx", 3)])
def test_the_lost_end_of_a_message_takes_a_probe(fates, rounds):
    window = LossyWindow()
    window.take(10, 0, RTT_NS)
    assert window.lose(10, 0.5, Fates(fates), True, RTT_NS) == (fates.count("x"), rounds * RTT_NS)


def test_a_message_that_goes_on_reveals_the_lost_end_of_a_round():
    window = LossyWindow()
    window.take(100, 0, RTT_NS)
    assert window.lose(10, 0.5, Fates(".........x"), False, RTT_NS) == (1, None)


def test_a_round_without_losses_doubles_the_window_and_a_queue_ends_slow_start():
    """HyStart: an eighth of the round trip of 40 ms, so 5 ms, was spent in a queue."""
    window = LossyWindow()
    assert [window.take(1000, step * RTT_NS, RTT_NS) for step in range(3)] == [10, 20, 40]
    assert window.take(1000, 3 * RTT_NS + 5 * MS, RTT_NS) == 80
    assert window.take(1000, 4 * RTT_NS + 10 * MS + 1, RTT_NS) == 160
    assert window.threshold == 160


def test_after_a_loss_the_window_grows_back_to_where_it_was():
    """By the floor of 0.53 segments a round, or by CUBIC's curve, whichever is wider."""
    for rtt_ns, rounds in ((10 * MS, (50, 60)), (S, (3, 5))):
        window = LossyWindow(size=100.0, threshold=100.0)
        window.take(1000, 0, rtt_ns)
        window.lose(10, 0.5, Fates("x........."), False, rtt_ns)
        sizes = [window.take(1000, step * rtt_ns, rtt_ns) for step in range(1, 70)]
        assert sizes[0] == 70
        assert rounds[0] <= next(step for step, size in enumerate(sizes) if size >= 100) <= rounds[1]


def test_a_frame_that_begins_within_a_round_has_its_rest_and_then_waits_a_round_trip():
    window = LossyWindow()
    assert window.take(1, 0, RTT_NS) == 1
    assert window.take(16, RTT_NS - 1, RTT_NS, begins=True) == 9
    assert window.take(7, RTT_NS, RTT_NS) == 0
    assert window.take(7, 2 * RTT_NS, RTT_NS) == 7


def test_an_idle_connection_starts_slowly_but_knows_where_it_was_hurt():
    window = LossyWindow(size=100.0, threshold=70.0)
    window.restart()
    assert (window.take(1000, S, RTT_NS), window.threshold) == (10, 70)


@pytest.mark.parametrize(
    ("fates", "lost"), [("", (0, 0)), ("x", (1, 0)), (".x", (0, 1)), ("x.xx", (2, 1)), ("x" * 20, (6, 0))]
)
def test_a_handshake_may_lose_packets_too(fates, lost):
    assert lost_syns(0.5, Fates(fates)) == lost


def test_a_lost_syn_costs_a_second_and_its_bytes():
    quiet = one(1000, 0)
    found = {one(1000, 0.2, seed).arrived_ns - quiet.arrived_ns for seed in range(40)}
    assert {0, S, 3 * S, 200 * MS + 40 * MS} <= {round(extra / MS) * MS for extra in found}
    costs = {one(1000, 0.2, seed).wire.forward - quiet.wire.forward for seed in range(40)}
    assert {0, 74, 2 * 74, 1066} <= costs


def test_a_link_may_begin_and_cease_to_lose_packets():
    """From 1 s on the frame is as slow as one over such a link; what has been sent stays sent."""
    fleet = {"a": link(0), "b": link(0)}
    quiet_ns = one(30_000_000, 0).arrived_ns
    network = FlowNetwork(fleet)
    network.send(0, "a", "b", 29_999_996, 0)
    network.advance(S)
    network.set_link("a", link(0.02), S)
    assert network.advance(20 * S) == []
    network.set_link("a", link(0), 20 * S)
    (delivery,) = network.advance(LONG_NS)
    assert 20 * S < delivery.arrived_ns < 19 * S + quiet_ns
    assert delivery.wire.forward > wire_bytes(30_000_000, True).forward + 10 * 1514


@pytest.mark.parametrize("loss", [-0.1, 1.0])
def test_a_link_that_loses_everything_or_less_than_nothing_is_refused(loss):
    with pytest.raises(Exception, match="but not all"):
        link(loss)


@given(st.integers(1, 2_000_000), st.sampled_from([0.002, 0.05, 0.3]), st.integers(0, 1000))
def test_every_frame_arrives_and_costs_at_least_its_bytes(size, loss, seed):
    delivery, least = one(size + 3, loss, seed), wire_bytes(size + 3, opens=True)
    assert delivery.wire.forward >= least.forward and delivery.wire.reverse >= least.reverse
    assert delivery.arrived_ns >= one(size + 3, 0).arrived_ns
