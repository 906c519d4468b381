"""From a plan and its record to a run folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from hat_sim.preflight import Plan
from hat_sim.protocol.ledger import LedgerRow
from hat_sim.provenance import code_digest
from hat_sim.scenario.fleet import Fleet
from hat_sim.scenario.resolved import resolved_scenario
from hat_sim.sensors import AND
from hat_sim.simulation.diagnosis import evidence_of, findings
from hat_sim.simulation.eligibility import not_eligible
from hat_sim.simulation.record import RunRecord, TargetResult, joules_of_each
from hat_sim.simulation.result import Identity, TargetOutcome, result_of, rounded_floats
from hat_sim.simulation.run_folder import ENVIRONMENT, RunFolder
from hat_sim.simulation.timeline import trace_events
from hat_sim.simulation.toll import toll_of

_PACKAGES = ("torch", "ray", "numpy", "msgpack", "pydantic", "pyarrow")


def identity_of(plan: Plan) -> Identity:
    """What a run of the plan is a run of."""
    return Identity(plan.scenario.name, plan.sha256, plan.scenario.seed, plan.scenario.method.name)


def begin(folder: RunFolder, plan: Plan, resume: bool = False) -> None:
    """Claim a folder for a run of the plan."""
    folder.begin(identity_of(plan), resolved_scenario(plan.scenario), resume)


def finish(
    folder: RunFolder, plan: Plan, record: RunRecord, hosts: int | str, wall_s: float, models: bool = True
) -> dict[str, Any]:
    """Write all that a finished run holds into a folder that was begun for it; its `result.json`.

    Without `models` the targets' models are left out.
    """
    if models:
        for target, it in record.targets.items():
            folder.write_model(target, it.weights, it.program)
    ledger = [row for world in record.worlds for row in world.ledger]
    curves = [{"target": name, **row} for name, it in record.targets.items() for row in it.curve]
    fleet = [row for fleet in record.fleets for row in _fleet(fleet, record)]
    folder.write_ledger(ledger)
    folder.write_curves(curves)
    folder.write_fleet(fleet)
    folder.write_selection([row for name, it in record.targets.items() for row in _selection(name, it)])
    folder.write_energy(joules_of_each([it for world in record.worlds for it in world.spent]))
    folder.write_fusion([row for name, it in record.targets.items() for row in _fusion(plan, name, it)])
    folder.write_timeline(trace_events(record.worlds))
    folder.write_json(
        ENVIRONMENT,
        {
            **made_by(),
            "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
            "hosts": hosts,
            "sources_trained": record.sources_trained,
            "sources_cached": record.sources_cached,
            "wall_s": round(wall_s, 3),
        },
    )
    battery_j = plan.scenario.target.battery
    outcomes = [_outcome(fleet, record, ledger, battery_j) for fleet in record.fleets]
    notes = [*plan.notes, *_notes(plan, record)]
    result = result_of(identity_of(plan), outcomes, record.worlds, notes, _faults(plan, record))
    frames = ((row.target, row.kind, row.sender, row.receiver, row.outcome) for row in ledger)
    found = findings(evidence_of(result["targets"], fleet, curves, frames))
    result["diagnosis"] = rounded_floats([it.as_json() for it in found])
    folder.finish(result)
    return result


def _outcome(
    fleet: Fleet, record: RunRecord, ledger: Sequence[LedgerRow], battery_j: float | None
) -> TargetOutcome:
    name = fleet.target.name
    it = record.targets[name]
    return TargetOutcome(
        device=name,
        domain=fleet.target.domain,
        accuracy=it.accuracy,
        macro_f1=it.macro_f1,
        accuracy_target_only=record.hindsight[name].alone,
        accuracy_best_source=record.hindsight[name].best,
        accuracy_fused=it.accuracy_fused,
        accuracy_fused_equally=it.accuracy_fused_equally,
        shortlisted=it.shortlisted,
        selected=it.selected,
        all_models_bytes=record.all_models_bytes[name],
        notes=it.notes,
        round=fleet.target.round,
        expanded=tuple(source.name for source in fleet.sources if source.round is not None),
        not_eligible=not_eligible(fleet, ledger),
        battery_j=battery_j,
    )


def _faults(plan: Plan, record: RunRecord) -> dict[str, Any] | None:
    """What faults did, where the scenario allows for any."""
    if plan.scenario.patience is None:
        return None
    replaced = {name: it.replaced for name, it in record.targets.items()}
    selected = {name: len(it.selected) for name, it in record.targets.items()}
    return toll_of(record.worlds, replaced, selected, len(plan.scenario.faults))


def _notes(plan: Plan, record: RunRecord) -> Iterator[str]:
    """Which targets were to be sources in later rounds and could not."""
    expected = {it.name for fleet in plan.fleets for it in fleet.sources if it.round is not None}
    silent = [name for name, it in record.targets.items() if name in expected and it.architecture is None]
    if silent:
        yield (
            f"no source in later rounds, since their models are none of the catalogue's: {', '.join(silent)}"
        )


def _fleet(fleet: Fleet, record: RunRecord) -> Iterator[dict[str, Any]]:
    """A row for each device of a world: what it is, how far selection took it, and what it was worth."""
    result, hindsight = record.targets[fleet.target.name], record.hindsight[fleet.target.name]
    shortlisted, selected = frozenset(result.shortlisted), frozenset(result.selected)
    for it in (fleet.target, *fleet.sources):
        worth = hindsight.sources.get(it.name)
        yield {
            "target": fleet.target.name,
            "name": it.name,
            "domain": it.domain,
            "architecture": it.architecture,
            "device": it.profile.name,
            "link": it.link.name,
            "speed_flop_s": it.profile.speed,
            "up_bit_s": it.link.up,
            "down_bit_s": it.link.down,
            "rtt_ns": it.link.rtt,
            "shortlisted": it.name in shortlisted,
            "score": result.scores.get(it.name),
            "selected": it.name in selected,
            "fusion_weight": result.fusion_weights.get(it.name),
            "claimed_accuracy": worth.claimed if worth else None,
            "accuracy_on_target": worth.on_target if worth else None,
            "sensors": None if it.sensors is None else AND.join(it.sensors),
        }


def _selection(target: str, result: TargetResult) -> Iterator[dict[str, Any]]:
    """A row for each source in each measure or space in which the method compared it."""
    for measure, similarities in result.similarities.items():
        for source, similarity in similarities.items():
            yield {"target": target, "source": source, "measure": measure, "similarity": similarity}


def _fusion(plan: Plan, target: str, result: TargetResult) -> Iterator[dict[str, Any]]:
    """A row for each source that was fused and each class."""
    for source, weights in result.class_weights.items():
        for label, weight in sorted(weights.items()):
            name = plan.dataset.classes[label]
            yield {"target": target, "source": source, "class": name, "weight": weight}


@cache
def made_by() -> dict[str, Any]:
    """The code and the packages that make a run now."""
    return {
        "hat_sim": version("hat_sim"),
        "code": code_digest(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }
