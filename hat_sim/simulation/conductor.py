"""The conductor of one world: it moves frames between nodes on the virtual clock, and opens none.

It is a generator. It yields tickets of work that nodes do (a target's next step, the answers to an `Ask`) and
is sent the results; whoever drives it may wait for several worlds at once. Work is started when it is
launched in the simulation and awaited only when its simulated result is due, so that the real work of several
targets overlaps and no result depends on which came first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hat_sim.errors import InternalError
from hat_sim.learning.budget import busy_ns
from hat_sim.network.access import AccessLink
from hat_sim.network.flows import Delivery, FlowNetwork
from hat_sim.network.tcp import WireBytes
from hat_sim.protocol.ledger import DELIVERED, IN_FLIGHT, LATE, LedgerRow, refused
from hat_sim.protocol.steps import Answer, AskStep, ComputeStep, Done, Parcel, Step
from hat_sim.protocol.work import Work
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.clock import Clock
from hat_sim.simulation.energy import EnergyMeter
from hat_sim.simulation.record import Busy, TargetTimes, WorldRecord
from hat_sim.simulation.transport import Ticket, Transport

Waiting = Generator[Ticket, Any, None]
"""Part of the conductor's work that may have to wait for nodes."""

Reporter = Callable[[str, str, int], None]
"""Told a target, what it does now, and the simulated time in nanoseconds."""


@dataclass
class _Exchange:
    """An `Ask` under way; requests to sources that are `unasked` wait until an earlier one is answered."""

    target: str
    step: AskStep
    sent_ns: int
    ticket: Ticket
    unasked: list[str]
    answers: Mapping[str, Answer] | None = None
    replies: dict[str, Parcel] = field(default_factory=dict)
    reply_rows: dict[str, LedgerRow] = field(default_factory=dict)
    closed: bool = False


@dataclass
class _Frame:
    """A frame on the network; `exchange` is the `Ask` that it belongs to and `source` its other party."""

    row: LedgerRow
    exchange: _Exchange
    source: str
    is_reply: bool


