"""Who plays what: the lessons, joinings and hosts that a plan comes to."""

from __future__ import annotations

from typing import Literal

from hat_sim.errors import UserError
from hat_sim.learning.architectures import Description, describe
from hat_sim.preflight import Plan
from hat_sim.scenario.fleet import Device, Fleet
from nodes.assignments import Joining, Lesson

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
    if plan.scenario.target.shared_fleet and len(plan.fleets) > MOST_ACTORS:
        raise UserError(
            f"{len(plan.fleets)} targets that share a fleet are too many for one machine: each has an actor",
            hint=f"at most {MOST_ACTORS} targets, or `target.shared_fleet: false`",
        )


def key_of(device: Device) -> str:
    """A source device across worlds: fleets of two targets may give it different architectures."""
    return f"{device.name}/{device.architecture}"


def lessons_of(plan: Plan) -> dict[str, Lesson]:
    """The lesson of each source device of any fleet, by its key."""
    classes = tuple(plan.dataset.classes)
    return {
        key_of(device): Lesson(
            data=plan.dataset.digest,
            domain=device.domain,
            description=_description(plan, device),
            classes=classes,
            recipe=plan.source_recipe,
            seed=plan.scenario.seed,
        )
        for fleet in plan.fleets
        for device in fleet.sources
    }


def host_count(plan: Plan, hosts: Hosts) -> int:
    """The number of processes for the sources: no more than there are models to carry, or devices."""
    lessons = lessons_of(plan)
    return len(lessons) if hosts == "per-device" else min(hosts, len(set(lessons.values())))


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
    )


def _description(plan: Plan, device: Device) -> Description:
    return describe(device.architecture, tuple(plan.dataset.shape), len(plan.dataset.classes))
