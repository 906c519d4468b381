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


class Fitting:
    """Chooses architectures for `auto`, and holds every model against its input's shape and its device."""

    def __init__(self, scenario: Scenario, facts: Facts) -> None:
        self._scenario = scenario
        self._shape = facts.shape
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
            needed = self.memory(device.architecture, is_target)
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

    def memory(self, architecture: str, is_target: bool) -> int:
        """Bytes at the peak of training this architecture, as a student or as a source."""
        description = describe(architecture, self._shape, self._classes)
        if is_target:
            return student_memory(description, self._student)
        return source_memory(description, self._source)

    def _largest_of(self, memory: int, speed: float, is_target: bool) -> str | None:
        """The largest that fits the memory and, on the target, is trained within the time budget."""
        budget_s = self._scenario.target.time_budget / 1e9

        def fits(it: Description) -> bool:
            if self.memory(it.name, is_target) > memory:
                return False
            return not is_target or most_student_flop(it, self._student) <= budget_s * speed

        largest = largest_that_fits(self._shape, self._classes, fits)
        return None if largest is None else largest.name
