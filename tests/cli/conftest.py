"""`hat-sim` as a stranger uses it: from a working directory of his own, with scenario files in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hat_sim.cli.main import main

ENTRY = (sys.executable, "-c", "import sys; from hat_sim.cli.main import main; sys.exit(main())")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


HatSim = Callable[..., Ended]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: str) -> Path:
    """The working directory, with the tiny scenario in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    (folder / "tiny.yaml").write_text(tiny)
    return folder


@pytest.fixture
def hat_sim(here: Path, capfd: pytest.CaptureFixture[str]) -> HatSim:
    """Runs a command in this process."""

    def hat_sim(*arguments: str) -> Ended:
        capfd.readouterr()
        code = main(arguments)
        return Ended(code, *capfd.readouterr())

    return hat_sim


@pytest.fixture
def command() -> Callable[..., Sequence[str]]:
    """A command line of `hat-sim`, for a process of its own."""
    return lambda *arguments: [*ENTRY, *arguments]


@pytest.fixture
def process(here: Path, command: Callable[..., Sequence[str]]) -> HatSim:
    """Runs a command in a process of its own, its output piped."""

    def process(*arguments: str) -> Ended:
        ended = subprocess.run(
            command(*arguments), capture_output=True, text=True, check=False, env=os.environ, cwd=here
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return process
