"""What goes wrong in an actor reaches the user as what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hat_sim import engine
from hat_sim.cli.main import main


@pytest.fixture(params=["room-0", "room-2"], ids=["of the target", "of a source"])
def spoilt(scenario: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A file of data that is spoilt when everything has been checked."""
    folder = scenario.parent / "own"
    folder.mkdir()
    for number in range(3):
        x = np.zeros((20, 16, 2), np.float32)
        np.savez(folder / f"room-{number}.npz", x=x, y=np.arange(20) % 2)
    file = folder / f"{request.param}.npz"
    check = engine.check_actors

    def spoil(*arguments: object) -> None:
        check(*arguments)
        file.write_bytes(b"PK no more")

    monkeypatch.setattr(engine, "check_actors", spoil)
    return file


@pytest.mark.usefixtures("cluster")
def test_data_that_are_spoilt_meanwhile_are_the_users_and_no_bug(spoilt, scenario, capfd) -> None:
    options = ("--set", "data={folder: own}", "--set", "target.domain=room-0", "--hosts", "1")
    assert main(["run", str(scenario), "--out", "out", *options]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"{spoilt}: not a readable .npz file: ")
    assert "ray" not in err and "Traceback" not in err


class TestTooManyActors:
    """More actors than a machine carries are refused before anything starts."""

    @pytest.fixture(autouse=True)
    def no_ray(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(address: object) -> None:
            pytest.fail("Ray is started")

        monkeypatch.setattr(engine, "cluster", fail)

    def test_one_for_each_of_many_sources(self, scenario, capfd) -> None:
        options = ("--hosts", "per-device", "--set", "sources.count=101")
        assert main(["run", str(scenario), "--out", "out", *options]) == 2
        assert capfd.readouterr().err == (
            "101 host actors are too many for one machine "
            "(--hosts takes at most 100; left out, each host carries many devices)\n"
        )
        assert not Path("out").exists()

    def test_one_for_each_of_many_targets_that_share_a_fleet(self, scenario, capfd) -> None:
        options = ("--set", "data.generated.domains=102", "--set", "target.domain=each")
        shared = ("--set", "target.shared_fleet=true")
        assert main(["run", str(scenario), "--out", "out", *options, *shared]) == 2
        assert capfd.readouterr().err.startswith("102 targets that share a fleet are too many")
        assert not Path("out").exists()

    def test_more_hosts_than_sources_are_not_started(self, scenario) -> None:
        with pytest.raises(pytest.fail.Exception, match="Ray is started"):
            main(["run", str(scenario), "--out", "out", "--hosts", "100000"])
