"""One torch thread for all tests, and worlds that run in this process: the plain twin of the Ray engine."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported; the engine's actors have one thread, too

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hat_sim.data.domain import Dataset
    from hat_sim.learning.architectures import Description
    from hat_sim.methods.base import Fitted, Task
    from hat_sim.preflight import Plan
    from hat_sim.protocol.messages import Precision
    from hat_sim.protocol.steps import Answer, ComputeStep, Parcel, Step
    from hat_sim.scenario.faults import ProtocolOptions
    from hat_sim.scenario.fleet import Device, Fleet
    from hat_sim.scenario.hits import Misfortune
    from hat_sim.sensors import Sensors
    from hat_sim.simulation.conductor import Conductor
    from hat_sim.simulation.record import RunRecord, WorldRecord
    from nodes.joining import Examination
    from nodes.staging import Watch

Ticket = Callable[[], Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the files of tests/golden anew")


class LocalTransport:
    """Calls nodes in this process, at the moment at which the conductor awaits them.

    `sources` answer frames by name and `targets` make steps. `frames` holds each request that a target handed
    over and each answer that a source made, in the order in which they were made.
    """

    def __init__(self, sources: Mapping[str, Callable[[bytes], Answer]], targets: Mapping[str, Any]) -> None:
        self._sources = sources
        self._targets = targets
        self.frames: list[bytes] = []

    def start(self, target: str) -> Ticket:
        return lambda: self._step(self._targets[target].start())

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> Ticket:
        frames = {name: parcel.received() for name, parcel in parcels.items()}
        return lambda: self._step(self._targets[target].advance(frames, lambda doing: None))

    def compute(self, target: str, work: ComputeStep) -> Ticket:
        return self.advance(target, {})

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> Ticket:
        def answers() -> list[Answer]:
            made = [self._sources[device](parcel.received()) for device, parcel in requests]
            self.frames += [frame.content for answer in made for frame in answer.parcel.frames]
            return made

        return answers

    def _step(self, step: Step) -> Step:
        parcels: Mapping[str, Parcel] = getattr(step.next, "parcels", {})
        self.frames += [parcel.content for parcel in parcels.values()]
        return step


class HastyTransport(LocalTransport):
    """Calls nodes when the work is launched, as the engine does."""

    def start(self, target: str) -> Ticket:
        return _done(super().start(target))

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> Ticket:
        return _done(super().advance(target, parcels))

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> Ticket:
        return _done(super().ask(requests))


def _done(ticket: Ticket) -> Ticket:
    result = ticket()
    return lambda: result


def drive(conductor: Conductor) -> WorldRecord:
    """Run a conductor of a local transport to its end."""
    run = conductor.run()
    value = None
    while True:
        try:
            value = run.send(value)()
        except StopIteration as end:
            record: WorldRecord = end.value
            return record


@dataclass(frozen=True)
class LocalWorld:
    """What a world left behind, and the frames that were handed over in it."""

    record: WorldRecord
    fitted: Mapping[str, Fitted]
    tasks: Mapping[str, Task]
    examinations: Mapping[str, Examination]
    frames: Sequence[bytes]
    all_models_bytes: int


@pytest.fixture(scope="session")
def local_transport() -> type[LocalTransport]:
    return LocalTransport


@pytest.fixture(scope="session")
def hasty_transport() -> type[LocalTransport]:
    return HastyTransport


@pytest.fixture(scope="session")
def drive_conductor() -> Callable[[Conductor], WorldRecord]:
    return drive


@pytest.fixture(scope="session")
def fleet_of() -> Callable[..., Fleet]:
    """A target of one domain and a source of each other one, on devices of the catalogue."""
    from hat_sim.scenario.catalogue import device_profiles, link_profiles
    from hat_sim.scenario.fleet import Device, Fleet

    def fleet(dataset: Dataset, domain: str, architectures: Sequence[str]) -> Fleet:
        def device(name: str, of: str, architecture: str) -> Device:
            return Device(name, of, architecture, device_profiles()["pi4"], link_profiles()["wifi"])

        others = [name for name in dataset.domains if name != domain]
        sources = tuple(
            device(name, name, architectures[k % len(architectures)]) for k, name in enumerate(others)
        )
        return Fleet(device(f"target-{domain}", domain, architectures[0]), sources)

    return fleet


def sensors_of(dataset: Dataset, device: Device) -> Sensors | None:
    from hat_sim.sensors import carried

    return None if device.sensors is None else carried(dataset.sensors, device.sensors)


def description_of(dataset: Dataset, device: Device) -> Description:
    from hat_sim.learning.architectures import describe
    from hat_sim.sensors import channels_of, shape_taken

    shape = shape_taken(tuple(dataset.shape), channels_of(sensors_of(dataset, device)))
    return describe(device.architecture, shape, len(dataset.classes))


@pytest.fixture(scope="session")
def run_world() -> Iterator[Callable[..., LocalWorld]]:
    """Runs one world of real nodes in this process; source models are trained once for all tests."""
    from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
    from hat_sim.methods.registry import METHODS
    from hat_sim.simulation.conductor import Conductor
    from nodes.assignments import Damaged, Joining, Lesson, Trained
    from nodes.host import Host, train
    from nodes.joining import task_and_examination
    from nodes.target import Target

    @cache
    def trained(dataset: Dataset, lesson: Lesson) -> Trained:
        return train(lesson, dataset.load(lesson.domain))

    def run(
        dataset: Dataset,
        fleets: Sequence[Fleet],
        method: str,
        *,
        precision: Precision = "fp32",
        recipe: StudentRecipe = StudentRecipe(epochs=4, steps_per_epoch=4),  # noqa: B008
        epochs: int = 4,
        seed: int = 0,
        transport: type[LocalTransport] = LocalTransport,
        tampered: Callable[[str, Answer], Answer] = lambda device, answer: answer,
        exchanged: Callable[[Task], Task] = lambda task: task,
        misfortune: Misfortune | None = None,
        patience: ProtocolOptions | None = None,
        **options: Any,
    ) -> LocalWorld:
        """`tampered` may change an answer on its way and `exchanged` what a target knows."""
        damaged = () if misfortune is None else misfortune.damaged
        classes = tuple(dataset.classes)

        def lesson(device: Device) -> Lesson:
            description, sensors = description_of(dataset, device), sensors_of(dataset, device)
            digest, recipe = dataset.digest, SourceRecipe(epochs, 32)
            labels = None if device.classes is None else tuple(map(classes.index, device.classes))
            return Lesson(digest, device.domain, description, classes, recipe, seed, labels, sensors)

        def joining(fleet: Fleet) -> Joining:
            target = fleet.target
            description, sensors = description_of(dataset, target), sensors_of(dataset, target)
            names = tuple(device.name for device in fleet.sources)
            labels = None if target.classes is None else tuple(map(classes.index, target.classes))
            return Joining(
                target.domain, description, classes, names, 2, recipe, precision, seed, labels, sensors
            )

        sources = {device.name: device for fleet in fleets for device in fleet.sources}
        lessons = {name: lesson(device) for name, device in sources.items()}
        host = Host(lambda it: dataset.load(it.domain), partial(trained, dataset))

        def answer(device: str, frame: bytes) -> Answer:
            record = lessons[device]
            return tampered(
                device, host.answer([(Damaged(record) if device in damaged else record, frame)])[0]
            )

        chosen = METHODS[method]
        settings = chosen.options.model_validate(options)
        tasks, examinations, targets = {}, {}, {}
        for fleet in fleets:
            name = fleet.target.name
            task, examinations[name] = task_and_examination(joining(fleet), dataset.load(fleet.target.domain))
            tasks[name] = exchanged(task)
            targets[name] = Target(chosen.load()(tasks[name], settings), options=patience)
        nodes = transport({name: partial(answer, name) for name in sources}, targets)
        devices = [*sources.values(), *(fleet.target for fleet in fleets)]
        record = drive(Conductor(devices, list(targets), nodes, misfortune=misfortune))
        fitted = {name: target.fitted for name, target in targets.items()}
        size = sum(host.model_bytes(lessons[name], precision) for name in sources)
        return LocalWorld(record, fitted, tasks, examinations, nodes.frames, size)

    yield run
    trained.cache_clear()


TINY = """\
name: tiny
data:
  generated: {domains: 5, classes: 3, shape: [16, 2], samples: 60, shift: 0.8}
