"""Runs of `hat-sim run` in this process, on the one Ray of the session, and every byte they leave."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hat_sim.cli.main import main

Run = Callable[..., Path]

KILLER = """\
import os, signal
from pathlib import Path


def kill_hosts():
    # Of this Ray alone: those with this process's parent.
    for it in Path("/proc").glob("[0-9]*"):
        try:
            title, state = (it / "cmdline").read_bytes(), (it / "stat").read_text()
        except OSError:
            continue
        parent = state.rpartition(")")[2].split()[1]
        if title.startswith(b"ray::_HostActor") and int(parent) == os.getppid():
            os.kill(int(it.name), signal.SIGKILL)

"""


@pytest.fixture(scope="session")
def killer() -> str:
    """The beginning of a method's module, with a function that kills all hosts."""
    return KILLER


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: str) -> Path:
    """The tiny scenario as a file in the working directory."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny)
    return file


@pytest.fixture
def run(scenario: Path) -> Run:
    """Runs the scenario with `--set` for each of the changes; the run folder."""
    numbers = itertools.count(1)

    def run(*changes: str, hosts: int | str = 1) -> Path:
        out = scenario.parent / f"run-{next(numbers)}"
        sets = [part for change in changes for part in ("--set", change)]
        assert main(["run", str(scenario), "--out", str(out), "--hosts", str(hosts), *sets]) == 0
        return out

    return run


@pytest.fixture
def alone(run: Run, request: pytest.FixtureRequest) -> Run:
    """The same by the plain twin of the engine. To be asked for after everything else has run."""

    def alone(*changes: str) -> Path:
        request.getfixturevalue("without_ray")
        return run(*changes)

    return alone


@pytest.fixture
def cold(session_cache: Path) -> Callable[[], None]:
    """Empties the cache of source models."""
    return lambda: shutil.rmtree(session_cache / "models", ignore_errors=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run folder but `environment.json`, which alone may differ."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "environment.json"
    }


@pytest.fixture
def same() -> Callable[..., bool]:
    """Whether two folders hold the same files, byte by byte."""

    def same(one: Path, other: Path) -> bool:
        a, b = contents(one), contents(other)
        assert a.keys() == b.keys()
        assert [name for name in a if a[name] != b[name]] == []
        return len(a) > 6

    return same
