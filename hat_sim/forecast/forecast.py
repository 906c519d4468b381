"""The forecast of a plan: every world rehearsed, and where a choice is open, its extremes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from hat_sim.data.splits import split_source, split_target
from hat_sim.errors import Problem, UserError
from hat_sim.forecast.choices import choosing
from hat_sim.forecast.costs import Costs, Range, around, costs_of
from hat_sim.forecast.rehearsal import Chooser, Understudy, first, rehearse
from hat_sim.forecast.stand_in import StandIn
from hat_sim.methods.base import Left, Task
from hat_sim.methods.outline import Choice
from hat_sim.preflight import Plan
from hat_sim.quantities import listed
from hat_sim.scenario.fleet import Device, Fleet
from hat_sim.sensors import names_of
from hat_sim.simulation.record import WorldRecord
from nodes.casting import as_joined, joining_of, labels_of, sensors_of
from nodes.joining import task_and_examination

ASKING = ("coarse", "fine", "transfer")
"""The phases in which targets ask sources."""

IMPATIENT = ("faults", "availability", "protocol")
"""What of a scenario makes a target ask again."""


@dataclass(frozen=True)
class TargetForecast:
    """What a target will cost, and what its fleet's models would; `fleet` as it is when the target joins."""

    fleet: Fleet
    costs: Costs
    all_models_bytes: int


@dataclass(frozen=True)
class Forecast:
    """What a run of a plan will cost, target by target in its order."""

    plan: Plan
    targets: tuple[TargetForecast, ...]


def forecast(plan: Plan) -> Forecast:
    """Rehearse a plan.

    UserError where its method has no outline, where rounds hang on a choice, and where a target does not wait
    for every answer.
    """
    impatient = [key for key in IMPATIENT if key in plan.scenario.model_fields_set]
    if plan.scenario.patience is not None:
        what = "there is no plan of faults, nor of targets that do not wait for every answer"
        hint = "leave `faults`, `availability` and `protocol` out to plan how it goes without"
        raise UserError(Problem(what, next(iter(impatient), "protocol"), hint))
    return Forecast(plan, tuple(_Rehearsals(plan).targets()))


