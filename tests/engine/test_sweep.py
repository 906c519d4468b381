"""Sweeps on Ray: the bytes of the plain twin, nothing worked out twice, and failures of a cell alone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hat_sim.cli.main import main

pytestmark = pytest.mark.usefixtures("cluster")

METHOD = """\
import os
from pydantic import BaseModel, ConfigDict
from hat_sim.methods.asks import join
from hat_sim.methods.registry import Method
from hat_sim.methods.peers.target_only import train_alone
from hat_sim.protocol.effects import Compute


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mishap: str = "none"


class Unreadable(Exception):
    # An error that does not survive pickling.

    def __init__(self, one, two):
        super().__init__(one + two)


def kill_hosts_once():
    try:
        open("{log}.killed", "x").close()
    except FileExistsError:
        return
    kill_hosts()


def work(progress):
    with open("{log}", "a") as file:
        file.write("worked\\n")
    return "done"


def protocol(task, options):
    yield Compute("coarse", "work", 1000, work)
    if options.mishap == "error":
        raise Unreadable("told ", "to fail")
    if options.mishap == "hosts":
        kill_hosts_once()
        yield from join(task)
    if options.mishap == "death":
        os._exit(3)
    return (yield from train_alone(task))


own = Method(Options, "{module}:protocol")
"""


@pytest.fixture
def own_method(scenario: Path, killer: str) -> tuple[str, Path]:
    """A method of one's own, and the file in which it notes each time that it works."""
    module, log = f"own_{uuid.uuid4().hex}", scenario.parent / "log"
    (scenario.parent / f"{module}.py").write_text(
        killer + METHOD.replace("{module}", module).replace("{log}", str(log))
    )
    return f"method={{name: '{module}:own'}}", log


def rows(folder: Path) -> list[dict]:
    return pq.read_table(folder / "results.parquet").to_pylist()


def test_a_sweep_is_the_same_on_ray_and_by_the_plain_twin(
    scenario: Path, same: Callable[..., bool], request: pytest.FixtureRequest
) -> None:
    vary = ["--vary", "method.eta=0.3,0.6", "--vary", "target.link=wifi,lte", "--seeds", "2"]
    command = ["sweep", str(scenario), *vary, "--hosts", "2"]
    assert main([*command, "--out", "on-ray"]) == 0
    request.getfixturevalue("without_ray")
    assert main([*command, "--out", "alone"]) == 0
    assert same(Path("on-ray"), Path("alone"))


def test_what_no_axis_touches_is_worked_out_once(own_method, scenario: Path, cold) -> None:
    """Neither sources nor target compute again where only the link differs, though cells run side by side."""
    method, log = own_method
    cold()
    vary = ["--vary", "target.link=wifi,lte,5g,3g", "--vary", "sources.heterogeneity.bandwidth=0,0.5"]
    assert main(["sweep", str(scenario), "--set", method, *vary, "--out", "out"]) == 0
    assert len(rows(Path("out"))) == 8
    assert log.read_text() == "worked\n"
    trained = [
        json.loads(it.read_text())["sources_trained"] for it in Path("out/cells").glob("*/environment.json")
    ]
    assert sorted(trained) == [0] * 7 + [4]


@pytest.mark.parametrize(
    ("mishap", "error"),
    [
        ("error", "Unreadable: told to fail"),
        ("death", "LostProcessError: a process that carried nodes is gone"),
    ],
)
def test_a_failure_stays_with_its_cell(mishap, error, own_method, scenario: Path) -> None:
    method, _ = own_method
    vary = ["--vary", f"method.mishap={mishap},none"]
    assert main(["sweep", str(scenario), "--set", method, *vary, "--out", "out"]) == 1
    assert [row["method.mishap"] for row in rows(Path("out"))] == ["none"]
    [failure] = json.loads(Path("out/failures.json").read_text())
    assert failure["error"].startswith(error)


def test_hosts_that_die_are_replaced(own_method, scenario: Path) -> None:
    """Every host is killed in the middle of a sweep: each cell ends as if none had been."""
    method, log = own_method
    axes = ["--vary", "method.mishap=hosts,none", "--vary", "target.link=wifi,lte"]
    assert main(["sweep", str(scenario), "--set", method, *axes, "--out", "out", "--hosts", "2"]) == 0
    assert Path(f"{log}.killed").exists()
    assert len(rows(Path("out"))) == 4
    assert len({row["accuracy"] for row in rows(Path("out"))}) == 1


def test_a_run_whose_process_dies_says_so(own_method, scenario: Path, capfd) -> None:
    method, _ = own_method
    options = ["--set", method, "--set", "method.mishap=death"]
    assert main(["run", str(scenario), *options, "--out", "out"]) == 1
    err = capfd.readouterr().err
    assert err.startswith("hat-sim: a process that carried nodes is gone")
    assert "bug" not in err and "Traceback" not in err
