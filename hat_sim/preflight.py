"""Everything that can be checked before Ray starts, and the plan that a sound scenario leads to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ValidationError

from hat_sim import units
from hat_sim.data.domain import Dataset
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.errors import InternalError, Problem, UserError
from hat_sim.learning.architectures import ARCHITECTURES, RANK_NAMES, Description, describe, fitting
from hat_sim.learning.budget import largest_that_fits, most_student_flop, source_memory, student_memory
from hat_sim.learning.recipes import AXES, SourceRecipe, StudentRecipe
from hat_sim.methods.registry import METHODS, Method, find_method
from hat_sim.scenario.fleet import Device, Fleet, build_fleets, target_domains
from hat_sim.scenario.load import ScenarioDocument, load_scenario
from hat_sim.scenario.messages import option_problems
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.resolved import scenario_sha256
from hat_sim.scenario.schema import Data, Generated, Scenario


@dataclass(frozen=True)
class Plan:
    """A scenario that can be run: its data are at hand, every architecture is chosen, everything fits."""

    scenario: Scenario
    sha256: str
    dataset: Dataset
    fleets: tuple[Fleet, ...]
    method: Method
    options: BaseModel
    notes: tuple[str, ...]

    @property
    def source_recipe(self) -> SourceRecipe:
        return source_recipe(self.scenario)

    @property
    def student_recipe(self) -> StudentRecipe:
        return student_recipe(self.scenario)


def load_checked(file: Path, overrides: Sequence[str] = (), seed: int | None = None) -> ScenarioDocument:
    """Read a scenario and check it against the catalogues, not the data; UserError with all problems."""
    return load_scenario(file, overrides, seed, checks=[catalogue_problems])


def prepare(document: ScenarioDocument) -> Plan:
    """Check a scenario against its data as well, and plan the run; packaged data are fetched if need be.

    Raises UserError with every problem of data, labels and memory, each with its place in the file.
    """
    try:
        return _plan(document.scenario)
    except UserError as error:
        raise UserError(document.placed(error.problems)) from None


def source_recipe(scenario: Scenario) -> SourceRecipe:
    """How the scenario's sources were trained."""
    training = scenario.training
    return SourceRecipe(training.source_epochs, training.source_batch_size, training.source_rotation)


def student_recipe(scenario: Scenario) -> StudentRecipe:
    """How each method trains its student."""
    training = scenario.training
    return StudentRecipe(
        epochs=training.epochs,
        steps_per_epoch=training.steps_per_epoch,
        learning_rate=training.learning_rate,
        mixup=training.mixup,
        sharpening=training.sharpening,
    )


def catalogue_problems(scenario: Scenario) -> Iterator[Problem]:
    """What the catalogues of datasets, methods and architectures say against a scenario."""
    yield from _method_problems(scenario)
    yield from _unknown_architectures(scenario)
    if scenario.data.dataset is not None and scenario.data.dataset not in PACKAGED:
        name = scenario.data.dataset
        yield Problem(f'unknown dataset "{name}"', path="data.dataset", hint=suggestion(name, PACKAGED))
        return
    facts = known_facts(scenario.data)
    if facts is not None:
        yield from _fleet_problems(scenario, facts)


@dataclass(frozen=True)
class Facts:
    """What of a dataset decides about fleets and architectures; `classes` is their number."""

    shape: tuple[int, ...]
    classes: int
    domains: tuple[str, ...]


def known_facts(data: Data) -> Facts | None:
    """The facts of packaged and generated data, known without a sample; None for a folder."""
    if data.dataset is not None:
        info = PACKAGED[data.dataset]
        return Facts(info.shape, len(info.classes), info.domains)
    if data.generated is not None:
        spec = _spec(data.generated)
        return Facts(spec.shape, spec.classes, spec.domain_names)
    return None


def _spec(generated: Generated) -> GeneratedSpec:
    return GeneratedSpec(**generated.model_dump())


