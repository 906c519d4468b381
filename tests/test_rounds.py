"""System expansion, by the plain twin of the engine: who serves when, and figures that add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from hat_sim.cli.main import main
from hat_sim.data.domain import Domain
from hat_sim.data.generated.dataset import GeneratedDataset
from hat_sim.data.splits import split_target
from hat_sim.learning.models import Classifier
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.options import NoOptions
from hat_sim.methods.peers.target_only import train_alone
from hat_sim.methods.registry import Method
from hat_sim.protocol.effects import Protocol

ROUNDS = "rounds={domains: [domain-2, [domain-4, domain-1], [domain-6]]}"
TARGETS = ["target-domain-2", "target-domain-4", "target-domain-1", "target-domain-6"]
ARCHITECTURE = "target.architecture=cnn-small"

Run = Callable[..., Path]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: str, without_ray: object
) -> Callable[..., Path]:
    """Runs the tiny scenario over seven domains with `--set` for each of the changes; the run folder."""
    monkeypatch.chdir(tmp_path)
    text = tiny.replace("domains: 5", "domains: 7").replace("domain: domain-2, ", "")
    Path("tiny.yaml").write_text(text)

    def run(*changes: str) -> Path:
        out = Path(f"run-{len(list(Path().glob('run-*')))}")
        sets = [part for change in changes for part in ("--set", change)]
        assert main(["run", "tiny.yaml", "--out", str(out), *sets]) == 0
        return out

    return run


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def sources_of(folder: Path) -> dict[str, dict[str, str]]:
    """The architecture of each source, by target and name."""
    found: dict[str, dict[str, str]] = {name: {} for name in TARGETS}
    for row in rows(folder, "fleet"):
        if row["name"] != row["target"]:
            found[row["target"]][row["name"]] = row["architecture"]
    return found


def test_a_target_serves_from_the_next_round_on(run: Run) -> None:
    """To all of that round, after the sources that were there before, on the device and link it has."""
    folder = run(ROUNDS, ARCHITECTURE)
    first = ["domain-3", "domain-5", "domain-7"]
    found = sources_of(folder)
    assert [list(found[name]) for name in TARGETS] == [
        first,
        [*first, "target-domain-2"],
        [*first, "target-domain-2"],
        [*first, "target-domain-2", "target-domain-4", "target-domain-1"],
    ]
    served = [row for row in rows(folder, "fleet") if row["name"] == "target-domain-4"]
    about = ("domain", "architecture", "device", "link", "speed_flop_s", "up_bit_s")
    assert [[row[key] for key in about] for row in served] == [[served[0][key] for key in about]] * 2
    expanded = [row for row in served if row["target"] != "target-domain-4"]
    assert all(row["claimed_accuracy"] is not None for row in expanded)
    asked = {(row["target"], row["receiver"]) for row in rows(folder, "ledger") if row["kind"] == "join"}
    assert asked == {(target, source) for target, them in found.items() for source in them}


def test_figures_of_rounds_add_up_to_those_of_the_ledger(run: Run) -> None:
    folder = run(ROUNDS, ARCHITECTURE, "method={name: aver}")
    result, ledger = result_of(folder), rows(folder, "ledger")
    assert [it["round"] for it in result["targets"]] == [1, 2, 2, 3]
    assert [it["targets"] for it in result["rounds"]] == [TARGETS[:1], TARGETS[1:3], TARGETS[3:]]
    assert list(result)[-2:] == ["rounds", "diagnosis"]
    for it in result["rounds"]:
        own = [one for one in result["targets"] if one["device"] in it["targets"]]
        frames = [row for row in ledger if row["target"] in it["targets"]]
        assert it["traffic"] == {
            "payload_bytes": sum(row["payload_bytes"] for row in frames),
            "wire_bytes": sum(row["wire_bytes"] for row in frames),
            "frames": len(frames),
        }
        assert it["accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in own]))
        assert it["accuracy_target_only"] == pytest.approx(
            np.mean([one["accuracy_target_only"] for one in own])
        )
        assert it["simulated_s"] == max(one["simulated_s"] for one in own)
        assert it["energy_j"] == pytest.approx(sum(one["energy_j"] for one in own))
        earlier = {name for name in TARGETS if TARGETS.index(name) < TARGETS.index(it["targets"][0])}
        assert it["expanded"] == {
            "sources": len(earlier),
            "selected": len(earlier) * len(own),
            "payload_bytes": sum(
                row["payload_bytes"] for row in frames if {row["sender"], row["receiver"]} & earlier
            ),
        }
    for key in ("payload_bytes", "wire_bytes", "frames"):
        assert result["traffic"][key] == sum(it["traffic"][key] for it in result["rounds"])
    time = result["time"]
    assert time["simulated_s"] == pytest.approx(sum(it["simulated_s"] for it in result["rounds"]), rel=1e-8)
    assert time["simulated_s"] == pytest.approx(sum(time["by_phase"].values()), rel=1e-8)
    energy = result["energy_j"]["compute"] + result["energy_j"]["radio"]
    assert energy == pytest.approx(sum(it["energy_j"] for it in result["rounds"]), rel=1e-8)


def test_rounds_that_do_not_serve_are_runs_of_their_own(run: Run) -> None:
    """Each target has the accuracy, the frames and the model that it would have without rounds."""
    together = run(ROUNDS, "rounds.serve=false", ARCHITECTURE)
    others = "sources.domains=[domain-3, domain-5, domain-7]"
    for number, targets in enumerate(("[domain-2]", "[domain-4, domain-1]", "[domain-6]"), 1):
        apart = run(f"target.domain={targets}", others, ARCHITECTURE)
        of_round = [it for it in result_of(together)["targets"] if it.pop("round") == number]
        assert of_round == result_of(apart)["targets"]
        names = {it["device"] for it in of_round}
        for name in ("ledger", "fleet", "curves", "fusion"):
            of_these = [row for row in rows(together, name) if row["target"] in names]
            assert of_these == rows(apart, name)
        for name in names:
            model = f"model/{name}/model.safetensors"
            assert (together / model).read_bytes() == (apart / model).read_bytes()


def test_a_source_serves_with_the_model_that_its_method_left(run: Run) -> None:
    """Fine-tuning keeps the source's architecture, whatever the target's own would be."""
    folder = run(ROUNDS, ARCHITECTURE, "sources.architectures=gru", "method={name: fine-tune, steps: 3}")
    found = sources_of(folder)
    assert found["target-domain-4"] == dict.fromkeys(found["target-domain-4"], "gru")
    own = {row["name"]: row["architecture"] for row in rows(folder, "fleet") if row["name"] == row["target"]}
    assert own == dict.fromkeys(TARGETS, "cnn-small")


class _Ensemble(Classifier):
    """A model that is none of the catalogue's."""


