"""Mixed sensors: which of them each device carries, and whether any source is of use to a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hat_sim.errors import Problem
from hat_sim.quantities import listed
from hat_sim.scenario.fleet import Device, Fleet
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.schema import Scenario
from hat_sim.sensors import AND, Sensors, carried, names_of


def unknown_sensors(scenario: Scenario, sensors: Sensors) -> Iterator[Problem]:
    """Every sensor that a scenario names and its data do not have."""
    names, named = names_of(sensors), tuple(_named(scenario))
    if not names:
        hint = "leave it out, or declare sensors: sensors.json in a folder, data.generated.sensors"
        for path in dict(named):
            yield Problem("the channels of these data have no names", path=path, hint=hint)
        return
    for path, name in named:
        if name not in names:
            listing = f"a list of names: [{', '.join(name.split(AND))}]"
            hint = listing if AND in name else suggestion(name, names)
            yield Problem(f'unknown sensor "{name}"', path=path, hint=hint)


def with_sensors(fleets: Sequence[Fleet], sensors: Sensors) -> tuple[Fleet, ...]:
    """The fleets with the sensors of each device, in the order of the data.

    Where every device carries all of them, nobody needs to say so: None. An unknown sensor is left out.
    """
    every = names_of(sensors)

    def named(device: Device) -> tuple[str, ...]:
        return names_of(carried(sensors, device.sensors)) or every

    devices = [device for fleet in fleets for device in (fleet.target, *fleet.sources)]
    if all(device.sensors is None for device in devices):
        return tuple(fleets)
    is_mixed = any(named(device) != every for device in devices)

    def told(device: Device) -> Device:
        return replace(device, sensors=named(device) if is_mixed else None)

    return tuple(Fleet(told(it.target), tuple(told(source) for source in it.sources)) for it in fleets)


def useless_fleets(scenario: Scenario, fleets: Sequence[Fleet]) -> Iterator[Problem]:
    """Of all targets whose every source reads what they lack, one problem."""
    useless = [it for it in fleets if it.sources and all(map(it.lacking, it.sources))]
    if useless:
        first, sources = useless[0], scenario.sources
        whom = "" if len(useless) == len(fleets) else f" for {listed([it.target.domain for it in useless])}"
        theirs = dict.fromkeys(AND.join(source.sensors or ()) for source in first.sources)
        is_dealt = not isinstance(sources, tuple) and sources.sensors is not None
        yield Problem(
            f"no source is eligible{whom}: each one's model reads a sensor that the target lacks, "
            f"which carries {listed(first.target.sensors or ())}",
            path="sources.sensors" if is_dealt else "sources",
            hint=f"a target with all that some source reads: {', '.join(theirs)}",
        )


def trained_on(scenario: Scenario, sensors: Sensors) -> Sensors:
    """The sensors that some source carries."""
    names = {name for path, name in _named(scenario) if path.startswith("sources")}
    sources = scenario.sources
    if not isinstance(sources, tuple):
        every = sources.sensors is None
    else:
        every = any(source.sensors is None for source in sources)
    return tuple(sensor for sensor in sensors if every or sensor.name in names)


def _named(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """The place of each sensor that is named, and its name."""
    listings = [("target.sensors", scenario.target.sensors)]
    sources = scenario.sources
    if isinstance(sources, tuple):
        listings += [(f"sources.{index}.sensors", it.sensors) for index, it in enumerate(sources)]
    for path, names in listings:
        for place, name in enumerate(names or ()):
            yield (f"{path}.{place}" if len(names or ()) > 1 else path), name
    if not isinstance(sources, tuple):
        dealt = {name: None for together in sources.sensors or () for name in together.split(AND)}
        yield from (("sources.sensors", name) for name in dealt)
