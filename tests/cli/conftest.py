"""`hat-sim` as a stranger uses it: from a working directory of his own, with scenario files in it."""

from __future__ import annotations

import codecs
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from hat_sim.cli.main import main

ENTRY = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where it is ignored
from hat_sim.cli.main import main
sys.exit(main())
"""


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
    return lambda *arguments: [sys.executable, "-c", ENTRY, *arguments]


@pytest.fixture
def process(here: Path, command: Callable[..., Sequence[str]]) -> HatSim:
    """Runs a command in a process of its own, its output piped."""

    def process(*arguments: str) -> Ended:
        ended = subprocess.run(
            command(*arguments), capture_output=True, text=True, check=False, env=os.environ, cwd=here
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return process


class Live:
    """A command in a session of its own, its output on a terminal or piped; every process of it is known."""

    def __init__(self, arguments: Sequence[str], here: Path, terminal: bool) -> None:
        self.here = here
        self._closed = False
        self._mark = f"HAT_SIM_TEST={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self._reader, writer = pty.openpty() if terminal else os.pipe()
        self.popen = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            cwd=here,
            env={**os.environ, name: value, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(writer)
        self.output = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        with suppress(OSError):  # a terminal without a writer
            while chunk := os.read(self._reader, 65536):
                self.output += decoder.decode(chunk)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; the test fails where the command ends first."""
        while not condition():
            assert self.popen.poll() is None, self.output
            time.sleep(0.01)

    def interrupt(self, number: signal.Signals, group: bool) -> None:
        """Send a signal to the leader alone or, as a terminal does, to its process group."""
        if group:
            os.killpg(self.popen.pid, number)
        else:
            os.kill(self.popen.pid, number)

    def end(self) -> int:
        """Wait for the end; the exit code."""
        code = self.popen.wait(timeout=600)
        self._thread.join(timeout=60)
        return code

    def titles(self) -> list[str]:
        """What the processes that the command started are called, its own included."""
        return [title for _, title in self._processes()]

    def kill_all(self) -> None:
        """Kill it and all that it has started, by a signal that nobody hears."""
        if self._closed:
            return
        self._closed = True
        for pid, _ in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.popen.wait()
        self._thread.join()
        os.close(self._reader)

    def _processes(self) -> list[tuple[int, str]]:
        """By session and by environment: an actor may leave the one, and a title cover the other."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                environment = (folder / "environ").read_bytes().split(b"\0")
                title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except (OSError, ValueError):
                continue
            ours = int(session) == self.popen.pid or self._mark.encode() in environment
            if ours and state != "Z":
                found.append((int(folder.name), title))
        return found


@pytest.fixture
def live(here: Path, command: Callable[..., Sequence[str]]) -> Iterator[Callable[..., Live]]:
    """Starts a command and goes on; nothing of it outlives the test."""
    started: list[Live] = []

    def live(*arguments: str, terminal: bool = False) -> Live:
        started.append(Live(command(*arguments), here, terminal))
        return started[-1]

    yield live
    for it in started:
        it.kill_all()
