"""Which architecture fits which device: the choice of `auto`, and what speaks against any other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from pydantic import ValidationError

from hat_sim import units
from hat_sim.errors import InternalError, Problem
from hat_sim.learning.architectures import ARCHITECTURES, RANK_NAMES, Description, describe, fitting
from hat_sim.learning.budget import (
    busy_ns,
    largest_that_fits,
    most_student_flop,
    source_memory,
    target_memory,
)
from hat_sim.methods.holding import Holding
from hat_sim.methods.registry import find_method
from hat_sim.preflight.facts import Facts
from hat_sim.preflight.recipes import source_recipe, student_recipe
from hat_sim.scenario.catalogue import DeviceProfile
from hat_sim.scenario.fleet import Device, Fleet
from hat_sim.scenario.schema import Scenario
from hat_sim.sensors import carried, channels_of, shape_taken


@dataclasses.dataclass(frozen=True)
class _Guests:
    """The sources' models that a target has to hold, those that train there first."""

    held: tuple[Description, ...]
    trained: int


class Fitting:
    """Chooses architectures for `auto`, and holds every model against its input's shape and its device.

    The fleets of a scenario are to be shown in their order, for the targets of earlier rounds are sources in
    later ones.
    """

    def __init__(self, scenario: Scenario, facts: Facts) -> None:
        self._scenario = scenario
        self._facts = facts
        self._classes = len(facts.classes)
        self._source = source_recipe(scenario)
        self._student = student_recipe(scenario)
        self._describe = cache(lambda name, shape: describe(name, shape, self._classes))
        self._shape_by = cache(self._shape_by_sensors)
        self._holding = cache(self._holding_of)
        self._of_source = cache(self._largest_source)
        self._of_target = cache(self._largest_target)
        self._joined: dict[str, str] = {}

    def resolved(self, fleet: Fleet) -> Fleet:
        """The fleet with an architecture in place of each `auto`."""
        sources = tuple(self._with(it, self._source_architecture(it)) for it in fleet.sources)
        guests = self._guests(sources)
        target = self._with(fleet.target, self._target_architecture(fleet.target, guests))
        return Fleet(target, sources)

    def problems(self, fleet: Fleet) -> Iterator[Problem]:
        """Every model that reads other inputs or does not fit its device, each kind of problem once."""
        chosen = [(it, self._source_architecture(it)) for it in fleet.sources]
        known = [self._with(it, name) for it, name in chosen if name is not None]
        yield from self._target_problem(fleet.target, self._guests(known))
        listed = isinstance(self._scenario.sources, tuple)
        kinds: dict[tuple[object, ...], tuple[Device, str]] = {}
        for index, device in enumerate(it for it in fleet.sources if it.round is None):
            path = f"sources.{index}.architecture" if listed else "sources.architectures"
            profile = device.profile
            kind = (path, device.architecture, device.sensors, profile.name, profile.memory)
            kinds.setdefault(kind, (device, path))
        found: dict[Problem, None] = {}
        for device, path in kinds.values():
            found.update(dict.fromkeys(self._source_problem(device, path)))
        yield from found

    def needs(self, fleet: Fleet) -> Iterator[tuple[Device, int]]:
        """Each device of a resolved fleet with the bytes that it needs at the peak of training."""
        guests = self._guests(fleet.sources)
        yield fleet.target, self._target_memory(self._described(fleet.target), guests)
        for source in fleet.sources:
            yield source, source_memory(self._described(source), self._source)

    def _source_problem(self, device: Device, path: str) -> Iterator[Problem]:
        profile = device.profile
        if device.architecture == "auto":
            if self._of_source(self._shape(device), profile.memory) is None:
                what = f"no architecture fits {units.SIZE.format(profile.memory)} of memory"
                yield Problem(f"{what} on a {profile.name}", path=path, hint="a device with more memory")
        elif not self._readable(device):
            yield from self._unreadable(device, path)
        else:
            needed = source_memory(self._described(device), self._source)
            yield from _shortage(f"training {device.architecture}", needed, profile, path)

    def _target_problem(self, device: Device, guests: _Guests) -> Iterator[Problem]:
        path, profile = "target.architecture", device.profile
        beside = f" beside {len(guests.held)} of the sources' models" if guests.held else ""
        if device.architecture == "auto":
            if self._target_architecture(device, guests) is None:
                memory, budget = profile.memory, self._scenario.target.time_budget
                what = f"no architecture fits {units.SIZE.format(memory)} of memory"
                what += f" and {units.DURATION.format(budget)} of training on a {profile.name}{beside}"
                hint = "a faster device or one with more memory, or a longer target.time_budget"
                yield Problem(what, path=path, hint=hint)
        elif not self._readable(device):
            yield from self._unreadable(device, path)
        else:
            self._joined[device.name] = device.architecture
            needed = self._target_memory(self._described(device), guests)
            yield from _shortage(f"training {device.architecture}{beside}", needed, profile, path)

    def _shape(self, device: Device) -> tuple[int, ...]:
        """What a sample of the device's looks like."""
        return self._shape_by(device.sensors)

    def _shape_by_sensors(self, sensors: tuple[str, ...] | None) -> tuple[int, ...]:
        return shape_taken(self._facts.shape, channels_of(carried(self._facts.sensors, sensors)))

    def _described(self, device: Device) -> Description:
        return self._describe(device.architecture, self._shape(device))

    def _readable(self, device: Device) -> bool:
        """False for one of another kind of input; one that nobody knows is told elsewhere."""
        return device.architecture in fitting(self._shape(device))

    def _unreadable(self, device: Device, path: str) -> Iterator[Problem]:
        if device.architecture in ARCHITECTURES:
            shape = self._shape(device)
            yield Problem(
                f"{device.architecture} cannot read samples of shape {shape}",
                path=path,
                hint=f"for {RANK_NAMES[len(shape)]}: {', '.join(fitting(shape))}",
            )

    def _with(self, device: Device, architecture: str | None) -> Device:
        if architecture is None:
            raise InternalError(f"no architecture fits {device.name}, which was not reported")
        if architecture == device.architecture:
            return device
        return dataclasses.replace(device, architecture=architecture)

    def _source_architecture(self, device: Device) -> str | None:
        """What the source has, None if nothing fits; an expanded target has what it joined with."""
        if device.round is not None:
            return self._joined.get(device.name)
        if device.architecture == "auto":
            return self._of_source(self._shape(device), device.profile.memory)
        return device.architecture

    def _target_architecture(self, device: Device, guests: _Guests) -> str | None:
        chosen = device.architecture
        if chosen == "auto":
            largest = self._of_target(self._shape(device), device.profile, guests)
            if largest is None:
                return None
            chosen = largest
        self._joined[device.name] = chosen
        return chosen

    def _guests(self, sources: Iterable[Device]) -> _Guests:
        """The largest models that the method may have on the target: which they are nobody knows yet."""
        models = [self._described(it) for it in sources if self._readable(it)]
        holding = self._holding(len(models))
        weight = {key: it.parameters for key, it in {id(it): it for it in models}.items()}
        models.sort(key=lambda it: -weight[id(it)])
        return _Guests(tuple(models[: holding.models]), min(holding.trained, len(models)))

    def _holding_of(self, sources: int) -> Holding:
        """Nothing where the method or its options are wrong, which is told elsewhere."""
        asked = self._scenario.method
        try:
            method = find_method(asked.name)
            return method.holds(method.options.model_validate(dict(asked.options)), sources)
        except (LookupError, ValidationError):
            return Holding(0)

    def _target_memory(self, student: Description, guests: _Guests) -> int:
        return target_memory(student, self._student, guests.held, guests.trained)

    def _largest_source(self, shape: tuple[int, ...], memory: int) -> str | None:
        return self._largest(shape, lambda it: source_memory(it, self._source) <= memory)

    def _largest_target(self, shape: tuple[int, ...], profile: DeviceProfile, guests: _Guests) -> str | None:
        """The largest that fits the memory and is trained within the time budget."""

        def fits(it: Description) -> bool:
            if self._target_memory(it, guests) > profile.memory:
                return False
            training = it.passes(most_student_flop(it, self._student))
            return busy_ns(profile, training) <= self._scenario.target.time_budget

        return self._largest(shape, fits)

    def _largest(self, shape: tuple[int, ...], fits: Callable[[Description], bool]) -> str | None:
        largest = largest_that_fits(shape, self._classes, fits)
        return None if largest is None else largest.name


def _shortage(doing: str, needed: int, profile: DeviceProfile, path: str) -> Iterator[Problem]:
    if needed > profile.memory:
        has = units.SIZE.format(profile.memory)
        yield Problem(
            f"{doing} needs {units.SIZE.format(needed)}, a {profile.name} has {has}",
            path=path,
            hint="a smaller architecture, `auto`, or another device",
        )
