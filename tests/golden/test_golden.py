"""A whole run against a recorded one: what no CPU may change.

Accuracies, and what hangs on them, differ in their last bits between CPUs and stay out; so the sources have
one architecture, one device and one link, and whichever of them are chosen, bytes and times are the same.
`pytest tests/golden --record` writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hat_sim.cli.main import main

HERE = Path(__file__).parent
SCENARIO = """\
name: golden
data:
  generated: {domains: 8, classes: 3, shape: [16, 2], samples: 60, shift: 0.8}
method: {name: hat, eta: 0.6, top: 2}
target: {domain: [domain-2, domain-5], device: phone-mid, link: wifi, architecture: cnn-small}
sources: {devices: pi4, links: lte, architectures: gru}
training: {source_epochs: 1, epochs: 2, steps_per_epoch: 2}
"""
VARIANTS = {
    "reference": (),
    "encoder-int8": ("method.fine_space=encoder", "transfer.weights=int8"),
    "aver-fp16": ("method={name: aver}", "transfer.weights=fp16"),
}
DEPEND_ON_THE_CPU = (
    "accuracy",
    "accuracy_target_only",
    "accuracy_best_source",
    "accuracy_fused",
    "accuracy_fused_equally",
    "diagnosis",
    "macro_f1",
    "selected",
    "by_device",
)


def settled(value: Any) -> Any:
    """A result without what depends on the CPU."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items() if key not in DEPEND_ON_THE_CPU}
    if isinstance(value, list):
        return [settled(item) for item in value]
    return value


@pytest.mark.usefixtures("without_ray")
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_is_the_recorded_one(variant, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    file = tmp_path / "golden.yaml"
    file.write_text(SCENARIO)
    sets = [part for change in VARIANTS[variant] for part in ("--set", change)]
    assert main(["run", str(file), "--out", str(tmp_path / "out"), *sets]) == 0
    result = settled(json.loads((tmp_path / "out" / "result.json").read_text()))
    recorded = HERE / f"{variant}.json"
    if request.config.getoption("--record"):
        recorded.write_text(json.dumps(result, indent=1) + "\n")
    assert result == json.loads(recorded.read_text())


def test_every_recorded_run_is_of_a_variant() -> None:
    assert {it.stem for it in HERE.glob("*.json")} == set(VARIANTS)