def _open(data: Data) -> Dataset:
    """The dataset that a scenario names; packaged data are at hand afterwards."""
    from hat_sim.data.open import open_folder, open_generated, open_packaged

    if data.folder is not None:
        if not data.folder.is_dir():
            hint = "one <domain>.npz a domain; a relative path starts at the scenario file's folder"
            raise UserError(Problem(f"there is no folder {data.folder}", path="data.folder", hint=hint))
        return open_folder(data.folder)
    if data.generated is not None:
        return open_generated(_spec(data.generated))
    packaged = open_packaged(str(data.dataset))
    packaged.prepare()
    return packaged


def _fleet_problems(scenario: Scenario, facts: Facts) -> Iterator[Problem]:
    """What a dataset's facts say against the devices of a scenario."""
    yield from _rotation_problems(scenario, facts.shape)
    try:
        fleets = build_fleets(scenario, facts.domains)
    except UserError as error:
        yield from error.problems
        return
    fitting_of = _Fitting(scenario, facts)
    yield from {problem: None for fleet in fleets for problem in fitting_of.problems(fleet)}


def _rotation_problems(scenario: Scenario, shape: tuple[int, ...]) -> Iterator[Problem]:
    """Only series whose channels come in threes can be turned."""
    if scenario.training.source_rotation > 0 and (len(shape) != 2 or shape[1] % AXES):
        yield Problem(
            f"samples of shape {shape} are not of three-axis sensors",
            path="training.source_rotation",
            hint="0, or series (time, channels) whose channels come in threes",
        )


def _plan(scenario: Scenario) -> Plan:
    dataset = _open(scenario.data)
    facts = Facts(tuple(dataset.shape), len(dataset.classes), tuple(dataset.domains))
    problems = [*_fleet_problems(scenario, facts), *_label_problems(scenario, dataset)]
    if problems:
        raise UserError(problems)
    fitting_of = _Fitting(scenario, facts)
    fleets = tuple(fitting_of.resolved(fleet) for fleet in build_fleets(scenario, facts.domains))
    method = find_method(scenario.method.name)
    return Plan(
        scenario=scenario,
        sha256=scenario_sha256(scenario, dataset.digest),
        dataset=dataset,
        fleets=fleets,
        method=method,
        options=method.options.model_validate(dict(scenario.method.options)),
        notes=tuple(_notes(fleets)),
    )


def _label_problems(scenario: Scenario, dataset: Dataset) -> Iterator[Problem]:
    """Every class of a target that has fewer samples than labels are asked for."""
    from hat_sim.data.splits import split_target

    for name in target_domains(scenario, dataset.domains):
        if name in dataset.domains:
            try:
                split_target(dataset.load(name), scenario.target.labels_per_class, scenario.seed)
            except UserError as error:
                yield from error.problems


def _notes(fleets: Iterable[Fleet]) -> Iterator[str]:
    """What a user should know before trusting the figures of a run."""
    lossy = {
        device.link.name: device.link.loss
        for fleet in fleets
        for device in (fleet.target, *fleet.sources)
        if device.link.loss > 0
    }
    if lossy:
        links = ", ".join(f"{name} ({loss:.1%})" for name, loss in sorted(lossy.items()))
        yield f"packet loss is not simulated yet; times and wire bytes are too low for: {links}"


def _method_problems(scenario: Scenario) -> Iterator[Problem]:
    name = scenario.method.name
    try:
        method = find_method(name)
    except LookupError as error:
        hint = suggestion(name, METHODS) if ":" not in name else "package.module:object"
        yield Problem(str(error), path="method.name", hint=hint)
        return
    try:
        method.options.model_validate(dict(scenario.method.options))
    except ValidationError as error:
        yield from option_problems("method", method.options, error)


def _unknown_architectures(scenario: Scenario) -> Iterator[Problem]:
    for path, name in _named_architectures(scenario):
        if name != "auto" and name not in ARCHITECTURES:
            hint = suggestion(name, ("auto", *ARCHITECTURES))
            yield Problem(f'unknown architecture "{name}"', path=path, hint=hint)


