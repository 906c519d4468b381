"""`hat-sim plan`: what it prints, and what it says of wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hat_sim.cli.main import main

OWN_METHOD = """\
from pydantic import BaseModel
from hat_sim.methods.registry import Method


class Options(BaseModel):
    pass


METHOD = Method(Options, "hat_sim.methods.peers.aver:aver")
OUTLINED = Method(Options, "hat_sim.methods.peers.aver:aver", "hat_sim.methods.peers.outlines:distil_all")
"""


@pytest.fixture
def scenario(tmp_path: Path, tiny: str) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny)
    return file


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")


def test_a_plan_is_three_tables(scenario, capsys) -> None:
    """One figure where it is certain, two where it hangs on which sources are chosen."""
    assert main(["plan", str(scenario)]) == 0
    out, err = capsys.readouterr()
    assert "plan of tiny (seed 0, method hat)" in out and err == ""
    costs, _, rest = out.partition("the busiest link of each phase")
    lines = {line.split("│")[1].strip(): line for line in costs.splitlines() if line.startswith("│ ")}
    assert " 1,000 B │" in lines["coarse"] and " - " not in lines["coarse"]
    assert " - " in lines["all"] and "saving" in lines["every model"] and " J" in lines["energy"]
    assert "│ transfer │ wifi │ target-domain-2 │ down " in rest and " ms │" in rest
    assert "│ pi4 " in rest and "training needs" in rest


def test_targets_have_a_row_each(scenario, capsys) -> None:
    assert main(["plan", str(scenario), "--set", "target.domain=[domain-1, domain-2]"]) == 0
    out = capsys.readouterr().out
    assert "│ domain-1 │" in out and "│ domain-2 │" in out and "its own wifi, down" in out


def test_a_plan_as_json_has_the_keys_of_a_result(scenario, capsys, without_ray, tmp_path) -> None:
    assert main(["plan", str(scenario), "--format", "json", "--seed", "3"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert main(["run", str(scenario), "--seed", "3", "--out", str(tmp_path / "run")]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    for key in ("schema", "scenario", "scenario_sha256", "seed", "method"):
        assert plan[key] == result[key]
    least, most = plan["traffic"]["payload_bytes"]
    assert least <= result["traffic"]["payload_bytes"] <= most
    low, high = plan["time"]["simulated_s"]
    assert low <= result["time"]["simulated_s"] <= high
    assert set(plan["traffic"]) - {"wire_by_phase"} <= set(result["traffic"])
    assert set(plan["targets"][0]) - {"wire_by_phase", "bottlenecks"} <= set(result["targets"][0])


def test_memory_is_told_of_every_device(scenario, capsys) -> None:
    assert main(["plan", str(scenario), "--format", "json"]) == 0
    memory = json.loads(capsys.readouterr().out)["memory"]
    assert [it["role"] for it in memory] == ["target"] + ["source"] * 4
    assert all(0 < it["needs_bytes"] <= it["has_bytes"] for it in memory)


def test_a_method_without_messages_has_no_links(scenario, capsys) -> None:
    assert main(["plan", str(scenario), "--set", "method={name: self-taught}"]) == 0
    out = capsys.readouterr().out
    assert "train" in out and "target-domain-2" not in out


def test_wrong_input_is_told_as_run_tells_it(scenario, tmp_path, capsys) -> None:
    wrong = ["--set", "target.link=wify", "--set", "method.etaa=1"]
    assert main(["plan", str(scenario), *wrong]) == 2
    planned = capsys.readouterr().err
    assert main(["run", str(scenario), *wrong, "--out", str(tmp_path / "run")]) == 2
    assert planned == capsys.readouterr().err
    assert "did you mean" in planned and len(planned.splitlines()) == 2
    assert main(["plan", str(scenario), "--set", "target.labels_per_class=500"]) == 2
    assert "cannot give 500 labels" in capsys.readouterr().err
    assert main(["plan", str(scenario), "--format", "csv"]) == 2
    assert main(["plan", str(tmp_path / "gone.yaml")]) == 2


def test_ones_own_method_needs_an_outline(scenario, tmp_path, capsys, monkeypatch) -> None:
    (tmp_path / "outlined_method.py").write_text(OWN_METHOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["plan", str(scenario), "--set", "method={name: 'outlined_method:METHOD'}"]) == 2
    err = capsys.readouterr().err
    assert 'method.name: there is no plan of "outlined_method:METHOD": it has no outline' in err
    assert "Traceback" not in err
    assert main(["plan", str(scenario), "--set", "method={name: 'outlined_method:OUTLINED'}"]) == 0
