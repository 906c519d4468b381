"""How much processor time the network model takes for each message, on one core, fleet and all.

Messages of 100 kB with a link each of 20 and 50 Mbit/s: all at once into one target with 1 Gbit/s (one hub,
so the path of virtual service times), and between hosts at random (Poisson arrivals, 1,000 a second among
1,000 hosts: general water-filling). Processor time of this process, the least of three rounds
(of one for 100,000 messages), with the garbage collector set as every process of hat-sim sets it.
"""

from __future__ import annotations

import os
import random
import time

from benchmarks.figure import Bound, Figure
from hat_sim.garbage import collect_rarely
from hat_sim.network import AccessLink, FlowNetwork

COMMAND = "python -m benchmarks network"
LINK = AccessLink(up_bit_s=20_000_000, down_bit_s=50_000_000, latency_ns=10_000_000)
HUB = AccessLink(up_bit_s=1_000_000_000, down_bit_s=1_000_000_000, latency_ns=1_000_000)
SIZE = 100_000
COUNTS = (1_000, 10_000, 100_000)
END_NS = 10**15
MOST_US, MOST_GROWTH, MOST_S = 30.0, 2.0, 1.5


def run(quick: bool) -> list[Figure]:
    """Into one target at three sizes, and between many at one."""
    collect_rarely()
    rounds = 1 if quick else 3
    us = {
        count: 1e6 * min(_at_once(count) for _ in range(rounds if count < COUNTS[2] else 1)) / count
        for count in COUNTS
    }
    poisson_s = min(_poisson(10_000, 1_000) for _ in range(rounds))
    note = f"at a load of {os.getloadavg()[0]:.0f} by others"
    table, into = "Messages into one target, all at once", "{:,} messages into one target"
    figures = [Figure(table, into.format(count), "each", us[count], "us", COMMAND) for count in COUNTS]
    figures[1] = Figure(
        table,
        into.format(COUNTS[1]),
        "each",
        us[COUNTS[1]],
        "us",
        COMMAND,
        bound=Bound("at most", MOST_US),
        note=note,
    )
    figures.append(
        Figure(
            table,
            into.format(COUNTS[2]),
            "of 1,000",
            us[COUNTS[2]] / us[COUNTS[0]],
            "ratio",
            COMMAND,
            reference="1 is linear growth",
            bound=Bound("at most", MOST_GROWTH),
            note=note,
        )
    )
    figures.append(
        Figure(
            "Messages between hosts at random",
            "10,000 messages among 1,000 hosts",
            "all",
            poisson_s,
            "s",
            COMMAND,
            bound=Bound("at most", MOST_S),
            note=note,
        )
    )
    return figures


def _at_once(count: int) -> float:
    began = time.process_time()
    network = FlowNetwork({str(number): LINK for number in range(count)} | {"target": HUB})
    for number in range(count):
        network.send(number, str(number), "target", SIZE, 0)
    assert len(network.advance(END_NS)) == count
    return time.process_time() - began


def _poisson(count: int, hosts: int) -> float:
    dice = random.Random(0)
    at_s, sends = 0.0, []
    for number in range(count):
        at_s += dice.expovariate(hosts)
        sender, receiver = dice.sample(range(hosts), 2)
        sends.append((number, str(sender), str(receiver), SIZE, round(at_s * 1e9)))
    began = time.process_time()
    network = FlowNetwork({str(number): LINK for number in range(hosts)})
    for send in sends:
        network.send(*send)
    assert len(network.advance(END_NS)) == count
    return time.process_time() - began
