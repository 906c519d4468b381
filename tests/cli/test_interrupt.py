"""Ctrl-C and SIGTERM: everything ends, nothing stays behind, and the run can be resumed.

How long that takes is no matter of a test; `docs/decisions.md` says why it is short at every moment.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

RUN = ("run", "tiny.yaml", "--out", "out")
EACH = ("--set", "target.domain=each")
LONG_SOURCES = ("--set", "training.source_epochs=100000")
LONG_TARGET = ("--set", "training.epochs=100000")
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(it.relative_to(folder)): it.read_bytes()
        for it in folder.rglob("*")
        if it.is_file() and it.name != "environment.json"
    }


def assert_clean(live, said: str) -> None:
    """Nothing is left of it, and `said` is all that its user has to read."""
    assert live.titles() == []
    for noise in ("Traceback", "KeyboardInterrupt", "Exception", "pid=", "ray::", "[E "):
        assert noise not in live.output, live.output
    assert said in live.output


def test_ctrl_c_on_a_terminal_ends_everything_and_the_run_is_resumed(
    live, hat_sim, here, without_ray
) -> None:
    it = live(*RUN, *EACH, terminal=True)
    it.wait_for(lambda: "done" in it.output)
    it.interrupt(signal.SIGINT, group=True)
    assert it.end() == 130
    assert_clean(it, "interrupted; --resume goes on with out")
    assert it.output.rfind(SHOW_CURSOR) > it.output.rfind(HIDE_CURSOR) >= 0
    assert not (here / "out/result.json").exists()
    assert hat_sim(*RUN, *EACH).code == 2
    assert hat_sim(*RUN, *EACH, "--resume").code == 0
    assert hat_sim("run", "tiny.yaml", "--out", "undisturbed", *EACH).code == 0
    assert everything(here / "out") == everything(here / "undisturbed")


def moments(it, moment: str) -> bool:
    match moment:
        case "while Ray is imported":
            return "starting Ray" in it.output
        case "while Ray starts":
            return any("raylet" in title for title in it.titles())
        case "while the agents of Ray start":
            return any("ray::" in title for title in it.titles())
        case "while actors start":
            return (it.here / "out").exists()
        case "while sources are trained":
            return any(title.startswith("ray::_HostActor.train") for title in it.titles())
        case _:
            return "joint training" in it.output


MOMENTS = {
    "while Ray is imported": LONG_TARGET,
    "while Ray starts": LONG_TARGET,
    "while the agents of Ray start": LONG_TARGET,
    "while actors start": LONG_TARGET,
    "while sources are trained": LONG_SOURCES,
    "while the target is trained": LONG_TARGET,
}


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True], ids=["leader, piped", "group, terminal"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_at_any_moment_leaves_nothing_behind(moment, terminal, live) -> None:
    it = live(*RUN, *MOMENTS[moment], terminal=terminal)
    it.wait_for(lambda: moments(it, moment))
    it.interrupt(signal.SIGINT, group=terminal)
    assert it.end() == 130
    assert_clean(it, "")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while Ray starts", "while the target is trained"])
def test_sigterm_ends_as_ctrl_c_does_with_the_code_of_a_shell(moment, live) -> None:
    it = live(*RUN, *MOMENTS[moment])
    it.wait_for(lambda: moments(it, moment))
    it.interrupt(signal.SIGTERM, group=False)
    assert it.end() == 143
    assert it.titles() == []
    assert "Traceback" not in it.output


@pytest.mark.slow
def test_an_impatient_second_ctrl_c_changes_nothing(live) -> None:
    it = live(*RUN, *LONG_TARGET, terminal=True)
    it.wait_for(lambda: "joint training" in it.output)
    for _ in range(5):
        it.interrupt(signal.SIGINT, group=True)
        it.popen.poll()
    assert it.end() == 130
    assert_clean(it, "interrupted; --resume goes on with out")


@pytest.mark.slow
def test_resumed_on_ray_a_run_is_the_same_and_does_nothing_twice(live, process, here) -> None:
    it = live(*RUN, *EACH)
    it.wait_for(lambda: ": done" in it.output)
    it.interrupt(signal.SIGINT, group=True)
    assert it.end() == 130
    resumed = process(*RUN, *EACH, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert '"sources_trained": 0' in (here / "out/environment.json").read_text()
    undisturbed = process("run", "tiny.yaml", "--out", "undisturbed", *EACH)
    assert undisturbed.code == 0
    assert everything(here / "out") == everything(here / "undisturbed")
