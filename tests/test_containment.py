"""Containment: what a block starts ends with it, whichever way it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hat_sim.containment import MARK, abandonable, contained, terminable

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found by /proc")

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
ORPHANS = f"""
import subprocess, sys
child = subprocess.Popen(
    {SLEEPER!r}, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
)
child.stdout.readline()
print(child.pid, flush=True)
"""
DRIVER = """
import os, signal, subprocess, sys, time
from hat_sim.containment import abandonable, contained, terminable

# The tests themselves may run where some are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
for number in {ignored}:
    signal.signal(number, signal.SIG_IGN)

def stop():
    print("stopping", flush=True)
    time.sleep({stopping})

with contained(stop), {block}():
    try:
        subprocess.run([sys.executable, "-c", {orphans!r}])
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)
"""
LIMIT_S = 20


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + LIMIT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def orphan() -> int:
    """A process in a session of its own, whose parent has ended."""
    return int(subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, check=True).stdout)


def test_an_orphan_in_a_session_of_its_own_ends_with_the_block() -> None:
    before = os.environ.get(MARK)
    with contained(lambda: None):
        pid = orphan()
        assert is_alive(pid)
    assert wait_until(lambda: not is_alive(pid))
    assert os.environ.get(MARK) == before


def test_a_block_within_a_block_ends_its_own_processes_alone() -> None:
    with contained(lambda: None):
        outer = orphan()
        with contained(lambda: None):
            inner = orphan()
        assert wait_until(lambda: not is_alive(inner))
        assert is_alive(outer)
    assert wait_until(lambda: not is_alive(outer))


def test_what_was_there_before_stays() -> None:
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE) as before:
        before.stdout.readline()
        with contained(lambda: None):
            pass
        assert is_alive(before.pid)
        before.kill()


def test_an_error_of_the_block_or_of_stop_gets_out_after_the_processes_have_ended() -> None:
    def stop() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), contained(stop):
        pid = orphan()
        raise KeyboardInterrupt
    assert wait_until(lambda: not is_alive(pid))


def test_handlers_are_put_back() -> None:
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in signals]
    with contained(lambda: None), abandonable(), terminable():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in signals] == before


class TestSignals:
    """A process that contains an orphan and is sent a signal."""

    Start = Callable[..., tuple[subprocess.Popen[str], int]]

    @pytest.fixture
    def start(self) -> Iterator[Start]:
        """Starts a process whose block waits; the process and its orphan."""
        started: list[subprocess.Popen[str]] = []

        def start(block: str, stopping: float = 0, ignored: str = "[]") -> tuple[subprocess.Popen[str], int]:
            code = DRIVER.format(block=block, orphans=ORPHANS, stopping=stopping, ignored=ignored)
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            started.append(process)
            pid = int(process.stdout.readline())
            assert process.stdout.readline() == "ready\n"
            return process, pid

        yield start
        for process in started:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_abandonable_ends_at_once_without_a_clean_up(self, number, start) -> None:
        process, pid = start("abandonable")
        process.send_signal(number)
        assert process.communicate(timeout=LIMIT_S) == ("", "")
        assert process.returncode == 128 + number
        assert wait_until(lambda: not is_alive(pid))

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_terminable_cleans_up_and_ends_with_the_code_of_a_shell(self, number, start) -> None:
        process, pid = start("terminable")
        process.send_signal(number)
        assert process.communicate(timeout=LIMIT_S) == ("cleaned up\nstopping\n", "")
        assert process.returncode == 128 + number
        assert wait_until(lambda: not is_alive(pid))

    def test_an_interrupt_stays_one(self, start) -> None:
        process, pid = start("terminable")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT_S)
        assert out == "cleaned up\nstopping\n"
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert wait_until(lambda: not is_alive(pid))

    def test_a_second_signal_does_not_disturb_the_clean_up(self, start) -> None:
        process, pid = start("terminable", stopping=1)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleaned up\n"
        assert process.stdout.readline() == "stopping\n"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == 128 + signal.SIGTERM
        assert wait_until(lambda: not is_alive(pid))

    @pytest.mark.parametrize("block", ["abandonable", "terminable"])
    def test_what_nohup_ignores_stays_ignored(self, block, start) -> None:
        process, pid = start(block, ignored="[signal.SIGHUP, signal.SIGINT]")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        assert is_alive(pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == 128 + signal.SIGTERM
