"""The network without a conductor."""

import pytest

from hat_sim.errors import UserError
from hat_sim.network import simulate

HOST = {"up_mbit_s": 1, "down_mbit_s": 1, "access_latency_s": 0.05}


def test_transfers_come_in_the_order_of_their_messages():
    """Completions are in seconds since 0; a message that starts later finds its connection open."""
    late, early = (
        {"src": 0, "dst": 1, "bytes": 1000, "start_s": 2.0},
        {"src": 0, "dst": 1, "bytes": 1000, "start_s": 0},
    )
    transfers = simulate([HOST, HOST], [late, early])
    assert [transfer.completed_s for transfer in transfers] == [2.117056, 0.319952]
    assert [transfer.wire.total for transfer in transfers] == [1132, 1677]


def test_all_that_makes_no_sense_is_reported_at_once():
    hosts = [HOST, HOST | {"down_mbit_s": 0}]
    flows = [
        {"src": 0, "dst": 2, "bytes": 1000, "start_s": 0},
        {"src": 1, "dst": 1, "bytes": 1000, "start_s": 0},
        {"src": 0, "dst": 1, "bytes": 3, "start_s": -1},
    ]
    with pytest.raises(UserError, match=r"no such link") as refusal:
        simulate(hosts, flows)
    paths = [problem.path for problem in refusal.value.problems]
    assert paths == ["hosts[1]", "flows[0]", "flows[1]", "flows[2]", "flows[2]"]
