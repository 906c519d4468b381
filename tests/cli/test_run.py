"""`hat-sim run`: what a run folder holds, where it goes, and when a run is not run again.

The engine's plain twin stands in for Ray; that both leave the same bytes is shown in tests/engine.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

pytestmark = pytest.mark.usefixtures("without_ray")

RESULT_KEYS = [
    "schema",
    "scenario",
    "scenario_sha256",
    "seed",
    "method",
    "targets",
    "accuracy",
    "accuracy_target_only",
    "traffic",
    "time",
    "energy_j",
    "faults",
]
TARGET_KEYS = [
    "device",
    "domain",
    "accuracy",
    "macro_f1",
    "accuracy_target_only",
    "shortlisted",
    "selected",
    "traffic",
    "simulated_s",
    "energy_j",
]
TRAFFIC_KEYS = [
    "payload_bytes",
    "wire_bytes",
    "frames",
    "by_phase",
    "by_kind",
    "all_models_bytes",
    "saving",
]
COLUMNS = [
    "seq",
    "target",
    "phase",
    "kind",
    "sender",
    "receiver",
    "payload_bytes",
    "wire_bytes",
    "sent_ns",
    "arrived_ns",
    "attempt",
    "outcome",
]
PHASES = ["coarse", "fine", "transfer", "train"]


def read(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_bytes())


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of all files."""
    return {str(it): (it.read_bytes(), it.stat().st_mtime_ns) for it in folder.rglob("*") if it.is_file()}


