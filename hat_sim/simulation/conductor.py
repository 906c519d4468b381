"""The conductor of one world: it moves frames between nodes on the virtual clock, and opens none.

It is a generator. It yields tickets of work that nodes do (a target's next step, the answers to an `Ask`) and
is sent the results; whoever drives it may wait for several worlds at once. Work is started when it is
launched in the simulation and awaited only when its simulated result is due, so that the real work of several
targets overlaps and no result depends on which came first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hat_sim.errors import InternalError
from hat_sim.learning.budget import busy_ns
from hat_sim.protocol.ledger import CORRUPT, LATE, LedgerRow, refused
from hat_sim.protocol.steps import Answer, AskStep, ComputeStep, Done, Parcel, Step
from hat_sim.protocol.work import Work
from hat_sim.scenario.fleet import Device
from hat_sim.scenario.hits import Misfortune
from hat_sim.simulation.clock import Clock
from hat_sim.simulation.courier import Courier, Frame
from hat_sim.simulation.energy import EnergyMeter
from hat_sim.simulation.exchange import Attempt, Exchange
from hat_sim.simulation.faults import Change, Faults
from hat_sim.simulation.record import Busy, TargetTimes, WorldRecord
from hat_sim.simulation.transport import Ticket, Transport

FAULTS_FIRST, DEADLINES_LAST = -1, 1
"""Priorities among what happens at one instant."""

Waiting = Generator[Ticket, Any, None]
"""Part of the conductor's work that may have to wait for nodes."""

Reporter = Callable[[str, str, int], None]
"""Told a target, what it does now, and the simulated time in nanoseconds."""


