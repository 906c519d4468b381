"""What hangs on a choice that nobody can know yet: the extremes of it, and how long the chosen may take.

Bytes, work and joules add up over the chosen sources, so the sources that have least and most of each give
the least and the most; what a link loses of a frame, too, is the same whoever else is chosen. Times do not
add up: transfers share the target's link. Over links that lose packets their bounds are approximate, since
what a loss costs hangs on what else is under way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from hat_sim.forecast.costs import Range
from hat_sim.forecast.stand_in import StandIn, parcel_of
from hat_sim.learning.budget import busy_ns
from hat_sim.methods.outline import Choice
from hat_sim.network.access import Path
from hat_sim.network.flows import Delivery, FlowNetwork
from hat_sim.network.tcp import LENGTH_PREFIX, WireBytes
from hat_sim.protocol.ledger import LedgerRow
from hat_sim.protocol.work import Work
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.courier import access_link
from hat_sim.simulation.energy import EnergyMeter

ROUNDING_NS = 1000
"""So much the rounding of instants to nanoseconds may come to, event after event."""


@dataclass(frozen=True)
class Transfer:
    """How long it takes to have something of a source, in nanoseconds.

    `alone_ns` is the whole of it if nobody else is asked. All that are chosen may be like it, so that the
    target's link is shared evenly from beginning to end: then `together_ns` at most is the whole, and
    `reply_ns` at least the replies without the fixed delays at both ends, which are at least `fixed_ns` long.
    """

    alone_ns: int
    together_ns: int
    reply_ns: int
    fixed_ns: tuple[int, int]


@dataclass(frozen=True)
class Option:
    """What choosing a source adds: bytes of its reply, all on the wire, joules of radios, and of all.

    `busy_ns` is how long the target works for it. `transfer` is None where nothing is asked of it.
    """

    reply_bytes: int
    wire_bytes: int
    busy_ns: int
    radio_j: float
    joules: float
    transfer: Transfer | None


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
        for figure in ("reply_bytes", "wire_bytes", "busy_ns", "radio_j", "joules"):
            order = sorted(self.options, key=lambda name: getattr(self.options[name], figure))
            for chosen in (order[-self.count :], order[: self.count]):
                found[tuple(sorted(chosen))] = None
        return tuple(found)

    def transfer_ns(self) -> Range:
        """Bounds of how long the transfer takes, whichever sources are chosen; nothing if none is asked.

        The share of a link is never less than an even one, so nobody is later than among others like it. The
        last is no earlier than it would be alone; and where the target's link is full, the replies share it
        evenly in the mean, after the least delay and before the least.
        """
        them = [it.transfer for it in self.options.values() if it.transfer is not None]
        if not them:
            return Range.exactly(0)
        alone = sorted(it.alone_ns for it in them)
        fixed = sum(min(it.fixed_ns[end] for it in them) for end in (0, 1))
        low = max(alone[self.count - 1], fixed + min(it.reply_ns for it in them))
        return Range(max(0, low - ROUNDING_NS), max(it.together_ns for it in them) + ROUNDING_NS)


def choosing(
    choice: Choice,
    target: Device,
    devices: Mapping[str, Device],
    sources: Mapping[str, StandIn],
    ledger: Sequence[LedgerRow],
    *,
    seed: int = 0,
    max_in_flight: int | None = None,
) -> Choosing:
    """A choice in the world of which `ledger` is a rehearsal; the target is alone in it.

    `seed` and `max_in_flight` are those of the world's conductor.
    """
    chosen = min(choice.count, len(choice.work))
    if choice.request is None:
        works = {name: _worked(target, work) for name, work in choice.work.items()}
        return Choosing({name: Option(0, 0, ns, 0.0, j, None) for name, (ns, j) in works.items()}, chosen)
    request = parcel_of(choice.request).length
    start_ns = min(row.sent_ns for row in ledger if row.phase == "transfer")
    before: defaultdict[str, list[LedgerRow]] = defaultdict(list)
    for row in ledger:
        if row.sent_ns < start_ns:
            before[row.receiver if row.sender == target.name else row.sender].append(row)
    options = {}
    for name, work in choice.work.items():
        source, reply = devices[name], sources[name].answer(choice.request).parcel.length
        exchange = Exchange(target, source, before[name], request, reply, start_ns, seed)
        wires = exchange.wires()
        radio_j = _radio_j(target, source, *wires)
        work_ns, compute_j = _worked(target, work)
        transfer = exchange.transfer(chosen, min(chosen, max_in_flight or chosen))
        options[name] = Option(
            reply, sum(it.total for it in wires), work_ns, radio_j, radio_j + compute_j, transfer
        )
    return Choosing(options, chosen)


@dataclass(frozen=True)
class Exchange:
    """A request to a source and its reply, of so many bytes; `before` is what the two have sent so far.

    `seed` is that of the losses.
    """

    target: Device
    source: Device
    before: Sequence[LedgerRow]
    request_bytes: int
    reply_bytes: int
    start_ns: int
    seed: int

    def transfer(self, chosen: int, abreast: int) -> Transfer:
        """How long it takes, alone and as one of so many chosen that are like it.

        Only so many are asked `abreast`; by the time of the later ones, windows may have started over.
        """
        path = Path.between(access_link(self.source), access_link(self.target))
        first_ns, alone_ns = self._lasts(self._alone)
        asked_ns, together_ns = self._lasts(self._played(abreast))
        last_ns = path.tail_ns(self.reply_bytes + LENGTH_PREFIX)
        reply_ns = together_ns - asked_ns - last_ns
        if abreast < chosen:
            rested = replace(self, start_ns=self.start_ns + path.rto_ns)
            together_ns = -(-chosen // abreast) * max(together_ns, rested._lasts(rested._played(abreast))[1])
        return Transfer(alone_ns, together_ns, reply_ns, (first_ns, last_ns))

    def wires(self) -> tuple[WireBytes, WireBytes]:
        """What the request and the reply cost on the wire, whoever else is asked."""
        request, reply = self._alone
        return request.wire, reply.wire

    @cached_property
    def _alone(self) -> Sequence[Delivery]:
        return self._played(1)

    def _lasts(self, played: Sequence[Delivery]) -> tuple[int, int]:
        """Nanoseconds until the last request has arrived, and the last reply."""
        requests, replies = played[: len(played) // 2], played[len(played) // 2 :]
        asked_ns, end_ns = (max(it.arrived_ns for it in them) for them in (requests, replies))
        return asked_ns - self.start_ns, end_ns - self.start_ns

    def _played(self, copies: int) -> list[Delivery]:
        """All requests, then all replies, of the source and of copies of it, so many in all."""
        target, source = self.target.name, self.source.name
        names = [source, *(f"{source}/{copy}" for copy in range(1, copies))]
        links = {target: access_link(self.target)} | dict.fromkeys(names, access_link(self.source))
        network, flows = FlowNetwork(links, self.seed), count()
        for row in self.before:
            network.advance(row.sent_ns)
            for name in names:
                ends = (target, name) if row.sender == target else (name, target)
                network.send(next(flows), *ends, row.payload_bytes, row.sent_ns)
        network.advance(self.start_ns)
        asked = {next(flows): name for name in names}
        for flow, name in asked.items():
            network.send(flow, target, name, self.request_bytes, self.start_ns)
        requests: list[Delivery] = []
        replies: list[Delivery] = []
        while (now_ns := network.next_event()) is not None:
            for delivery in network.advance(now_ns):
                if delivery.flow_id in asked:
                    requests.append(delivery)
                    network.send(next(flows), asked[delivery.flow_id], target, self.reply_bytes, now_ns)
                elif delivery.flow_id > max(asked):
                    replies.append(delivery)
        return [*requests, *replies]


def _radio_j(target: Device, source: Device, request: WireBytes, reply: WireBytes) -> float:
    meter = EnergyMeter()
    meter.carried(target, source, request, "transfer", 0)
    meter.carried(source, target, reply, "transfer", 0)
    return sum(it.joules for it in meter.spent((), (), {}, 0))


def _worked(target: Device, work: Work) -> tuple[int, float]:
    """How long the target is busy with work, and the joules that it takes."""
    ns, profile = busy_ns(target.profile, work), target.profile
    if profile.energy_per_flop is not None:
        return ns, profile.energy_per_flop * work.flop
    return ns, profile.power * ns / NS_PER_S