class TestRunFolder:
    """What a finished run of two targets leaves."""

    @pytest.fixture
    def folder(self, finished_run) -> Path:
        return finished_run

    def test_the_files_are_those_of_the_contract(self, folder) -> None:
        files = {str(it.relative_to(folder)) for it in folder.rglob("*") if it.is_file()}
        contract = "scenario.yaml result.json ledger.parquet timeline.json curves.parquet environment.json"
        models = {
            f"model/target-domain-{number}/model.{end}" for number in (2, 4) for end in ("pt", "safetensors")
        }
        assert files >= {*contract.split(), *models, "report.html"}
        assert not any("unfinished" in name for name in files)

    def test_the_keys_of_the_result_come_in_the_order_of_the_contract(self, folder) -> None:
        result = read(folder)
        keys = list(result)
        assert keys[: len(RESULT_KEYS)] == RESULT_KEYS
        for target in result["targets"]:
            assert list(target)[: len(TARGET_KEYS)] == TARGET_KEYS
            assert list(target["traffic"]) == ["payload_bytes", "wire_bytes", "frames"]
        assert list(result["traffic"]) == TRAFFIC_KEYS
        assert list(result["traffic"]["by_phase"]) == list(result["time"]["by_phase"]) == PHASES
        assert list(result["energy_j"])[:3] == ["compute", "radio", "by_device"]
        assert result["schema"] == 1 and result["faults"] == {}

    def test_bytes_and_energy_add_up_over_targets_and_time_is_the_longest(self, folder) -> None:
        result = read(folder)
        targets = result["targets"]
        assert [target["domain"] for target in targets] == ["domain-2", "domain-4"]
        for key in ("payload_bytes", "wire_bytes", "frames"):
            assert sum(target["traffic"][key] for target in targets) == result["traffic"][key]
        energy = result["energy_j"]
        assert sum(it["energy_j"] for it in targets) == pytest.approx(energy["compute"] + energy["radio"])
        assert sum(energy["by_device"].values()) == pytest.approx(energy["compute"] + energy["radio"])
        assert sum(energy["by_phase"].values()) == pytest.approx(energy["compute"] + energy["radio"])
        rows = pq.read_table(folder / "energy.parquet").to_pylist()
        assert {it["part"] for it in rows} == {"compute", "radio"}
        for key, sums in (("device", energy["by_device"]), ("phase", energy["by_phase"])):
            for name, joules in sums.items():
                own = sum(it["joules"] for it in rows if it[key] == name)
                assert own == pytest.approx(joules, rel=1e-8)
        assert energy["idle"] is None and energy["idle_devices"]["counted"] == 0
        assert result["time"]["simulated_s"] == max(it["simulated_s"] for it in targets)
        assert result["accuracy"] == pytest.approx(np.mean([it["accuracy"] for it in targets]))
        traffic = result["traffic"]
        assert traffic["saving"] == pytest.approx(1 - traffic["payload_bytes"] / traffic["all_models_bytes"])

    def test_the_ledger_adds_up_to_the_result(self, folder) -> None:
        ledger = pq.read_table(folder / "ledger.parquet").to_pylist()
        traffic = read(folder)["traffic"]
        assert list(ledger[0]) == COLUMNS
        assert len(ledger) == traffic["frames"]
        for key in ("payload_bytes", "wire_bytes"):
            assert sum(row[key] for row in ledger) == traffic[key]
        for column in ("phase", "kind"):
            for label, size in traffic[f"by_{column}"].items():
                assert sum(row["payload_bytes"] for row in ledger if row[column] == label) == size

    def test_it_keeps_how_similar_each_source_was_found(self, folder) -> None:
        """By the measure of coarse selection all sources, by the space of fine selection the shortlist; the
        product of the latter and the claimed accuracy is the score."""
        found = pq.read_table(folder / "selection.parquet").to_pylist()
        fleet = pq.read_table(folder / "fleet.parquet").to_pylist()
        sources = {(it["target"], it["name"]): it for it in fleet if it["claimed_accuracy"] is not None}
        by = {it: [row for row in found if row["measure"] == it] for it in ("cosine", "reference")}
        assert sum(map(len, by.values())) == len(found)
        assert {(it["target"], it["source"]) for it in by["cosine"]} == set(sources)
        scores = {(it["target"], it["source"]): max(0.0, it["similarity"]) for it in by["reference"]}
        assert set(scores) == {key for key, it in sources.items() if it["shortlisted"]}
        for key, similarity in scores.items():
            assert sources[key]["score"] == pytest.approx(similarity * sources[key]["claimed_accuracy"])

    def test_floats_have_nine_digits(self, folder) -> None:
        numbers = re.findall(r"\d+\.\d+(?:e-?\d+)?", (folder / "result.json").read_text())
        assert numbers
        assert all(float(number) == float(f"{float(number):.9g}") for number in numbers)

    @pytest.mark.filterwarnings("ignore:.*torch.jit.load:DeprecationWarning")
    def test_the_exported_program_reads_samples_without_our_code(self, folder) -> None:
        program = torch.jit.load(folder / "model" / "target-domain-2" / "model.pt")
        assert program(torch.zeros(4, 16, 2)).shape == (4, 3)

    def test_the_timeline_opens_as_a_chrome_trace(self, folder) -> None:
        events = json.loads((folder / "timeline.json").read_text())["traceEvents"]
        assert {"X", "M"} <= {event["ph"] for event in events}

    def test_the_resolved_scenario_is_the_same_run(self, folder, hat_sim, without_ray) -> None:
        again = hat_sim("run", str(folder / "scenario.yaml"), "--out", str(folder))
        assert again.code == 0, again.err
        assert "holds this run already" in again.out
        assert without_ray == []


def test_the_closing_table_answers_first_and_then_says_what_it_cost(hat_sim, here) -> None:
    ended = hat_sim("run", "tiny.yaml", "--out", "out")
    result = read(here / "out")
    target = result["targets"][0]
    assert f"{target['accuracy']:.1%}" in ended.out
    assert f"{target['accuracy_target_only']:.1%}" in ended.out
    assert ", ".join(target["selected"]) in ended.out
    assert f"{result['traffic']['payload_bytes']:,} B" in ended.out
    assert f"saving {result['traffic']['saving']:.1%}" in ended.out
    assert f"{result['time']['simulated_s']:,.3f} s" in ended.out
    assert ended.out.index("accuracy") < ended.out.index("payload") < ended.out.index("run folder: out")


