"""What a protocol, written as a generator, may ask of the world: messages to others and work of its own.

    replies = yield Ask("coarse", {name: SummaryRequest() for name in sources})
    student = yield Compute("train", "joint training", flop, lambda progress: train(...))

An `Ask` gives `Replies`, a `Compute` the value of its callable.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import Message

Phase = Literal["coarse", "fine", "transfer", "train"]
PHASES: tuple[Phase, ...] = ("coarse", "fine", "transfer", "train")

M = TypeVar("M", bound=Message)
Made = TypeVar("Made")

Progress = Callable[[str], None]
"""Told in a few words how far a long computation is; it may show them to somebody, or not."""


@dataclass(frozen=True)
class Ask:
    """Send each device its request and wait until all have answered, or until the deadline.

    How many requests are out at once is the scenario's to say (`transfer.max_in_flight`).
    `deadline_ns` counts from the sending; None waits for every answer.
    """

    phase: Phase
    requests: Mapping[str, Message]
    deadline_ns: int | None = None


@dataclass(frozen=True)
class Replies:
    """The answers to an `Ask` in the order of its requests, and why the others did not answer.

    Iterating over `messages` is the usual way; `failures` holds an error for each device without one.
    """

    messages: dict[str, Message] = field(default_factory=dict)
    failures: dict[str, ProtocolError] = field(default_factory=dict)

    def of(self, kind: type[M]) -> dict[str, M]:
        """The answers of one kind by device; an answer of any other kind moves to `failures`."""
        return self.made(kind, lambda name, message: message)

    def made(self, kind: type[M], make: Callable[[str, M], Made]) -> dict[str, Made]:
        """What `make` makes of each answer of one kind, given its device's name.

        An answer of another kind, and one that `make` refuses by a ProtocolError, moves to `failures`: its
        frame counts as refused.
        """
        made: dict[str, Made] = {}
        for name, message in self.messages.items():
            try:
                if not isinstance(message, kind):
                    detail = f"{message.kind} came where {kind.kind} was asked for"
                    raise ProtocolError(Fault.UNEXPECTED, detail)
                made[name] = make(name, message)
            except ProtocolError as error:
                self.failures[name] = error
        return made


@dataclass(frozen=True)
class Compute:
    """Work of the target: `flop` floating-point operations, declared before `run` is called.

    A `hat_sim.protocol.work.Work` says which of them are passes through models, whose time some devices know.

    What `run` returns is all that may come of it: a recorded value, found again by all that led to it, may
    stand for the call. A value is picklable and not None, and is not changed afterwards.
    """

    phase: Phase
    label: str
    flop: int
    run: Callable[[Progress], Any]


Effect = Ask | Compute
Result = TypeVar("Result")
Protocol = Generator[Effect, Any, Result]
