"""A rehearsal of a world: the real conductor, network and codec, with outlines and stand-ins as nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hat_sim.errors import InternalError
from hat_sim.forecast.stand_in import StandIn, parcel_of
from hat_sim.methods.base import Left
from hat_sim.methods.outline import Choice, Outline
from hat_sim.protocol.effects import Ask, Compute, Replies
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import ErrorReply
from hat_sim.protocol.steps import Answer, AskStep, ComputeStep, Done, Parcel, Step
from hat_sim.protocol.work import Work
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.conductor import Conductor
from hat_sim.simulation.record import WorldRecord
from hat_sim.simulation.transport import Ticket

Chooser = Callable[[Choice], Sequence[str]]
"""Which of the possible sources a rehearsal takes."""


def first(choice: Choice) -> Sequence[str]:
    """The first ones."""
    return tuple(choice.work)[: choice.count]


class Understudy:
    """A target that goes through its method's outline; `choice` is the one that it met, if any."""

    def __init__(self, outline: Outline, choose: Chooser) -> None:
        self._outline = outline
        self._choose = choose
        self._effect: Ask | Compute | None = None
        self.choice: Choice | None = None
        self.left: tuple[Left, ...] = ()

    def resume(self, parcels: Mapping[str, Parcel]) -> Step:
        """The next step, after these parcels have answered."""
        match self._effect:
            case Ask(_, requests, _):
                return Step(self._next(_replies(requests, parcels)))
            case Compute() as work:
                return Step(self._next(work.run(lambda doing: None)))
            case None:
                return Step(self._next(None))

    def _next(self, value: Any) -> AskStep | ComputeStep | Done:
        """Go on to the next effect; an `Ask` of nobody is answered at once, and so is a choice."""
        while True:
            try:
                effect = self._outline.send(value)
            except StopIteration as end:
                self._effect, self.left = None, end.value
                return Done()
            match effect:
                case Choice() if self.choice is not None:
                    raise InternalError("an outline has more than one choice")
                case Choice():
                    self.choice = effect
                    value = tuple(self._choose(effect))
                    continue
                case Ask(_, requests, _) if not requests:
                    value = Replies()
                    continue
            self._effect = effect
            if isinstance(effect, Compute):
                work = Work.of(effect.flop)
                return ComputeStep(effect.phase, effect.label, work.flop, work.models)
            made = {id(message): parcel_of(message) for message in effect.requests.values()}
            parcels = {name: made[id(message)] for name, message in effect.requests.items()}
            return AskStep(effect.phase, parcels, effect.deadline_ns)


def rehearse(
    devices: Sequence[Device],
    targets: Mapping[str, Understudy],
    sources: Mapping[str, StandIn],
    *,
    seed: int = 0,
    max_in_flight: int | None = None,
) -> WorldRecord:
    """What happens in a world of these devices, of which `targets` join and `sources` answer.

    `seed` and `max_in_flight` are the conductor's.
    """
    transport = _Transport(targets, sources)
    conductor = Conductor(devices, list(targets), transport, seed=seed, max_in_flight=max_in_flight)
    run, result = conductor.run(), None
    while True:
        try:
            result = run.send(result)
        except StopIteration as end:
            record: WorldRecord = end.value
            return record


def _replies(asked: Mapping[str, object], parcels: Mapping[str, Parcel]) -> Replies:
    """The messages in the order of the requests; the reason of each source that refuses or is silent."""
    replies = Replies()
    for name in asked:
        message = parcels[name].content if name in parcels else None
        if message is None:
            replies.failures[name] = ProtocolError(Fault.NO_ANSWER, "no answer came in time")
        elif isinstance(message, ErrorReply):
            replies.failures[name] = ProtocolError(Fault.REFUSED, message.detail)
        else:
            replies.messages[name] = message
    return replies


class _Transport:
    """Every node is in this process and answers at once: a ticket is its result."""

    def __init__(self, targets: Mapping[str, Understudy], sources: Mapping[str, StandIn]) -> None:
        self._targets = targets
        self._sources = sources

    def start(self, target: str) -> Ticket:
        return self._targets[target].resume({})

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> Ticket:
        return self._targets[target].resume(parcels)

    def compute(self, target: str, work: ComputeStep) -> Ticket:
        return self._targets[target].resume({})

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> Ticket:
        answers: list[Answer] = [self._sources[name].answer(parcel.content) for name, parcel in requests]
        return answers
