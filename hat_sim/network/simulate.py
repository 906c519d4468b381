"""A list of messages over a list of hosts, all known beforehand: the network without a conductor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from hat_sim.errors import Problem, UserError
from hat_sim.network.access import NS_PER_S, AccessLink
from hat_sim.network.flows import FlowNetwork
from hat_sim.network.tcp import LENGTH_PREFIX, WireBytes


class Host(TypedDict):
    """The access link of a host; latency and loss of packets are one way, over this link alone."""

    up_mbit_s: float
    down_mbit_s: float
    access_latency_s: float
    loss_percent: NotRequired[float]


class Message(TypedDict):
    """A message from host `src` to host `dst`, which are positions; `bytes` has the length prefix in it."""

    src: int
    dst: int
    bytes: int
    start_s: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """When a message arrived, in seconds since 0, and the bytes that it cost on the wire."""

    completed_s: float
    wire: WireBytes


def simulate(hosts: Sequence[Host], flows: Sequence[Message], seed: int = 0) -> list[Transfer]:
    """Send every message at its time; return the transfers in that order.

    A connection is cold at first, and open for later messages of its two hosts. `seed` is that of the losses.
    Raises UserError with every host and message that makes no sense.
    """
    problems = [*problems_of(hosts, flows)]
    if problems:
        raise UserError(problems)
    network = FlowNetwork({str(position): _access(host) for position, host in enumerate(hosts)}, seed)
    for number, flow in enumerate(flows):
        start_ns = round(flow["start_s"] * NS_PER_S)
        network.send(number, str(flow["src"]), str(flow["dst"]), flow["bytes"] - LENGTH_PREFIX, start_ns)
    transfers: dict[int, Transfer] = {}
    while (now_ns := network.next_event()) is not None:
        for delivery in network.advance(now_ns):
            transfers[delivery.flow_id] = Transfer(delivery.arrived_ns / NS_PER_S, delivery.wire)
    return [transfers[number] for number in range(len(flows))]


def _access(host: Host) -> AccessLink:
    return AccessLink(
        up_bit_s=round(host["up_mbit_s"] * 1e6),
        down_bit_s=round(host["down_mbit_s"] * 1e6),
        latency_ns=round(host["access_latency_s"] * NS_PER_S),
        loss=host.get("loss_percent", 0.0) / 100,
    )


def problems_of(hosts: Sequence[Host], flows: Sequence[Message]) -> Iterator[Problem]:
    """Every host and message that makes no sense."""
    for position, host in enumerate(hosts):
        path = f"hosts[{position}]"
        if min(host["up_mbit_s"], host["down_mbit_s"]) < 1e-6 or host["access_latency_s"] < 0:
            yield Problem(f"no such link: {host}", path, "1 bit/s or more, and no latency below 0")
        if not 0 <= host.get("loss_percent", 0.0) < 100:
            yield Problem(f"loses {host['loss_percent']} % of the packets", path, "0 or more, and below 100")
    for number, flow in enumerate(flows):
        path = f"flows[{number}]"
        if flow["src"] == flow["dst"] or not {flow["src"], flow["dst"]} <= set(range(len(hosts))):
            yield Problem(f"from {flow['src']} to {flow['dst']}", path, "two of the hosts, counted from 0")
        if flow["bytes"] < LENGTH_PREFIX:
            yield Problem(f"{flow['bytes']} bytes", path, "4 bytes of length prefix or more")
        if flow["start_s"] < 0:
            yield Problem(f"starts at {flow['start_s']} s", path, "0 s or later")
