"""Who plays what: the lessons, joinings, expanded targets and hosts that a plan comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from hat_sim.errors import UserError
from hat_sim.learning.architectures import Description, describe
from hat_sim.methods.base import Left
from hat_sim.preflight import Plan
from hat_sim.scenario.fleet import Device, Fleet
from hat_sim.seeding import derive_seed
from hat_sim.sensors import AND, Sensors, carried, channels_of, shape_taken
from hat_sim.simulation.record import TargetResult
from nodes.assignments import Claim, Expanded, Joining, Lesson

Hosts = int | Literal["per-device"]

MOST_ACTORS = 100
"""An actor that has imported torch takes 170 MB: more of them than this are refused."""


def check_actors(plan: Plan, hosts: Hosts) -> None:
    """UserError where a run would need more actors at once than a machine carries."""
    count = host_count(plan, hosts)
    if count > MOST_ACTORS:
        raise UserError(
            f"{count} host actors are too many for one machine",
            hint=f"--hosts takes at most {MOST_ACTORS}; left out, each host carries many devices",
        )
    largest = max(map(len, plan.rounds))
    if plan.scenario.target.shared_fleet and largest > MOST_ACTORS:
        raise UserError(
            f"{largest} targets that share a fleet are too many for one machine: each has an actor",
            hint=f"at most {MOST_ACTORS} targets, or `target.shared_fleet: false`",
        )


def key_of(device: Device) -> str:
    """A source device across worlds: fleets of two targets may deal it another architecture or sensor."""
    return "/".join((device.name, device.architecture, AND.join(device.sensors or ())))


def lessons_of(plan: Plan) -> dict[str, Lesson]:
    """The lesson of each device that was a source before any target joined, of any fleet, by its key.

    Devices of one domain, architecture, label space and sensors have the very same.
    """
    classes = tuple(plan.dataset.classes)
    made: dict[tuple[object, ...], Lesson] = {}

    def lesson(device: Device) -> Lesson:
        pair = _pair(device)
        if pair not in made:
            made[pair] = Lesson(
                data=plan.dataset.digest,
                domain=device.domain,
                description=_description(plan, device),
                classes=classes,
                recipe=plan.source_recipe,
                seed=plan.scenario.seed,
                labels=labels_of(plan, device),
                sensors=sensors_of(plan, device),
            )
        return made[pair]

    return {key_of(device): lesson(device) for device in _first_sources(plan)}


def claims_of(plan: Plan) -> dict[str, Claim]:
    """By its key, how each device judged its model, where the scenario lets each judge for itself."""
    sources = plan.scenario.sources
    samples = None if isinstance(sources, tuple) else sources.claim_samples
    if samples is None:
        return {}
    seed = plan.scenario.seed
    return {key_of(it): Claim(samples, derive_seed(seed, "claim", it.name)) for it in _first_sources(plan)}


def as_joined(fleet: Fleet, left: Mapping[str, Left | None]) -> Fleet:
    """The fleet with its expanded targets as the sources that they have become.

    Each serves with what its method has `left`; one whose model cannot be sent is left out.
    """
    return replace(fleet, sources=tuple(_serving(fleet.sources, left)))


def _serving(sources: Iterable[Device], left: Mapping[str, Left | None]) -> Iterator[Device]:
    for device in sources:
        if device.round is None:
            yield device
        elif (own := left[device.name]) is not None:
            yield replace(device, architecture=own.architecture, sensors=own.sensors)


def left_of(results: Mapping[str, TargetResult]) -> dict[str, Left | None]:
    """What is left of finished targets, None where it cannot be sent."""
    return {
        name: None if it.architecture is None else Left(it.architecture, it.sensors)
        for name, it in results.items()
    }


def expanded_of(
    plan: Plan, fleets: Iterable[Fleet], results: Mapping[str, TargetResult]
) -> dict[str, Expanded]:
    """The record of each expanded target among the sources of fleets as they joined, by its key."""
    return {
        key_of(device): Expanded(
            data=plan.dataset.digest,
            domain=device.domain,
            description=_description(plan, device),
            classes=tuple(plan.dataset.classes),
            labels_per_class=plan.scenario.target.labels_per_class,
            seed=plan.scenario.seed,
            weights=results[device.name].weights,
            labels=labels_of(plan, device),
            sensors=sensors_of(plan, device),
        )
        for fleet in fleets
        for device in fleet.sources
        if device.round is not None
    }


def host_count(plan: Plan, hosts: Hosts) -> int:
    """The number of processes for the sources: no more than there are models to carry, or devices."""
    expanded = len({it.name for fleet in plan.fleets for it in fleet.sources if it.round is not None})
    if hosts == "per-device":
        return len({key_of(it) for it in _first_sources(plan)}) + expanded
    return min(hosts, len({_pair(it) for it in _first_sources(plan)}) + expanded)


def joining_of(plan: Plan, fleet: Fleet) -> Joining:
    """What a fleet's target brings along."""
    scenario = plan.scenario
    return Joining(
        domain=fleet.target.domain,
        description=_description(plan, fleet.target),
        classes=tuple(plan.dataset.classes),
        sources=tuple(device.name for device in fleet.sources),
        labels_per_class=scenario.target.labels_per_class,
        recipe=plan.student_recipe,
        precision=scenario.transfer.weights,
        seed=scenario.seed,
        labels=labels_of(plan, fleet.target),
        sensors=sensors_of(plan, fleet.target),
    )


def _first_sources(plan: Plan) -> Iterator[Device]:
    """The sources of all fleets, one fleet after the other, that are no expanded targets."""
    return (device for fleet in plan.fleets for device in fleet.sources if device.round is None)


def _pair(device: Device) -> tuple[object, ...]:
    """What tells the lessons of one plan apart."""
    return device.domain, device.architecture, device.classes, device.sensors


def labels_of(plan: Plan, device: Device) -> tuple[int, ...] | None:
    """Indices of the classes that the device's domain is cut down to."""
    classes = tuple(plan.dataset.classes)
    return None if device.classes is None else tuple(classes.index(name) for name in device.classes)


def _description(plan: Plan, device: Device) -> Description:
    shape = shape_taken(tuple(plan.dataset.shape), channels_of(sensors_of(plan, device)))
    return describe(device.architecture, shape, len(plan.dataset.classes))


def sensors_of(plan: Plan, device: Device) -> Sensors | None:
    """The sensors that a device carries, None for all channels."""
    return carried(tuple(plan.dataset.sensors), device.sensors)
