"""`result.json`: the answer of a run, computed from its record alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from hat_sim.protocol.effects import PHASES
from hat_sim.protocol.ledger import LedgerRow, Traffic, traffic_by
from hat_sim.simulation.battery import charge_of
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.record import Spent, TargetTimes, WorldRecord, joules_by

SCHEMA = 1
DIGITS = 9
MOST_DEVICES = 1000
"""So many devices stand by themselves in `result.json` and in a world of `timeline.json`."""


@dataclass(frozen=True)
class TargetOutcome:
    """What the observer and the method say of one target; `all_models_bytes` is the fleet's, by its codec.

    `round` is the one in which it joins, where there are rounds, and `expanded` are those of its sources that
    joined in earlier ones. `not_eligible` are the sources whose models read sensors that the target lacks,
    each with these, None where all devices carry the same. `battery_j` is what the target's battery holds,
    None without one.
    """

    device: str
    domain: str
    accuracy: float
    macro_f1: float
    accuracy_target_only: float
    accuracy_best_source: float
    shortlisted: tuple[str, ...]
    selected: tuple[str, ...]
    all_models_bytes: int
    notes: tuple[str, ...]
    accuracy_fused: float | None = None
    accuracy_fused_equally: float | None = None
    round: int | None = None
    expanded: tuple[str, ...] = ()
    not_eligible: Mapping[str, tuple[str, ...]] | None = None
    battery_j: float | None = None


@dataclass(frozen=True)
class Identity:
    """What the run was of."""

    scenario: str
    scenario_sha256: str
    seed: int
    method: str


def result_of(
    identity: Identity,
    outcomes: Sequence[TargetOutcome],
    worlds: Sequence[WorldRecord],
    notes: Sequence[str] = (),
    faults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of `result.json`, its keys in the contract's order, floats rounded to 9 digits.

    `notes` are what a user should know of the run before trusting any figure, `faults` what went wrong in it,
    if anything might. Rounds follow one another, so
    the time of the run is that of the slowest target of each round, added up.
    """
    rows = [row for world in worlds for row in world.ledger]
    own: defaultdict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        own[row.target].append(row)
    times = {name: it for world in worlds for name, it in world.targets.items()}
    energy = _by_target(worlds)
    total = _traffic(rows)
    all_models = sum(outcome.all_models_bytes for outcome in outcomes)
    rounds = _by_round(outcomes)
    slowest = [max((times[it.device] for it in them), key=lambda it: it.end_ns) for them in rounds.values()]
    own_spent = {it.device: _own_spent(worlds, it.device) for it in outcomes if it.battery_j is not None}
    result = {
        "schema": SCHEMA,
        "scenario": identity.scenario,
        "scenario_sha256": identity.scenario_sha256,
        "seed": identity.seed,
        "method": identity.method,
        "targets": [
            _target(it, own[it.device], times[it.device], energy[it.device], own_spent.get(it.device))
            for it in outcomes
        ],
        "accuracy": _mean([it.accuracy for it in outcomes]),
        "accuracy_target_only": _mean([it.accuracy_target_only for it in outcomes]),
        "traffic": {
            **_counts(total),
            "by_phase": _by_phase(_payload(rows, "phase")),
            "by_kind": _payload(rows, "kind"),
            "all_models_bytes": all_models,
            "saving": 1 - total.payload_bytes / all_models,
        },
        "time": {
            "simulated_s": sum(it.end_ns for it in slowest) / NS_PER_S,
            "by_phase": {
                phase: sum(it.phase_ns.get(phase, 0) for it in slowest) / NS_PER_S for phase in PHASES
            },
        },
        "energy_j": _energy(worlds),
        "faults": dict(faults or {}),
        "notes": list(notes),
    }
    if None not in rounds:
        result["rounds"] = [
            _round(number, them, worlds, longest)
            for (number, them), longest in zip(rounds.items(), slowest, strict=True)
        ]
    rounded: dict[str, Any] = rounded_floats(result)
    return rounded


def total_joules(energy: Mapping[str, Any]) -> float:
    """All joules of an `energy_j` of a result: those of waiting as well, as far as they are counted."""
    return float(energy["compute"] + energy["radio"] + (energy.get("idle") or 0.0))


def idle_told(energy: Mapping[str, Any]) -> tuple[str, str]:
    """The joules of waiting in an `energy_j` of a result, and of whom, or that they are not counted."""
    if energy.get("idle") is None:
        return "not counted", "no idle_power"
    devices = energy["idle_devices"]
    return f"{energy['idle']:,.3f} J", f"{devices['counted']:,} of {devices['of']:,} devices"