method: {name: hat, eta: 0.6, top: 2}
target: {domain: domain-2, device: pi4, link: wifi, labels_per_class: 2}
sources:
  domains: all
  devices: [pi4, jetson-nano]
  links: [wifi, ethernet-1g]
  architectures: [cnn-small, gru]
training: {source_epochs: 2, epochs: 3, steps_per_epoch: 2}
"""


@pytest.fixture(scope="session")
def tiny() -> str:
    """A scenario that takes a fraction of a second without Ray."""
    return TINY


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the session's own, set before anything starts a process; never the user's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("HAT_SIM_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def cluster(session_cache: Path) -> Iterator[None]:
    """The one Ray of the session, which every run in this process uses."""
    from hat_sim.engine import cluster

    with cluster(None):
        yield


def run_alone(plan: Plan) -> RunRecord:
    """The engine's `run_plan` in this process, one thing after the other; no cache, no Ray."""
    from hat_sim.scenario.hits import misfortune_of
    from hat_sim.seeding import derive_seed
    from hat_sim.simulation.conductor import Conductor
    from hat_sim.simulation.record import Hindsight, RunRecord
    from nodes.assignments import Claim, Claiming, Damaged, DeviceRecord, Expanded, Joining, Lesson
    from nodes.host import Host, train
    from nodes.joining import task_and_examination
    from nodes.observer import accuracy_alone, observe, worth_of
    from nodes.source import Source
    from nodes.target import Target

    scenario, dataset = plan.scenario, plan.dataset
    classes = tuple(dataset.classes)
    trained = cache(lambda lesson: train(lesson, dataset.load(lesson.domain)))
    description, sensors = partial(description_of, dataset), partial(sensors_of, dataset)

    def labels_of(device: Device) -> tuple[int, ...] | None:
        return None if device.classes is None else tuple(classes.index(it) for it in device.classes)

    worlds, results, hindsight, sizes, joined = [], {}, {}, {}, []

    def record_of(device: Device) -> DeviceRecord:
        domain, digest, seed = device.domain, dataset.digest, scenario.seed
        if device.round is None:
            recipe = plan.source_recipe
            lesson = Lesson(
                digest, domain, description(device), classes, recipe, seed, labels_of(device), sensors(device)
            )
            samples = getattr(scenario.sources, "claim_samples", None)
            own = samples and Claim(samples, derive_seed(seed, "claim", device.name))
            return Claiming(lesson, own) if own else lesson
        labels, weights = scenario.target.labels_per_class, results[device.name].weights
        return Expanded(
            digest,
            domain,
            description(device),
            classes,
            labels,
            seed,
            weights,
            labels_of(device),
            sensors(device),
        )

    def as_joined(fleet: Fleet) -> Fleet:
        sources = []
        for device in fleet.sources:
            if device.round is not None:
                result = results[device.name]
                device = replace(device, architecture=result.architecture, sensors=result.sensors)
            if device.architecture is not None:
                sources.append(device)
        return replace(fleet, sources=tuple(sources))

    def worlds_of(fleets: Sequence[Fleet]) -> Iterator[Sequence[Fleet]]:
        """World after world, in the order of the rounds; each is made when those before it have ended."""
        for number in dict.fromkeys(fleet.target.round for fleet in fleets):
            them = [as_joined(fleet) for fleet in fleets if fleet.target.round == number]
            yield from [them] if scenario.target.shared_fleet else [[fleet] for fleet in them]

    host = Host(lambda record: dataset.load(record.domain), trained)

    def answer(device: Device, damaged: bool, frame: bytes) -> Answer:
        """One call a device, and nothing that sound devices share but their model."""
        record = record_of(device)
        if damaged:
            return host.answer([(Damaged(record), frame)])[0]
        return Source(host.knowledge(record)).answer(frame)

    for fleets in worlds_of(plan.fleets):
        joined += fleets
        sources = {device.name: device for fleet in reversed(fleets) for device in fleet.sources}
        tasks, targets = {}, {}
        for fleet in fleets:
            target = fleet.target
            joining = Joining(
                domain=target.domain,
                description=description(target),
                classes=classes,
                sources=tuple(device.name for device in fleet.sources),
                labels_per_class=scenario.target.labels_per_class,
                recipe=plan.student_recipe,
                precision=scenario.transfer.weights,
                seed=scenario.seed,
                labels=labels_of(target),
                sensors=sensors(target),
            )
            tasks[target.name] = task_and_examination(joining, dataset.load(target.domain))
            protocol = plan.method.load()(tasks[target.name][0], plan.options)
            targets[target.name] = Target(protocol, options=scenario.patience)
            precision = scenario.transfer.weights
            eligible = [it for it in fleet.sources if not fleet.lacking(it)]
            sizes[target.name] = sum(host.model_bytes(record_of(it), precision) for it in eligible)
            task, examination = tasks[target.name]
            known = {it.name: host.knowledge(record_of(it)) for it in fleet.sources}
            hindsight[target.name] = Hindsight(
                accuracy_alone(task, examination),
                {name: worth_of(it, examination) for name, it in known.items()},
            )
        misfortune = misfortune_of(scenario, list(sources), list(targets))
        answers = {
            name: partial(answer, device, name in misfortune.damaged) for name, device in sources.items()
        }
        devices = [*sources.values(), *(fleet.target for fleet in fleets)]
        conductor = Conductor(
            devices,
            list(targets),
            LocalTransport(answers, targets),
            seed=scenario.seed,
            max_in_flight=scenario.transfer.max_in_flight,
            misfortune=misfortune,
        )
        worlds.append(drive(conductor))
        results |= {name: observe(targets[name].fitted, tasks[name][1]) for name in targets}
    fresh = trained.cache_info().currsize
    return RunRecord(tuple(joined), tuple(worlds), results, hindsight, sizes, fresh, 0)