class TestWhereItGoes:
    """The folder that receives a run, and what may already be there."""

    def test_without_out_it_is_named_after_scenario_content_and_seed(self, hat_sim, here) -> None:
        assert hat_sim("run", "tiny.yaml", "--seed", "3").code == 0
        [folder] = (here / "runs").iterdir()
        assert folder.name == f"tiny-{read(folder)['scenario_sha256'][:8]}-s3"

    def test_out_may_be_deep_and_exists_empty(self, hat_sim, here) -> None:
        (here / "empty").mkdir()
        assert hat_sim("run", "tiny.yaml", "--out", "empty").code == 0
        assert hat_sim("run", "tiny.yaml", "--out", "a/b/c").code == 0
        assert (here / "empty" / "result.json").read_bytes() == (here / "a/b/c/result.json").read_bytes()

    def test_a_finished_run_is_shown_and_not_run_again(self, hat_sim, here, without_ray) -> None:
        first = hat_sim("run", "tiny.yaml", "--out", "out")
        before = everything(here / "out")
        again = hat_sim("run", "tiny.yaml", "--out", "out")
        assert again.code == 0
        assert len(without_ray) == 1
        assert everything(here / "out") == before
        assert "--force runs it again" in again.out
        assert again.out.partition("tiny (seed")[2] == first.out.partition("tiny (seed")[2]

    def test_force_runs_it_again(self, hat_sim, here, without_ray) -> None:
        hat_sim("run", "tiny.yaml", "--out", "out")
        assert hat_sim("run", "tiny.yaml", "--out", "out", "--force").code == 0
        assert len(without_ray) == 2

    @pytest.mark.parametrize("option", ["--resume", "--force"])
    def test_an_unfinished_run_needs_resume_or_force(self, option, hat_sim, here, without_ray) -> None:
        hat_sim("run", "tiny.yaml", "--out", "out")
        whole = (here / "out/result.json").read_bytes()
        (here / "out/result.json").unlink()
        refused = hat_sim("run", "tiny.yaml", "--out", "out")
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == (
            "out holds an unfinished run (--resume goes on with it, --force starts again)\n"
        )
        assert hat_sim("run", "tiny.yaml", "--out", "out", option).code == 0
        assert (here / "out/result.json").read_bytes() == whole

    def test_resume_starts_a_run_that_never_began(self, hat_sim, here) -> None:
        assert hat_sim("run", "tiny.yaml", "--out", "out", "--resume").code == 0

    @pytest.mark.parametrize("change", [("--seed", "1"), ("--set", "target.labels_per_class=3")])
    def test_another_run_is_not_put_in_its_place_unasked(self, change, hat_sim, here) -> None:
        hat_sim("run", "tiny.yaml", "--out", "out")
        before = everything(here / "out")
        for options in ((), ("--resume",)):
            ended = hat_sim("run", "tiny.yaml", "--out", "out", *change, *options)
            assert ended.code == 2
            assert re.fullmatch(r"out holds a run of another scenario or seed \(.*--force.*\)\n", ended.err)
        assert everything(here / "out") == before

    def test_forced_into_its_place_it_leaves_nothing_of_the_old_one(self, hat_sim, here) -> None:
        hat_sim("run", "tiny.yaml", "--out", "out")
        other = ("--set", "target.domain=domain-4")
        assert hat_sim("run", "tiny.yaml", "--out", "out", *other, "--force").code == 0
        assert hat_sim("run", "tiny.yaml", "--out", "fresh", *other).code == 0
        names = [
            {str(it.relative_to(here / top)) for it in (here / top).rglob("*")} for top in ("out", "fresh")
        ]
        assert names[0] == names[1]

    @pytest.mark.parametrize("options", [(), ("--force",), ("--resume",)])
    @pytest.mark.parametrize("name", ["notes.txt", "result.json", "scenario.yaml"])
    def test_a_folder_that_is_not_ours_is_refused_and_untouched(
        self, name, options, hat_sim, here, without_ray
    ) -> None:
        (here / "mine").mkdir()
        (here / "mine" / name).write_text("name: precious\n")
        before = everything(here / "mine")
        ended = hat_sim("run", "tiny.yaml", "--out", "mine", *options)
        assert ended.code == 2
        assert ended.err == "mine exists and is no run folder (name another one with --out)\n"
        assert everything(here / "mine") == before
        assert without_ray == []

    def test_a_file_in_the_way_is_refused(self, hat_sim, here) -> None:
        before = (here / "tiny.yaml").read_bytes()
        ended = hat_sim("run", "tiny.yaml", "--out", "tiny.yaml", "--force")
        assert (ended.code, ended.err) == (2, "tiny.yaml is a file (name a folder)\n")
        below = hat_sim("run", "tiny.yaml", "--out", "tiny.yaml/run")
        assert below.code == 2
        assert below.err == "tiny.yaml/run cannot be made: Not a directory (name another folder with --out)\n"
        assert (here / "tiny.yaml").read_bytes() == before


