"""`hat-sim sweep`: cells into folders, one table, what is finished never twice, what fails on its own.

The engine's plain twin stands in for Ray; that both leave the same bytes is shown in tests/engine.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from hat_sim.simulation import archive

pytestmark = pytest.mark.usefixtures("without_ray")

VARY = ("--vary", "method.eta=0.3,0.6", "--vary", "target.link=wifi,lte")


def rows(folder: Path) -> list[dict]:
    return pq.read_table(folder / "results.parquet").to_pylist()


def everything(folder: Path) -> dict[str, bytes]:
    """Every file but those that may differ between equal sweeps."""
    files = (it for it in folder.rglob("*") if it.is_file() and it.name != "environment.json")
    return {str(it.relative_to(folder)): it.read_bytes() for it in files}


FRAIL = """\
from pydantic import BaseModel
from hat_sim.methods.registry import Method
from hat_sim.methods.peers.target_only import train_alone


class Options(BaseModel):
    fails: bool = False


def protocol(task, options):
    if options.fails:
        raise RuntimeError("told to fail")
    return (yield from train_alone(task))


frail = Method(Options, "{module}:protocol")
"""


@pytest.fixture
def frail(here: Path) -> Path:
    """The file of a method that fails where it is told to, in a module that no other test knows."""
    module = f"frail_{uuid.uuid4().hex}"
    file = here / f"{module}.py"
    file.write_text(FRAIL.replace("{module}", module))
    return file


@pytest.fixture
def own_method(frail: Path) -> str:
    """What makes it the method of a scenario."""
    return f"method={{name: '{frail.stem}:frail'}}"


def test_a_sweep_leaves_a_run_folder_for_each_cell_and_one_table(hat_sim, here, without_ray) -> None:
    ended = hat_sim("sweep", "tiny.yaml", *VARY, "--seeds", "2", "--out", "out")
    assert ended.code == 0, ended.err
    assert len(without_ray) == 8
    found = rows(here / "out")
    expected = [(eta, link, seed) for eta in (0.3, 0.6) for link in ("wifi", "lte") for seed in (0, 1)]
    assert [(row["method.eta"], row["target.link"], row["seed"]) for row in found] == expected
    for row in found:
        folder = here / "out" / "cells" / f"{row['cell']}-s{row['seed']}"
        result = json.loads((folder / "result.json").read_text())
        assert row["accuracy"] == result["accuracy"]
        assert row["payload_bytes"] == result["traffic"]["payload_bytes"]
        assert row["simulated_s"] == result["time"]["simulated_s"]
        assert not (folder / "report.html").exists() and not (folder / "model").exists()
    assert (here / "out" / "report.html").exists()
    assert not (here / "out" / ".outcomes").exists()


def test_a_cell_is_the_run_with_the_same_values(hat_sim, here) -> None:
    assert hat_sim("sweep", "tiny.yaml", *VARY, "--seed", "3", "--out", "out").code == 0
    [cell] = {
        row["cell"] for row in rows(here / "out") if (row["method.eta"], row["target.link"]) == (0.3, "lte")
    }
    sets = ("--set", "method.eta=0.3", "--set", "target.link=lte", "--seed", "3")
    assert hat_sim("run", "tiny.yaml", *sets, "--out", "run").code == 0
    swept = here / "out" / "cells" / f"{cell}-s3"
    for name in ("scenario.yaml", "result.json", "ledger.parquet", "timeline.json", "fleet.parquet"):
        assert (swept / name).read_bytes() == (here / "run" / name).read_bytes(), name
    assert hat_sim("traffic", str(swept)).code == 0
    assert hat_sim("report", str(swept)).code == 0


def test_a_value_added_later_runs_only_what_is_new(hat_sim, here, without_ray) -> None:
    assert hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3,0.6", "--out", "out").code == 0
    without_ray.clear()
    assert (
        hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3,0.6,1", "--seeds", "2", "--out", "out").code
        == 0
    )
    assert len(without_ray) == 4
    assert [(row["method.eta"], row["seed"]) for row in rows(here / "out")] == [
        (eta, seed) for eta in (0.3, 0.6, 1.0) for seed in (0, 1)
    ]
    assert hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=1", "--out", "fresh").code == 0
    [fresh] = [row for row in rows(here / "out") if row["method.eta"] == 1 and row["seed"] == 0]
    assert rows(here / "fresh") == [fresh]


def test_a_finished_sweep_is_not_run_again_but_told_again(hat_sim, here, without_ray) -> None:
    first = hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out")
    before = everything(here / "out")
    without_ray.clear()
    again = hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out")
    assert again.code == 0 and without_ray == []
    assert "every cell is finished" in again.out
    assert everything(here / "out") == before
    assert again.out.partition("tiny, 1 seed")[2] == first.out.partition("tiny, 1 seed")[2] != ""
    assert hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out", "--force").code == 0
    assert len(without_ray) == 4
    assert everything(here / "out") == before


@pytest.mark.parametrize("damage", ["missing", "half"])
def test_a_table_lost_in_a_kill_is_made_again_from_the_finished_cells(
    damage, hat_sim, here, without_ray
) -> None:
    hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out")
    before = everything(here / "out")
    table = here / "out" / "results.parquet"
    table.unlink() if damage == "missing" else table.write_bytes(table.read_bytes()[:1000])
    refused = hat_sim("report", "out")
    assert refused.code == 2
    assert "results.parquet cannot be read" in refused.err and "--resume" in refused.err
    without_ray.clear()
    assert hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out", "--resume").code == 0
    assert without_ray == []
    assert everything(here / "out") == before


def test_a_damaged_cell_is_run_again(hat_sim, here, without_ray) -> None:
    hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out")
    before = everything(here / "out")
    first, second, *_ = sorted((here / "out" / "cells").iterdir())
    (first / "result.json").write_text("{")
    (second / "result.json").unlink()
    without_ray.clear()
    assert hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out").code == 0
    assert len(without_ray) == 2
    assert everything(here / "out") == before


class TestFailures:
    """A cell that fails is told with its own error; the others are finished."""

    def test_the_others_go_on(self, own_method, hat_sim, here, without_ray) -> None:
        ended = hat_sim(
            "sweep", "tiny.yaml", "--set", own_method, "--vary", "method.fails=true,false", "--out", "out"
        )
        assert ended.code == 1
        assert [row["method.fails"] for row in rows(here / "out")] == [False]
        [failure] = json.loads((here / "out" / "failures.json").read_text())
        assert failure["axes"] == {"method.fails": True}
        assert failure["error"] == "RuntimeError: told to fail"
        assert any("frail_" in line for line in failure["traceback"])
        assert "failed: method.fails=True at seed 0: RuntimeError: told to fail" in ended.out
        assert "Traceback" not in ended.out + ended.err
        assert "What failed" in (here / "out" / "report.html").read_text()

    def test_it_is_tried_again_next_time_and_forgotten_when_it_succeeds(
        self, frail, own_method, hat_sim, here, without_ray
    ) -> None:
        options = ("--set", own_method, "--vary", "method.fails=true,false", "--out", "out")
        hat_sim("sweep", "tiny.yaml", *options)
        assert (here / "out" / ".outcomes").exists(), "what the failed one has computed is kept"
        frail.write_text(frail.read_text().replace("if options.fails", "if False"))
        del sys.modules[frail.stem]
        without_ray.clear()
        assert hat_sim("sweep", "tiny.yaml", *options).code == 0
        assert len(without_ray) == 1
        assert not (here / "out" / ".outcomes").exists()
        assert len(rows(here / "out")) == 2
        assert not (here / "out" / "failures.json").exists()

    def test_a_cell_that_cannot_be_written_fails_alone(self, hat_sim, here, monkeypatch) -> None:
        from hat_sim.sweep import run

        def finish(folder, plan, *rest):
            if plan.options.eta == 0.3:
                raise OSError(28, "No space left on device")
            return archive.finish(folder, plan, *rest)

        monkeypatch.setattr(run, "finish", finish)
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3,0.6", "--out", "out").code == 1
        assert [row["method.eta"] for row in rows(here / "out")] == [0.6]
        [failure] = json.loads((here / "out" / "failures.json").read_text())
        assert failure["error"] == "OSError: [Errno 28] No space left on device"

    def test_a_sweep_of_which_nothing_succeeds_has_a_table_and_a_report(
        self, own_method, hat_sim, here
    ) -> None:
        ended = hat_sim(
            "sweep", "tiny.yaml", "--set", own_method, "--vary", "method.fails=true", "--out", "out"
        )
        assert ended.code == 1
        assert rows(here / "out") == []
        assert "No cell has finished" in (here / "out" / "report.html").read_text()


class TestWhereItGoes:
    """The folder that receives a sweep, and what may already be there."""

    def test_without_out_it_is_named_after_the_question(self, hat_sim, here) -> None:
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3").code == 0
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3,0.6", "--seeds", "2").code == 0
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.top=1").code == 0
        folders = [it.name for it in (here / "sweeps").iterdir()]
        assert len(folders) == 2
        assert all(re.fullmatch(r"tiny-[0-9a-f]{8}", name) for name in folders)

    def test_a_folder_of_another_sweep_is_refused(self, hat_sim, here, without_ray) -> None:
        hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out")
        before = everything(here / "out")
        without_ray.clear()
        for options in (("--vary", "method.top=1"), ("--vary", "method.eta=0.3", "--set", "target.link=lte")):
            for more in ((), ("--resume",)):
                ended = hat_sim("sweep", "tiny.yaml", *options, *more, "--out", "out")
                assert ended.code == 2
                assert re.fullmatch(r"out holds another sweep \(.*--force.*\)\n", ended.err)
        assert everything(here / "out") == before and without_ray == []

    def test_forced_into_its_place_it_leaves_nothing_of_the_old_one(self, hat_sim, here) -> None:
        hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3,0.6", "--out", "out")
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.top=1", "--out", "out", "--force").code == 0
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.top=1", "--out", "fresh").code == 0
        assert everything(here / "out") == everything(here / "fresh")

    @pytest.mark.parametrize("options", [(), ("--force",), ("--resume",)])
    def test_what_is_not_ours_is_refused(self, options, hat_sim, here) -> None:
        hat_sim("run", "tiny.yaml", "--out", "run")
        before = everything(here / "run")
        ended = hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "run", *options)
        assert ended.code == 2
        assert ended.err == "run exists and is no sweep folder (name another one with --out)\n"
        assert everything(here / "run") == before

    def test_a_sweep_is_no_run(self, hat_sim, here) -> None:
        hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out")
        assert hat_sim("run", "tiny.yaml", "--out", "out").code == 2
        assert hat_sim("traffic", "out").code == 2

    def test_an_unfinished_one_needs_resume_or_force(self, hat_sim, here) -> None:
        hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out")
        (here / "out" / ".outcomes").mkdir()
        refused = hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out")
        assert (refused.code, refused.err) == (
            2,
            "out holds an unfinished sweep (--resume goes on with it, --force starts again)\n",
        )
        assert hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out", "--resume").code == 0

    def test_a_sweep_of_a_newer_version_is_named(self, hat_sim, here) -> None:
        hat_sim("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out")
        file = here / "out" / "sweep.yaml"
        file.write_text(file.read_text().replace("schema 1", "schema 9"))
        for command in (
            ("report", "out"),
            ("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out"),
        ):
            ended = hat_sim(*command)
            assert ended.code == 2
            assert (
                "out was made by another version of hat-sim: its format is 9, this one knows 1" in ended.err
            )


class TestWrongInput:
    """Everything is said at once, and nothing is begun."""

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--vary", "method.etaa=1"), 'unknown path "method.etaa" (did you mean "method.eta"?)'),
            (("--vary", "method.eta="), "the axis has no values"),
            (("--vary", "method.eta"), "expected PATH=VALUES"),
            ((), "nothing is varied"),
            (("--vary", "seed=1,2"), "--seeds N"),
            (("--vary", "method.eta=2,3"), "2 cells cannot be run (no other cell is sound)"),
            (
                ("--vary", "method.eta=1,2"),
                "1 cell cannot be run (--skip-invalid runs 1 other)",
            ),
            (("--vary", "target.link=wifi", "--seeds", "0"), "--seeds"),
        ],
    )
    def test_it_exits_with_2(self, options, message, hat_sim, here, without_ray) -> None:
        ended = hat_sim("sweep", "tiny.yaml", *options, "--out", "out")
        assert ended.code == 2
        assert message in ended.err
        assert not (here / "out").exists() and without_ray == []

    def test_cells_that_are_not_sound_can_be_skipped(self, hat_sim, here, without_ray) -> None:
        options = ("--vary", "method.eta=0.5,2", "--vary", "target.labels_per_class=1,500")
        listed = hat_sim("sweep", "tiny.yaml", *options, "--out", "out")
        assert listed.code == 2
        places = "method.eta=2, target.labels_per_class=1; method.eta=2, target.labels_per_class=500"
        assert f"{places}: method.eta: is too large" in listed.err
        assert "3 cells cannot be run (--skip-invalid runs 1 other)" in listed.err
        ended = hat_sim("sweep", "tiny.yaml", *options, "--out", "out", "--skip-invalid")
        assert ended.code == 0
        assert len(without_ray) == 1
        assert f"note: left out: {places}: method.eta: is too large" in ended.out
        assert "left out: method.eta=2" in (here / "out" / "sweep.yaml").read_text()

    def test_a_wrong_sweep_in_the_file_is_found_by_validate(self, hat_sim, here, tiny) -> None:
        (here / "swept.yaml").write_text(
            f"{tiny}sweep:\n  vary: {{method.eta: [0.1, 7], method.topp: 1..2}}\n"
        )
        ended = hat_sim("validate", "swept.yaml")
        assert ended.code == 2
        assert 'unknown path "method.topp" (did you mean "method.top"?)' in ended.err
        (here / "swept.yaml").write_text(f"{tiny}sweep:\n  vary: {{method.eta: [0.1, 7]}}\n")
        ended = hat_sim("validate", "swept.yaml")
        assert ended.code == 2
        assert "swept.yaml:12: method.eta=7: method.eta: is too large, got 7" in ended.err


def test_the_sweep_of_a_file_is_swept_and_left_aside_by_a_run(hat_sim, here, tiny) -> None:
    (here / "swept.yaml").write_text(f"{tiny}sweep:\n  vary: {{method.eta: [0.3, 0.6]}}\n  seeds: 2\n")
    assert hat_sim("sweep", "swept.yaml", "--out", "out").code == 0
    assert [(row["method.eta"], row["seed"]) for row in rows(here / "out")] == [
        (0.3, 0),
        (0.3, 1),
        (0.6, 0),
        (0.6, 1),
    ]
    assert hat_sim("run", "swept.yaml", "--out", "swept").code == 0
    assert hat_sim("run", "tiny.yaml", "--out", "plain").code == 0
    assert (here / "swept/result.json").read_bytes() == (here / "plain/result.json").read_bytes()


def test_csv_models_and_reports_come_where_they_are_asked_for(hat_sim, here) -> None:
    options = ("--format", "csv", "--models", "--reports")
    assert hat_sim("sweep", "tiny.yaml", *VARY, "--out", "out", *options).code == 0
    parquet = pq.read_table(here / "out" / "results.parquet")
    table = pyarrow.csv.read_csv(here / "out" / "results.csv")
    assert table.column_names == parquet.column_names
    assert table.column("accuracy").to_pylist() == parquet.column("accuracy").to_pylist()
    for cell in (here / "out" / "cells").iterdir():
        assert (cell / "report.html").exists()
        assert (cell / "model/target-domain-2/model.safetensors").exists()


def test_models_that_are_asked_for_later_are_made(hat_sim, here, without_ray) -> None:
    options = ("sweep", "tiny.yaml", "--vary", "method.eta=0.3", "--out", "out")
    hat_sim(*options)
    assert hat_sim(*options, "--models").code == 0
    assert len(without_ray) == 2
    assert hat_sim(*options).code == 0
    assert len(without_ray) == 2
    [cell] = (here / "out" / "cells").iterdir()
    assert (cell / "model").is_dir()


def test_cells_of_other_code_are_told_and_kept(hat_sim, here, without_ray) -> None:
    options = ("sweep", "tiny.yaml", "--vary", "method.eta=0.3,0.6", "--out", "out")
    assert "other code" not in hat_sim(*options).out
    first, _ = sorted((here / "out" / "cells").iterdir())
    environment = json.loads((first / "environment.json").read_text())
    (first / "environment.json").write_text(json.dumps(environment | {"code": "0" * 64}))
    ended = hat_sim(*options)
    assert "note: 1 of 2 cells were run by other code or packages than those at work now" in ended.out
    assert "other code or packages" in (here / "out" / "report.html").read_text()
    assert len(without_ray) == 2
    assert "other code" not in hat_sim(*options, "--force").out


def test_progress_and_the_closing_table_are_plain_lines_when_piped(hat_sim, here) -> None:
    links = ("--vary", "target.link=wifi,bad", "--set", "links={bad: {like: lte, loss: 7 %}}")
    ended = hat_sim("sweep", "tiny.yaml", *VARY[:2], *links, "--out", "out")
    lines = [line for line in ended.out.splitlines() if line.startswith("[")]
    assert len(lines) == 4
    assert re.fullmatch(
        r"\[ +\d+\.\d s\] 1/4 cells finished, \d running, 0 failed, about .* left: "
        r"eta=0.3, link=wifi, seed 0: accuracy \d+\.\d %, [\d.]+ kB, [\d.]+ m?s simulated",
        lines[0].replace("\u00a0", " "),
    )
    assert lines[3].split("] ")[1].startswith("4/4 cells finished, 0 running, 0 failed: ")
    assert "note: more loss than 2%" in ended.out
    assert ended.out.splitlines()[-2:] == ["sweep folder: out", "report: out/report.html"]
