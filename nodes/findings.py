"""What the observer finds out beside the worlds, by hosts that have nothing to do while a target trains.

Each finding is a function of data, lesson and target, so runs that share these share it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hat_sim.data.domain import Dataset
from hat_sim.learning.claims import claimed
from hat_sim.sensors import Sensors
from hat_sim.simulation.record import Hindsight, SourceWorth
from nodes.assignments import Joining
from nodes.crew import Carried, HostProcess, is_lost, started

Exam = tuple[str, str, int, tuple[int, ...] | None, Sensors | None]


@dataclass(frozen=True)
class Subject:
    """A target that is looked at, and where its sources are, by name."""

    joining: Joining
    dataset: Dataset
    sources: Mapping[str, Carried]

    @property
    def alone(self) -> tuple[str, Joining]:
        """All that the student is a function of that learns alone: it hears from nobody."""
        return self.dataset.digest, replace(self.joining, sources=(), precision="fp32")

    @property
    def exam(self) -> Exam:
        """All that decides what the target's test is, and which sources can take it."""
        it = self.joining
        return self.dataset.digest, it.domain, it.seed, it.labels, it.sensors


class Findings:
    """Hindsight of many targets."""

    def __init__(self, hosts: Sequence[HostProcess]) -> None:
        self._hosts = hosts
        self._alone: dict[tuple[str, Joining], asyncio.Task[float]] = {}
        self._examined: dict[tuple[Exam, int], asyncio.Task[dict[int, SourceWorth]]] = {}

    def begin(self, subject: Subject) -> None:
        """Let hosts find out what is not known yet."""
        if (alone := self._alone.get(subject.alone)) is None or is_lost(alone):
            host = self._hosts[len(self._alone) % len(self._hosts)]
            self._alone[subject.alone] = started(_train_alone(host, subject))
        exam = subject.exam
        unknown: defaultdict[HostProcess, dict[int, None]] = defaultdict(dict)
        for it in subject.sources.values():
            if (examined := self._examined.get((exam, it.number))) is None or is_lost(examined):
                unknown[it.host][it.number] = None
        for host, numbers in unknown.items():
            task = started(_examine(host, list(numbers), subject))
            self._examined |= {(exam, number): task for number in numbers}

    async def of(self, subject: Subject) -> Hindsight:
        """All of it; what was not begun before begins now."""
        self.begin(subject)
        exam, found = subject.exam, {}
        for name, it in subject.sources.items():
            worth = (await self._examined[exam, it.number])[it.number]
            found[name] = replace(worth, claimed=claimed(worth.claimed, *it.claim)) if it.claim else worth
        return Hindsight(await self._alone[subject.alone], found)


async def _train_alone(host: HostProcess, subject: Subject) -> float:
    return await host.train_alone(subject.joining, subject.dataset)


async def _examine(host: HostProcess, numbers: Sequence[int], subject: Subject) -> dict[int, SourceWorth]:
    found = await host.examine(numbers, subject.joining, subject.dataset)
    return dict(zip(numbers, found, strict=True))