@pytest.fixture(scope="session")
def alone_run() -> Callable[[Plan], RunRecord]:
    return run_alone


@contextmanager
def engine_replaced(known: dict[tuple[str, int], RunRecord]) -> Iterator[list[Plan]]:
    """Lets `hat-sim run` use `run_alone`, once for each content and seed; the plans that were run."""
    from hat_sim import engine

    ran: list[Plan] = []

    def run(plan: Plan, *rest: Any) -> RunRecord:
        ran.append(plan)
        content = (plan.sha256, plan.scenario.seed)
        if content not in known:
            known[content] = run_alone(plan)
        return known[content]

    def run_all(plans: Iterable[Plan], hosts: int, address: None, outcomes: Path, watch: Watch) -> None:
        for place, plan in enumerate(plans):
            watch.began(place)
            try:
                outcome: RunRecord | Exception = run(plan)
            except Exception as error:
                outcome = error
            watch.finished(place, outcome)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "run_plan", run)
        patch.setattr(engine, "run_plans", run_all)
        patch.setattr(engine, "cluster", lambda address: nullcontext())
        yield ran


@pytest.fixture(scope="session")
def known_records() -> dict[tuple[str, int], RunRecord]:
    """Runs of the plain twin by content and seed, of which they are a pure function."""
    return {}


@pytest.fixture
def without_ray(known_records: dict[tuple[str, int], RunRecord]) -> Iterator[list[Plan]]:
    """Lets `hat-sim run` use the plain twin of the engine; the plans that it ran."""
    with engine_replaced(known_records) as ran:
        yield ran


@pytest.fixture(scope="session")
def finished_run(
    tmp_path_factory: pytest.TempPathFactory, tiny: str, known_records: dict[tuple[str, int], RunRecord]
) -> Path:
    """The folder of a run of two targets, to be read and not to be changed."""
    from hat_sim.cli.main import main

    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(tiny)
    targets = "target.domain=[domain-2, domain-4]"
    with engine_replaced(known_records):
        assert main(["run", str(folder / "tiny.yaml"), "--set", targets, "--out", str(folder / "run")]) == 0
    return folder / "run"
