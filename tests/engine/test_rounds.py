"""Rounds on Ray: the bytes of the plain twin, whatever carries the devices, is resumed or dies."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from hat_sim.cli.main import main

pytestmark = pytest.mark.usefixtures("cluster")

ROUNDS = ("rounds={domains: [domain-2, [domain-4, domain-1]]}", "target={device: pi4, link: wifi}")
VARIANTS = {
    "hat": ROUNDS,
    "hat in encoder space, quantised, on a shared fleet": (
        *ROUNDS,
        "target.shared_fleet=true",
        "method.fine_space=encoder",
        "transfer.weights=int8",
    ),
    "fine-tune": (*ROUNDS, "method={name: fine-tune, steps: 5}"),
    "without serving": (*ROUNDS, "rounds.serve=false"),
}

METHOD = """\
from pydantic import BaseModel, ConfigDict
from hat_sim.methods.hat.options import HatOptions
from hat_sim.methods.hat.protocol import hat
from hat_sim.methods.registry import Method
from hat_sim.protocol.effects import Compute

HERE = Path("{here}")


def protocol(task, options):
    later = any(name.startswith("target-") for name in task.sources)

    def work(progress):
        with (HERE / "log").open("a") as log:
            log.write("later\\n" if later else "first\\n")
        return "done"

    yield Compute("coarse", "work", 1000, work)
    if later:
        if (HERE / "fails").exists():
            raise ValueError("told to fail")
        if (HERE / "kills").exists():
            (HERE / "kills").unlink(missing_ok=True)
            kill_hosts()
    return (yield from hat(task, options))


own = Method(HatOptions, "{module}:protocol")
"""


@pytest.fixture
def mishap(scenario: Path, killer: str) -> str:
    """A HaT to which something happens in the second round: it fails, or kills all hosts, where told to."""
    module = f"own_{uuid.uuid4().hex}"
    text = killer + METHOD.replace("{module}", module).replace("{here}", str(scenario.parent))
    (scenario.parent / f"{module}.py").write_text(text)
    return f"method={{name: '{module}:own', eta: 0.6, top: 2}}"


@pytest.mark.parametrize("variant", ["hat in encoder space, quantised, on a shared fleet"])
def test_ray_gives_what_its_plain_twin_gives(variant, run, alone, same) -> None:
    packed, spread = (run(*VARIANTS[variant], hosts=hosts) for hosts in (2, "per-device"))
    assert same(packed, spread)
    assert same(packed, alone(*VARIANTS[variant]))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_the_same_on_other_numbers_of_hosts(variant, run, alone, cold, same) -> None:
    cold()
    first = run(*VARIANTS[variant], hosts=2)
    assert same(first, run(*VARIANTS[variant], hosts="per-device"))
    assert same(first, alone(*VARIANTS[variant]))


def test_a_run_that_fails_in_a_later_round_goes_on_there(mishap, scenario: Path, alone, same) -> None:
    """What the first round has computed is found again, though all hosts die when it is resumed: they are
    taught the expanded targets anew, and the end is as if nothing had been."""
    log, fails, kills = (scenario.parent / name for name in ("log", "fails", "kills"))
    sets = [part for change in (*ROUNDS, mishap) for part in ("--set", change)]
    command = ["run", str(scenario), *sets, "--out", "out", "--hosts", "2"]
    fails.touch()
    assert main(command) == 1
    fails.unlink()
    kills.touch()
    assert main([*command, "--resume"]) == 0
    assert not kills.exists()
    assert log.read_text().count("first") == 1
    assert same(Path("out"), alone(*ROUNDS, mishap))


@pytest.mark.slow
def test_cells_of_a_sweep_that_serve_and_do_not_are_those_of_the_plain_twin(scenario, same, request) -> None:
    """Side by side on one Ray, where expanded targets of one cell are nothing to another."""
    sets = [part for change in ROUNDS for part in ("--set", change)]
    vary = ["--vary", "rounds.serve=true,false", "--vary", "target.link=wifi,lte", "--seeds", "2"]
    command = ["sweep", str(scenario), *sets, *vary, "--hosts", "2"]
    assert main([*command, "--out", "on-ray"]) == 0
    request.getfixturevalue("without_ray")
    assert main([*command, "--out", "alone"]) == 0
    assert same(Path("on-ray"), Path("alone"))
