"""The one file that imports Ray: nodes become actors, and a plan becomes the record of a run.

Host actors carry many source devices each, and every target has an actor of its own. Large frames travel
from actor to actor as references; this process sees headers and lengths, and imports no torch.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import ray
from pydantic import BaseModel
from ray.exceptions import RayTaskError

from hat_sim.containment import abandonable, contained, terminable
from hat_sim.data.domain import Dataset
from hat_sim.errors import UserError
from hat_sim.methods.registry import find_method
from hat_sim.preflight import Plan
from hat_sim.protocol.messages import Precision
from hat_sim.protocol.steps import Answer, AskStep, Parcel, Step
from hat_sim.scenario.fleet import Fleet
from hat_sim.simulation.conductor import Conductor
from hat_sim.simulation.record import RunRecord, TargetResult, WorldRecord
from nodes.assignments import Joining, Lesson, Trained
from nodes.casting import Hosts, check_actors, hosts_of, joining_of, key_of, lessons_of

__all__ = ["check_actors", "cluster", "run_plan"]

Report = Callable[[str, str, int | None], None]
"""Told who (a target, or "sources"), what is going on, and the simulated time in ns where there is one."""

LARGE = 64 * 1024
"""Frames of at least so many bytes stay in the object store, and only a reference moves."""
POLL_S = 0.25
_WORLDS_AT_ONCE = max(2, os.cpu_count() or 1)
"""So many worlds are conducted side by side; the targets of the first are made before the sources train."""
CONNECT_S = 5.0


def run_plan(
    plan: Plan, hosts: Hosts, address: str | None, report: Report, outcomes: Path | None = None
) -> RunRecord:
    """Run every world of a plan on Ray; worlds and targets depend on neither `hosts` nor `address`.

    What targets compute is kept in the folder `outcomes`, where one is named, and not computed twice.
    """
    with cluster(address):
        try:
            return _Run(plan, hosts, report, outcomes).record()
        except RayTaskError as error:
            raise error.cause from error


class _HostActor:
    """Many source devices in one process."""

    def __init__(self, dataset: Dataset, lessons: Mapping[str, Lesson]) -> None:
        _one_thread()
        from nodes.host import Host

        self._dataset = dataset
        self._trained: dict[Lesson, Trained] = {}
        self._host = Host(lessons, dataset.load, self._trained.__getitem__)

    def train(self, lesson: Lesson) -> tuple[Trained, bool]:
        """The outcome of a lesson, and whether it had to be trained for that."""
        from hat_sim.learning import model_cache
        from nodes.host import train

        content = (lesson.domain, lesson.description, lesson.recipe, lesson.seed)
        key = model_cache.key_of(self._dataset.digest, *content)
        cached = model_cache.read(key)
        if cached is not None:
            return Trained(*cached), False
        trained = train(lesson, self._dataset.load(lesson.domain))
        model_cache.write(key, trained.weights, trained.accuracy)
        return trained, True

    def learn(self, lessons: Sequence[Lesson], references: Sequence[Any]) -> None:
        """Take over what any host has trained."""
        self._trained.update(zip(lessons, ray.get(list(references)), strict=True))

    def answer(self, requests: Sequence[tuple[str, Parcel]]) -> list[Answer]:
        asked = [(device, _fetch(parcel)) for device, parcel in requests]
        return [replace(answer, parcel=_store(answer.parcel)) for answer in self._host.answer(asked)]

    def model_bytes(self, devices: Sequence[str], precision: Precision) -> int:
        return self._host.model_bytes(devices, precision)


class _TargetActor:
    """One target; a second thread tells how far its long computations are."""

    def __init__(
        self, dataset: Dataset, joining: Joining, method: str, options: BaseModel, outcomes: Path | None
    ) -> None:
        self._origin = (dataset, joining, method, options)
        self._outcomes_folder = outcomes
        self._doing = ""

    def prepare(self) -> None:
        """Import what `start` needs, while others still train."""
        for module in ("hat_sim.learning.outcome_cache", "nodes.observer", "nodes.target"):
            import_module(module)

    def start(self) -> Step:
        """Load the data, begin the method; not when the actor is made, for Ray wraps an error of that."""
        _one_thread()
        from hat_sim.learning.outcome_cache import OutcomeCache, origin_of
        from nodes.joining import task_and_examination
        from nodes.replay import NoOutcomes
        from nodes.target import Target

        dataset, joining, method, options = self._origin
        self._task, self._examination = task_and_examination(joining, dataset.load(joining.domain))
        self._outcomes = OutcomeCache(self._outcomes_folder) if self._outcomes_folder else NoOutcomes()
        protocol = find_method(method).load()
        origin = origin_of(protocol, dataset.digest, joining, method, options)
        self._target = Target(protocol(self._task, options), origin, self._outcomes)
        return self._sent(self._target.start())

    def advance(self, parcels: Mapping[str, Parcel]) -> Step:
        _one_thread()
        frames = {name: _fetch(parcel) for name, parcel in parcels.items()}
        return self._sent(self._target.advance(frames, self._show))

    def doing(self) -> str:
        """The latest words about the computation under way."""
        return self._doing

    def result(self) -> TargetResult:
        """Judge the finished target and export its model."""
        _one_thread()
        from nodes.observer import observe

        key = self._target.history.key("result")
        result: TargetResult | None = self._outcomes.recall(key)
        if result is None:
            result = observe(self._target.fitted, self._task, self._examination)
            self._outcomes.record(key, result)
        return result

    def _sent(self, step: Step) -> Step:
        if not isinstance(step.next, AskStep):
            return step
        parcels = {name: _store(parcel) for name, parcel in step.next.parcels.items()}
        return replace(step, next=replace(step.next, parcels=parcels))

    def _show(self, doing: str) -> None:
        self._doing = doing


@dataclass(frozen=True)
class _Pending:
    """A ticket: references that are awaited together, and what makes a result of their values."""

    references: Sequence[Any]
    combine: Callable[[list[Any]], Any]


class _RayTransport:
    """The nodes of one world: which actor carries which device, and the targets' actors."""

    def __init__(self, carriers: Mapping[str, tuple[Any, str]], targets: Mapping[str, Any]) -> None:
        self._carriers = carriers
        self._targets = targets

    def start(self, target: str) -> _Pending:
        return _Pending([self._targets[target].start.remote()], lambda values: values[0])

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> _Pending:
        return _Pending([self._targets[target].advance.remote(dict(parcels))], lambda values: values[0])

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> _Pending:
        """One call to each host that carries any of the devices."""
        batches: dict[Any, list[int]] = {}
        for position, (device, _) in enumerate(requests):
            batches.setdefault(self._carriers[device][0], []).append(position)

        def in_order(values: list[list[Answer]]) -> list[Answer]:
            at = {
                position: answer
                for positions, answers in zip(batches.values(), values, strict=True)
                for position, answer in zip(positions, answers, strict=True)
            }
            return [at[position] for position in range(len(requests))]

        calls = [
            host.answer.remote([(self._carriers[requests[p][0]][1], requests[p][1]) for p in positions])
            for host, positions in batches.items()
        ]
        return _Pending(calls, in_order)


