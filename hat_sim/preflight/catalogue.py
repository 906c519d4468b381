"""What the catalogues of datasets, methods and architectures say against a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.errors import Problem, UserError
from hat_sim.learning.architectures import ARCHITECTURES
from hat_sim.learning.recipes import AXES
from hat_sim.methods.registry import METHODS, find_method
from hat_sim.preflight.facts import Facts, known_facts
from hat_sim.preflight.fitting import Fitting
from hat_sim.preflight.label_spaces import unknown_classes
from hat_sim.preflight.sensors import trained_on, unknown_sensors, useless_fleets, with_sensors
from hat_sim.scenario.fleet import build_fleets, world_names
from hat_sim.scenario.hits import fault_problems
from hat_sim.scenario.load import ScenarioDocument, load_scenario, varied
from hat_sim.scenario.messages import option_problems
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.schema import Scenario
from hat_sim.scenario.trace_table import trace_problems


def load_checked(file: Path, overrides: Sequence[str] = (), seed: int | None = None) -> ScenarioDocument:
    """Read a scenario and check it against the catalogues, not the data; UserError with all problems."""
    return load_scenario(file, overrides, seed, checks=[catalogue_problems])


def vary_checked(
    document: ScenarioDocument, settings: Mapping[str, Any], seed: int, where: str
) -> ScenarioDocument:
    """The document with other values at some paths, checked as `load_checked` does."""
    return varied(document, settings, seed, where, checks=[catalogue_problems])


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
        yield from fleet_problems(scenario, facts)
    elif not isinstance(scenario.sources, tuple) and scenario.sources.trace is not None:
        yield from trace_problems(scenario.sources.trace)


def fleet_problems(scenario: Scenario, facts: Facts) -> Iterator[Problem]:
    """What a dataset's facts say against the devices of a scenario."""
    yield from _rotation_problems(scenario, facts)
    yield from unknown_classes(scenario, facts.domains, facts.classes)
    strange = tuple(unknown_sensors(scenario, facts.sensors))
    yield from strange
    try:
        fleets = with_sensors(build_fleets(scenario, facts.domains), facts.sensors)
    except UserError as error:
        yield from error.problems
        return
    yield from fault_problems(scenario, world_names(scenario, fleets))
    if not strange:
        yield from useless_fleets(scenario, fleets)
    fitting_of = Fitting(scenario, facts)
    yield from {problem: None for fleet in fleets for problem in fitting_of.problems(fleet)}


def _rotation_problems(scenario: Scenario, facts: Facts) -> Iterator[Problem]:
    """Only series whose channels come in threes can be turned; so do those of each sensor that has a name."""
    if scenario.training.source_rotation == 0:
        return
    shape, hint = facts.shape, "0, or series (time, channels) whose channels come in threes"
    path = "training.source_rotation"
    if len(shape) != 2 or (not facts.sensors and shape[1] % AXES):
        yield Problem(f"samples of shape {shape} are not of three-axis sensors", path=path, hint=hint)
        return
    for sensor in trained_on(scenario, facts.sensors):
        if not _in_threes(sensor.channels):
            channels = ", ".join(map(str, sensor.channels))
            yield Problem(f"{sensor.name} (channels {channels}) has not three axes", path=path, hint=hint)


def _in_threes(channels: Sequence[int]) -> bool:
    """Whether these are one stretch of channels, three or a multiple of it."""
    return len(channels) % AXES == 0 and channels[-1] - channels[0] == len(channels) - 1


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
    for device, own in scenario.devices.items():
        for name in own.ms_per_sample or ():
            yield f"devices.{device}.ms_per_sample.{name}", name
    yield "target.architecture", scenario.target.architecture
    sources = scenario.sources
    if isinstance(sources, tuple):
        for index, source in enumerate(sources):
            yield f"sources.{index}.architecture", source.architecture
    else:
        for name in sources.architectures:
            yield "sources.architectures", name
