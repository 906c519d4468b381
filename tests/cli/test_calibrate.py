"""`calibrate`: measured by a clock of the test's own, in bounded time; a profile that a scenario takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from hat_sim.cli.main import main
from hat_sim.learning import calibration
from hat_sim.learning.architectures import ARCHITECTURES, Description
from hat_sim.learning.calibration import Trained
from hat_sim.preflight import load_checked
from hat_sim.scenario.catalogue import DeviceProfile

SCENARIO = """\
name: here
data: {generated: {domains: 4}}
method: {name: hat}
target: {domain: domain-1, device: this-machine, link: wifi}
sources: {devices: this-machine, links: wifi}
"""


class Ticks:
    """A clock that goes on by so many seconds each time it is looked at."""

    def __init__(self, seconds: float) -> None:
        self._ticks: Iterator[float] = count(0, seconds)

    def __call__(self) -> float:
        return next(self._ticks)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of each architecture is enough."""
    monkeypatch.setattr(calibration, "BUDGET_S", 0.0)


def profile_in(text: str, tmp_path: Path) -> DeviceProfile:
    """The profile that a scenario finds in what was written."""
    file = tmp_path / "here.yaml"
    file.write_text(SCENARIO + text)
    return load_checked(file).scenario.device_profile("this-machine")


def test_time_per_sample_is_that_of_all_steps_within_the_budget() -> None:
    """Two steps of 64 samples in 0.5 s; the speed is the work of a sample by its time."""
    description = calibration.descriptions()[0]
    trained = calibration.train(description, 1, 0.5, Ticks(0.25))
    assert trained.sample_s == 0.5 / (2 * calibration.BATCH)
    assert trained.speed == description.training_flop / trained.sample_s


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training looks at the clock and does nothing."""

    def train(description: Description, threads: int, budget_s: float, clock: calibration.Clock) -> Trained:
        return Trained(description, threads, clock())

    monkeypatch.setattr(calibration, "train", train)


@pytest.mark.usefixtures("no_training")
def test_every_architecture_is_trained_by_one_thread_and_by_all() -> None:
    said: list[str] = []
    trained = calibration.measure(2, said.append, 0.0, Ticks(0.001))
    assert {threads: [it.description.name for it in them] for threads, them in trained.items()} == {
        1: list(ARCHITECTURES),
        2: list(ARCHITECTURES),
    }
    assert said[0] == "training cnn-small with 1 thread" and len(said) == 2 * len(ARCHITECTURES)


@pytest.mark.usefixtures("no_training")
def test_no_training_is_begun_when_time_is_up() -> None:
    trained = calibration.measure(2, lambda text: None, 0.0, Ticks(1.0))
    assert len(trained[1]) == len(ARCHITECTURES)
    assert len(trained.get(2, [])) < len(ARCHITECTURES)


def test_a_container_s_limit_counts_and_no_limit_does_not(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    whole = calibration.memory_bytes(())
    for text, expected in (("1048576\n", 2**20), ("max\n", whole), (f"{2**60}\n", whole)):
        limit.write_text(text)
        assert calibration.memory_bytes((limit, tmp_path / "gone")) == expected


@pytest.mark.usefixtures("hasty")
def test_what_is_written_is_a_device_of_a_scenario(tmp_path: Path, capsys) -> None:
    out = tmp_path / "machine.yaml"
    assert main(["calibrate", "--out", str(out), "--power", "12 W", "--threads", "1"]) == 0
    printed, told = capsys.readouterr()
    assert printed == "" and "training gru with 1 thread" in told and f"written to {out}" in told
    profile = profile_in(out.read_text(), tmp_path)
    assert (profile.power, profile.recalled, profile.basis) == (12.0, (), "M, 1 thread")
    assert profile.source.startswith("measured by hat-sim calibrate on ")
    assert profile.speed > 1e6
    assert 0 <= calibration.memory_bytes() - profile.memory < 2**20


@pytest.mark.usefixtures("hasty")
def test_power_that_was_not_stated_is_a_marked_stand_in(tmp_path: Path, capsys) -> None:
    assert main(["calibrate", "--threads", "1"]) == 0
    printed, told = capsys.readouterr()
    profile = profile_in(printed, tmp_path)
    assert profile.power > 0 and profile.recalled == ("power",)
    assert "W  # not measured: that of " in printed
    assert "power cannot be measured" in told


@pytest.mark.usefixtures("hasty")
def test_times_beside_the_speed_are_ready_to_be_taken(tmp_path: Path, capsys) -> None:
    assert main(["calibrate", "--power", "1 W", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("#    ms_per_sample:")
    times = [line.removeprefix("#") for line in lines[first : first + 1 + len(ARCHITECTURES)]]
    text = "\n".join(["devices:", "  this-machine:", "    like: pi4", *times, ""])
    assert [name for name, _ in profile_in(text, tmp_path).sample_times] == sorted(ARCHITECTURES)


def test_all_that_is_wrong_is_said_before_anything_is_measured(tmp_path: Path, capsys) -> None:
    taken = tmp_path / "taken.yaml"
    taken.write_text("mine")
    assert main(["calibrate", "--out", str(taken), "--name", "a b", "--power", "12"]) == 2
    told = capsys.readouterr().err
    assert told.splitlines() == [
        f"--out: {taken} is there already (another name)",
        '--name: "a b" is not fit for a name (letters, digits, - and _, not starting with - or _)',
        "--power: the power '12' has no unit (expected a number and one of kW, W, mW, for example \"7.2 W\")",
    ]
    assert taken.read_text() == "mine"
    assert main(["calibrate", "--out", str(tmp_path / "no" / "where.yaml")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["calibrate", "--power", "0 W"]) == 2
    assert "must be greater than zero" in capsys.readouterr().err
