"""One world on a crew: its conductor, whose calls go to hosts and seats, and the judging of its targets."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hat_sim.protocol.steps import Answer, ComputeStep, Parcel
from hat_sim.scenario.fleet import Device
from hat_sim.scenario.hits import Misfortune
from hat_sim.simulation.conductor import Conductor
from hat_sim.simulation.record import TargetResult, WorldRecord
from hat_sim.simulation.transport import Ticket
from nodes.assignments import Part, Request
from nodes.crew import Carried, HostProcess, Seat

Report = Callable[[str, str, int | None], None]
"""Told who (a target, or "sources"), what is going on, and the simulated time in ns where there is one."""

POLL_S = 0.25


@dataclass(frozen=True)
class World:
    """What a world consists of: its devices, where its sources are, and the parts of its targets, by name.

    `seed`, `max_in_flight` and `misfortune` are the conductor's. `trains` is told when a target begins to
    train.
    """

    devices: Sequence[Device]
    sources: Mapping[str, Carried]
    parts: Mapping[str, Part]
    seed: int
    max_in_flight: int | None
    misfortune: Misfortune
    report: Report
    trains: Callable[[str], None]

    async def conduct(self, seats: Mapping[str, Seat]) -> tuple[WorldRecord, dict[str, TargetResult]]:
        """What happened, and what became of each target, which sits in one of `seats`."""
        transport = _Transport(self, seats)
        conductor = Conductor(
            self.devices,
            list(self.parts),
            transport,
            self.report,
            seed=self.seed,
            max_in_flight=self.max_in_flight,
            misfortune=self.misfortune,
        )
        watching = asyncio.create_task(self._watch(seats))
        try:
            record = await _driven(conductor.run())
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await watching
        return record, {name: await seat.result() for name, seat in seats.items()}

    async def _watch(self, seats: Mapping[str, Seat]) -> None:
        """Report what targets say about the computations that they are in."""
        latest: dict[str, str] = {}
        while True:
            await asyncio.sleep(POLL_S)
            for name, seat in seats.items():
                doing = await seat.doing()
                if doing and doing != latest.get(name):
                    latest[name] = doing
                    self.report(name, doing, None)


async def _driven(run: Generator[Ticket, Any, WorldRecord]) -> WorldRecord:
    """Await each ticket of a conductor, until it has ended."""
    result = None
    while True:
        try:
            ticket = run.send(result)
        except StopIteration as end:
            record: WorldRecord = end.value
            return record
        result = await ticket


class _Transport:
    """Which process carries which device of a world."""

    def __init__(self, world: World, seats: Mapping[str, Seat]) -> None:
        self._world = world
        self._seats = seats

    def start(self, target: str) -> Ticket:
        return self._seats[target].start(self._world.parts[target])

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> Ticket:
        return self._seats[target].advance(parcels)

    def compute(self, target: str, work: ComputeStep) -> Ticket:
        if work.phase == "train":
            self._world.trains(target)
        return self._seats[target].advance({})

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> Ticket:
        """One call to each host that carries any of the devices, in which nothing is asked twice."""
        sources, damaged = self._world.sources, self._world.misfortune.damaged
        batches: defaultdict[HostProcess, dict[tuple[object, ...], Request]] = defaultdict(dict)
        asked = []
        for device, parcel in requests:
            it = sources[device]
            key = (it.number, it.claim, id(parcel), device in damaged)
            batches[it.host].setdefault(key, Request(it.number, it.claim, parcel, device in damaged))
            asked.append((it.host, key))
        calls = {host: host.answer([*batch.values()]) for host, batch in batches.items()}

        async def in_order() -> list[Answer]:
            made = {host: dict(zip(batches[host], await call, strict=True)) for host, call in calls.items()}
            return [made[host][key] for host, key in asked]

        return asyncio.ensure_future(in_order())
