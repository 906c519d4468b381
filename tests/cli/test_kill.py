"""Killed at any moment, a run and a sweep are resumed to the same bytes as if nobody had touched them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COMMANDS = {
    "run": ("run", "tiny.yaml", "--set", "target.domain=each"),
    "sweep": ("sweep", "tiny.yaml", "--vary", "method.eta=0.2,0.4,0.6", "--vary", "method.top=1,2,3"),
}
LONG_ENOUGH = ("--set", "training.epochs=40", "--set", "training.source_epochs=20")
KILLS = 3


def everything(folder: Path) -> dict[str, bytes]:
    """Every file but `environment.json`, and no file that is left half-written."""
    files = [it for it in folder.rglob("*") if it.is_file() and it.name != "environment.json"]
    return {str(it.relative_to(folder)): it.read_bytes() for it in files}


@pytest.mark.parametrize("verb", COMMANDS)
def test_it_ends_as_if_undisturbed(verb, live, process, here) -> None:
    """The moments are drawn from the time that it takes undisturbed, with a seed."""
    command = (*COMMANDS[verb], *LONG_ENOUGH)
    began = time.monotonic()
    undisturbed = process(*command, "--out", "undisturbed")
    lasts_s = time.monotonic() - began
    assert undisturbed.code == 0, undisturbed.err
    moments = random.Random(verb)
    for _ in range(KILLS):
        it = live(*command, "--out", "out", "--resume")
        time.sleep(moments.uniform(0.3, 1) * lasts_s)
        it.kill_all()
    resumed = process(*command, "--out", "out", "--resume")
    assert resumed.code == 0, resumed.err
    assert everything(here / "out") == everything(here / "undisturbed")
