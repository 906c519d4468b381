"""The processes that carry nodes, as whoever stages a plan sees them: `hat_sim.engine` makes them of Ray.

Every call starts its work and returns at once, with an awaitable of the result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hat_sim.data.domain import Dataset
from hat_sim.errors import LostProcessError
from hat_sim.protocol.messages import Precision
from hat_sim.protocol.steps import Answer, Parcel, Step
from hat_sim.simulation.record import SourceWorth, TargetResult
from nodes.assignments import Claim, DeviceRecord, Joining, Lesson, Part, Request

T = TypeVar("T")


class HostProcess(Protocol):
    """Carries sources, which are known by the numbers of their records.

    A host that is lost fails every call with LostProcessError until it has begun its next life, in which it
    has been taught nothing.
    """

    @property
    def life(self) -> int:
        """How many times the host has been lost."""
        ...

    def train(self, number: int, lesson: Lesson, dataset: Dataset) -> Awaitable[bool]:
        """Whether a lesson had to be trained, or was found; afterwards any host may be taught it."""
        ...

    def teach(self, records: Mapping[int, DeviceRecord], dataset: Dataset) -> Awaitable[None]:
        """Carry devices; of a lesson take over what any host has trained."""
        ...

    def forget(self, numbers: Sequence[int]) -> Awaitable[None]:
        """Carry these devices no longer."""
        ...

    def answer(self, requests: Sequence[Request]) -> Awaitable[list[Answer]]: ...

    def model_bytes(self, numbers: Sequence[int], precision: Precision) -> Awaitable[list[int]]: ...

    def examine(
        self, numbers: Sequence[int], joining: Joining, dataset: Dataset
    ) -> Awaitable[list[SourceWorth]]:
        """What each source's model is worth to a target as it comes."""
        ...

    def train_alone(self, joining: Joining, dataset: Dataset) -> Awaitable[float]:
        """Test accuracy of a target's student that learns from its labels alone."""
        ...


class Seat(Protocol):
    """Carries one target at a time: the next one begins where the last has been judged."""

    def start(self, part: Part) -> Awaitable[Step]: ...

    def advance(self, parcels: Mapping[str, Parcel]) -> Awaitable[Step]: ...

    def doing(self) -> Awaitable[str]:
        """The latest words about the computation under way."""
        ...

    def result(self) -> Awaitable[TargetResult]: ...


class Crew(Protocol):
    """All processes of a session; `worlds_at_once` is how many worlds they conduct side by side well."""

    @property
    def hosts(self) -> Sequence[HostProcess]: ...

    @property
    def worlds_at_once(self) -> int: ...

    def prepare(self, seats: int) -> None:
        """See to it that so many seats are ready when they are taken."""
        ...

    def seats(self, targets: Sequence[str]) -> AbstractContextManager[Mapping[str, Seat]]:
        """A seat for each target; after an error, ended in the middle of whatever they do."""
        ...


@dataclass(frozen=True, slots=True)
class Carried:
    """Where a source is: its host, the number of its record there, and what it claims in its own name."""

    host: HostProcess
    number: int
    claim: Claim | None = None


def is_lost(work: asyncio.Task[Any]) -> bool:
    """Whether it has ended with the process that did it, and may be begun anew."""
    return work.done() and not work.cancelled() and isinstance(work.exception(), LostProcessError)


def started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that many may await, and whose error nobody need ever ask for."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda it: it.cancelled() or it.exception())
    return task