class _Run:
    """One run while Ray is up."""

    def __init__(self, plan: Plan, hosts: Hosts, report: Report, outcomes: Path | None) -> None:
        self._plan = plan
        self._report = report
        self._outcomes = outcomes
        self._lessons = lessons_of(plan)
        place = hosts_of(self._lessons, hosts)
        actor: Any = ray.remote(num_cpus=0)(_HostActor)
        self._hosts = [
            actor.remote(plan.dataset, {key: self._lessons[key] for key, at in place.items() if at == number})
            for number in range(max(place.values()) + 1)
        ]
        self._carrier = {key: self._hosts[number] for key, number in place.items()}
        self._targets: dict[str, Any] = {}
        self._prepared: dict[str, Any] = {}

    def record(self) -> RunRecord:
        """Train the sources, conduct every world, and judge every target."""
        for fleet in self._plan.fleets[:_WORLDS_AT_ONCE]:
            self._prepared[fleet.target.name] = self._target_actor(fleet)
            self._prepared[fleet.target.name].prepare.remote()
        trained, fresh = self._train()
        lessons, references = list(trained), list(trained.values())
        ray.get([host.learn.remote(lessons, references) for host in self._hosts])
        fleets = {fleet.target.name: fleet for fleet in self._plan.fleets}
        worlds = [tuple(fleets)] if self._plan.scenario.target.shared_fleet else [(name,) for name in fleets]
        sizes = {name: self._all_models_bytes(fleet) for name, fleet in fleets.items()}
        records: dict[int, WorldRecord] = {}
        results: dict[str, TargetResult] = {}
        for number, record in self._conduct([[fleets[name] for name in world] for world in worlds]):
            records[number] = record
            for target in record.targets:
                results[target] = ray.get(self._targets[target].result.remote())
                ray.kill(self._targets.pop(target))
        return RunRecord(
            worlds=tuple(records[number] for number in range(len(worlds))),
            targets={name: results[name] for name in fleets},
            all_models_bytes=sizes,
            sources_trained=fresh,
            sources_cached=len(trained) - fresh,
        )

    def _train(self) -> tuple[dict[Lesson, Any], int]:
        """Every lesson once, the longest first, each by the next host that is free."""
        lessons = list(dict.fromkeys(self._lessons.values()))
        waiting = deque(sorted(lessons, key=lambda it: -it.description.training_flop))
        idle = deque(self._hosts)
        running: dict[Any, Any] = {}
        references: dict[Lesson, Any] = {}
        fresh = 0
        while waiting or running:
            while waiting and idle:
                lesson, host = waiting.popleft(), idle.popleft()
                references[lesson], is_fresh = host.train.options(num_returns=2).remote(lesson)
                running[is_fresh] = host
            finished, _ = ray.wait(list(running), num_returns=1)
            fresh += ray.get(finished[0])
            idle.append(running.pop(finished[0]))
            done = len(references) - len(running)
            self._report("sources", f"{done}/{len(lessons)} models ready, {fresh} trained", None)
        return {lesson: references[lesson] for lesson in lessons}, fresh

    def _all_models_bytes(self, fleet: Fleet) -> int:
        precision = self._plan.scenario.transfer.weights
        carried: dict[Any, list[str]] = {}
        for device in fleet.sources:
            carried.setdefault(self._carrier[key_of(device)], []).append(key_of(device))
        calls = [host.model_bytes.remote(keys, precision) for host, keys in carried.items()]
        return sum(ray.get(calls))

    def _conduct(self, worlds: Sequence[Sequence[Fleet]]) -> Iterator[tuple[int, WorldRecord]]:
        """Every world's record as it ends; as many worlds at once as there are processors."""
        waiting = deque(enumerate(worlds))
        running: dict[int, tuple[Any, _Pending]] = {}
        while waiting or running:
            while waiting and len(running) < _WORLDS_AT_ONCE:
                number, fleets = waiting.popleft()
                conductor = self._conductor(fleets).run()
                running[number] = (conductor, next(conductor))
            unfinished = [reference for _, pending in running.values() for reference in pending.references]
            _, late = ray.wait(unfinished, num_returns=len(unfinished), timeout=0)
            if len(late) == len(unfinished):
                _, late = ray.wait(unfinished, num_returns=1, timeout=POLL_S)
                self._show_computations()
            for number, (conductor, pending) in list(running.items()):
                if any(reference in late for reference in pending.references):
                    continue
                try:
                    value = pending.combine(ray.get(list(pending.references)))
                    running[number] = (conductor, conductor.send(value))
                except StopIteration as end:
                    del running[number]
                    yield number, end.value

    def _conductor(self, fleets: Sequence[Fleet]) -> Conductor:
        """One world: the sources of all its fleets, each once, and its targets."""
        sources = {device.name: device for fleet in reversed(fleets) for device in fleet.sources}
        carriers = {name: (self._carrier[key_of(device)], key_of(device)) for name, device in sources.items()}
        targets = {
            fleet.target.name: self._prepared.pop(fleet.target.name, None) or self._target_actor(fleet)
            for fleet in fleets
        }
        self._targets |= targets
        devices = [*sources.values(), *(fleet.target for fleet in fleets)]
        return Conductor(devices, list(targets), _RayTransport(carriers, targets), self._report)

    def _target_actor(self, fleet: Fleet) -> Any:
        """The actor of a fleet's target."""
        plan = self._plan
        actor: Any = ray.remote(num_cpus=0)(_TargetActor)
        return actor.options(max_concurrency=2).remote(
            plan.dataset, joining_of(plan, fleet), plan.scenario.method.name, plan.options, self._outcomes
        )

    def _show_computations(self) -> None:
        calls = {name: actor.doing.remote() for name, actor in self._targets.items()}
        for name, call in calls.items():
            ready, _ = ray.wait([call], timeout=POLL_S)
            if ready and (doing := ray.get(call)):
                self._report(name, doing, None)


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Ray up, and down again with every process it started, whatever happens.

    A Ray that this process has started before is used as it is, and left up. An exception that a signal
    raises inside of `ray.init` can lock it up for good, and its processes end with the thread that started
    them: hence a thread of its own, as long as Ray is up.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if address is not None and ":" in address:
        _check_reachable(address)
    local: dict[str, Any] = {} if address else {"num_cpus": os.cpu_count(), "include_dashboard": False}
    with ThreadPoolExecutor(1) as starter, contained(ray.shutdown):
        with abandonable():
            start = partial(ray.init, address or "local", logging_level=logging.ERROR, log_to_driver=False)
            try:
                starter.submit(start, **local).result()
            except (ConnectionError, RuntimeError, ValueError) as error:
                if address is None:
                    raise
                raise _no_ray(address, error) from None
        with terminable():
            yield


def _check_reachable(address: str) -> None:
    """UserError unless somebody listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_ray(address, error) from None


def _no_ray(address: str, error: Exception) -> UserError:
    return UserError(
        f"no Ray cluster can be used at {address}: {error}",
        hint="the HOST:PORT that `ray start --head` printed, or leave --address out",
    )


def _one_thread() -> None:
    """One torch thread in this thread of this process: more of them would change the last bits."""
    import torch

    torch.set_num_threads(1)


def _store(parcel: Parcel) -> Parcel:
    """The parcel with a reference in place of a large frame."""
    return parcel if parcel.length < LARGE else replace(parcel, content=ray.put(parcel.content))


def _fetch(parcel: Parcel) -> bytes:
    """The frame itself."""
    content = parcel.content
    frame: bytes = ray.get(content) if isinstance(content, ray.ObjectRef) else content
    return frame
