"""Scenarios to plan and to run, and how a plan is held against what a run then gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hat_sim.preflight import Plan
    from hat_sim.simulation.record import RunRecord

MIXED = """\
name: mixed
data:
  generated: {domains: 8, classes: 3, shape: [16, 2], samples: 60, shift: 0.8}
method: {name: hat, eta: 0.7, top: 2}
target: {domain: domain-2, device: pi4, link: wifi, labels_per_class: 2}
sources:
  domains: all
  devices: [pi4, jetson-nano, pi-zero-2w]
  links: [wifi, lte, lte-m]
  architectures: [cnn-small, gru, cnn-large]
  heterogeneity: {compute: 0.5, bandwidth: 0.5}
training: {source_epochs: 1, epochs: 2, steps_per_epoch: 2}
"""


@pytest.fixture(scope="session")
def mixed() -> str:
    """A scenario whose sources differ in everything; it takes a fraction of a second without Ray."""
    return MIXED


@pytest.fixture
def planned(tmp_path: Path, mixed: str) -> Callable[..., Plan]:
    """The plan of a scenario, by default the mixed one, with other values at some paths."""
    from hat_sim.preflight import load_checked, prepare

    def plan(*overrides: str, text: str = mixed) -> Plan:
        file = tmp_path / "scenario.yaml"
        file.write_text(text)
        return prepare(load_checked(file, overrides))

    return plan


def result_of_record(plan: Plan, record: RunRecord) -> dict[str, Any]:
    """The `result.json` of a record, without what only an observer can say, and with bytes on the wire."""
    from hat_sim.protocol.effects import PHASES
    from hat_sim.simulation.archive import identity_of
    from hat_sim.simulation.result import TargetOutcome, result_of

    outcomes = [
        TargetOutcome(
            device=fleet.target.name,
            domain=fleet.target.domain,
            accuracy=0.0,
            macro_f1=0.0,
            accuracy_target_only=0.0,
            accuracy_best_source=0.0,
            shortlisted=(),
            selected=(),
            all_models_bytes=record.all_models_bytes[fleet.target.name],
            notes=(),
            round=fleet.target.round,
        )
        for fleet in record.fleets
    ]
    result = result_of(identity_of(plan), outcomes, record.worlds)
    rows = [row for world in record.worlds for row in world.ledger]
    for of, own in [(result["traffic"], rows)] + [
        (target, [row for row in rows if row.target == target["device"]]) for target in result["targets"]
    ]:
        of["wire_by_phase"] = {
            phase: sum(row.wire_bytes for row in own if row.phase == phase) for phase in PHASES
        }
    return result


@pytest.fixture(scope="session")
def result_of_run(alone_run: Callable[[Plan], RunRecord]) -> Callable[[Plan], dict[str, Any]]:
    """The `result.json` of a plan that is run for real, without Ray."""
    return lambda plan: result_of_record(plan, alone_run(plan))


def figures(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every pair of a plan by its path; targets by their place."""
    if isinstance(value, list) and len(value) == 2 and not isinstance(value[0], Mapping | str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from figures(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from figures(item, f"{path}.{place}")


def found(value: Any, path: str) -> Any:
    """What a result has at such a path; 0 for a kind of message that did not occur."""
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value.get(key, 0)
    return value


@pytest.fixture(scope="session")
def held_against() -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    """Every figure of a plan with that of the result; what is outside of its range is an error."""

    def hold(plan: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        both = {path: (pair, found(result, path)) for path, pair in figures(plan)}
        assert {path: it for path, it in both.items() if not it[0][0] <= it[1] <= it[0][1]} == {}
        sizes = [target["all_models_bytes"] for target in plan["targets"]]
        assert sizes == [target["all_models_bytes"] for target in result["targets"]]
        assert len(both) > 20
        return both

    return hold