def _leave_an_ensemble(task: Task, options: NoOptions) -> Protocol[Fitted]:
    fitted = yield from train_alone(task)
    model = _Ensemble(fitted.model.description)
    model.load_state_dict(fitted.model.state_dict())
    return Fitted(model.eval(), curve=fitted.curve)


ensemble = Method(NoOptions, f"{__name__}:_leave_an_ensemble")


def test_a_model_that_cannot_be_sent_does_not_serve_and_the_run_says_so(run: Run) -> None:
    folder = run(ROUNDS, ARCHITECTURE, f"method={{name: '{__name__}:ensemble'}}")
    assert {tuple(them) for them in sources_of(folder).values()} == {("domain-3", "domain-5", "domain-7")}
    result = result_of(folder)
    assert result["notes"] == [
        "no source in later rounds, since their models are none of the catalogue's: "
        "target-domain-2, target-domain-4, target-domain-1"
    ]
    assert [it["expanded"]["sources"] for it in result["rounds"]] == [0, 0, 0]


def test_no_later_round_sees_a_test_sample_of_an_earlier_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, known_records: dict[Any, Any]
) -> None:
    """With other test samples of the first target nothing changes but what it and its model are judged by."""
    changes = ("rounds={domains: [domain-2, domain-4]}", ARCHITECTURE, "seed=5")
    before = run(*changes)
    load = GeneratedDataset.load

    def spoilt(dataset: GeneratedDataset, name: str) -> Domain:
        domain = load(dataset, name)
        if name == "domain-2":
            x = domain.x.copy()
            x[split_target(domain, 2, 5).test] *= -100
            domain = Domain(domain.name, x, domain.y, domain.block)
        return domain

    monkeypatch.setattr(GeneratedDataset, "load", spoilt)
    known_records.clear()
    after = run(*changes)
    assert result_of(before)["targets"][0]["accuracy"] != result_of(after)["targets"][0]["accuracy"]
    assert result_of(before)["targets"][1] == result_of(after)["targets"][1]
    for name in ("ledger", "curves", "fusion"):
        assert rows(before, name) == rows(after, name)
    known_records.clear()


def test_the_closing_table_and_the_report_show_rounds(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(ROUNDS, ARCHITECTURE)
    said = capsys.readouterr().out
    assert "from earlier targets" in said
    assert "Accuracy by round" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_sweep_has_a_column_for_the_round(run: Run) -> None:
    axes = ["--vary", "rounds.serve=true,false", "--out", "sweep"]
    assert main(["sweep", "tiny.yaml", "--set", ROUNDS, "--set", ARCHITECTURE, *axes]) == 0
    found = pq.read_table("sweep/results.parquet").to_pylist()
    assert [(row["rounds.serve"], row["round"], row["target"]) for row in found] == [
        (serve, number, name)
        for serve in (True, False)
        for number, name in zip((1, 2, 2, 3), TARGETS, strict=True)
    ]
    first = [row for row in found if row["round"] == 1]
    assert first[0]["accuracy"] == first[1]["accuracy"]
    assert main(["report", "sweep"]) == 0
