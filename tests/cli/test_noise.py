"""What is printed is ours: Ray says nothing, whatever the output is and however many actors there are."""

from __future__ import annotations

import json
import re

import pytest

OWN_METHOD = """\
from hat_sim.methods.peers.options import NoOptions
from hat_sim.methods.peers.target_only import target_only
from hat_sim.methods.registry import Method


def protocol(task, options):
    return (yield from target_only(task, options))


plain = Method(NoOptions, "beside:protocol")
"""
OURS = re.compile(
    r"""
    \[\ *\d+\.\d\ s(,\ simulated\ \d+\.\d{3}\ s)?\]\ [\w-]+:\ .+   # progress
    | (?:note|diagnosis):\ .+ | run\ folder:\ .+ | report:\ .+ | tiny\ \(seed.*\)\s* | cost\s* | [┏┃┡│├└].*
    """,
    re.VERBOSE,
)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def strange(output: str) -> list[str]:
    """The lines that are not ours."""
    return [line for line in output.splitlines() if not OURS.fullmatch(line)]


def test_a_piped_run_with_an_actor_for_each_device_prints_our_lines_alone(process, here) -> None:
    (here / "beside.py").write_text(OWN_METHOD)
    options = ("--hosts", "per-device", "--set", "method={name: 'beside:plain'}")
    ended = process("run", "tiny.yaml", "--out", "out", *options)
    assert (ended.code, ended.err) == (0, "")
    assert strange(ended.out) == []
    assert len(ended.out.splitlines()) > 20
    environment = json.loads((here / "out/environment.json").read_text())
    assert environment["hosts"] == "per-device"


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])
def test_eleven_actors_draw_no_warning(terminal, live) -> None:
    options = ("--hosts", "per-device", "--set", "data.generated.domains=11")
    it = live("run", "tiny.yaml", "--out", "out", *options, terminal=terminal)
    assert it.end() == 0
    shown = ESCAPES.sub("", it.output).replace("\r", "\n")
    progress = re.compile(r"(\d+\.\d s +simulated|[\w-]+ +.*?)? *")
    assert [line for line in strange(shown) if not progress.fullmatch(line)] == []
    for noise in ("WARNING", "Warning", "warn", "pid=", "ray::", "worker processes"):
        assert noise not in shown
    assert "run folder: out" in shown


FAULTY = OWN_METHOD.replace("return (yield from target_only(task, options))", "yield 1 / 0")


@pytest.mark.slow
def test_a_bug_in_an_actor_is_named_without_a_traceback(process, here) -> None:
    (here / "beside.py").write_text(FAULTY)
    ended = process("run", "tiny.yaml", "--out", "out", "--set", "method={name: 'beside:plain'}")
    assert ended.code == 1
    assert ended.err.startswith("hat-sim: unexpected ZeroDivisionError: division by zero\n")
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == 2
