"""What hangs on a choice that nobody can know yet: the extremes of it, and how long the chosen may take.

Bytes, work and joules add up over the chosen sources, so the sources that have least and most of each give
the least and the most. Times do not: transfers share the target's link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hat_sim.errors import InternalError
from hat_sim.forecast.costs import Range
from hat_sim.forecast.stand_in import StandIn, parcel_of
from hat_sim.methods.outline import Choice
from hat_sim.network.flows import FlowNetwork
from hat_sim.network.tcp import LENGTH_PREFIX, WireBytes, wire_bytes
from hat_sim.protocol.ledger import LedgerRow
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.conductor import access_link
from hat_sim.simulation.energy import EnergyMeter

ROUNDING_NS = 1000
"""Rates are whole bits a second and times whole nanoseconds; so much they may come to."""


@dataclass(frozen=True)
class Option:
    """What choosing a source adds: bytes of its reply, work of the target, joules of all radios.

    `alone_ns` is how long its transfer takes if nobody else were asked, `squeezed_ns` if the target's link
    were shared evenly with the others from beginning to end. Both are 0 where nothing is asked of it.
    """

    reply_bytes: int
    work: int
    radio_j: float
    joules: float
    alone_ns: int
    squeezed_ns: int


@dataclass(frozen=True)
class Choosing:
    """A choice in its world: what each of the sources adds, by name, and how many are chosen."""

    options: Mapping[str, Option]
    count: int

    @property
    def is_free(self) -> bool:
        """Whether whichever sources are chosen, the costs are the same."""
        return len(set(self.options.values())) == 1

    def extremes(self) -> tuple[tuple[str, ...], ...]:
        """Sets of sources that have least or most of anything that adds up; those of most bytes first."""
        found: dict[tuple[str, ...], None] = {}
        for figure in ("reply_bytes", "work", "radio_j", "joules"):
            order = sorted(self.options, key=lambda name: getattr(self.options[name], figure))
            for chosen in (order[-self.count :], order[: self.count]):
                found[tuple(sorted(chosen))] = None
        return tuple(found)

    def transfer_ns(self) -> Range:
        """Bounds of how long the transfer takes, whichever sources are chosen.

        The share of a link is never less than an even one, so nobody is later than `squeezed_ns`. The last
        is no earlier than it would be alone, and where the target's link is full, the chosen have it evenly
        in the mean.
        """
        alone = sorted(it.alone_ns for it in self.options.values())
        squeezed = sorted(it.squeezed_ns for it in self.options.values())
        low = max(alone[self.count - 1], squeezed[0])
        return Range(max(0, low - ROUNDING_NS), squeezed[-1] + ROUNDING_NS)


def choosing(
    choice: Choice,
    target: Device,
    devices: Mapping[str, Device],
    sources: Mapping[str, StandIn],
    ledger: Sequence[LedgerRow],
) -> Choosing:
    """A choice in the world of which `ledger` is a rehearsal; the target is alone in it."""
    count = min(choice.count, len(choice.work))
    if choice.request is None:
        return Choosing(
            {
                name: Option(0, work, 0.0, _compute_j(target, work), 0, 0)
                for name, work in choice.work.items()
            },
            count,
        )
    request = parcel_of(choice.request)
    network, start_ns = _until_transfer(ledger, devices)
    options = {}
    for name, work in choice.work.items():
        reply = sources[name].answer(choice.request).parcel.length
        radio_j = _radio_j(target, devices[name], request.length, reply)
        times = (
            _duration(
                network.apart(target.name, name, parts), request.length, reply, target.name, name, start_ns
            )
            for parts in (1, count)
        )
        options[name] = Option(reply, work, radio_j, radio_j + _compute_j(target, work), *times)
    return Choosing(options, count)


def _until_transfer(ledger: Sequence[LedgerRow], devices: Mapping[str, Device]) -> tuple[FlowNetwork, int]:
    """The network as it was when the transfer began, and when that was."""
    network = FlowNetwork({name: access_link(it) for name, it in devices.items()})
    for row in ledger:
        network.advance(row.sent_ns)
        if row.phase == "transfer":
            return network, row.sent_ns
        network.send(row.seq, row.sender, row.receiver, row.payload_bytes, row.sent_ns)
    raise InternalError("nobody is asked for a model after a choice")


def _duration(
    network: FlowNetwork, request_bytes: int, reply_bytes: int, target: str, source: str, start_ns: int
) -> int:
    """Nanoseconds from a request to its reply, which is sent at once."""
    network.send(0, target, source, request_bytes, start_ns)
    asked_ns = _arrival(network)
    network.send(1, source, target, reply_bytes, asked_ns)
    return _arrival(network) - start_ns


def _arrival(network: FlowNetwork) -> int:
    while (now_ns := network.next_event()) is not None:
        for delivery in network.advance(now_ns):
            return delivery.arrived_ns
    raise InternalError("a frame got lost")


def _radio_j(target: Device, source: Device, request_bytes: int, reply_bytes: int) -> float:
    meter = EnergyMeter()
    meter.carried(target, source, _on_the_wire(request_bytes))
    meter.carried(source, target, _on_the_wire(reply_bytes))
    return sum(meter.radio_j.values())


def _on_the_wire(payload_bytes: int) -> WireBytes:
    return wire_bytes(payload_bytes + LENGTH_PREFIX, opens=False)


def _compute_j(target: Device, work: int) -> float:
    return target.profile.power * work / target.profile.speed