def _target(
    outcome: TargetOutcome,
    rows: Sequence[LedgerRow],
    times: TargetTimes,
    energy_j: float,
    spent: Sequence[Spent] | None,
) -> dict[str, Any]:
    """What became of one target, and what its model cost; `rows` are its part of the ledger.

    `spent` is what the target itself spent, where it has a battery.
    """
    traffic = _traffic(rows)
    target = {
        "device": outcome.device,
        "domain": outcome.domain,
        "accuracy": outcome.accuracy,
        "macro_f1": outcome.macro_f1,
        "accuracy_target_only": outcome.accuracy_target_only,
        "shortlisted": list(outcome.shortlisted),
        "selected": list(outcome.selected),
        "traffic": _counts(traffic),
        "simulated_s": times.end_ns / NS_PER_S,
        "energy_j": energy_j,
        "notes": list(outcome.notes),
        "all_models_bytes": outcome.all_models_bytes,
        "saving": 1 - traffic.payload_bytes / outcome.all_models_bytes,
        "payload_by_phase": _by_phase(_payload(rows, "phase")),
        "time_by_phase": {phase: ns / NS_PER_S for phase, ns in _by_phase(times.phase_ns).items()},
        "accuracy_best_source": outcome.accuracy_best_source,
        "accuracy_fused": outcome.accuracy_fused,
        "accuracy_fused_equally": outcome.accuracy_fused_equally,
    }
    if outcome.round is not None:
        target["round"] = outcome.round
    if outcome.not_eligible is not None:
        target["not_eligible"] = {name: list(them) for name, them in outcome.not_eligible.items()}
    if spent is not None and outcome.battery_j is not None:
        target["battery"] = charge_of(spent, outcome.battery_j).as_json()
    return target


def _by_round(outcomes: Sequence[TargetOutcome]) -> dict[int | None, list[TargetOutcome]]:
    """The targets by their round, in order; all under None where there are no rounds."""
    found: defaultdict[int | None, list[TargetOutcome]] = defaultdict(list)
    for outcome in outcomes:
        found[outcome.round].append(outcome)
    return dict(found)


def _round(
    number: int | None, outcomes: Sequence[TargetOutcome], worlds: Sequence[WorldRecord], slowest: TargetTimes
) -> dict[str, Any]:
    """What became of the targets of one round, and what they had of those that joined before them."""
    names, expanded = {it.device for it in outcomes}, {name for it in outcomes for name in it.expanded}
    own = [world for world in worlds if not names.isdisjoint(world.targets)]
    rows = [row for world in own for row in world.ledger]
    of_expanded = [row for row in rows if row.sender in expanded or row.receiver in expanded]
    return {
        "round": number,
        "targets": [it.device for it in outcomes],
        "accuracy": _mean([it.accuracy for it in outcomes]),
        "accuracy_target_only": _mean([it.accuracy_target_only for it in outcomes]),
        "traffic": _counts(_traffic(rows)),
        "simulated_s": slowest.end_ns / NS_PER_S,
        "energy_j": sum(map(_joules, own)),
        "expanded": {
            "sources": len(expanded),
            "selected": sum(name in expanded for it in outcomes for name in it.selected),
            "payload_bytes": _traffic(of_expanded).payload_bytes,
        },
    }


def _by_phase(found: Mapping[str, int]) -> dict[str, int]:
    """All phases in their order, those without anything with 0."""
    return {phase: found.get(phase, 0) for phase in PHASES}


def rounded_floats(value: Any) -> Any:
    """A JSON value with every float rounded to 9 significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded_floats(item) for item in value]
    return value


def _traffic(rows: Sequence[LedgerRow]) -> Traffic:
    return Traffic(sum(r.payload_bytes for r in rows), sum(r.wire_bytes for r in rows), len(rows))


def _counts(traffic: Traffic) -> dict[str, int]:
    return {
        "payload_bytes": traffic.payload_bytes,
        "wire_bytes": traffic.wire_bytes,
        "frames": traffic.frames,
    }


def _payload(rows: Sequence[LedgerRow], column: str) -> dict[str, int]:
    """Payload bytes by the values of a column, in the order in which they first occur."""
    found = traffic_by((getattr(row, column), row.payload_bytes, row.wire_bytes) for row in rows)
    return {label: traffic.payload_bytes for label, traffic in found.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _by_target(worlds: Sequence[WorldRecord]) -> dict[str, float]:
    """Joules of each target's world; targets that share a world share its joules evenly."""
    return {name: _joules(world) / len(world.targets) for world in worlds for name in world.targets}


def _joules(world: WorldRecord) -> float:
    return fsum(it.joules for it in world.spent)


def _own_spent(worlds: Sequence[WorldRecord], target: str) -> list[Spent]:
    """What a target spent itself, in the world in which it is one."""
    return [it for world in worlds if target in world.targets for it in world.spent if it.device == target]


def _energy(worlds: Sequence[WorldRecord]) -> dict[str, Any]:
    """Every joule by part, by device and by phase; waiting, which belongs to no phase, where it is counted.

    compute + radio + idle are the devices' joules, compute + radio those of the phases. Of very many devices
    those that spent most are told by name, and how much the others spent together.
    """
    spent = [it for world in worlds for it in world.spent]
    parts, devices = joules_by("part", spent), joules_by("device", spent)
    phases = joules_by("phase", [it for it in spent if it.phase is not None])
    most = MOST_DEVICES + sum(len(world.targets) for world in worlds)
    shown = sorted(devices, key=lambda name: (-devices[name], name))[:most]
    left = devices.keys() - set(shown)
    others = {"devices": len(left), "joules": fsum(devices[name] for name in left)}
    everyone = {name for world in worlds for name in world.devices}
    counted = {name for world in worlds for name in world.idle_counted}
    return {
        "compute": parts.get("compute", 0.0),
        "radio": parts.get("radio", 0.0),
        "by_device": {name: devices[name] for name in sorted(shown)},
        "idle": parts.get("idle", 0.0) if counted else None,
        "by_phase": {phase: phases.get(phase, 0.0) for phase in PHASES},
        "idle_devices": {"counted": len(counted), "of": len(everyone)},
        **({"others": others} if left else {}),
    }