class Conductor:
    """One world: its devices, their network and its targets' protocols, all from t = 0.

    `seed` is that of the packets that links lose, and `misfortune` what goes wrong. Of one `Ask` at most
    `max_in_flight` requests are out at once, where that is not None.
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
        misfortune: Misfortune | None = None,
    ) -> None:
        self._devices = {device.name: device for device in devices}
        self._targets = tuple(targets)
        self._transport = transport
        self._report = report
        self._clock: Clock[Callable[[], Waiting | None]] = Clock()
        self._max_in_flight = max_in_flight
        self._faults = Faults(misfortune)
        self._energy = EnergyMeter()
        self._courier = Courier(self._devices, self._faults, self._energy, seed)
        self._free_ns: defaultdict[str, int] = defaultdict(int)
        self._phase_ns: dict[str, dict[str, int]] = {name: {} for name in targets}
        self._end_ns: dict[str, int] = {}
        self._busy: list[Busy] = []

    def run(self) -> Generator[Ticket, Any, WorldRecord]:
        """Conduct until every target has finished; yields tickets, is sent their results."""
        for at_ns, change in self._faults.changes():
            self._clock.schedule(at_ns, partial(self._strike, change), FAULTS_FIRST)
        for target in self._targets:
            ticket = self._transport.start(target)
            self._clock.schedule(0, partial(self._resume, target, ticket, None))
        while len(self._end_ns) < len(self._targets):
            event_ns, network_ns = self._clock.next_ns(), self._courier.next_event()
            if network_ns is not None and (event_ns is None or network_ns <= event_ns):
                arrived = self._courier.advance(network_ns)
                self._clock.advance(network_ns)
                for frame in arrived:
                    yield from self._delivered(frame)
            elif event_ns is not None:
                self._courier.advance(event_ns)
                yield from self._clock.pop()() or ()
            else:
                raise InternalError("the world stands still before its targets have finished")
        return self._record()

    def _strike(self, change: Change) -> None:
        """A fault begins or ends."""
        following = list(self._faults.apply(change, self._clock.now_ns))
        self._courier.adapt(change.devices, self._clock.now_ns)
        for at_ns, later in following:
            self._clock.schedule(at_ns, partial(self._strike, later), FAULTS_FIRST)

    def _resume(self, target: str, ticket: Ticket, exchange: Exchange | None) -> Waiting:
        """Await a target's step and do what it says."""
        step: Step = yield ticket
        for name, fault in step.refused.items():
            if exchange is None:
                raise InternalError(f"{target} refuses a frame of {name}, which none was sent by")
            exchange.refuse(name, fault)
        if exchange is not None and not (isinstance(step.next, AskStep) and step.next.attempt > 1):
            exchange.end()
        match step.next:
            case AskStep() as ask:
                self._ask(target, ask, exchange)
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

    def _ask(self, target: str, ask: AskStep, earlier: Exchange | None) -> None:
        """Begin an exchange or, on a further attempt, go on with it."""
        count, kind = len(ask.parcels), next(iter(ask.parcels.values())).kind
        again = f", attempt {ask.attempt}" if ask.attempt > 1 else ""
        self._report(target, f"{ask.phase}: {kind} to {count}{again}", self._clock.now_ns)
        unknown = [name for name in ask.parcels if name not in self._devices]
        if unknown:
            raise InternalError(f"{target} asks devices that are not in its world: {unknown[:5]}")
        if ask.attempt == 1 or earlier is None:
            exchange = Exchange(target, ask, self._clock.now_ns)
        else:
            exchange = earlier
            exchange.again(ask, self._clock.now_ns)
        if ask.wait_ns:
            self._clock.schedule(self._clock.now_ns + ask.wait_ns, partial(self._post, exchange, ask))
        else:
            self._post(exchange, ask)

    def _post(self, exchange: Exchange, step: AskStep) -> None:
        """Send the requests of an attempt, but to those that have answered while the target paused."""
        if not exchange.is_open or exchange.step is not step:
            return
        asked = {name: it for name, it in step.parcels.items() if name in exchange.awaited}
        requests = {name: self._marked(it, exchange.target) for name, it in asked.items()}
        attempt = Attempt(exchange, step, requests, self._transport.ask(list(requests.items())))
        exchange.latest = attempt
        self._ask_more(exchange, self._max_in_flight or len(requests))
        if step.deadline_ns is not None:
            deadline_ns = self._clock.now_ns + step.deadline_ns
            self._clock.schedule(deadline_ns, partial(self._time_is_up, exchange, step), DEADLINES_LAST)

    def _ask_more(self, exchange: Exchange, count: int) -> None:
        """Send the next requests, so many if there are, of sources that are still waited for."""
        attempt = exchange.latest
        if attempt is None:
            return
        for _ in range(count):
            source = attempt.next_unasked()
            if source is None:
                return
            self._courier.send(attempt, source, attempt.requests[source], self._clock.now_ns, is_reply=False)
            if attempt.step.patience_ns is not None:
                self._wait(exchange, source, attempt.step.patience_ns)

    def _wait(self, exchange: Exchange, source: str, patience_ns: int) -> None:
        """Wait for a source so long from now on."""
        until_ns = self._clock.now_ns + patience_ns
        exchange.awaited[source] = until_ns
        self._clock.schedule(until_ns, partial(self._expire, exchange, source, until_ns), DEADLINES_LAST)

    def _expire(self, exchange: Exchange, source: str, until_ns: int) -> Waiting | None:
        """The patience with a source is over, if nothing has come of it; so is that with others by now."""
        if not exchange.is_open or exchange.awaited.get(source) != until_ns:
            return None
        over = exchange.give_up(self._clock.now_ns)
        self._abandon(exchange, over)
        if exchange.is_settled:
            return self._close(exchange)
        self._ask_more(exchange, len(over))
        return None

    def _time_is_up(self, exchange: Exchange, step: AskStep) -> Waiting | None:
        """The deadline of an attempt has passed."""
        is_over = not exchange.is_open or exchange.step is not step
        return None if is_over else self._close(exchange)

    def _delivered(self, frame: Frame) -> Waiting:
        exchange = frame.attempt.exchange
        if frame.kills is not None:
            self._strike(Change((frame.source,), True, frame.kills))
        elif not frame.is_reply:
            yield from self._answer(frame)
        elif not exchange.accept(frame.source, frame.parcel, frame.row, frame.is_last):
            frame.row.outcome = LATE
        elif exchange.is_settled:
            yield from self._close(exchange)
        elif frame.is_last:
            self._ask_more(exchange, 1)
        elif exchange.step.patience_ns is not None:
            self._wait(exchange, frame.source, exchange.step.patience_ns)

    def _answer(self, frame: Frame) -> Waiting:
        """A request has arrived: the source works on it, then sends its reply."""
        attempt, source, row = frame.attempt, frame.source, frame.row
        if attempt.answers is None:
            attempt.answered((yield attempt.ticket))
        assert attempt.answers is not None
        answer = attempt.answers[source]
        if answer.refused is not None:
            row.outcome = CORRUPT if frame.parcel.corrupt else refused(answer.refused)
        work = Work(answer.flop, answer.models)
        ready_ns = self._occupy(source, f"answer {row.kind}", row.phase, work)
        self._clock.schedule(ready_ns, partial(self._reply, attempt, source, answer))

    def _reply(self, attempt: Attempt, source: str, answer: Answer) -> None:
        """Send an answer, frame after frame; a source that is away sends none."""
        if self._faults.is_away(source):
            return
        now_ns, frames = self._clock.now_ns, answer.parcel.frames
        death = self._faults.dies_after(answer.parcel.kind, source, sum(it.length for it in frames))
        left = death[1] if death else 0
        for place, parcel in enumerate(frames):
            dies = death is not None and parcel.length >= left
            self._courier.send(
                attempt,
                source,
                self._marked(parcel, source),
                now_ns,
                is_reply=True,
                place=place,
                is_last=place == len(frames) - 1,
                death=(death[0], left) if death is not None and dies else None,
            )
            if dies:
                return
            left -= parcel.length

    def _marked(self, parcel: Parcel, sender: str) -> Parcel:
        """A frame that is sent now, as it will arrive."""
        return replace(parcel, corrupt=self._faults.corrupts(parcel.kind, sender, self._clock.now_ns))

    def _close(self, exchange: Exchange) -> Waiting:
        """All have answered, or enough, or the deadline has passed: the target goes on with what came."""
        exchange.is_open = False
        self._abandon(exchange, list(exchange.awaited))
        self._spend(exchange.target, exchange.step.phase, self._clock.now_ns - exchange.since_ns)
        ticket = self._transport.advance(exchange.target, exchange.replies())
        yield from self._resume(exchange.target, ticket, exchange)

    def _abandon(self, exchange: Exchange, sources: Sequence[str]) -> None:
        """The target hangs up on sources that send chunks; a lone frame comes late."""

        def unwanted(frame: Frame) -> bool:
            is_chunk = frame.is_reply and (frame.place > 0 or not frame.is_last)
            return is_chunk and frame.attempt.exchange is exchange and frame.source in sources

        if sources:
            self._courier.abandon(unwanted, LATE, self._clock.now_ns)

    def _occupy(self, name: str, label: str, phase: str, work: Work) -> int:
        """Let a device work as soon as it is free; the time at which it has finished."""
        device = self._devices[name]
        start_ns = max(self._clock.now_ns, self._free_ns[name])
        end_ns = self._faults.done_ns(name, start_ns, busy_ns(device.profile, work))
        if end_ns > start_ns:
            busy = Busy(name, label, phase, start_ns, end_ns, work.flop)
            self._energy.computed(device, busy)
            self._busy.append(busy)
        self._free_ns[name] = end_ns
        return end_ns

    def _spend(self, target: str, phase: str, ns: int) -> None:
        self._phase_ns[target][phase] = self._phase_ns[target].get(phase, 0) + ns

    def _record(self) -> WorldRecord:
        """What happened."""
        ledger: list[LedgerRow] = self._courier.ledger(self._clock.now_ns)
        times = {name: TargetTimes(self._end_ns[name], self._phase_ns[name]) for name in self._targets}
        end_ns = max(self._end_ns.values())
        spent = self._energy.spent(self._devices.values(), self._busy, self._end_ns, end_ns)
        idle = tuple(it.name for it in self._devices.values() if it.profile.idle_power is not None)
        incidents = tuple(self._faults.incidents)
        return WorldRecord(ledger, self._busy, times, spent, tuple(self._devices), idle, incidents)