class Conductor:
    """One world: its devices, their network and its targets' protocols, all from t = 0.

    `seed` is that of the packets that links lose. Of one `Ask` at most `max_in_flight` requests are out at
    once, where that is not None.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        targets: Sequence[str],
        transport: Transport,
        report: Reporter = lambda target, doing, now_ns: None,
        *,
        seed: int = 0,
        max_in_flight: int | None = None,
    ) -> None:
        self._devices = {device.name: device for device in devices}
        self._targets = tuple(targets)
        self._transport = transport
        self._report = report
        self._clock: Clock[Callable[[], Waiting]] = Clock()
        self._max_in_flight = max_in_flight
        self._network = FlowNetwork({name: access_link(it) for name, it in self._devices.items()}, seed)
        self._energy = EnergyMeter()
        self._free_ns: defaultdict[str, int] = defaultdict(int)
        self._phase_ns: dict[str, dict[str, int]] = {name: {} for name in targets}
        self._end_ns: dict[str, int] = {}
        self._ledger: list[LedgerRow] = []
        self._busy: list[Busy] = []
        self._frames: dict[int, _Frame] = {}

    def run(self) -> Generator[Ticket, Any, WorldRecord]:
        """Conduct until every target has finished; yields tickets, is sent their results."""
        for target in self._targets:
            ticket = self._transport.start(target)
            self._clock.schedule(0, partial(self._resume, target, ticket, None))
        while len(self._end_ns) < len(self._targets):
            event_ns, network_ns = self._clock.next_ns(), self._network.next_event()
            if network_ns is not None and (event_ns is None or network_ns <= event_ns):
                deliveries = self._network.advance(network_ns)
                self._clock.advance(network_ns)
                for delivery in deliveries:
                    yield from self._delivered(delivery)
            elif event_ns is not None:
                self._network.advance(event_ns)
                yield from self._clock.pop()()
            else:
                raise InternalError("the world stands still before its targets have finished")
        return self._record()

    def _resume(self, target: str, ticket: Ticket, exchange: _Exchange | None) -> Waiting:
        """Await a target's step and do what it says."""
        step: Step = yield ticket
        for name, fault in step.refused.items():
            if exchange is None:
                raise InternalError(f"{target} refuses a frame of {name}, which none was sent by")
            exchange.reply_rows[name].outcome = refused(fault)
        match step.next:
            case AskStep() as ask:
                self._ask(target, ask)
            case ComputeStep() as work:
                self._compute(target, work)
            case Done():
                self._end_ns[target] = self._clock.now_ns
                self._report(target, "done", self._clock.now_ns)

    def _compute(self, target: str, work: ComputeStep) -> None:
        """Start the work now; the target goes on when its simulated time is up."""
        self._report(target, f"{work.phase}: {work.label}", self._clock.now_ns)
        end_ns = self._occupy(target, work.label, work.phase, Work(work.flop, work.models))
        self._spend(target, work.phase, end_ns - self._clock.now_ns)
        ticket = self._transport.compute(target, work)
        self._clock.schedule(end_ns, partial(self._resume, target, ticket, None))

    def _ask(self, target: str, ask: AskStep) -> None:
        count, kind = len(ask.parcels), next(iter(ask.parcels.values())).kind
        self._report(target, f"{ask.phase}: {kind} to {count}", self._clock.now_ns)
        unknown = [name for name in ask.parcels if name not in self._devices]
        if unknown:
            raise InternalError(f"{target} asks devices that are not in its world: {unknown[:5]}")
        ticket = self._transport.ask(list(ask.parcels.items()))
        exchange = _Exchange(target, ask, self._clock.now_ns, ticket, list(ask.parcels)[::-1])
        self._ask_more(exchange, self._max_in_flight or count)
        if ask.deadline_ns is not None:
            deadline_ns = self._clock.now_ns + ask.deadline_ns
            self._clock.schedule(deadline_ns, partial(self._close, exchange), priority=1)

    def _ask_more(self, exchange: _Exchange, count: int) -> None:
        """Send the next requests, so many if there are."""
        for _ in range(min(count, len(exchange.unasked))):
            source = exchange.unasked.pop()
            self._send(exchange, source, exchange.step.parcels[source], is_reply=False)

    def _send(self, exchange: _Exchange, source: str, parcel: Parcel, is_reply: bool) -> None:
        sender, receiver = (source, exchange.target) if is_reply else (exchange.target, source)
        seq, now_ns = len(self._ledger), self._clock.now_ns
        row = LedgerRow(
            seq=seq,
            target=exchange.target,
            phase=exchange.step.phase,
            kind=parcel.kind,
            sender=sender,
            receiver=receiver,
            payload_bytes=parcel.length,
            wire_bytes=0,
            sent_ns=now_ns,
            arrived_ns=None,
            attempt=1,
            outcome=IN_FLIGHT,
        )
        self._ledger.append(row)
        self._frames[seq] = _Frame(row, exchange, source, is_reply)
        self._network.send(seq, sender, receiver, parcel.length, now_ns)

    def _delivered(self, delivery: Delivery) -> Waiting:
        frame = self._frames.pop(delivery.flow_id)
        row, exchange = frame.row, frame.exchange
        row.arrived_ns, row.wire_bytes = delivery.arrived_ns, delivery.wire_bytes
        row.outcome = DELIVERED
        self._carried(row, delivery.wire)
        if not frame.is_reply:
            yield from self._answer(exchange, frame.source, row)
        elif exchange.closed:
            row.outcome = LATE
        else:
            exchange.replies[frame.source] = exchange.answers[frame.source].parcel  # type: ignore[index]
            exchange.reply_rows[frame.source] = row
            if len(exchange.replies) == len(exchange.step.parcels):
                yield from self._close(exchange)
            else:
                self._ask_more(exchange, 1)

    def _answer(self, exchange: _Exchange, source: str, row: LedgerRow) -> Waiting:
        """A request has arrived: the source works on it, then sends its reply."""
        if exchange.answers is None:
            answers: list[Answer] = yield exchange.ticket
            exchange.answers = dict(zip(exchange.step.parcels, answers, strict=True))
        answer = exchange.answers[source]
        if answer.refused is not None:
            row.outcome = refused(answer.refused)
        work = Work(answer.flop, answer.models)
        ready_ns = self._occupy(source, f"answer {row.kind}", row.phase, work)
        self._clock.schedule(ready_ns, partial(self._reply, exchange, source, answer))

    def _reply(self, exchange: _Exchange, source: str, answer: Answer) -> Waiting:
        self._send(exchange, source, answer.parcel, is_reply=True)
        yield from ()

    def _close(self, exchange: _Exchange) -> Waiting:
        """All have answered, or the deadline has passed: the target goes on with what came."""
        if exchange.closed:
            return
        exchange.closed = True
        self._spend(exchange.target, exchange.step.phase, self._clock.now_ns - exchange.sent_ns)
        ticket = self._transport.advance(exchange.target, exchange.replies)
        yield from self._resume(exchange.target, ticket, exchange)

    def _occupy(self, name: str, label: str, phase: str, work: Work) -> int:
        """Let a device work as soon as it is free; the time at which it has finished."""
        device = self._devices[name]
        start_ns = max(self._clock.now_ns, self._free_ns[name])
        end_ns = start_ns + busy_ns(device.profile, work)
        if end_ns > start_ns:
            busy = Busy(name, label, phase, start_ns, end_ns, work.flop)
            self._energy.computed(device, busy)
            self._busy.append(busy)
        self._free_ns[name] = end_ns
        return end_ns

    def _carried(self, row: LedgerRow, wire: WireBytes) -> None:
        sender, receiver = self._devices[row.sender], self._devices[row.receiver]
        self._energy.carried(sender, receiver, wire, row.phase, self._clock.now_ns)

    def _spend(self, target: str, phase: str, ns: int) -> None:
        self._phase_ns[target][phase] = self._phase_ns[target].get(phase, 0) + ns

    def _record(self) -> WorldRecord:
        """What happened; frames still under way have cost what was sent of them until now."""
        for seq, frame in self._frames.items():
            wire = self._network.withdraw(seq, self._clock.now_ns)
            frame.row.wire_bytes = wire.total
            self._carried(frame.row, wire)
        times = {name: TargetTimes(self._end_ns[name], self._phase_ns[name]) for name in self._targets}
        end_ns = max(self._end_ns.values())
        spent = self._energy.spent(self._devices.values(), self._busy, self._end_ns, end_ns)
        idle = tuple(it.name for it in self._devices.values() if it.profile.idle_power is not None)
        return WorldRecord(self._ledger, self._busy, times, spent, tuple(self._devices), idle)


def access_link(device: Device) -> AccessLink:
    """A device's access link; half of its round trip is the latency of each way."""
    link = device.link
    return AccessLink(round(link.up), round(link.down), link.rtt // 2, link.loss)