def test_seed_and_set_change_the_run_and_the_resolved_scenario(hat_sim, here) -> None:
    options = ["--seed", "7", "--set", "method.top=1", "--set", "sources.links=[bad]", "--set", "name=other"]
    options += ["--set", "links={bad: {like: lte, loss: 7 %}}"]
    ended = hat_sim("run", "tiny.yaml", "--out", "out", *options)
    result = read(here / "out")
    assert (result["seed"], result["scenario"]) == (7, "other")
    assert len(result["targets"][0]["selected"]) == 1
    assert "seed: 7" in (here / "out/scenario.yaml").read_text()
    assert "note: more loss than 2%" in ended.out
    assert "bad (7.0%)" in ended.out


def test_a_path_says_nothing_about_the_content_of_a_run(hat_sim, here) -> None:
    (here / "deeper").mkdir()
    (here / "deeper" / "renamed.yaml").write_text("# a comment\n" + (here / "tiny.yaml").read_text())
    hat_sim("run", "tiny.yaml", "--out", "one")
    hat_sim("run", "deeper/renamed.yaml", "--out", "two")
    assert (here / "one/result.json").read_bytes() == (here / "two/result.json").read_bytes()


FOLDER = """\
name: own
data: {{folder: {folder}}}
method: {{name: hat}}
target: {{domain: b, device: pi4, link: wifi}}
sources: {{devices: pi4, links: wifi}}
training: {{source_epochs: 2, epochs: 2, steps_per_epoch: 2}}
"""


@pytest.mark.parametrize("shape", [(5,), (20, 3), (1, 8, 8)], ids=["features", "series", "images"])
def test_a_folder_of_npz_files_of_each_shape_gives_a_run(shape, hat_sim, here) -> None:
    rng = np.random.default_rng(0)
    data = here / "elsewhere" / "data"
    data.mkdir(parents=True)
    for domain in "abc":
        y = np.arange(24) % 2
        x = rng.normal(size=(24, *shape)) + y.reshape(-1, *(1 for _ in shape))
        np.savez(data / f"{domain}.npz", x=x.astype(np.float32), y=y)
    (data / "classes.json").write_text('["calm", "wild"]')
    (here / "elsewhere" / "own.yaml").write_text(FOLDER.format(folder="data"))
    ended = hat_sim("run", "elsewhere/own.yaml", "--out", "out")
    assert ended.code == 0, ended.err
    assert read(here / "out")["targets"][0]["selected"]
    (here / "own.yaml").write_text(FOLDER.format(folder=data))
    assert hat_sim("run", "own.yaml", "--out", "absolute").code == 0
    assert (here / "absolute/result.json").read_bytes() == (here / "out/result.json").read_bytes()


OWN_METHOD = """\
from pydantic import BaseModel, ConfigDict
from hat_sim.methods.registry import Method
from hat_sim.methods.peers.target_only import train_alone


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    strength: int = 1


def protocol(task, options):
    return (yield from train_alone(task))


plain = Method(Options, "{module}:protocol")
"""


def test_a_method_of_ones_own_is_found_beside_the_working_directory(hat_sim, here) -> None:
    (here / "ownmethod.py").write_text(OWN_METHOD.format(module="ownmethod"))
    method = "method={name: 'ownmethod:plain', strength: 2}"
    ended = hat_sim("run", "tiny.yaml", "--out", "out", "--set", method)
    assert ended.code == 0, ended.err
    assert read(here / "out")["method"] == "ownmethod:plain"
    wrong = hat_sim("run", "tiny.yaml", "--out", "wrong", "--set", method.replace("strength", "stength"))
    assert wrong.code == 2
    assert "unknown option" in wrong.err and "strength" in wrong.err