def _named_architectures(scenario: Scenario) -> Iterator[tuple[str, str]]:
    yield "target.architecture", scenario.target.architecture
    sources = scenario.sources
    if isinstance(sources, tuple):
        for index, source in enumerate(sources):
            yield f"sources.{index}.architecture", source.architecture
    else:
        for name in sources.architectures:
            yield "sources.architectures", name


class _Fitting:
    """Chooses architectures for `auto`, and holds every model against its input's shape and its device."""

    def __init__(self, scenario: Scenario, facts: Facts) -> None:
        self._scenario = scenario
        self._shape = facts.shape
        self._classes = facts.classes
        self._source = source_recipe(scenario)
        self._student = student_recipe(scenario)
        self._largest = cache(self._largest_of)

    def resolved(self, fleet: Fleet) -> Fleet:
        """The fleet with an architecture in place of each `auto`."""
        sources = tuple(self._resolve(device, is_target=False) for device in fleet.sources)
        return Fleet(self._resolve(fleet.target, is_target=True), sources)

    def problems(self, fleet: Fleet) -> Iterator[Problem]:
        """Every model that reads other inputs or does not fit its device, each kind of problem once."""
        yield from self._problem(fleet.target, "target.architecture", is_target=True)
        listed = isinstance(self._scenario.sources, tuple)
        found: dict[Problem, None] = {}
        for index, device in enumerate(fleet.sources):
            path = f"sources.{index}.architecture" if listed else "sources.architectures"
            found.update(dict.fromkeys(self._problem(device, path, is_target=False)))
        yield from found

    def _problem(self, device: Device, path: str, is_target: bool) -> Iterator[Problem]:
        known = fitting(self._shape)
        if device.architecture == "auto":
            if self._largest(device.profile.memory, device.profile.speed, is_target) is None:
                what = f"no architecture fits {units.SIZE.format(device.profile.memory)} of memory"
                hint = "a device with more memory"
                if is_target:
                    what += f" and {units.DURATION.format(self._scenario.target.time_budget)} of training"
                    hint = "a faster device or one with more memory, or a longer target.time_budget"
                yield Problem(f"{what} on a {device.profile.name}", path=path, hint=hint)
        elif device.architecture in ARCHITECTURES and device.architecture not in known:
            yield Problem(
                f"{device.architecture} cannot read samples of shape {self._shape}",
                path=path,
                hint=f"for {RANK_NAMES[len(self._shape)]}: {', '.join(known)}",
            )
        elif device.architecture in known:
            needed = self._memory(device.architecture, is_target)
            if needed > device.profile.memory:
                yield Problem(
                    f"training {device.architecture} needs {units.SIZE.format(needed)}, a "
                    f"{device.profile.name} has {units.SIZE.format(device.profile.memory)}",
                    path=path,
                    hint="a smaller architecture, `auto`, or another device",
                )

    def _resolve(self, device: Device, is_target: bool) -> Device:
        if device.architecture != "auto":
            return device
        largest = self._largest(device.profile.memory, device.profile.speed, is_target)
        if largest is None:
            raise InternalError(f"no architecture fits {device.name}, which was not reported")
        return dataclasses.replace(device, architecture=largest)

    def _memory(self, architecture: str, is_target: bool) -> int:
        description = describe(architecture, self._shape, self._classes)
        if is_target:
            return student_memory(description, self._student)
        return source_memory(description, self._source)

    def _largest_of(self, memory: int, speed: float, is_target: bool) -> str | None:
        """The largest that fits the memory and, on the target, is trained within the time budget."""
        budget_s = self._scenario.target.time_budget / 1e9

        def fits(it: Description) -> bool:
            if self._memory(it.name, is_target) > memory:
                return False
            return not is_target or most_student_flop(it, self._student) <= budget_s * speed

        largest = largest_that_fits(self._shape, self._classes, fits)
        return None if largest is None else largest.name
