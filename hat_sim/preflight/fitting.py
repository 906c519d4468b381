"""Which architecture fits which device: the choice of `auto`, and what speaks against any other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache

from hat_sim import units
from hat_sim.errors import InternalError, Problem
from hat_sim.learning.architectures import ARCHITECTURES, RANK_NAMES, Description, describe, fitting
from hat_sim.learning.budget import largest_that_fits, most_student_flop, source_memory, student_memory
from hat_sim.preflight.facts import Facts
from hat_sim.preflight.recipes import source_recipe, student_recipe
from hat_sim.scenario.fleet import Device, Fleet
from hat_sim.scenario.schema import Scenario
from hat_sim.sensors import carried, channels_of, shape_taken


class Fitting:
    """Chooses architectures for `auto`, and holds every model against its input's shape and its device."""

    def __init__(self, scenario: Scenario, facts: Facts) -> None:
        self._scenario = scenario
        self._facts = facts
        self._classes = len(facts.classes)
        self._source = source_recipe(scenario)
        self._student = student_recipe(scenario)
        self._largest = cache(self._largest_of)

    def resolved(self, fleet: Fleet) -> Fleet:
        """The fleet with an architecture in place of each `auto`."""
        sources = tuple(self._resolve(it, is_target=it.round is not None) for it in fleet.sources)
        return Fleet(self._resolve(fleet.target, is_target=True), sources)

    def problems(self, fleet: Fleet) -> Iterator[Problem]:
        """Every model that reads other inputs or does not fit its device, each kind of problem once."""
        yield from self._problem(fleet.target, "target.architecture", is_target=True)
        listed = isinstance(self._scenario.sources, tuple)
        found: dict[Problem, None] = {}
        for index, device in enumerate(it for it in fleet.sources if it.round is None):
            path = f"sources.{index}.architecture" if listed else "sources.architectures"
            found.update(dict.fromkeys(self._problem(device, path, is_target=False)))
        yield from found

    def _problem(self, device: Device, path: str, is_target: bool) -> Iterator[Problem]:
        shape = self._shape(device)
        known = fitting(shape)
        if device.architecture == "auto":
            if self._largest(shape, device.profile.memory, device.profile.speed, is_target) is None:
                what = f"no architecture fits {units.SIZE.format(device.profile.memory)} of memory"
                hint = "a device with more memory"
                if is_target:
                    what += f" and {units.DURATION.format(self._scenario.target.time_budget)} of training"
                    hint = "a faster device or one with more memory, or a longer target.time_budget"
                yield Problem(f"{what} on a {device.profile.name}", path=path, hint=hint)
        elif device.architecture in ARCHITECTURES and device.architecture not in known:
            yield Problem(
                f"{device.architecture} cannot read samples of shape {shape}",
                path=path,
                hint=f"for {RANK_NAMES[len(shape)]}: {', '.join(known)}",
            )
        elif device.architecture in known:
            needed = self._memory(device.architecture, shape, is_target)
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
        shape = self._shape(device)
        largest = self._largest(shape, device.profile.memory, device.profile.speed, is_target)
        if largest is None:
            raise InternalError(f"no architecture fits {device.name}, which was not reported")
        return dataclasses.replace(device, architecture=largest)

    def memory(self, device: Device, is_target: bool) -> int:
        """Bytes at the peak of training the device's architecture, as a student or as a source."""
        return self._memory(device.architecture, self._shape(device), is_target)

    def _shape(self, device: Device) -> tuple[int, ...]:
        """What a sample of the device's looks like."""
        return shape_taken(self._facts.shape, channels_of(carried(self._facts.sensors, device.sensors)))

    def _memory(self, architecture: str, shape: tuple[int, ...], is_target: bool) -> int:
        description = describe(architecture, shape, self._classes)
        if is_target:
            return student_memory(description, self._student)
        return source_memory(description, self._source)

    def _largest_of(self, shape: tuple[int, ...], memory: int, speed: float, is_target: bool) -> str | None:
        """The largest that fits the memory and, on the target, is trained within the time budget."""
        budget_s = self._scenario.target.time_budget / 1e9

        def fits(it: Description) -> bool:
            if self._memory(it.name, shape, is_target) > memory:
                return False
            return not is_target or most_student_flop(it, self._student) <= budget_s * speed

        largest = largest_that_fits(shape, self._classes, fits)
        return None if largest is None else largest.name
