"""Plans staged on a crew: sources are trained, worlds conducted, targets judged; many at once, nothing twice.

What a plan shares with an earlier one (trained sources, their answers, the observer's findings) is not worked
out again, and what fails fails that plan alone. A plan that loses a process is staged anew, and replays what
its targets have computed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from hat_sim.data.domain import Dataset
from hat_sim.errors import LostProcessError
from hat_sim.preflight import Plan
from hat_sim.protocol.messages import Precision
from hat_sim.scenario.fleet import Fleet
from hat_sim.scenario.hits import misfortune_of
from hat_sim.simulation.record import RunRecord, TargetResult, WorldRecord
from nodes.assignments import Claim, DeviceRecord, Lesson, Part
from nodes.casting import as_joined, claims_of, expanded_of, joining_of, key_of, left_of, lessons_of
from nodes.crew import Carried, Crew, HostProcess, is_lost, started
from nodes.findings import Findings, Subject
from nodes.world import Report, World

MOST_TRIES = 3
"""So often a plan is staged, if it loses a process each time."""

EMPTY: Mapping[str, Claim] = MappingProxyType({})

T = TypeVar("T")


@dataclass(frozen=True)
class Watch:
    """Who is told how plans go on.

    `report` hears what a world tells, `began` a plan's place among the plans when its first world begins, and
    `finished` its place with its record, or with what went wrong.
    """

    report: Report
    finished: Callable[[int, RunRecord | Exception], None]
    began: Callable[[int], None] = lambda place: None


class Stage:
    """Runs plans on a crew, as coroutines of one event loop.

    With `per_device` each device of its one plan has a host of its own, else devices of one lesson share one.
    """

    def __init__(self, crew: Crew, watch: Watch, per_device: bool, outcomes: Path | None) -> None:
        self._crew = crew
        self._watch = watch
        self._per_device = per_device
        self._outcomes = outcomes
        self._findings = Findings(crew.hosts)
        self._free_seats = _Budget(crew.worlds_at_once)
        self._idle: asyncio.Queue[HostProcess] = asyncio.Queue()
        for host in crew.hosts:
            self._idle.put_nowait(host)
        self._fresh_numbers = count()
        self._numbers: dict[Lesson, int] = {}
        self._trainings: dict[Lesson, asyncio.Task[bool]] = {}
        self._own_hosts: dict[str, HostProcess] = {}
        self._taught: set[tuple[HostProcess, int, int]] = set()
        self._sizes: dict[tuple[int, Precision], int] = {}

    async def run_all(self, plans: Iterable[Plan]) -> None:
        """Run plans side by side; a few are begun ahead, so that sources train while targets do."""
        ahead = asyncio.Semaphore(2 * self._crew.worlds_at_once)

        async def run(place: int, plan: Plan) -> None:
            try:
                began = cache(partial(self._watch.began, place))
                outcome: RunRecord | Exception = await self._run_surely(plan, began)
            except Exception as error:
                outcome = error
            ahead.release()
            self._watch.finished(place, outcome)

        running: set[asyncio.Task[None]] = set()
        for place, plan in enumerate(plans):
            await ahead.acquire()
            running.add(asyncio.create_task(run(place, plan)))
            running = _unfinished(running)
        while running:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running = _unfinished(running)

    async def _run_surely(self, plan: Plan, began: Callable[[], None]) -> RunRecord:
        """LostProcessError where a process is lost at every try."""
        for _ in range(MOST_TRIES - 1):
            with suppress(LostProcessError):
                return await self._run(plan, began)
        return await self._run(plan, began)

    async def _run(self, plan: Plan, began: Callable[[], None]) -> RunRecord:
        """The record of a plan, which depends on nothing else that is staged."""
        self._crew.prepare(min(len(plan.fleets), self._crew.worlds_at_once))
        lessons = lessons_of(plan)
        fresh = await self._train(list(dict.fromkeys(lessons.values())), plan.dataset)
        sources = await self._teach(lessons, plan.dataset, claims_of(plan))
        fleets, worlds, targets = await self._join(plan, sources, began)
        sizes = await self._measure(sources, plan.scenario.transfer.weights)
        record = RunRecord(
            fleets=fleets,
            worlds=worlds,
            targets=targets,
            hindsight={
                fleet.target.name: await self._findings.of(_subject(plan, fleet, sources)) for fleet in fleets
            },
            all_models_bytes={
                fleet.target.name: sum(sizes[key_of(it)] for it in fleet.sources if not fleet.lacking(it))
                for fleet in fleets
            },
            sources_trained=fresh,
            sources_cached=len(set(lessons.values())) - fresh,
        )
        await self._forget([it for key, it in sources.items() if key not in lessons])
        return record

    async def _join(
        self, plan: Plan, sources: dict[str, Carried], began: Callable[[], None]
    ) -> tuple[tuple[Fleet, ...], tuple[WorldRecord, ...], dict[str, TargetResult]]:
        """All targets, round after round; those that serve in later ones are added to `sources`.

        The fleets as they were, what happened in each world, and what became of each target.
        """
        fleets: list[Fleet] = []
        worlds: list[WorldRecord] = []
        targets: dict[str, TargetResult] = {}
        for planned in plan.rounds:
            joined = [as_joined(fleet, left_of(targets)) for fleet in planned]
            expanded = expanded_of(plan, joined, targets)
            fresh = {key: record for key, record in expanded.items() if key not in sources}
            sources |= await self._teach(fresh, plan.dataset)
            apart = [joined] if plan.scenario.target.shared_fleet else [[fleet] for fleet in joined]
            for world, results in await _all([self._conduct(plan, it, sources, began) for it in apart]):
                worlds.append(world)
                targets |= results
            fleets += joined
        return tuple(fleets), tuple(worlds), targets

    async def _conduct(
        self, plan: Plan, fleets: Sequence[Fleet], sources: Mapping[str, Carried], began: Callable[[], None]
    ) -> tuple[WorldRecord, dict[str, TargetResult]]:
        """One world: the sources of all its fleets, each once, and its targets."""
        own = {device.name: device for fleet in reversed(fleets) for device in fleet.sources}
        named = {fleet.target.name: fleet for fleet in fleets}
        world = World(
            devices=[*own.values(), *(fleet.target for fleet in fleets)],
            sources={name: sources[key_of(device)] for name, device in own.items()},
            parts={name: self._part(plan, fleet) for name, fleet in named.items()},
            seed=plan.scenario.seed,
            max_in_flight=plan.scenario.transfer.max_in_flight,
            misfortune=misfortune_of(plan.scenario, list(own), list(named)),
            report=self._watch.report,
            trains=lambda name: self._findings.begin(_subject(plan, named[name], sources)),
        )
        async with self._free_seats.spent(len(named)):
            began()
            with self._crew.seats(list(named)) as seats:
                return await world.conduct(seats)

    def _part(self, plan: Plan, fleet: Fleet) -> Part:
        joining = joining_of(plan, fleet)
        method, home = plan.scenario.method, Path.cwd()
        return Part(
            plan.dataset,
            joining,
            method.name,
            dict(method.options),
            home,
            self._outcomes,
            plan.scenario.patience,
        )

    async def _train(self, lessons: Sequence[Lesson], dataset: Dataset) -> int:
        """Each lesson once, the longest first, by the next host that is free; how many were new."""
        order = sorted(lessons, key=lambda it: -it.description.training_flop)
        missing = {it for it in order if it not in self._trainings or is_lost(self._trainings[it])}
        for lesson in order:
            if lesson in missing:
                if lesson not in self._numbers:
                    self._numbers[lesson] = next(self._fresh_numbers)
                self._trainings[lesson] = started(self._train_one(lesson, dataset))
        fresh = 0
        for done, lesson in enumerate(order, 1):
            fresh += await self._trainings[lesson] and lesson in missing
            self._watch.report("sources", f"{done}/{len(order)} models ready, {fresh} trained", None)
        return fresh

    async def _train_one(self, lesson: Lesson, dataset: Dataset) -> bool:
        host = await self._idle.get()
        try:
            return await host.train(self._numbers[lesson], lesson, dataset)
        finally:
            self._idle.put_nowait(host)

    async def _teach(
        self, records: Mapping[str, DeviceRecord], dataset: Dataset, claims: Mapping[str, Claim] = EMPTY
    ) -> dict[str, Carried]:
        """Where each device is carried, by its key, once its host knows its record.

        A lesson has one number for all plans; an expanded target is its plan's own.
        """
        numbers = {
            key: self._numbers[record] if isinstance(record, Lesson) else next(self._fresh_numbers)
            for key, record in records.items()
        }
        carried = {
            key: Carried(self._host(key, number), number, claims.get(key)) for key, number in numbers.items()
        }
        unknown: defaultdict[HostProcess, dict[int, DeviceRecord]] = defaultdict(dict)
        for key, it in carried.items():
            if (it.host, it.host.life, it.number) not in self._taught:
                unknown[it.host][it.number] = records[key]
        lives = {host: host.life for host in unknown}
        await _all([host.teach(them, dataset) for host, them in unknown.items()])
        self._taught |= {(host, lives[host], number) for host, them in unknown.items() for number in them}
        return carried

    async def _forget(self, sources: Sequence[Carried]) -> None:
        """Let hosts drop devices that no plan will ask again, if they have not lost them anyway."""
        numbers: defaultdict[HostProcess, list[int]] = defaultdict(list)
        for it in sources:
            numbers[it.host].append(it.number)
        with suppress(LostProcessError):
            await _all([host.forget(them) for host, them in numbers.items()])

    def _host(self, key: str, number: int) -> HostProcess:
        hosts = self._crew.hosts
        if not self._per_device:
            return hosts[number % len(hosts)]
        if key not in self._own_hosts:
            self._own_hosts[key] = hosts[len(self._own_hosts)]
        return self._own_hosts[key]

    async def _measure(self, sources: Mapping[str, Carried], precision: Precision) -> dict[str, int]:
        """The length of the frame in which each device would send its whole model, by its key."""
        unknown: defaultdict[HostProcess, dict[int, None]] = defaultdict(dict)
        for it in sources.values():
            if (it.number, precision) not in self._sizes:
                unknown[it.host][it.number] = None
        measured = await _all([host.model_bytes(list(them), precision) for host, them in unknown.items()])
        for numbers, sizes in zip(unknown.values(), measured, strict=True):
            self._sizes |= {(number, precision): size for number, size in zip(numbers, sizes, strict=True)}
        return {key: self._sizes[it.number, precision] for key, it in sources.items()}


class _Budget:
    """So many of something at once; who wants more than there are gets all of them."""

    def __init__(self, total: int) -> None:
        self._total = self._left = total
        self._returned = asyncio.Condition()

    @asynccontextmanager
    async def spent(self, count: int) -> AsyncIterator[None]:
        count = min(count, self._total)
        async with self._returned:
            await self._returned.wait_for(lambda: self._left >= count)
            self._left -= count
        try:
            yield
        finally:
            self._left += count
            async with self._returned:
                self._returned.notify_all()


def _subject(plan: Plan, fleet: Fleet, sources: Mapping[str, Carried]) -> Subject:
    """A fleet's target for the observer."""
    own = {device.name: sources[key_of(device)] for device in fleet.sources}
    return Subject(joining_of(plan, fleet), plan.dataset, own)


def _unfinished(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Those that have not ended; an error of one that has is raised."""
    for task in running:
        if task.done():
            task.result()
    return {task for task in running if not task.done()}


async def _all(work: Iterable[Awaitable[T]]) -> list[T]:
    """The results in order; at the first error the rest is cancelled."""
    tasks = [asyncio.ensure_future(it) for it in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