class _Rehearsals:
    """The worlds of a plan, and the nodes of which they consist."""

    def __init__(self, plan: Plan) -> None:
        outline = plan.method.load_outline()
        if outline is None:
            name = plan.scenario.method.name
            hint = "`hat-sim run` needs none; docs/methods.md says how a method of one's own gets one"
            raise UserError(Problem(f'there is no plan of "{name}": it has no outline', "method.name", hint))
        self._plan = plan
        self._limit = plan.scenario.transfer.max_in_flight
        self._outline = outline
        self._left: dict[str, Left | None] = {}
        self._load = cache(plan.dataset.load)
        self._known: dict[object, StandIn] = {}
        self._tasks: dict[str, Task] = {}

    def targets(self) -> Iterator[TargetForecast]:
        """All targets, round after round."""
        precision = self._plan.scenario.transfer.weights
        for planned in self._plan.rounds:
            fleets = [as_joined(fleet, self._left) for fleet in planned]
            costs = self._shared(fleets) if self._plan.scenario.target.shared_fleet else {}
            for fleet in fleets:
                name = fleet.target.name
                eligible = (device for device in fleet.sources if not fleet.lacking(device))
                sizes = (self._stand_in(device).model_bytes(precision) for device in eligible)
                yield TargetForecast(fleet, costs.get(name) or self._alone(fleet), sum(sizes))

    def _alone(self, fleet: Fleet) -> Costs:
        """A target in a world of its own."""
        name, devices = fleet.target.name, _devices([fleet])
        record, understudies = self._rehearsed([fleet], first)
        choice = understudies[name].choice
        if choice is None or self._is_settled(choice):
            return costs_of(record, name, devices)
        sources = {device.name: self._stand_in(device) for device in fleet.sources}
        it = choosing(
            choice,
            fleet.target,
            devices,
            sources,
            record.ledger,
            seed=self._plan.scenario.seed,
            max_in_flight=self._limit,
        )
        if it.is_free:
            return costs_of(record, name, devices)
        records = [self._rehearsed([fleet], partial(_these, chosen))[0] for chosen in it.extremes()]
        costs = around([costs_of(record, name, devices) for record in records])
        if choice.request is None:
            return costs
        transfer = Range.around([costs.time_ns["transfer"], it.transfer_ns()])
        return replace(costs, time_ns={**costs.time_ns, "transfer": transfer})

    def _shared(self, fleets: Sequence[Fleet]) -> dict[str, Costs]:
        """Targets that ask one fleet at once.

        Where any of them chooses whom to ask, who waits for whom is open from the first such choice on:
        nobody is faster than alone, nor slower than if all the others' questions were answered first.
        """
        record, understudies = self._rehearsed(fleets, first)
        choices = [it.choice for it in understudies.values() if it.choice is not None]
        if all(map(self._is_settled, choices)):
            devices = _devices(fleets)
            return {name: costs_of(record, name, devices) for name in understudies}
        alone = {fleet.target.name: self._alone(fleet) for fleet in fleets}
        asks = any(choice.request is not None for choice in choices)
        joules = [Range.total(it.compute_j for it in alone.values()).mapped(lambda j: j / len(alone))]
        joules += [Range.total(it.radio_j for it in alone.values()).mapped(lambda j: j / len(alone))]
        return {
            name: replace(
                it,
                time_ns=_behind(it, name, alone) | _before_choices(record, name, asks),
                compute_j=joules[0],
                radio_j=joules[1],
            )
            for name, it in alone.items()
        }

    def _rehearsed(
        self, fleets: Sequence[Fleet], choose: Chooser
    ) -> tuple[WorldRecord, dict[str, Understudy]]:
        """One world, and the targets as they went through it."""
        targets = {
            fleet.target.name: Understudy(self._outline(self._task(fleet), self._plan.options), choose)
            for fleet in fleets
        }
        devices = _devices(fleets)
        sources = {name: self._stand_in(it) for name, it in devices.items() if name not in targets}
        record = rehearse(
            list(devices.values()), targets, sources, seed=self._plan.scenario.seed, max_in_flight=self._limit
        )
        for name, it in targets.items():
            self._left[name] = self._serves(it.left)
        return record, targets

    def _is_settled(self, choice: Choice) -> bool:
        """Whether nothing is open: all are chosen, and asked at once, so that their order does not matter."""
        at_once = choice.request is None or self._limit is None or self._limit >= len(choice.work)
        return choice.is_settled and at_once

    def _serves(self, left: tuple[Left, ...]) -> Left | None:
        """With what a target serves in later rounds."""
        rounds = self._plan.scenario.rounds
        if len(left) > 1 and rounds is not None and rounds.serve and len(rounds.domains) > 1:
            models = " or ".join(map(_told, left))
            what = f"what a target serves with in later rounds is open before the run: {models}"
            raise UserError(Problem(what, "rounds.serve", "false, or sources of models that are alike"))
        return left[0] if left else None

    def _task(self, fleet: Fleet) -> Task:
        name = fleet.target.name
        if name not in self._tasks:
            joining = joining_of(self._plan, fleet)
            self._tasks[name], _ = task_and_examination(joining, self._load(joining.domain))
        return self._tasks[name]

    def _stand_in(self, device: Device) -> StandIn:
        """What stands in for a source, or for a target of an earlier round that is one.

        It is one and the same for devices that differ in name, profile and link alone.
        """
        key = (device.domain, device.architecture, device.classes, device.sensors, device.round is None)
        if key not in self._known:
            self._known[key] = self._stand_in_of(device)
        return self._known[key]

    def _stand_in_of(self, device: Device) -> StandIn:
        scenario, sensors = self._plan.scenario, sensors_of(self._plan, device)
        domain = self._load(device.domain).seen_by(sensors)
        labels = labels_of(self._plan, device)
        if device.round is None:
            held = known = split_source(domain, scenario.seed, labels).train
        else:
            split = split_target(domain, scenario.target.labels_per_class, scenario.seed, labels)
            held, known = np.concatenate([split.labelled, split.unlabelled]), split.labelled
        names = self._plan.dataset.classes
        classes = tuple(names[label] for label in np.unique(domain.y[known]).tolist())
        return StandIn(device.architecture, classes, domain.x[held], len(known), names_of(sensors))


def _devices(fleets: Sequence[Fleet]) -> dict[str, Device]:
    """The devices of a world: the sources of all its fleets, each once, and its targets."""
    sources = {device.name: device for fleet in reversed(fleets) for device in fleet.sources}
    return sources | {fleet.target.name: fleet.target for fleet in fleets}


def _told(left: Left) -> str:
    return left.architecture if left.sensors is None else f"{left.architecture} over {listed(left.sensors)}"


def _these(chosen: Sequence[str], choice: Choice) -> Sequence[str]:
    """Those of the chosen in the order of the choice."""
    return [name for name in choice.work if name in chosen]


def _behind(own: Costs, name: str, all_of: Mapping[str, Costs]) -> dict[str, Range]:
    """The times of a target that may have to wait until everything that others ask has been answered."""
    wait_ns = sum(it.time_ns[phase].high for other, it in all_of.items() for phase in ASKING if other != name)
    asked = {phase for phase, size in own.payload.items() if size.high}
    return {
        phase: Range(time.low, time.high + wait_ns) if phase in asked else time
        for phase, time in own.time_ns.items()
    }


def _before_choices(record: WorldRecord, target: str, asks: bool) -> dict[str, Range]:
    """The times of the questions that a target has behind it before anybody `asks` those whom it chose."""
    transfers = [row.sent_ns for row in record.ledger if row.phase == "transfer"]
    settled, end_ns = {}, 0
    for phase, ns in record.targets[target].phase_ns.items():
        end_ns += ns
        if phase in ASKING and (not asks or end_ns <= min(transfers)):
            settled[phase] = Range.exactly(ns)
    return settled
