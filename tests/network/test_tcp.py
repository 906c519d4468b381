"""Bytes on the wire and the window of slow start."""

from hypothesis import given
from hypothesis import strategies as st

from hat_sim.network.tcp import MSS, SendWindow, data_bytes, segments, wire_bytes

RTT_NS = 1000


def test_the_bytes_of_one_segment_and_of_a_full_megabyte():
    """The formula by hand: headers of 66 a segment; 338 forward and 207 reverse for opening and closing."""
    first = wire_bytes(1000, opens=True)
    assert (first.forward, first.reverse, first.total) == (1404, 273, 1677)
    later = wire_bytes(1_000_000, opens=False)
    assert (later.forward, later.reverse) == (1_000_000 + 66 * 691, 66 * (346 + 35))


def test_a_segment_more_begins_just_after_a_full_one():
    assert [segments(size) for size in (1, MSS, MSS + 1)] == [1, 1, 2]
    assert data_bytes(MSS + 1) - data_bytes(MSS) == 1 + 66


@given(st.integers(1, 10**7))
def test_opening_a_connection_costs_the_same_whatever_the_message(size):
    opening, later = wire_bytes(size, opens=True), wire_bytes(size, opens=False)
    assert (opening.forward - later.forward, opening.reverse - later.reverse) == (338, 207)


def test_slow_start_credits_ten_segments_and_then_twice_as_many_each_round_trip():
    window = SendWindow()
    assert [window.take(1000, step * RTT_NS, RTT_NS) for step in range(4)] == [10, 20, 40, 80]


def test_messages_of_one_round_share_its_credit():
    window = SendWindow()
    assert [window.take(6, now, RTT_NS) for now in (0, 1, 2)] == [6, 4, 0]
    assert window.next_round_ns == RTT_NS


def test_a_round_that_was_not_used_up_does_not_widen_the_window():
    window = SendWindow()
    window.take(9, 0, RTT_NS)
    assert window.take(1000, RTT_NS, RTT_NS) == 10


def test_a_restarted_window_is_the_first_one_again():
    window = SendWindow()
    for step in range(3):
        window.take(1000, step * RTT_NS, RTT_NS)
    window.restart()
    assert [window.take(1000, now, RTT_NS) for now in (10 * RTT_NS, 11 * RTT_NS)] == [10, 20]
