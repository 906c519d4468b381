"""`result.json`: the answer of a run, computed from its record alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hat_sim.protocol.effects import PHASES
from hat_sim.protocol.ledger import LedgerRow, Traffic, traffic_by
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.record import WorldRecord

SCHEMA = 1
DIGITS = 9


@dataclass(frozen=True)
class TargetOutcome:
    """What the observer and the method say of one target; `all_models_bytes` is the fleet's, by its codec."""

    device: str
    domain: str
    accuracy: float
    macro_f1: float
    accuracy_target_only: float
    shortlisted: tuple[str, ...]
    selected: tuple[str, ...]
    all_models_bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Identity:
    """What the run was of."""

    scenario: str
    scenario_sha256: str
    seed: int
    method: str


def result_of(
    identity: Identity, outcomes: Sequence[TargetOutcome], worlds: Sequence[WorldRecord]
) -> dict[str, Any]:
    """The content of `result.json`, its keys in the contract's order, floats rounded to 9 digits."""
    rows = [row for world in worlds for row in world.ledger]
    times = {name: it for world in worlds for name, it in world.targets.items()}
    energy = _by_target(worlds)
    total = _traffic(rows)
    all_models = sum(outcome.all_models_bytes for outcome in outcomes)
    slowest = max(times.values(), key=lambda it: it.end_ns)
    compute = sum(sum(world.compute_j.values()) for world in worlds)
    radio = sum(sum(world.radio_j.values()) for world in worlds)
    result = {
        "schema": SCHEMA,
        "scenario": identity.scenario,
        "scenario_sha256": identity.scenario_sha256,
        "seed": identity.seed,
        "method": identity.method,
        "targets": [
            {
                "device": it.device,
                "domain": it.domain,
                "accuracy": it.accuracy,
                "macro_f1": it.macro_f1,
                "accuracy_target_only": it.accuracy_target_only,
                "shortlisted": list(it.shortlisted),
                "selected": list(it.selected),
                "traffic": _counts(_traffic([row for row in rows if row.target == it.device])),
                "simulated_s": times[it.device].end_ns / NS_PER_S,
                "energy_j": energy[it.device],
                "notes": list(it.notes),
            }
            for it in outcomes
        ],
        "accuracy": _mean([it.accuracy for it in outcomes]),
        "accuracy_target_only": _mean([it.accuracy_target_only for it in outcomes]),
        "traffic": {
            **_counts(total),
            "by_phase": dict.fromkeys(PHASES, 0) | _payload(rows, "phase"),
            "by_kind": _payload(rows, "kind"),
            "all_models_bytes": all_models,
            "saving": 1 - total.payload_bytes / all_models,
        },
        "time": {
            "simulated_s": slowest.end_ns / NS_PER_S,
            "by_phase": {phase: slowest.phase_ns.get(phase, 0) / NS_PER_S for phase in PHASES},
        },
        "energy_j": {"compute": compute, "radio": radio, "by_device": _by_device(worlds)},
        "faults": {},
    }
    rounded: dict[str, Any] = rounded_floats(result)
    return rounded


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
    return {
        name: (sum(world.compute_j.values()) + sum(world.radio_j.values())) / len(world.targets)
        for world in worlds
        for name in world.targets
    }


def _by_device(worlds: Sequence[WorldRecord]) -> dict[str, float]:
    joules: defaultdict[str, float] = defaultdict(float)
    for world in worlds:
        for part in (world.compute_j, world.radio_j):
            for device, amount in part.items():
                joules[device] += amount
    return {device: joules[device] for device in sorted(joules)}
