"""The one file that imports Ray: nodes become actors, and plans become the records of runs.

Host actors carry many source devices each, and each target has an actor to itself while it is simulated.
Large frames travel from actor to actor as references; this process sees headers and lengths, and imports no
torch.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from hat_sim.containment import abandonable, contained, kill_contained, terminable
from hat_sim.data.domain import Dataset, Domain
from hat_sim.errors import HatSimError, LostProcessError, RemoteError, UserError
from hat_sim.garbage import collect_rarely
from hat_sim.methods.registry import find_method
from hat_sim.preflight import Plan
from hat_sim.protocol.messages import Precision
from hat_sim.protocol.steps import Answer, AskStep, Parcel, Step
from hat_sim.sensors import channels_of
from hat_sim.simulation.record import RunRecord, SourceWorth, TargetResult
from nodes.assignments import (
    AnsweringRecord,
    Claim,
    Claiming,
    Damaged,
    DeviceRecord,
    Joining,
    Lesson,
    Part,
    Request,
    Trained,
)
from nodes.casting import Hosts, check_actors, host_count
from nodes.staging import Stage, Watch
from nodes.world import Report

__all__ = ["Watch", "check_actors", "cluster", "run_plan", "run_plans"]

LARGE = 64 * 1024
"""Frames of at least so many bytes stay in the object store, and only a reference moves."""
CONNECT_S = 5.0
_AUTOSCALER = "/autoscaler/_private/monitor.py"

T = TypeVar("T")
P = ParamSpec("P")


def run_plan(
    plan: Plan, hosts: Hosts, address: str | None, report: Report, outcomes: Path | None = None
) -> RunRecord:
    """The record of a plan; worlds and targets depend on neither `hosts` nor `address`.

    What targets compute is kept in the folder `outcomes`, where one is named, and not computed twice.
    """
    ended: list[RunRecord | Exception] = []
    run_plans(
        [plan],
        host_count(plan, hosts),
        address,
        outcomes,
        Watch(report, lambda place, it: ended.append(it)),
        per_device=hosts == "per-device",
    )
    [outcome] = ended
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def run_plans(
    plans: Iterable[Plan],
    hosts: int,
    address: str | None,
    outcomes: Path | None,
    watch: Watch,
    per_device: bool = False,
) -> None:
    """Run plans side by side on one Ray; each is what `run_plan` makes of it alone.

    The plans are taken one after the other as there is room for them. With `per_device` there is one plan,
    and `hosts` is the number of its source devices.
    """
    with cluster(address), _Crew(hosts) as crew:

        async def run() -> None:
            await Stage(crew, watch, per_device, outcomes).run_all(plans)

        asyncio.run(run())


def _tells(call: Callable[P, T]) -> Callable[P, T]:
    """A call of an actor whose errors reach the caller, whatever they are made of."""

    @wraps(call)
    def telling(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return call(*arguments, **named)
        except HatSimError:
            raise
        except RayError as error:
            raise LostProcessError(str(error).partition("\n")[0]) from None
        except Exception as error:
            raise RemoteError.of(error) from None

    return telling


class _HostActor:
    """Many source devices in one process; `models` holds references to what lessons came to."""

    def __init__(self) -> None:
        _one_thread()
        collect_rarely()
        from nodes.host import Host

        self._datasets: dict[str, Dataset] = {}
        self._records: dict[int, DeviceRecord] = {}
        self._models: dict[Lesson, Any] = {}
        self._host = Host(self._load, lambda lesson: ray.get(self._models[lesson]))

    @_tells
    def train(self, lesson: Lesson, dataset: Dataset) -> tuple[Trained, bool]:
        """The outcome of a lesson, and whether it had to be trained for that."""
        from hat_sim.learning import model_cache
        from nodes.host import train

        content = (lesson.domain, lesson.description, lesson.recipe, lesson.seed, lesson.labels)
        key = model_cache.key_of(dataset.digest, *content, channels_of(lesson.sensors))
        cached = model_cache.read(key)
        if cached is not None:
            return Trained(*cached), False
        trained = train(lesson, dataset.load(lesson.domain))
        model_cache.write(key, trained.weights, trained.accuracy)
        return trained, True

    @_tells
    def teach(
        self, records: Mapping[int, DeviceRecord], models: Mapping[Lesson, Any], dataset: Dataset
    ) -> None:
        self._datasets[dataset.digest] = dataset
        self._records.update(records)
        self._models.update(models)

    @_tells
    def forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._records.pop(number, None)

    @_tells
    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        asked: list[tuple[AnsweringRecord, bytes]] = []
        for it in requests:
            record = self._record(it.number, it.claim)
            asked.append((Damaged(record) if it.is_damaged else record, _frame(it.parcel)))
        return [_stored(answer) for answer in self._host.answer(asked)]

    @_tells
    def model_bytes(self, numbers: Sequence[int], precision: Precision) -> list[int]:
        return [self._host.model_bytes(self._record(number), precision) for number in numbers]

    @_tells
    def examine(self, numbers: Sequence[int], joining: Joining, dataset: Dataset) -> list[SourceWorth]:
        from nodes.joining import task_and_examination
        from nodes.observer import worth_of

        _, examination = task_and_examination(joining, dataset.load(joining.domain))
        known = [self._host.knowledge(self._record(number)) for number in numbers]
        return [worth_of(it, examination) for it in known]

    @_tells
    def train_alone(self, joining: Joining, dataset: Dataset) -> float:
        from nodes.joining import task_and_examination
        from nodes.observer import accuracy_alone

        return accuracy_alone(*task_and_examination(joining, dataset.load(joining.domain)))

    def _record(self, number: int, claim: Claim | None = None) -> DeviceRecord:
        """LostProcessError where only the actor before this one was taught it."""
        if number not in self._records:
            raise LostProcessError("its successor has been taught nothing yet")
        record = self._records[number]
        return Claiming(record, claim) if claim and isinstance(record, Lesson) else record

    def _load(self, record: DeviceRecord) -> Domain:
        of = record.lesson if isinstance(record, Claiming) else record
        return self._datasets[of.data].load(of.domain)


class _TargetActor:
    """One target after the other; a second thread tells how far long computations are."""

    def __init__(self) -> None:
        collect_rarely()
        self._doing = ""

    def prepare(self) -> None:
        """Import what `start` needs, while others still train."""
        for module in ("hat_sim.learning.outcome_cache", "nodes.observer", "nodes.target"):
            import_module(module)

    @_tells
    def start(self, part: Part) -> Step:
        """Load the data, begin the method."""
        _one_thread()
        from hat_sim.learning.outcome_cache import OutcomeCache, origin_of
        from nodes.joining import task_and_examination
        from nodes.replay import NoOutcomes, Outcomes
        from nodes.target import Target

        self._doing = ""
        joining, dataset = part.joining, part.dataset
        task, self._examination = task_and_examination(joining, dataset.load(joining.domain))
        self._outcomes: Outcomes = OutcomeCache(part.outcomes) if part.outcomes else NoOutcomes()
        method = find_method(part.method, part.home)
        protocol, options = method.load(), method.options.model_validate(part.options)
        origin = origin_of(protocol, dataset.digest, joining, part.method, options)
        self._target = Target(protocol(task, options), origin, self._outcomes, part.patience)
        return self._sent(self._target.start())

    @_tells
    def advance(self, parcels: Mapping[str, Parcel]) -> Step:
        _one_thread()
        frames = {name: parcel.received(_fetch) for name, parcel in parcels.items()}
        return self._sent(self._target.advance(frames, self._show))

    def doing(self) -> str:
        return self._doing

    @_tells
    def result(self) -> TargetResult:
        """Judge the finished target and export its model."""
        _one_thread()
        from nodes.observer import observe
        from nodes.replay import remembered

        key = self._target.history.key("result")
        return remembered(self._outcomes, key, lambda: observe(self._target.fitted, self._examination))

    def _sent(self, step: Step) -> Step:
        if not isinstance(step.next, AskStep):
            return step
        parcels = {name: _store(parcel) for name, parcel in step.next.parcels.items()}
        return replace(step, next=replace(step.next, parcels=parcels))

    def _show(self, doing: str) -> None:
        self._doing = doing


@dataclass(frozen=True)
class _Result(Generic[T]):
    """The result of a call under way; an error in an actor is raised as it was there.

    `lost` is called where the actor is gone.
    """

    reference: Any
    lost: Callable[[], None] = lambda: None

    def __await__(self) -> Generator[Any, None, T]:
        try:
            result: T = yield from self.reference.__await__()
        except RayTaskError as error:
            raise error.cause from error
        except RayActorError as error:
            self.lost()
            raise LostProcessError(str(error).partition("\n")[0]) from error
        return result


class _Host:
    """A host actor, and the next one in its place if it is lost.

    `models` holds references to what lessons came to, for all hosts: they outlive the actor that made them.
    """

    def __init__(self, models: dict[int, Any]) -> None:
        self._models = models
        self.life = 0
        self._begin()

    def end(self) -> None:
        ray.kill(self._actor)

    def train(self, number: int, lesson: Lesson, dataset: Dataset) -> _Result[bool]:
        call = self._actor.train.options(num_returns=2)
        self._models[number], is_fresh = call.remote(lesson, dataset)
        return self._result(is_fresh)

    def teach(self, records: Mapping[int, DeviceRecord], dataset: Dataset) -> _Result[None]:
        models = {it: self._models[number] for number, it in records.items() if isinstance(it, Lesson)}
        return self._result(self._actor.teach.remote(dict(records), models, dataset))

    def forget(self, numbers: Sequence[int]) -> _Result[None]:
        return self._result(self._actor.forget.remote(list(numbers)))

    def answer(self, requests: Sequence[Request]) -> _Result[list[Answer]]:
        return self._result(self._actor.answer.remote(requests))

    def model_bytes(self, numbers: Sequence[int], precision: Precision) -> _Result[list[int]]:
        return self._result(self._actor.model_bytes.remote(numbers, precision))

    def examine(
        self, numbers: Sequence[int], joining: Joining, dataset: Dataset
    ) -> _Result[list[SourceWorth]]:
        return self._result(self._actor.examine.remote(numbers, joining, dataset))

    def train_alone(self, joining: Joining, dataset: Dataset) -> _Result[float]:
        return self._result(self._actor.train_alone.remote(joining, dataset))

    def _begin(self) -> None:
        actor: Any = ray.remote(num_cpus=0)(_HostActor)
        self._actor = actor.remote()

    def _result(self, reference: Any) -> _Result[Any]:
        return _Result(reference, partial(self._replace, self.life))

    def _replace(self, lost: int) -> None:
        """Begin anew, once for all calls that were under way in the life that is lost."""
        if self.life == lost:
            self.life += 1
            self._begin()


class _Seat:
    """A target actor."""

    def __init__(self) -> None:
        actor: Any = ray.remote(num_cpus=0)(_TargetActor)
        self._actor = actor.options(max_concurrency=2).remote()
        self._actor.prepare.remote()

    def end(self) -> None:
        ray.kill(self._actor)

    def start(self, part: Part) -> _Result[Step]:
        return _Result(self._actor.start.remote(part))

    def advance(self, parcels: Mapping[str, Parcel]) -> _Result[Step]:
        return _Result(self._actor.advance.remote(dict(parcels)))

    def doing(self) -> _Result[str]:
        return _Result(self._actor.doing.remote())

    def result(self) -> _Result[TargetResult]:
        return _Result(self._actor.result.remote())


class _Crew:
    """The actors of a session, which end with it."""

    def __init__(self, hosts: int) -> None:
        models: dict[int, Any] = {}
        self.hosts = [_Host(models) for _ in range(hosts)]
        self.worlds_at_once = max(2, os.cpu_count() or 1)
        self._idle: list[_Seat] = []
        self._made = 0

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *raised: object) -> None:
        for host in self.hosts:
            host.end()
        for seat in self._idle:
            seat.end()

    def prepare(self, seats: int) -> None:
        while self._made < seats:
            self._idle.append(self._new_seat())

    @contextmanager
    def seats(self, targets: Sequence[str]) -> Iterator[dict[str, _Seat]]:
        taken = {name: self._idle.pop() if self._idle else self._new_seat() for name in targets}
        kept = 0
        try:
            yield taken
            kept = max(0, self.worlds_at_once - len(self._idle))
        finally:
            seats = list(taken.values())
            self._idle += seats[:kept]
            for seat in seats[kept:]:
                seat.end()
                self._made -= 1

    def _new_seat(self) -> _Seat:
        self._made += 1
        return _Seat()


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
    with ThreadPoolExecutor(1) as starter, contained(_stop):
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


def _stop() -> None:
    """Stop Ray without its autoscaler, which is of no use here, deaf to SIGTERM, and waited for a second."""
    kill_contained(_AUTOSCALER)
    ray.shutdown()


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
    """The parcel with a reference in place of each large frame."""
    if parcel.length < LARGE and not parcel.more:
        return parcel
    more = tuple(map(_store, parcel.more))
    content = parcel.content if parcel.length < LARGE else ray.put(parcel.content)
    return replace(parcel, content=content, more=more)


def _stored(answer: Answer) -> Answer:
    parcel = _store(answer.parcel)
    return answer if parcel is answer.parcel else replace(answer, parcel=parcel)


def _fetch(content: Any) -> bytes:
    """The frame itself."""
    frame: bytes = ray.get(content) if isinstance(content, ray.ObjectRef) else content
    return frame


def _frame(parcel: Parcel) -> bytes:
    """What a source reads of a request, which is one frame."""
    frame = parcel.received(_fetch)
    assert isinstance(frame, bytes)
    return frame
